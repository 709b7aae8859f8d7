"""A hook of the referral program is believed when its header carries the secret, and then only for whom it names."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from connectors.referral_factory.webhooks import OtherEvent, ReferralEvent, read_event, refuse_unread
from connectors.webhooks import Refusal
from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings
from tests.connectors.doubles import RF

KEY = "hook-5ecret-referral-factory"
RIGHT = {"X-Truckroll-Secret": KEY}
TOLD = {"code": "Ab3dE6gH", "email": "Sam.Sample@example.com", "campaign_id": 1001, "event": "user.join"}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RF_WEBHOOK_SECRET", KEY)


def campaign(number: int, *, leads: bool = False, referrers: bool = False) -> dict[str, Any]:
    mapping = {"source": "Referral", "name": "lead.full_name", "email": "lead.email", "summary": "Referral",
               "external_id": "lead.code"}  # fmt: skip
    defaults = {"is_first_time_client": "yes"}
    return {
        "id": number,
        "leads": {"enabled": leads, "map": mapping, "defaults": defaults},
        "referrers": {
            "enabled": referrers,
            "map": {name: value.replace("lead.", "referrer.") for name, value in mapping.items()},
            "defaults": defaults,
        },
    }


def settings(**changes: Any) -> ReferralFactorySettings:
    given = {
        "api_url": RF,
        "api_token": "${RF_TOKEN}",
        "webhook_secret": "${RF_WEBHOOK_SECRET}",
        "campaigns": [campaign(1001, leads=True), campaign(1002, referrers=True), campaign(1003)],
        **changes,
    }
    return ReferralFactorySettings.model_validate(given)


def body(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in {**TOLD, **changes}.items() if value is not None}).encode()


def read(sent: bytes = b"", query: str = "", **changes: Any) -> ReferralEvent | OtherEvent | Refusal:
    return read_event(RIGHT, sent, settings(**changes), query=query)


def event(answer: ReferralEvent | OtherEvent | Refusal) -> ReferralEvent:
    assert isinstance(answer, ReferralEvent), answer
    return answer


def refusal(answer: ReferralEvent | OtherEvent | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_new_lead_is_named_by_its_code_and_nothing_personal_is_taken_over() -> None:
    found = event(read(body()))
    assert (found.kind, found.campaign_id, found.code, found.record) == ("user.join", 1001, "Ab3dE6gH", "code/Ab3dE6gH")
    assert found.has_email is True
    assert "example.com" not in repr(found)


@pytest.mark.parametrize(
    ("sent", "query"),
    [
        pytest.param(body(), "", id="JSON"),
        pytest.param(b"\n " + body(), "", id="JSON after blanks"),
        pytest.param(urlencode(TOLD).encode(), "", id="a form"),
        pytest.param(b"", urlencode(TOLD), id="a query"),
        pytest.param(body(campaign_id=None), "campaign_id=1001", id="a body, and constants in the address"),
        pytest.param(body(campaign_id="1001", event=" User.Join "), "", id="numbers as text, blanks and capitals"),
        pytest.param(body(event="New lead"), "", id="the event in the menu's words"),
    ],
)
def test_post_and_get_say_the_same(sent: bytes, query: str) -> None:
    """FACTS section 9: method and format are the operator's; the event's key does not depend on them."""
    assert event(read(sent, query)) == event(read(body()))


def test_the_operators_own_names_are_settings() -> None:
    names = {"code": "lead_code", "email": "mail", "campaign": "shop_campaign", "id": "no", "event": "what"}
    sent = {"lead_code": "Ab3dE6gH", "mail": "x@example.com", "shop_campaign": 1001, "what": "user.join", "code": "x y"}
    found = event(read(json.dumps(sent).encode(), webhook_fields=names))
    assert found == event(read(body()))
    assert refusal(read(body(), webhook_fields=names)).status == 400, "nothing is read under the old names"


@pytest.mark.parametrize(
    ("sent", "record"),
    [
        pytest.param({"id": 70412}, "user/70412", id="only an id"),
        pytest.param({"id": "70412"}, "user/70412", id="an id as text"),
        pytest.param({"id": 70412, "code": "Ab3dE6gH"}, "code/Ab3dE6gH", id="both: the code"),
        pytest.param({"id": "no number", "code": "Ab3dE6gH"}, "code/Ab3dE6gH", id="a code, and an id that is none"),
        pytest.param({"code": 12345678}, "code/12345678", id="a code of digits, as a number"),
    ],
)
def test_code_or_id_is_enough(sent: dict[str, Any], record: str) -> None:
    found = event(read(json.dumps(sent).encode()))
    assert (found.record, found.campaign_id, found.kind, found.has_email) == (record, None, "", False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 404, id="no header"),
        pytest.param({"X-Truckroll-Secret": ""}, 404, id="an empty one"),
        pytest.param({"X-Truckroll-Secret": "guess"}, 404, id="a guess"),
        pytest.param({"X-Truckroll-Secret": KEY[:-1]}, 404, id="cut short"),
        pytest.param({"X-Truckroll-Secret": KEY.upper()}, 404, id="in capitals"),
        pytest.param({"X-Truckroll-Secret": "\udcff"}, 404, id="half a letter"),
        pytest.param({"X-Other": KEY}, 404, id="in another header"),
        pytest.param({"x-truckroll-secret": f" {KEY} "}, None, id="right, the name in small letters"),
    ],
)
def test_a_forged_delivery_is_refused_before_its_body_is_read(headers: dict[str, str], status: int | None) -> None:
    refused = refuse_unread(headers, settings())
    assert (refused.status if refused else None) == status
    again = read_event(headers, body(), settings())
    assert isinstance(again, Refusal) is (status is not None)


@pytest.mark.parametrize("changes", [{"webhook_secret": ""}, {"webhook_secret_header": " "}], ids=["secret", "header"])
def test_without_a_secret_or_its_header_nothing_is_taken(changes: dict[str, str]) -> None:
    """Not even an empty secret, which anybody could send."""
    answer = refusal(read_event({"X-Truckroll-Secret": "", "": "", " ": ""}, body(), settings(**changes)))
    assert answer.status == 403


def test_a_secret_that_is_not_in_the_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RF_WEBHOOK_SECRET", "")
    with pytest.raises(SettingsError, match="RF_WEBHOOK_SECRET"):
        read_event({"X-Truckroll-Secret": ""}, body(), settings())


def test_an_unknown_campaign_is_refused_with_the_reason() -> None:
    answer = refusal(read(body(campaign_id=9999)))
    assert answer.status == 422
    assert "campaign" in answer.why
    assert "9999" not in answer.why


@pytest.mark.parametrize(
    ("sent", "changes"),
    [
        pytest.param(body(campaign_id=1003), {}, id="a campaign with leads and referrers off"),
        pytest.param(body(campaign_id=None), {"campaigns": [campaign(1003)]}, id="no campaign of the shop is on"),
        pytest.param(body(campaign_id=None), {"campaigns": []}, id="no campaign at all"),
    ],
)
def test_a_campaign_that_books_nobody_is_answered_and_forgotten(sent: bytes, changes: dict[str, Any]) -> None:
    assert read(sent, **changes) == OtherEvent("user.join")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[" * 50_000, id="a very deep body"),
        pytest.param(b'{"code":' + b"1" * 10_000 + b"}", id="a very long number"),
        pytest.param(b"&".join([b"a=1"] * 500), id="a form of 500 fields"),
        pytest.param(b"{}", id="nobody"),
        pytest.param(body(code=None), id="only an e-mail"),
        pytest.param(body(code="", id=0), id="an empty code, and no id"),
        pytest.param(body(code=True), id="a code that is a yes"),
        pytest.param(body(code=["Ab3dE6gH"]), id="a code in a list"),
        pytest.param(body(code="sam.sample@example.com"), id="an e-mail as the code"),
        pytest.param(body(code="a/../b"), id="a code with a path"),
        pytest.param(body(code=".."), id="a code that goes up a folder"),
        pytest.param(body(code="search"), id="a code that is another address of the program"),
        pytest.param(body(code="qualification"), id="a code that is the address of qualifying"),
        pytest.param(body(code="a\nb"), id="a code of two lines"),
        pytest.param(body(code="a\x1b[2J"), id="a code that clears a terminal"),
        pytest.param(body(code="\ud800"), id="half a letter"),
        pytest.param(body(code="a" * 101), id="an endless code"),
        pytest.param(body(code=None, id=2**63), id="an id too large"),
        pytest.param(body(campaign_id="Summer"), id="a campaign's name"),
        pytest.param(body(campaign_id=-1), id="a campaign below nought"),
    ],
)
def test_what_names_nobody_is_refused_and_not_repeated(sent: bytes) -> None:
    answer = refusal(read(sent))
    assert answer.status == 400
    for told in ("example.com", "Summer", "Ab3dE6gH", KEY):
        assert told not in answer.why


def test_what_is_said_twice_has_one_key_and_what_differs_another() -> None:
    keys = [
        event(read(body(**changes))).event_id
        for changes in (
            {},
            {"email": "other@example.com", "first_name": "Sam"},
            {"event": "user.qualified"},
            {"event": "reward_issued"},
            {"code": "Zz9yX8wV"},
            {"campaign_id": 1002},
            {"campaign_id": None},
            {"id": 70412},
        )
    ]
    assert keys[0] == keys[1], "what is not looked at does not count"
    assert len(set(keys[1:])) == len(keys) - 1
    assert all(len(key) == 64 for key in keys)


def test_names_that_could_name_nobody_are_no_settings() -> None:
    with pytest.raises(ValueError, match="code, or the id"):
        settings(webhook_fields={"code": " ", "id": ""})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from([*TOLD, "id", "x"]), JSON | st.sampled_from(list(TOLD.values())), max_size=6)


@effort(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | FIELDS.map(lambda told: json.dumps(told).encode()), st.text(max_size=40))
def test_whatever_is_sent_has_an_answer(sent: bytes, query: str) -> None:
    configured = settings(webhook_secret=KEY)
    answer = read_event(RIGHT, sent, configured, query=query)
    if isinstance(answer, ReferralEvent):
        assert answer.record.isprintable()
        assert len(answer.record) < 120
        assert "@" not in answer.record
