"""`truckroll run contact-sync` over ten thousand customers of the sandbox, all processes real."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from benchmarks._stage import Stage, stage
from models.contact_sync import KeptLink, SkippedCustomer, SkipReason
from sandbox import referral_factory
from store import Books

pytestmark = pytest.mark.slow

CAMPAIGN = 1001
CUSTOMERS = 10_000
CHANGED = 50
REASONS = {
    "no_email": {SkipReason.NO_EMAIL},
    "malformed_email": {SkipReason.MALFORMED_EMAIL, SkipReason.REFUSED},
    "refused_domain": {SkipReason.REFUSED},
    "inactive": {SkipReason.INACTIVE},
    "merged": {SkipReason.MERGED},
    "do_not_mail": {SkipReason.DO_NOT_MAIL},
}
"""Why the crowd's troubles are skipped; some malformed addresses only the program can tell."""


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("RF_TOKEN", referral_factory.TOKEN)
    monkeypatch.setenv("RF_WEBHOOK_SECRET", "not used here")
    with stage() as house:
        shop = house.shops / "demo.toml"
        shop.write_text(re.sub(r"calls_per_minute = 600\b", "calls_per_minute = inf", shop.read_text()))
        for path, body in (
            ("/requests", {"kept": 0}),
            ("/referral-factory/switches", {"calls_per_minute": None}),
            ("/servicetitan/switches", {"feed_page_size": 1000}),
        ):
            house.http.post(f"/_sandbox{path}", json=body).raise_for_status()
        yield house


def counted(house: Stage) -> Counter[str]:
    return Counter(house.http.get("/_sandbox/counts").json())


def sync(house: Stage) -> Counter[str]:
    """Run one sync; return the calls it made, by operation."""
    before = counted(house)
    (item,) = house.run("run", "contact-sync", "--shop", "demo", "--json")["report"]["items"]
    assert item["outcome"] == "synced", item
    return counted(house) - before


def kept(house: Stage) -> tuple[Sequence[KeptLink], Sequence[SkippedCustomer]]:
    with Books.open(f"sqlite:///{house.home / 'truckroll.db'}") as books:

        async def read() -> Any:
            links = await books.referrals.links("demo", CAMPAIGN, limit=10 * CUSTOMERS)
            return links, await books.referrals.skipped("demo", CAMPAIGN, limit=10 * CUSTOMERS)

        return asyncio.run(read())  # type: ignore[no-any-return]


def test_ten_thousand_customers_get_their_links_in_silence(house: Stage) -> None:
    """RF-30, RF-31, RF-D3: right users, right links, no mail, the skipped list exact; again: no create; 50 changes."""
    assert os.environ["RF_TOKEN"]
    made = house.http.post("/_sandbox/servicetitan/generate", json={"customers": CUSTOMERS, "seed": 11}).json()
    calls = sync(house)
    creates = "POST /referral-factory/api/v2/users"
    links, left_out = kept(house)
    skipped = {one.customer: one.reason for one in left_out if one.customer >= made["first_id"]}
    assert set(skipped) == {number for trait in REASONS for number in made["traits"][trait]}
    for trait, reasons in REASONS.items():
        assert {skipped[number] for number in made["traits"][trait]} <= reasons, trait
    users = {user["email"].lower(): user for user in house.http.get("/_sandbox/referral-factory/users").json()["users"]}
    ours = [one for one in links if one.customer >= made["first_id"]]
    assert len(ours) == CUSTOMERS - len(skipped)
    assert all(
        (users[one.email.lower()]["id"], users[one.email.lower()]["url"]) == (one.user_id, one.url) for one in ours
    )
    assert len({one.email.lower() for one in links}) == sum(user["source"] == "Api" for user in users.values())
    persons, refused = {one.email.lower() for one in links}, list(skipped.values()).count(SkipReason.REFUSED)
    assert len(persons) < calls[creates] <= len(persons) + refused, "one call for each e-mail"

    again = sync(house)
    assert creates not in again
    assert sum(number for path, number in again.items() if "/referral-factory/" in path) == 1

    told = {"count": CHANGED, "seed": 5, "what": "any"}
    house.http.post("/_sandbox/servicetitan/generate/change", json=told).raise_for_status()
    after = sync(house)
    assert 0 < sum(number for path, number in after.items() if "/referral-factory/" in path) <= 1 + CHANGED
    assert sum(after.values()) <= CHANGED + 10
    assert house.http.get("/_sandbox/mailbox").json()["mails"] == []
