"""`once_many`: a page of records, each written once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlmodel import Session
from store_stand_ins import Clock

from models.errors import AmbiguousWriteError, RejectedError, TransientError, UnauthorizedError
from models.tables import EffectRow
from store import Books
from store.batch import Busy, Done, NotWritten, Outcome, Unknown, Unresolved, one_by_one
from store.owner import Owner


class Page:
    """A vendor for pages: what happens to a record is the first word of it."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.posts: list[str] = []
        self.looked: list[str] = []

    async def create(self, item: str) -> str:
        self.posts.append(item)
        what = item.split(maxsplit=1)[0]
        if what == "refused":
            raise RejectedError(item)
        if what == "later":
            raise TransientError(item)
        if what != "nothing":
            self.records[item] = f"id {item}"
        if what in {"lost", "nothing"}:
            raise AmbiguousWriteError(item)
        if what == "bug":
            raise ZeroDivisionError
        return self.records[item]

    async def find(self, items: Mapping[str, str]) -> dict[str, str | None]:
        self.looked.extend(items.values())
        return {key: self.records.get(item) for key, item in items.items()}


def _row(key: str, status: str, clock: Clock, owner: str = "") -> EffectRow:
    until = clock() + timedelta(seconds=120 if owner else -1)
    return EffectRow(
        key=key,
        status=status,
        reference="",
        owner=owner,
        lease_expires_at=until,
        created_at=clock(),
        updated_at=clock(),
    )


async def test_a_page_is_written_once(books: Books) -> None:
    vendor, items = Page(), {f"key {n}": f"ok {n}" for n in range(300)}
    first = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert first == {key: Done(f"id {item}") for key, item in items.items()}
    again = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert again == {key: Done(f"id {item}", was_done=True) for key, item in items.items()}
    assert sorted(vendor.posts) == sorted(items.values())
    assert list(again) == list(items)
    row = await books.effects.status("key 7")
    assert row is not None
    assert (row.status, row.reference, row.owner, row.attempts) == ("done", "id ok 7", "", 1)


async def test_each_record_of_a_mixed_page_gets_its_own_end(books: Books, clock: Clock) -> None:
    def before(session: Session) -> None:
        session.add(_row("held elsewhere", "attempting", clock, Owner("h", "b", "p", 1, 1.0).claim()))
        session.add(_row("left", "attempting", clock))
        session.add(_row("left and there", "attempting", clock))
        session.add(_row("was unresolved", "unresolved", clock))
        session.add(_row("intended", "ready", clock))

    await books.store.run(before)
    vendor = Page()
    vendor.records = {"ok there": "id there", "ok was": "id was"}
    items = {
        "new": "ok new",
        "held elsewhere": "ok",
        "left": "ok left",
        "left and there": "ok there",
        "was unresolved": "ok was",
        "intended": "ok intended",
        "refused": "refused",
        "later": "later",
        "lost": "lost",
        "bug": "bug",
        "nothing": "nothing",
    }
    results = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert list(results) == list(items)
    assert results["new"] == Done("id ok new")
    assert results["held elsewhere"] == Busy()
    assert results["left"] == Done("id ok left")
    assert results["left and there"] == Done("id there")
    assert results["was unresolved"] == Done("id was")
    assert results["intended"] == Done("id ok intended")
    assert isinstance(results["refused"], NotWritten)
    assert isinstance(results["refused"].error, RejectedError)
    assert isinstance(results["later"], NotWritten)
    assert results["lost"] == Done("id lost")
    assert results["bug"] == Done("id bug")
    assert isinstance(results["nothing"], Unknown)
    assert isinstance(results["nothing"].error, AmbiguousWriteError)
    assert vendor.posts.count("lost") == 1
    assert vendor.posts.count("bug") == 1
    assert vendor.posts.count("nothing") == 2
    assert "ok there" not in vendor.posts

    for key in ("refused", "later"):
        assert await books.effects.status(key) is None
    open_row = await books.effects.status("nothing")
    assert open_row is not None
    assert (open_row.status, open_row.owner) == ("attempting", "")
    vendor.records["nothing"] = "id late"
    later = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert later["nothing"] == Done("id late")
    assert later["new"] == Done("id ok new", was_done=True)
    assert vendor.posts.count("nothing") == 2


async def test_without_a_way_to_look_a_lost_record_is_left_to_a_person(books: Books, clock: Clock) -> None:
    await books.store.run(lambda session: session.add(_row("left", "attempting", clock)))
    vendor, items = Page(), {"left": "ok left", "lost": "lost", "fine": "ok fine"}
    for fine in (Done("id ok fine"), Done("id ok fine", was_done=True)):
        results = await books.effects.once_many(items, create=one_by_one(vendor.create))
        assert results == {"left": Unresolved(), "lost": Unresolved(), "fine": fine}
    assert sorted(vendor.posts) == ["lost", "ok fine"]


async def test_a_record_nobody_reported_on_is_looked_up(books: Books) -> None:
    vendor = Page()

    async def forgetful(items: Mapping[str, str]) -> dict[str, Outcome]:
        await one_by_one(vendor.create)(items)
        return {}

    results = await books.effects.once_many({"a": "ok a", "b": "ok b"}, create=forgetful, find=vendor.find)
    assert results == {"a": Done("id ok a"), "b": Done("id ok b")}
    assert sorted(vendor.posts) == ["ok a", "ok b"]


async def test_a_record_nobody_looked_at_stays_in_doubt(books: Books, clock: Clock) -> None:
    await books.store.run(lambda session: session.add(_row("left", "attempting", clock)))
    vendor = Page()

    async def blind(_items: Mapping[str, str]) -> dict[str, str | None]:
        return {}

    items = {"left": "ok left", "new": "ok new"}
    results = await books.effects.once_many(items, create=one_by_one(vendor.create), find=blind)
    assert results == {"left": Unknown(), "new": Done("id ok new")}
    assert vendor.posts == ["ok new"]
    results = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert results["left"] == Done("id ok left")


async def test_a_page_refused_as_a_whole_leaves_nothing_behind(books: Books) -> None:
    async def refuse(_items: Mapping[str, str]) -> dict[str, Outcome]:
        raise UnauthorizedError("The secret is wrong.")

    results = await books.effects.once_many({"a": "ok a", "b": "ok b"}, create=refuse)
    assert all(isinstance(result, NotWritten) for result in results.values())
    assert await books.effects.status("a") is None


async def test_a_page_that_broke_off_is_looked_up_by_the_next_pass(books: Books) -> None:
    vendor, items = Page(), {f"key {n}": f"ok {n}" for n in range(6)}

    async def break_off(page: Mapping[str, str]) -> dict[str, Outcome]:
        for item in list(page.values())[:3]:
            await vendor.create(item)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await books.effects.once_many(items, create=break_off, find=vendor.find)
    results = await books.effects.once_many(items, create=one_by_one(vendor.create), find=vendor.find)
    assert results == {key: Done(f"id {item}") for key, item in items.items()}
    assert sorted(vendor.posts) == sorted(items.values())


async def test_a_clean_error_after_a_lost_answer_does_not_forget_the_doubt(books: Books) -> None:
    tries = iter([AmbiguousWriteError("lost"), TransientError("later")])

    async def create(_items: Mapping[str, str]) -> dict[str, Outcome]:
        raise next(tries)

    async def find(items: Mapping[str, str]) -> dict[str, str | None]:
        return dict.fromkeys(items)

    results = await books.effects.once_many({"a": "a"}, create=create, find=find)
    assert isinstance(results["a"], NotWritten)
    row = await books.effects.status("a")
    assert row is not None
    assert (row.status, row.owner) == ("attempting", "")


async def test_two_workers_share_a_page_without_writing_twice(books: Books, url: str, clock: Clock) -> None:
    vendor = Page()
    items = {f"key {n}": f"ok {n}" for n in range(200)}
    backwards = dict(reversed(items.items()))

    async def slowly(item: str) -> str:
        await asyncio.sleep(0.001)
        return await vendor.create(item)

    with Books.open(url, now=clock) as others:
        both = await asyncio.gather(
            books.effects.once_many(items, create=one_by_one(slowly)),
            others.effects.once_many(backwards, create=one_by_one(slowly)),
        )
    assert sorted(vendor.posts) == sorted(items.values())
    for key, item in items.items():
        ends = {both[0][key], both[1][key]}
        assert ends <= {Done(f"id {item}"), Done(f"id {item}", was_done=True), Busy()}
        assert Done(f"id {item}") in ends


async def test_an_empty_page_is_nothing_to_do(books: Books) -> None:
    assert await books.effects.once_many({}, create=one_by_one(Page().create)) == {}


async def test_the_records_of_a_page_are_written_a_few_at_a_time(books: Books) -> None:
    running = most = 0

    async def create(item: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return item

    await books.effects.once_many({f"k{n}": "x" for n in range(30)}, create=one_by_one(create, at_once=4))
    assert most == 4


async def test_the_ledger_costs_little_per_record(books: Books) -> None:
    """100,000 contacts go through it: under 0.1 ms of processor time for a new one, under 0.03 ms for a known one."""

    async def at_once(items: Mapping[str, int]) -> dict[str, Outcome]:
        return {key: Done("1") for key in items}

    pages = [{f"shop/contact/{page}-{n}": n for n in range(200)} for page in range(8)]
    for most_ms in (0.1, 0.03):
        costs_ms = []
        for page in pages:
            before = time.process_time()
            await books.effects.once_many(page, create=at_once)
            costs_ms.append((time.process_time() - before) * 1000 / len(page))
        assert min(costs_ms) < most_ms
