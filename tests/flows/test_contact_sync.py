"""The contact sync under Prefect, against the sandbox: everybody has a link, and nobody was written to."""

from __future__ import annotations

from typing import Any

from flows.running import run_process
from models.contact_sync import SkipReason
from models.report import RunReport
from tasks.connections import disconnect
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]


TRAITS = {
    "no_email": SkipReason.NO_EMAIL,
    "malformed_email": SkipReason.MALFORMED_EMAIL,
    "refused_domain": SkipReason.REFUSED,
    "inactive": SkipReason.INACTIVE,
    "merged": SkipReason.MERGED,
    "do_not_mail": SkipReason.DO_NOT_MAIL,
}


async def run() -> RunReport:
    return await run_process("contact-sync", "demo")


async def fill(counter: Counter, customers: int = 300) -> Any:
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    return await counter.tell("/servicetitan/generate", customers=customers, seed=7)


async def creates(counter: Counter) -> int:
    return sum(call.endswith("POST /referral-factory/api/v2/users") for call in await counter.calls())


async def mails(counter: Counter) -> list[Any]:
    """What the program would have sent; people's own first mails, such as the sandbox's seed, do not count."""
    body = (await counter.people.get("/_sandbox/mailbox")).json()
    return list(body["mails"])


async def test_every_customer_with_a_usable_email_gets_a_link_and_nobody_a_mail(counter: Counter) -> None:
    """RF-2, RF-30, RF-31: right links, the others are listed with their reason, and no mail went out."""
    made = await fill(counter)
    report = await run()
    [item] = report.items
    assert item.outcome == "synced", item.reason
    counts = await counter.books.referrals.counts("demo", 1001)
    assert counts.waiting == 0
    left_out = await counter.books.referrals.skipped("demo", 1001, limit=10_000)
    for trait, reason in TRAITS.items():
        assert {one.customer for one in left_out if one.reason is reason} >= set(made["traits"][trait]), trait
    users = (await counter.people.get("/_sandbox/referral-factory/users")).json()
    links = {user["email"].lower(): user["url"] for user in users["users"]}
    kept = await counter.books.referrals.links("demo", 1001, limit=10_000)
    assert len(kept) == counts.linked
    assert all(links[one.email.lower()] == one.url for one in kept)
    assert await mails(counter) == []


async def test_a_second_sync_creates_nobody(counter: Counter) -> None:
    """RF-D3, RF-40: the same users, the same links; no create call at all."""
    await fill(counter, 120)
    await run()
    await counter.calls()
    await run()
    assert await creates(counter) == 0


async def test_a_sync_that_runs_once_leaves_later_customers_alone(counter: Counter) -> None:
    """RF-39: off, later customers are not picked up; switched to ongoing, they are."""
    counter.use(a_shop(sync={"ongoing": False}))
    await fill(counter, 20)
    await run()
    before = (await counter.books.referrals.counts("demo", 1001)).linked
    await counter.tell(
        "/servicetitan/customers",
        name="Late Comer",
        contacts=[{"type": "Email", "value": "late.comer@example.com"}],
        locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
    )
    await run()
    assert (await counter.books.referrals.counts("demo", 1001)).linked == before
    counter.use(a_shop(sync={"ongoing": True}))
    await run()
    assert (await counter.books.referrals.counts("demo", 1001)).linked == before + 1


async def test_an_answer_that_was_lost_is_looked_for_and_not_made_again(counter: Counter) -> None:
    """RF-40: the user was made though its answer was lost: the next sync finds it, and creates nobody."""
    await fill(counter, 20)
    await counter.tell("/faults", match="POST /referral-factory/api/v2/users", kind="lost_answer")
    [item] = (await run()).items
    assert item.outcome == "failed"
    await counter.calls()
    [item] = (await run()).items
    assert item.outcome == "synced"
    assert await creates(counter) == 0


async def test_a_disconnected_program_hears_nothing_and_keeps_what_it_has(counter: Counter) -> None:
    """RF-67, RF-68: after disconnecting no call is made on either side, and nothing is deleted."""
    await fill(counter, 20)
    await run()
    links = await counter.books.referrals.links("demo", 1001, limit=100)
    await disconnect(counter.books, counter.house.shop, "referral_factory", "Dana Whitfield")
    await counter.calls()
    [item] = (await run()).items
    assert (item.outcome, "disconnected" in item.reason) == ("skipped", True)
    assert await counter.calls() == []
    assert await counter.books.referrals.links("demo", 1001, limit=100) == links
