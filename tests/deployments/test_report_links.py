"""`truckroll report links` and `truckroll held retry` of a contact sync: what people read and set free."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from decisions.referral_sync import decide_sync
from deployments.cli import app
from models.contact_sync import Create, Draft, DraftEmail, Linked, Refused
from models.link_write_back import NotWritten
from models.referral import ReferralUser
from models.settings import HouseSettings
from store import Books

CAMPAIGN = 1001


def say(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def read(*arguments: str) -> Any:
    return json.loads(say(*arguments, "--json").stdout.strip().splitlines()[-1])


def draft(number: int) -> Draft:
    email = f"p{number}@example.com"
    return Draft(number, "Pat", (DraftEmail(email, email, number),))


async def fill() -> int:
    """Give two customers a link, one of them in its field; let the program refuse a third."""
    with Books.open(HouseSettings().database) as books:
        referrals, drafts = books.referrals, [draft(number) for number in (1, 2, 3)]
        await referrals.begin("demo", CAMPAIGN, drafts, decide_sync, run="a")
        made = [
            Linked(
                Create(one),
                ReferralUser(
                    id=one.customer,
                    campaign_id=CAMPAIGN,
                    code=f"code{one.customer}",
                    url=f"https://acme.example.com/code{one.customer}",
                    email=one.email,
                ),
            )
            for one in drafts[:2]
        ]
        refused = Refused(Create(drafts[2]), "The email must be a valid email address.")
        await referrals.finish("demo", CAMPAIGN, [*made, refused])
        await referrals.wrote("demo", CAMPAIGN, {1: "https://acme.example.com/code1"})
        why = NotWritten(2, "ServiceTitan refused the link (409).", refused="https://acme.example.com/code2")
        await referrals.could_not_write("demo", CAMPAIGN, [why])
        held = await books.held.hold("demo", "contact-sync", "campaign 1001 customers", reason="One was refused.")
        assert held.id is not None
        return held.id


@pytest.fixture
def held() -> int:
    return asyncio.run(fill())


def test_each_link_is_listed_and_whether_servicetitan_has_it(held: int) -> None:
    """RF-33, RF-30: links by customer, and who has none with the reason."""
    del held
    listed = read("report", "links", "--shop", "demo", "--campaign", "1001")["links"]
    assert [(row["customer"], row["link"], row["in ServiceTitan"]) for row in listed] == [
        (1, "https://acme.example.com/code1", "yes"),
        (2, "https://acme.example.com/code2", "ServiceTitan refused the link (409)."),
    ]
    skipped = read("report", "links", "--shop", "demo", "--campaign", "1001", "--skipped")["skipped"]
    assert skipped == [{"customer": 3, "reason": "refused", "why": "The email must be a valid email address."}]
    assert "code1" in say("report", "links", "--shop", "demo", "--campaign", "1001").stdout


def test_links_are_written_to_a_file(held: int, tmp_path: Path) -> None:
    """RF-33."""
    del held
    file = tmp_path / "links.csv"
    said = say("report", "links", "--shop", "demo", "--campaign", "1001", "--csv", str(file)).stdout
    assert "2 customers with a link" in said
    with file.open(encoding="utf-8", newline="") as opened:
        assert [row["link"].rpartition("/")[2] for row in csv.DictReader(opened)] == ["code1", "code2"]


def test_a_campaign_that_the_shop_file_lacks_is_refused_and_no_empty_list(held: int) -> None:
    """A slip of the finger: what there is, is named. One of the file without links yet is an empty list."""
    del held
    result = CliRunner().invoke(app, ["report", "links", "--shop", "demo", "--campaign", "4711"])
    assert result.exit_code == 2
    assert "has no campaign 4711" in result.stderr
    assert "1001" in result.stderr


def test_a_retry_lets_all_that_was_refused_be_sent_once_more(held: int) -> None:
    """The program's refusals and ServiceTitan's, with one word for each campaign."""
    assert "2 customers will be tried again" in say("held", "retry", str(held)).stdout
    assert read("held", "list")["held"] == []
    assert read("report", "links", "--shop", "demo", "--campaign", "1001", "--skipped")["skipped"] == []

    async def look() -> tuple[int, Any]:
        with Books.open(HouseSettings().database) as books:
            due = await books.referrals.count_to_write("demo", CAMPAIGN)
            return due, await books.referrals.begin("demo", CAMPAIGN, [draft(3)], decide_sync, run="b")

    assert asyncio.run(look()) == (1, (Create(draft(3)),))
