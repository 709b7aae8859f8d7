"""Answers of thousands of rows are read at once, and as carefully as any other (FACTS 1.6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.errors import Call, ContractError
from connectors.servicetitan.feeds import FeedContact, FeedPreferences, FeedRecord
from connectors.wire import parse_rows

CALL = Call("ServiceTitan", "reading the contacts feed", is_write=False)
ROW: dict[str, Any] = {"id": 5, "customerId": 1, "type": "Email", "value": "pat@example.com"}


class Page(FeedRecord, frozen=True):
    has_more: bool
    data: list[FeedContact] | None = None


def page(*rows: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"hasMore": False, "data": rows, **more}).encode()


def test_fields_nobody_knows_are_left_out_and_null_is_as_good_as_missing() -> None:
    row = {**ROW, "memo": "by the door", "active": None, "preferences": {"marketingUpdatesEnabled": False, "new": 1}}
    assert parse_rows(Page, page(row, more={"deep": []}), CALL) == Page(
        False, [FeedContact(5, 1, "Email", "pat@example.com", FeedPreferences(False), None)]
    )
    assert parse_rows(Page, b'{"hasMore": true, "data": null}', CALL) == Page(True)


@pytest.mark.parametrize("text", ["half \ud83d", "🏠", "\u202eright to left", "a\0b"])
def test_every_text_is_read_as_it_was_told(text: str) -> None:
    """Half an emoji is no text to most readers, and a record that has one is no reason to stop."""
    read = parse_rows(Page, page({**ROW, "value": text}), CALL)
    assert read.data is not None
    assert read.data[0].value == text


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (page({**ROW, "id": "secret"}), "$.data[0].id"),
        (page({**ROW, "value": ["secret"]}), "$.data[0].value"),
        (page({**ROW, "value": "half \ud83d", "id": "secret"}), "$.data[0].id"),
        (b'{"data": []}', "hasMore"),
        (b"<html>secret</html>", "the answer is not JSON"),
        (b"", "the answer is not JSON"),
    ],
    ids=["another type", "a list for a text", "beside half an emoji", "a field is missing", "a web page", "nothing"],
)
def test_an_answer_that_does_not_fit_names_the_field_and_no_value(content: bytes, named: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_rows(Page, content, CALL)
    assert named in caught.value.message
    assert "secret" not in f"{caught.value}{caught.value!r}"
