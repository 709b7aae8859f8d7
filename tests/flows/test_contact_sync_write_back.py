"""Links written into a customer custom field, under Prefect against the sandbox: once, quietly, and never in the way."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.running import run_process
from models.report import RunReport
from tasks.link_write_back import write_links
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

FIELD = "Referral link"
SYNC = {"write_link_to": FIELD}


async def run() -> RunReport:
    return await run_process("contact-sync", "demo")


async def fill(counter: Counter, customers: int = 40, **shares: float) -> Any:
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    return await counter.tell(
        "/servicetitan/generate", customers=customers, seed=7, **({"shares": shares} if shares else {})
    )


def writes(calls: list[str]) -> list[str]:
    """What was sent to ServiceTitan besides reading."""
    return [call for call in calls if "/servicetitan/" in call and not call.startswith("GET ")]


def to_the_program(calls: list[str]) -> list[str]:
    return [call for call in calls if "/referral-factory/" in call]


async def in_fields(counter: Counter, name: str = FIELD) -> dict[int, str]:
    """What customers have in a custom field."""
    customers = (await counter.state())["servicetitan"]["customers"]
    return {one["id"]: field["value"] for one in customers for field in one["customFields"] if field["name"] == name}


async def links(counter: Counter) -> dict[int, str]:
    kept = await counter.books.referrals.links("demo", 1001, limit=10_000)
    return {one.customer: one.url for one in kept}


async def outcome_of(report: RunReport, record: str = "campaign 1001 write-back") -> tuple[str, str]:
    [item] = [item for item in report.items if item.id == record]
    return item.outcome, item.reason


async def test_with_no_field_named_nothing_is_written_into_servicetitan(counter: Counter) -> None:
    """RF-32, RF-33: a sync reads ServiceTitan and writes nothing there; the links are here and in the program."""
    await fill(counter)
    await counter.calls()
    report = await run()
    assert [item.outcome for item in report.items] == ["synced"]
    assert writes(await counter.calls()) == []
    assert len(await links(counter)) > 20
    assert await in_fields(counter) == {}


async def test_each_customers_link_is_written_once_beside_what_it_has(counter: Counter) -> None:
    """RF-D3: every link into its field, other fields as they were; a second sync calls nobody and writes nothing."""
    await fill(counter)
    some = await with_email(counter)
    await counter.tell(f"/servicetitan/customers/{some}", customFields={"Gate code": "4711", "Care club": "Gold"})
    mapped = {"first_name": "customer.first_name", "email": "contact.email", "City": "customer.custom.Gate code"}
    counter.use(a_shop(sync={**SYNC, "map": mapped}))
    await counter.calls()
    outcome, words = await outcome_of(await run())
    kept = await links(counter)
    assert (outcome, f"{len(kept)} links written" in words) == ("written", True), words
    assert await in_fields(counter) == kept
    assert (await in_fields(counter, "Gate code"))[some] == "4711"
    assert (await in_fields(counter, "Care club"))[some] == "Gold"
    calls = await counter.calls()
    assert len(writes(calls)) == len(kept), "one PATCH a customer"
    reads = [call for call in calls if call.endswith("/crm/v2/tenant/1234567/customers")]
    assert len(reads) == -(-len(kept) // 25), "one reading for twenty-five customers"

    for _ in range(2):  # our own writes changed every customer, and are told by the feed
        await counter.tell("/clock/advance", hours=1)
        assert await outcome_of(await run()) == (
            "unchanged",
            f'0 links written into "{FIELD}", 0 were there, 0 could not be written',
        )
        calls = await counter.calls()
        assert writes(calls) == []
        assert [call for call in to_the_program(calls) if not call.startswith("GET ")] == []


async def with_email(counter: Counter) -> int:
    """Return an active customer that has a usable e-mail."""
    state = (await counter.state())["servicetitan"]
    usable = {one["customerId"] for one in state["contacts"] if one["value"].endswith("@example.com")}
    return max(
        int(one["id"]) for one in state["customers"] if one["id"] in usable and one["active"] and not one["doNotMail"]
    )


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("Referal link", 'no customer custom field "Referal link". Did you mean Referral link?'),
        ("Care club", '"Care club" is of type Dropdown'),
    ],
    ids=["one nobody made", "no text field"],
)
async def test_a_field_that_takes_no_link_is_held_and_the_links_are_made(
    counter: Counter, field: str, said: str
) -> None:
    """A set-up fault of the campaign: told with the nearest name and the fix, once; mended, the links are written."""
    await fill(counter)
    counter.use(a_shop(sync={"write_link_to": field}))
    await counter.calls()
    report = await run()
    outcome, words = await outcome_of(report)
    assert (outcome, said in words, "let an admin make the field" in words) == ("held", True, True), words
    assert (await outcome_of(report, "campaign 1001"))[0] == "synced"
    assert writes(await counter.calls()) == []
    await run()
    [held] = [one for one in await counter.books.held.list("demo") if one.record == "campaign 1001 write-back"]
    assert (held.process, held.field.endswith("write_link_to"), held.times) == ("contact-sync", True, 2)
    counter.use(a_shop(sync=SYNC))
    assert (await outcome_of(await run()))[0] == "written"
    assert await in_fields(counter) == await links(counter)
    assert [one for one in await counter.books.held.list("demo") if one.record == "campaign 1001 write-back"] == []


async def test_a_field_that_is_removed_while_links_are_written_is_told_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write-back field removed: the rest of the sync goes on; made again, every link is written anew."""
    monkeypatch.setattr("tasks.link_write_back.PAGE", 10)
    monkeypatch.setattr("tasks.link_write_back.READ_TOGETHER", 5)
    await fill(counter)
    counter.use(a_shop(sync=SYNC))
    st, calls = counter.st, 0
    real = st.patch_customer

    async def patch(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 12:
            await counter.tell("/servicetitan/customer-fields/821/remove")
        return await real(*args)

    monkeypatch.setattr(st, "patch_customer", patch)
    report = await run()
    outcome, words = await outcome_of(report)
    assert (outcome, "not in ServiceTitan any more" in words) == ("held", True), words
    assert [item.outcome for item in report.items] == ["synced", "held"]
    assert calls < 30, "nobody goes on writing into a field that is gone"
    assert await counter.books.referrals.unwritten("demo", 1001) == [], "it is no customer's fault"
    monkeypatch.setattr(st, "patch_customer", real)

    await counter.tell("/servicetitan/customer-fields", name=FIELD)
    assert (await outcome_of(await run()))[0] == "written"
    assert await in_fields(counter) == await links(counter)


async def test_a_customer_servicetitan_refuses_is_told_and_the_others_go_on(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per customer: the refusal is listed with ServiceTitan's words, not sent again, and lifted by a retry."""
    await fill(counter)
    counter.use(a_shop(sync=SYNC))
    customer = await with_email(counter)
    path = f"PATCH /servicetitan/crm/v2/tenant/1234567/customers/{customer}"
    await counter.tell("/faults", match=path, kind="status", status=409, times=None)
    outcome, words = await outcome_of(await run())
    kept = await links(counter)
    assert customer in kept
    assert (outcome, "1 could not be written" in words) == ("held", True), words
    assert (await in_fields(counter)).keys() == kept.keys() - {customer}
    [unwritten] = await counter.books.referrals.unwritten("demo", 1001)
    assert (unwritten.customer, "refused the link (409)" in unwritten.why) == (customer, True)
    await counter.calls()
    assert (await outcome_of(await run()))[0] == "unchanged", "told once"
    assert writes(await counter.calls()) == []

    [held] = [one for one in await counter.books.held.list("demo") if one.record == "campaign 1001 write-back"]
    assert held.id is not None
    await counter.people.delete("/_sandbox/faults")
    from tasks.held import retry

    assert "1 customer will be tried again" in await retry(counter.books, held.id)
    assert (await outcome_of(await run()))[0] == "written"
    assert await in_fields(counter) == kept


async def test_a_link_whose_answer_was_lost_is_looked_for_and_not_written_again(counter: Counter) -> None:
    await fill(counter)
    counter.use(a_shop(sync=SYNC))
    await run_with_lost_answers(counter, 3)
    assert await in_fields(counter) == await links(counter)
    sent = writes(await counter.calls())
    assert len(sent) == len(set(sent)) == len(await links(counter))


async def run_with_lost_answers(counter: Counter, lost: int) -> None:
    await counter.calls()
    await counter.tell("/faults", match="PATCH /servicetitan/*", kind="lost_answer", times=lost)
    outcome, words = await outcome_of(await run())
    assert (outcome, f"{lost} were there" in words) == ("written", True), words


async def test_a_servicetitan_that_stops_answering_holds_nothing_but_itself(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The links are made, ServiceTitan is on the held list as away, and the next pass writes what is left."""
    monkeypatch.setattr("flows.link_write_back.write_links", write_links.with_options(retries=0))
    await fill(counter)
    counter.use(a_shop(sync=SYNC))
    await counter.tell("/faults", match="PATCH /servicetitan/*", kind="status", status=503, times=None)
    report = await run()
    assert [item.outcome for item in report.items] == ["synced", "failed"]
    assert [(one.process, one.record) for one in await counter.books.held.list("demo", process="access")] == [
        ("access", "ServiceTitan")
    ]
    await counter.people.delete("/_sandbox/faults")
    assert (await outcome_of(await run()))[0] == "written"
    assert await in_fields(counter) == await links(counter)
    assert await counter.books.held.list("demo", process="access") == []


async def test_a_sync_that_ran_once_goes_on_writing_its_links(counter: Counter) -> None:
    """RF-39: the field is made later; the links of then are written, and nobody new is picked up."""
    await fill(counter)
    counter.use(a_shop(sync={"ongoing": False, "write_link_to": "Friends' link"}))
    await run()
    before = await links(counter)
    await counter.tell("/servicetitan/customer-fields", name="Friends' link")
    await counter.tell(
        "/servicetitan/customers",
        name="Late Comer",
        contacts=[{"type": "Email", "value": "late.comer@example.com"}],
        locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
    )
    assert (await outcome_of(await run()))[0] == "written"
    assert await in_fields(counter, "Friends' link") == await links(counter) == before


async def test_another_field_takes_every_link_anew(counter: Counter) -> None:
    await fill(counter)
    counter.use(a_shop(sync=SYNC))
    await run()
    counter.use(a_shop(sync={"write_link_to": "Gate code"}))
    await run()
    assert await in_fields(counter, "Gate code") == await links(counter)


async def test_two_campaigns_write_into_a_field_each_and_neither_loses_the_others(counter: Counter) -> None:
    """Each write carries a customer's whole list, the other campaign's link in it."""
    await fill(counter, 20)
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    shop = a_shop(sync=SYNC)
    settings = shop.need_referral_factory()
    one = settings.campaigns[0]
    other = one.model_copy(
        update={"id": 1002, "contact_sync": one.contact_sync.model_copy(update={"write_link_to": "Gate code"})}
    )
    both = settings.model_copy(update={"campaigns": (one, other)})
    counter.use(shop.model_copy(update={"referral_factory": both}))
    await run()
    assert await in_fields(counter) == await links(counter)
    kept = await counter.books.referrals.links("demo", 1002, limit=10_000)
    assert await in_fields(counter, "Gate code") == {one.customer: one.url for one in kept}
    assert len(kept) > 10


async def test_before_the_first_sync_people_are_told_what_to_switch_off(counter: Counter) -> None:
    """RF-31, RF-38: which mails must be off, and whether links are written back; a later sync does not say it again."""
    await fill(counter, 10)
    await run()
    await run()
    async with get_client() as client:
        key = ArtifactFilterKey(any_=["before-first-sync-demo-1001"])
        told = await client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    mine = [one for one in told if one.description and "not written into ServiceTitan" in one.description]
    assert mine
    assert all(name in str(mine[-1].data) for name in ("Welcome Email", "Welcome Email (API)", "Reminder"))
