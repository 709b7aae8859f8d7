"""A contact sync over many customers: the skipped list to the last one, and calls by what changed, not by how many are there."""

from __future__ import annotations

from tests.flows.test_contact_sync import TRAITS, fill, mails, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]

CAMPAIGN = 1001
CUSTOMERS = 600


async def program_calls(counter: Counter) -> list[str]:
    return [call for call in await counter.calls() if "/referral-factory/" in call]


async def test_hundreds_of_customers_are_synced_to_the_last_one(counter: Counter) -> None:
    """RF-30, RF-31, RF-D3: who is skipped and why, exactly; again: no create; thirty changes: thirty calls or so."""
    made = await fill(counter, CUSTOMERS)
    [item] = (await run()).items
    assert item.outcome == "synced", item.reason
    theirs = {number for trait in TRAITS for number in made["traits"].get(trait, [])}
    left_out = await counter.books.referrals.skipped("demo", CAMPAIGN, limit=10_000)
    crowd = {one.customer: one.reason for one in left_out if one.customer >= made["first_id"]}
    assert set(crowd) == theirs
    for trait, reason in TRAITS.items():
        if trait != "malformed_email":  # some are an address to nobody but the program
            assert {crowd[number] for number in made["traits"][trait]} == {reason}, trait
    kept = await counter.books.referrals.links("demo", CAMPAIGN, limit=10_000)
    assert len([one for one in kept if one.customer >= made["first_id"]]) == CUSTOMERS - len(theirs)

    await counter.calls()
    await run()
    assert await program_calls(counter) == [f"GET /referral-factory/api/v2/campaigns/{CAMPAIGN}"]

    told = (await counter.tell("/servicetitan/generate/change", count=30, seed=3, what="any"))["changed"]
    await run()
    calls = await program_calls(counter)
    assert 0 < len(calls) <= 1 + 30
    assert len({one["customer_id"] for one in told}) == 30
    assert await mails(counter) == []
