"""Writing links into a custom field, step by step: whole lists, whoever edits meanwhile, wherever it is killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.errors import HeldError, TransientError
from tasks import link_write_back
from tasks.checks import check_shop
from tasks.contact_index import refresh_contact_index
from tasks.contact_sync import sync_page
from tasks.link_write_back import LinksWritten, find_link_field, write_links
from tests.tasks.conftest import Counter, a_shop

FIELD, CLUB, GATE = 821, 822, 823
SYNC = {"write_link_to": "Referral link"}


async def with_links(counter: Counter, customers: int = 60) -> dict[int, str]:
    """Give everybody a link; return the links by customer."""
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    await counter.tell("/servicetitan/generate", customers=customers, seed=7)
    counter.use(a_shop(sync=SYNC))
    await refresh_contact_index.fn("demo")
    while not (await sync_page.fn("demo", 1001, 1, "one")).is_last:
        pass
    kept = await counter.books.referrals.links("demo", 1001, limit=1_000)
    await counter.calls()
    return {one.customer: one.url for one in kept}


async def write_all(counter: Counter) -> list[LinksWritten]:
    field = await find_link_field.fn("demo", 1001)
    done: list[LinksWritten] = []
    while not done or not done[-1].is_last:
        done.append(await write_links.fn("demo", 1001, field, done[-1].last if done else 0, len(done)))
    return done


async def fields(counter: Counter) -> dict[int, dict[int, str]]:
    """What every customer has in its custom fields, by kind."""
    customers = (await counter.state())["servicetitan"]["customers"]
    return {one["id"]: {field["typeId"]: field["value"] for field in one["customFields"]} for one in customers}


async def patches(counter: Counter) -> list[str]:
    return [call for call in await counter.calls() if call.startswith("PATCH ")]


Patch = Callable[..., Awaitable[Any]]


def meddle(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, patch: Callable[[Patch, Any, Any], Awaitable[Any]]
) -> None:
    """Let something happen around each write."""
    real = counter.st.patch_customer

    async def around(customer: Any, body: Any) -> Any:
        return await patch(real, customer, body)

    monkeypatch.setattr(counter.st, "patch_customer", around)


@pytest.mark.parametrize("reading", ["replace", "merge"])
async def test_other_fields_stay_however_the_vendor_takes_the_list(counter: Counter, reading: str) -> None:
    """Whether the list replaces or merges is not stated (FACTS section 3): both end alike."""
    await counter.tell("/servicetitan/switches", customer_fields=reading)
    links = await with_links(counter)
    some = sorted(links)[3]
    # After the index was filled: what a person just typed counts, not what we remember.
    await counter.tell(
        f"/servicetitan/customers/{some}", customFields={"Care club": "Gold", "Referral link": "an old one"}
    )
    [page] = await write_all(counter)
    assert (page.wrote, page.there, page.failed, page.unknown) == (len(links), 0, 0, 0)
    found = await fields(counter)
    assert {number: kept[FIELD] for number, kept in found.items() if FIELD in kept} == links
    assert found[some] == {CLUB: "Gold", FIELD: links[some]}


async def test_pages_go_on_where_the_one_before_ended(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_write_back, "PAGE", 10)
    monkeypatch.setattr(link_write_back, "READ_TOGETHER", 4)
    links = await with_links(counter)
    pages = await write_all(counter)
    assert [page.customers for page in pages[:-1]] == [10] * (len(pages) - 1)
    assert sum(page.wrote for page in pages) == len(links)
    assert len(await patches(counter)) == len(links)
    assert [page.customers for page in await write_all(counter)] == [0]


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", [1, 7, 24, 40])
@pytest.mark.parametrize("landed", [True, False], ids=["after the write", "before the write"])
async def test_killed_anywhere_every_link_is_written_and_none_twice(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, at: int, *, landed: bool
) -> None:
    """A write that had landed is found in its field; what was kept is not even looked at."""
    links = await with_links(counter)
    calls = 0

    async def dies(real: Patch, customer: Any, body: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != at:
            return await real(customer, body)
        if landed:
            await real(customer, body)
        raise KilledError

    with monkeypatch.context() as patched:
        meddle(counter, patched, dies)
        with pytest.raises(BaseException):  # noqa: B017  a task group wraps what ended it
            await write_all(counter)
    await counter.books.store.run(lambda _session: None)  # what was handed over before the end is kept, as it would be
    waiting = await counter.books.referrals.links_to_write("demo", 1001, limit=1_000)
    kept = links.keys() - {one.customer for one in waiting}
    there = {number for number, found in (await fields(counter)).items() if FIELD in found}
    assert kept <= there
    await counter.calls()
    [page] = await write_all(counter)
    assert page.there == len(there - kept)
    assert {int(call.rpartition("/")[2]) for call in await patches(counter)} == links.keys() - there
    assert {number: found[FIELD] for number, found in (await fields(counter)).items() if FIELD in found} == links
    assert await counter.books.referrals.count_to_write("demo", 1001) == 0


async def test_one_who_became_inactive_meanwhile_is_left_alone_and_told(counter: Counter) -> None:
    """Merged, inactive, or gone: per customer, with the reason; the others have their links."""
    links = await with_links(counter)
    merged, off, stays = sorted(links)[:3]
    await counter.tell(f"/servicetitan/customers/{merged}/merge", into=stays)
    await counter.tell(f"/servicetitan/customers/{off}/deactivate")
    [page] = await write_all(counter)
    assert (page.wrote, page.failed) == (len(links) - 2, 2)
    told = {one.customer: one.why for one in await counter.books.referrals.unwritten("demo", 1001)}
    assert told == {
        merged: f"It was merged into customer {stays}, which counts.",
        off: "The customer is inactive.",
    }
    sent = await patches(counter)
    assert not any(f"/customers/{number}" in call for number in (merged, off) for call in sent)
    await refresh_contact_index.fn("demo")
    await sync_page.fn("demo", 1001, 1, "two")
    assert await counter.books.referrals.unwritten("demo", 1001) == [], "the feed told: they are skipped now"


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_refused_customer_is_noted_with_the_vendors_words_and_not_sent_again(
    counter: Counter, status: int
) -> None:
    links = await with_links(counter)
    one = sorted(links)[5]
    path = f"PATCH /servicetitan/crm/v2/tenant/1234567/customers/{one}"
    await counter.tell("/faults", match=path, kind="status", status=status, times=None)
    [page] = await write_all(counter)
    assert (page.wrote, page.failed) == (len(links) - 1, 1)
    [told] = await counter.books.referrals.unwritten("demo", 1001)
    assert told.customer == one
    assert f"refused the link ({status})" in told.why
    assert links[one] not in told.why
    await counter.calls()
    assert [page.customers for page in await write_all(counter)] == [0]
    assert await patches(counter) == []


async def test_an_app_that_may_change_no_customer_is_told_once(counter: Counter) -> None:
    """403: not a word about each customer, but the scope that is missing."""
    await with_links(counter)
    await counter.tell("/faults", match="PATCH /servicetitan/*", kind="status", status=403, times=None)
    with pytest.raises(HeldError, match="does not let our app change customers") as caught:
        await write_all(counter)
    assert "write scope" in caught.value.fix
    assert len(await patches(counter)) <= link_write_back.LANES * link_write_back.READ_TOGETHER
    assert await counter.books.referrals.unwritten("demo", 1001) == []


async def test_what_was_written_before_the_vendor_went_away_is_kept(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = await with_links(counter)
    calls = 0

    async def away(real: Patch, customer: Any, body: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 30:
            raise TransientError("ServiceTitan could not be reached.", "", "ServiceTitan")
        return await real(customer, body)

    with monkeypatch.context() as patched:
        meddle(counter, patched, away)
        with pytest.raises(TransientError):
            await write_all(counter)
    assert await counter.books.referrals.count_to_write("demo", 1001) == len(links) - 30
    await write_all(counter)
    sent = await patches(counter)
    assert len(sent) == len(set(sent)) == len(links)


async def test_a_link_that_changed_is_written_again_and_no_other(counter: Counter) -> None:
    """A customer that got another person, and with it another link."""
    links = await with_links(counter)
    await write_all(counter)
    one = min(links)
    await counter.books.referrals.wrote("demo", 1001, {one: "https://acme.example.com/old"})
    await counter.calls()
    [page] = await write_all(counter)
    assert (page.customers, page.there, await patches(counter)) == (1, 1, [])


async def test_the_check_tells_of_the_field_and_of_the_mails(counter: Counter) -> None:
    """RF-31, RF-38: found with its id, or not with the nearest; without one the notice; the three mails each time."""

    async def lines() -> list[tuple[str, str, str]]:
        return [
            (line.kind, line.what, f"{line.words} {line.fix}")
            for line in await check_shop("demo")
            if line.what == "Campaign 1001"
        ]

    told = [words for kind, _, words in await lines() if kind == "advice"]
    assert [words.partition(" must be off")[0] for words in told[:-1]] == [
        "its mail Welcome Email",
        "its mail Welcome Email (API)",
        "its mail Reminder",
    ]
    assert "not written into ServiceTitan" in told[-1]
    counter.use(a_shop(sync=SYNC))
    assert ("ok", "Campaign 1001", '"Referral link" takes the links (id 821) ') in await lines()
    counter.use(a_shop(sync={"write_link_to": "Care club"}))
    [wrong] = [line for line in await lines() if line[0] == "no"]
    assert "is of type Dropdown" in wrong[2]
    counter.use(a_shop(sync={"map": {**a_map(), "City": "customer.custom.Gate cod"}}))
    [wrong] = [line for line in await lines() if line[0] == "no"]
    assert "did you mean Gate code?" in wrong[2]


def a_map() -> dict[str, str]:
    return {"first_name": "customer.first_name", "email": "contact.email"}
