"""Customers and programs that are not as they should be: each is told, and the rest goes on. Against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from flows.running import run_process
from models.contact_sync import SkipReason
from models.errors import ContractError
from models.report import RunReport
from tasks.held import retry
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

CREATE = "POST /referral-factory/api/v2/users"
LONG = "Gate by the old mill. " * 27 + "Ring"
"""Some six hundred characters."""
KNOWN = ("Reuben Castellano", "Opal Dearing")


async def run() -> RunReport:
    return await run_process("contact-sync", "demo")


async def enter(counter: Counter, name: str, *emails: str, **fields: Any) -> int:
    """Enter a customer with its e-mails; return its id."""
    made = await counter.tell(
        "/servicetitan/customers",
        name=name,
        contacts=[{"type": "Email", "value": email} for email in emails],
        locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
        **fields,
    )
    return int(made["customer_id"])


async def users(counter: Counter) -> dict[str, Any]:
    """Everybody in the program, by e-mail."""
    found = (await counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    return {user["email"]: user for user in found}


async def reasons(counter: Counter) -> dict[int, SkipReason]:
    """Who was left out and why, without the two of the sandbox's own shop that have no e-mail."""
    left_out = await counter.books.referrals.skipped("demo", 1001, limit=1_000)
    known = {one["id"] for one in (await counter.state())["servicetitan"]["customers"] if one["name"] in KNOWN}
    return {one.customer: one.reason for one in left_out if one.customer not in known}


async def held(counter: Counter) -> dict[str, str]:
    return {one.record: f"{one.reason} {one.fix}" for one in await counter.books.held.list("demo")}


async def creates(counter: Counter) -> int:
    return sum(call == CREATE for call in await counter.calls())


async def test_customers_that_cannot_be_synced_are_listed_and_the_others_have_their_links(counter: Counter) -> None:
    """RF-30: no e-mail, several, malformed, a refused domain, no first name, any script, long texts: one pass."""
    await counter.tell("/servicetitan/customer-fields", name="Notes for us")
    await counter.tell("/referral-factory/campaigns/1001", referrer_fields=[{"label": "Notes"}])
    counter.use(a_shop(sync={"map": {**a_map(), "Notes": "customer.custom.Notes for us"}}))
    nobody = await enter(counter, "Nora Mailless")
    broken = await enter(counter, "Call First", "call first")
    refused = await enter(counter, "Mx Missing", "mx.missing@no-mx.example")
    several = await enter(counter, "Sara Several", "sara@home.example.com", "sara@work.example.com")
    half = await enter(counter, "Half Broken", "none", "half.broken@example.com")
    company = await enter(counter, "Cahaba Dental PC", "office@dental.example.com", type="Commercial")
    emoji = await enter(counter, "🔧 Otis Flagg", "otis@example.com")
    leftward = await enter(counter, "אורית שמעוני", "orit@example.com")
    long_one = await enter(counter, "N" * 600, "long.name@example.com")
    noted = await enter(counter, "Nadia Noted", "nadia@example.com")
    await counter.tell(f"/servicetitan/customers/{noted}", customFields={"Notes for us": LONG})

    [item] = (await run()).items
    assert item.outcome == "synced", item.reason
    assert await reasons(counter) == {
        nobody: SkipReason.NO_EMAIL,
        broken: SkipReason.MALFORMED_EMAIL,
        refused: SkipReason.REFUSED,
    }
    made = await users(counter)
    links = {one.customer: one for one in await counter.books.referrals.links("demo", 1001, limit=1_000)}
    names = {number: links[number].first_name for number in (several, half, company, emoji, leftward, long_one, noted)}
    assert names == {
        several: "Sara",
        half: "Half",
        company: "Cahaba Dental PC",
        emoji: "Otis",
        leftward: "אורית",
        long_one: "N" * 600,
        noted: "Nadia",
    }
    assert [made[links[number].email]["first_name"] for number in names] == list(names.values())
    assert links[several].email == "sara@home.example.com"
    assert "sara@work.example.com" not in made
    state = (await counter.state())["referral_factory"]
    [kept] = [user for user in state["users"] if user["email"] == "nadia@example.com"]
    assert {one["field"]: one["value"] for one in kept["meta"]}["Notes"] == LONG


def a_map() -> dict[str, str]:
    return {"first_name": "customer.first_name", "email": "contact.email"}


async def test_whom_the_program_refuses_is_asked_for_once_and_again_when_somebody_says_so(counter: Counter) -> None:
    """A 422 is for good: listed, counted on the held list, not sent again; `truckroll held retry` lifts it."""
    refused = await enter(counter, "Mx Missing", "mx.missing@no-mx.example")
    await counter.tell("/referral-factory/switches", max_length=255)
    long_one = await enter(counter, "N" * 600, "long.name@example.com")
    [item] = (await run()).items
    assert (item.outcome, "2 refused" in item.reason) == ("synced", True), item.reason
    assert await reasons(counter) == {refused: SkipReason.REFUSED, long_one: SkipReason.REFUSED}
    words = (await held(counter))["campaign 1001 customers"]
    assert "Referral Factory refused 2 customers." in words
    assert "report links --shop demo --campaign 1001 --skipped" in words
    assert "no-mx" not in words
    await counter.calls()
    await run()
    assert await creates(counter) == 0

    await counter.tell("/referral-factory/switches", refused_domains=[])
    [entry] = [one for one in await counter.books.held.list("demo") if one.record == "campaign 1001 customers"]
    assert entry.id is not None
    assert "2 customers will be tried again" in await retry(counter.books, entry.id)
    await counter.calls()
    await run()
    assert await creates(counter) == 2
    assert await reasons(counter) == {long_one: SkipReason.REFUSED}
    assert "refused 1 customer." in (await held(counter))["campaign 1001 customers"]
    await counter.tell("/referral-factory/switches", max_length=None)
    await counter.tell(f"/servicetitan/customers/{long_one}", name="Nadia Noted")
    await run()
    assert await reasons(counter) == {}
    assert await held(counter) == {}


async def test_a_retry_lets_a_sync_that_ran_once_run_again(counter: Counter) -> None:
    """RF-39: it is asked for by a person, who is told."""
    refused = await enter(counter, "Mx Missing", "mx.missing@no-mx.example")
    counter.use(a_shop(sync={"ongoing": False}))
    await run()
    await counter.tell("/referral-factory/switches", refused_domains=[])
    [item] = (await run()).items
    assert item.outcome == "unchanged"
    [entry] = await counter.books.held.list("demo")
    assert entry.id is not None
    await retry(counter.books, entry.id)
    [item] = (await run()).items
    assert (item.outcome, await reasons(counter)) == ("synced", {})
    assert refused in {one.customer for one in await counter.books.referrals.links("demo", 1001)}


async def test_a_full_plan_is_told_and_who_has_a_link_keeps_it(counter: Counter) -> None:
    """Plan cap reached: held with what to do, nobody lost; with a bigger plan the next pass goes on."""
    await counter.tell("/servicetitan/generate", customers=60, seed=7)
    await counter.tell("/referral-factory/switches", calls_per_minute=None, plan_users=15)
    counter.use(a_shop(sync={"write_link_to": "Referral link"}))
    report = await run()
    assert [(item.id, item.outcome) for item in report.items] == [
        ("campaign 1001", "held"),
        ("campaign 1001 write-back", "written"),
    ], report.items
    words = (await held(counter))["campaign 1001"]
    assert "Your plan's limit of 15 users is reached" in words
    assert "plan" in words.rpartition("reached")[2], "and what to do"
    assert "paused" in words, "the vendor says with the same status that a campaign takes nobody"
    kept = await counter.books.referrals.links("demo", 1001)
    assert len({one.url for one in kept}) == 15
    await counter.tell("/referral-factory/switches", plan_users=None)
    report = await run()
    assert [item.outcome for item in report.items] == ["synced", "written"]
    made = await users(counter)
    after = {one.customer: one.url for one in await counter.books.referrals.links("demo", 1001)}
    assert len(made) == len(set(after.values()))
    assert {one.customer: one.url for one in kept}.items() <= after.items()
    assert "campaign 1001" not in await held(counter)


async def test_a_token_that_was_made_anew_elsewhere_stops_the_sync_and_loses_nobody(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 in the middle of a page: told under access, the mark stays before it, nobody is missed or made twice."""
    await counter.tell("/servicetitan/generate", customers=60, seed=7)
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    program = counter.house.referral_factory
    real, made = program.create_referrer, 0

    async def create(person: Any) -> Any:
        nonlocal made
        made += 1
        if made == 12:
            await counter.tell("/referral-factory/token", token="made-by-a-colleague")
        return await real(person)

    monkeypatch.setattr(program, "create_referrer", create)
    [item] = (await run()).items
    assert (item.id, item.outcome) == ("Referral Factory", "failed")
    assert "api_token" in item.reason
    assert "api_token" in (await held(counter))["Referral Factory"]
    assert await counter.books.cursors.get("demo", "referral_factory/1001/contacts") is None
    some = {one.customer: one.url for one in await counter.books.referrals.links("demo", 1001)}
    assert some

    monkeypatch.setattr(program, "create_referrer", real)
    await counter.tell("/referral-factory/token", token="sandbox-rf-token")
    before = len(await users(counter))
    await counter.calls()
    [item] = (await run()).items
    assert item.outcome == "synced", item.reason
    after = {one.customer: one.url for one in await counter.books.referrals.links("demo", 1001)}
    assert some.items() <= after.items()
    found = await users(counter)
    assert len(found) == len(set(after.values()))
    refused = sum(why is SkipReason.REFUSED for why in (await reasons(counter)).values())
    assert await creates(counter) == len(found) - before + refused
    assert (await counter.books.referrals.counts("demo", 1001)).waiting == 0
    assert "Referral Factory" not in await held(counter)


@pytest.mark.parametrize(
    ("change", "body", "said"),
    [
        ("/referral-factory/campaigns/1001/delete", {}, "has no campaign 1001"),
        ("/referral-factory/campaigns/1001", {"status": "paused"}, "The campaign is paused"),
    ],
    ids=["deleted", "paused"],
)
async def test_a_campaign_that_takes_nobody_is_held_and_the_other_goes_on(
    counter: Counter, change: str, body: dict[str, Any], said: str
) -> None:
    """Campaign deleted or paused: told once on the held list, by the campaign; the other campaign has its links."""
    dana = await enter(counter, "Dana Sample", "dana.sample@example.com")
    counter.use(with_two_campaigns())
    await counter.tell(change, **body)
    report = await run()
    assert {item.id: item.outcome for item in report.items} == {"campaign 1001": "held", "campaign 1002": "synced"}
    assert said in (await held(counter))["campaign 1001"]
    assert dana in {one.customer for one in await counter.books.referrals.links("demo", 1002)}
    assert await counter.books.referrals.links("demo", 1001) == []


async def test_an_answer_nobody_can_read_is_held_and_the_other_campaign_goes_on(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = counter.house.referral_factory
    real = program.get_campaign

    async def get(campaign_id: int) -> Any:
        if campaign_id == 1001:
            raise ContractError("The answer cannot be read: data.name.", "Report this.", "Referral Factory")
        return await real(campaign_id)

    monkeypatch.setattr(program, "get_campaign", get)
    counter.use(with_two_campaigns())
    report = await run()
    assert {item.id: item.outcome for item in report.items} == {"campaign 1001": "held", "campaign 1002": "synced"}
    assert "cannot be read" in (await held(counter))["campaign 1001"]


async def test_a_campaign_paused_in_the_middle_goes_on_where_it_was(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counter.tell("/servicetitan/generate", customers=60, seed=7)
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    program = counter.house.referral_factory
    real, made = program.create_referrer, 0

    async def create(person: Any) -> Any:
        nonlocal made
        made += 1
        if made == 12:
            await counter.tell("/referral-factory/campaigns/1001", status="paused")
        return await real(person)

    monkeypatch.setattr(program, "create_referrer", create)
    [item] = (await run()).items
    assert (item.outcome, "paused" in item.reason) == ("held", True)
    assert not any(why is SkipReason.REFUSED for why in (await reasons(counter)).values()), "it is nobody's fault"
    await counter.tell("/referral-factory/campaigns/1001", status="launched")
    [item] = (await run()).items
    assert item.outcome == "synced", item.reason
    assert (await counter.books.referrals.counts("demo", 1001)).waiting == 0
    assert len(await users(counter)) == (await counter.books.referrals.counts("demo", 1001)).persons
    assert "campaign 1001" not in await held(counter)


def with_two_campaigns() -> Any:
    shop = a_shop()
    settings = shop.need_referral_factory()
    second = settings.campaigns[0].model_copy(update={"id": 1002})
    changed = settings.model_copy(update={"campaigns": (*settings.campaigns, second)})
    return shop.model_copy(update={"referral_factory": changed})
