"""`once`, every branch: one write, whatever fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import update
from sqlmodel import Session, col
from store_stand_ins import Clock, Vendor

from models.errors import (
    AmbiguousWriteError,
    BusyError,
    ContractError,
    HeldError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    TruckrollError,
    UnauthorizedError,
    UnresolvedError,
)
from models.tables import CursorRow, EffectRow
from store import Books
from store.effect_rows import Mine
from store.effects import Effects, model_codec
from store.owner import Owner

KEY = "demo/order/1/job"


async def test_a_write_is_done_once_and_its_result_is_kept(books: Books) -> None:
    vendor = Vendor()
    first = await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    second = await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    assert (first, second, vendor.posts, vendor.looks) == ("id-1", "id-1", 1, 0)
    row = await books.effects.status(KEY)
    assert row is not None
    assert (row.status, row.reference, row.owner, row.attempts) == ("done", "id-1", "", 1)


async def test_a_lost_answer_is_found_and_not_written_again(books: Books) -> None:
    vendor = Vendor("lost")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-1"
    assert (vendor.posts, vendor.looks) == (1, 1)


async def test_a_lost_write_is_written_again_when_it_is_not_there(books: Books) -> None:
    vendor = Vendor("nothing")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-2"
    assert (vendor.posts, vendor.looks, vendor.records) == (2, 1, ["id-2"])
    row = await books.effects.status(KEY)
    assert row is not None
    assert row.attempts == 2


async def test_the_writing_again_ends_and_the_next_call_looks_first(books: Books) -> None:
    vendor = Vendor("nothing", "nothing", "lost")
    with pytest.raises(AmbiguousWriteError):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    assert vendor.posts == 3
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-3"
    assert vendor.posts == 3


async def test_an_unreadable_answer_counts_as_lost(books: Books) -> None:
    vendor = Vendor(ContractError("Field id is missing."))
    vendor.records.append("id-there")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-there"
    assert vendor.posts == 1


@pytest.mark.parametrize("loss", ["lost", "nothing", ContractError("Field id is missing.")], ids=str)
async def test_a_lost_answer_nobody_can_look_up_is_left_to_a_person(books: Books, loss: str | Exception) -> None:
    vendor = Vendor(loss)
    for _ in range(3):
        with pytest.raises(UnresolvedError) as caught:
            await books.effects.once(KEY, create=vendor.create)
        assert caught.value.key == KEY
    assert vendor.posts == 1
    row = await books.effects.status(KEY)
    assert row is not None
    assert row.status == "unresolved"


async def resolve(books: Books, key: str, reference: str | None) -> None:
    await books.store.run(lambda session: books.effects.resolve_in(session, key, reference))


async def test_a_person_says_it_was_written(books: Books) -> None:
    vendor = Vendor("lost")
    with pytest.raises(UnresolvedError):
        await books.effects.once(KEY, create=vendor.create)
    await resolve(books, KEY, "id-seen")
    assert await books.effects.once(KEY, create=vendor.create) == "id-seen"
    assert vendor.posts == 1


async def test_a_person_says_it_was_not_written(books: Books) -> None:
    vendor = Vendor("nothing")
    with pytest.raises(UnresolvedError):
        await books.effects.once(KEY, create=vendor.create)
    await resolve(books, KEY, None)
    assert await books.effects.status(KEY) is None


async def test_only_what_is_unresolved_can_be_resolved(books: Books) -> None:
    vendor = Vendor()
    await books.effects.once(KEY, create=vendor.create)
    for key in (KEY, "unknown"):
        with pytest.raises(TruckrollError):
            await resolve(books, key, None)
    assert await books.effects.once(KEY, create=vendor.create) == "id-1"


async def test_what_is_unresolved_is_looked_up_once_there_is_a_way(books: Books) -> None:
    vendor = Vendor("lost")
    with pytest.raises(UnresolvedError):
        await books.effects.once(KEY, create=vendor.create)
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-1"
    assert vendor.posts == 1


@pytest.mark.parametrize(
    "error",
    [
        TransientError("later"),
        RateLimitedError("slow"),
        RejectedError("no"),
        NotFoundError("?"),
        UnauthorizedError("?"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_that_wrote_nothing_leaves_nothing_behind(books: Books, error: Exception) -> None:
    vendor = Vendor(error)
    with pytest.raises(type(error)):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    assert await books.effects.status(KEY) is None
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-2"
    assert vendor.looks == 0


async def test_an_intent_is_recorded_once_over_errors_that_wrote_nothing(books: Books) -> None:
    vendor = Vendor(TransientError("later"), RejectedError("no"))
    intents: list[str] = []

    def intent(_session: Session) -> None:
        intents.append("intended")

    for error in (TransientError, RejectedError):
        with pytest.raises(error):
            await books.effects.once(KEY, create=vendor.create, intent=intent)
        row = await books.effects.status(KEY)
        assert row is not None
        assert row.status == "ready"
    assert await books.effects.once(KEY, create=vendor.create, intent=intent) == "id-3"
    assert intents == ["intended"]


async def test_intent_and_effect_are_one(books: Books, clock: Clock) -> None:
    """A refusing intent leaves nothing: no row, no change of its own, no write."""
    vendor = Vendor()

    def refuse(session: Session) -> None:
        session.add(CursorRow(shop="demo", name="x", value="moved", updated_at=clock()))
        session.flush()
        raise HeldError("The approval was used.")

    with pytest.raises(HeldError):
        await books.effects.once(KEY, create=vendor.create, intent=refuse)
    assert await books.effects.status(KEY) is None
    assert await books.cursors.get("demo", "x") is None
    assert vendor.posts == 0

    def agree(session: Session) -> None:
        session.add(CursorRow(shop="demo", name="x", value="moved", updated_at=clock()))

    await books.effects.once(KEY, create=vendor.create, intent=agree)
    assert await books.cursors.get("demo", "x") == "moved"


async def test_an_unexpected_error_leaves_the_outcome_open_and_the_next_call_looks(books: Books) -> None:
    vendor = Vendor(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    row = await books.effects.status(KEY)
    assert row is not None
    assert (row.status, row.owner) == ("attempting", "")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-2"
    assert vendor.looks == 1


async def test_a_clean_error_after_a_lost_answer_does_not_forget_the_doubt(books: Books) -> None:
    """The lost write may come to light late: the next call must look, not write."""
    vendor = Vendor("nothing", TransientError("later"))
    with pytest.raises(TransientError):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    vendor.records.append("id-late")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-late"
    assert vendor.posts == 2


async def test_nothing_is_written_while_looking_fails(books: Books) -> None:
    vendor = Vendor("lost")

    async def blind() -> str | None:
        raise TransientError("The vendor is down.")

    for _ in range(2):
        with pytest.raises(TransientError):
            await books.effects.once(KEY, create=vendor.create, find=blind)
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-1"
    assert vendor.posts == 1


async def test_a_canceled_write_is_looked_up_at_once_by_the_next_call(books: Books) -> None:
    vendor, begun = Vendor(), asyncio.Event()

    async def hang() -> str:
        await vendor.create()
        begun.set()
        await asyncio.sleep(60)
        return "never"

    task = asyncio.create_task(books.effects.once(KEY, create=hang, find=vendor.find))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-1"
    assert vendor.posts == 1


async def test_a_call_canceled_before_its_write_leaves_nothing_in_doubt(
    books: Books, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an order that never left would need a person."""
    vendor, handed_over, submit = Vendor(), [], books.store.submit

    def remember(fn: Callable[[Session], Any]) -> Future[Any]:
        handed_over.append(submit(fn))
        return handed_over[-1]

    monkeypatch.setattr(books.store, "submit", remember)
    rival = EffectRow(key=KEY, status="done", lease_expires_at=clock(), created_at=clock(), updated_at=clock())
    with pytest.raises(ZeroDivisionError), books.store.transaction() as session:  # keeps the claim waiting
        session.add(rival)
        session.flush()
        task = asyncio.create_task(books.effects.once(KEY, create=vendor.create))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        raise ZeroDivisionError  # roll back: the claim now goes through, for a task that is gone
    [claim, undo] = await asyncio.to_thread(_results, handed_over, 2)
    assert (claim, undo) == (Mine(None), None)
    assert await books.effects.status(KEY) is None
    assert await books.effects.once(KEY, create=vendor.create) == "id-1"
    assert vendor.posts == 1


def _results(futures: list[Future[Any]], count: int) -> list[Any]:
    until = time.monotonic() + 10
    while len(futures) < count and time.monotonic() < until:
        time.sleep(0.01)
    return [future.result(10) for future in futures]


async def test_a_second_worker_gives_way_or_waits(books: Books, url: str, clock: Clock) -> None:
    vendor, begun, go_on = Vendor(), asyncio.Event(), asyncio.Event()

    async def slowly() -> str:
        begun.set()
        await go_on.wait()
        return await vendor.create()

    with Books.open(url, settle_s=0, now=clock) as others:
        first = asyncio.create_task(books.effects.once(KEY, create=slowly, find=vendor.find))
        await begun.wait()
        with pytest.raises(BusyError):
            await books.effects.once(KEY, create=vendor.create, find=vendor.find)
        second = asyncio.create_task(books.effects.once(KEY, create=vendor.create, find=vendor.find, wait_s=10))
        await asyncio.sleep(0.1)
        go_on.set()
        assert await first == await second == "id-1"
        assert await others.effects.once(KEY, create=vendor.create) == "id-1"
    assert (vendor.posts, vendor.looks) == (1, 0)


async def test_a_worker_elsewhere_keeps_its_lease_until_it_ends(books: Books, clock: Clock) -> None:
    vendor = Vendor()
    elsewhere = Owner("another-host", "boot", "pids", 1, 1.0).claim()

    def begin(session: Session) -> None:
        until = clock() + timedelta(seconds=120)
        row = EffectRow(key=KEY, status="attempting", owner=elsewhere, lease_expires_at=until, attempts=1)
        row.created_at = row.updated_at = clock()
        session.add(row)

    await books.store.run(begin)
    clock.forward(seconds=119)
    with pytest.raises(BusyError):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find)
    vendor.records.append("id-elsewhere")
    clock.forward(seconds=2)
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find) == "id-elsewhere"
    assert vendor.posts == 0


async def test_a_long_write_keeps_its_lease(url: str) -> None:
    vendor = Vendor()

    async def slowly() -> str:
        await asyncio.sleep(1.5)
        return await vendor.create()

    with Books.open(url, lease_s=0.6) as books:
        first = asyncio.create_task(books.effects.once(KEY, create=slowly, find=vendor.find))
        await asyncio.sleep(0.1)
        for _ in range(6):
            with pytest.raises(BusyError):
                await books.effects.once(KEY, create=vendor.create, find=vendor.find)
            await asyncio.sleep(0.2)
        assert await first == "id-1"
    assert vendor.posts == 1


async def test_a_worker_that_lost_its_lease_while_looking_does_not_write(books: Books) -> None:
    vendor = Vendor("nothing")

    async def look_for_too_long() -> str | None:
        statement = update(EffectRow).where(col(EffectRow.key) == KEY).values(owner=Owner.current().claim())
        await books.store.run(lambda session: session.connection().execute(statement))
        return None

    with pytest.raises(BusyError):
        await books.effects.once(KEY, create=vendor.create, find=look_for_too_long)
    assert vendor.posts == 1


async def test_the_reference_kept_first_counts(books: Books) -> None:
    vendor = Vendor()

    async def overtaken() -> str:
        await books.store.run(lambda session: books.effects._rows.finish(session, KEY, "id-first"))
        return await vendor.create()

    assert await books.effects.once(KEY, create=overtaken) == "id-first"


async def test_the_vendor_is_given_time_before_it_is_asked(books: Books) -> None:
    effects = Effects(books.store, settle_s=0.3)
    vendor = Vendor("nothing")
    lost_at = 0.0

    async def create() -> str:
        nonlocal lost_at
        lost_at = time.monotonic()
        return await vendor.create()

    async def late() -> str | None:
        assert time.monotonic() - lost_at >= 0.29
        return "id-late"

    assert await effects.once(KEY, create=create, find=late) == "id-late"


class _Placement(BaseModel):
    numbers: tuple[str, ...]


async def test_a_model_is_kept_and_given_back(books: Books) -> None:
    made = _Placement(numbers=("A1", "A2"))

    async def create() -> _Placement:
        return made

    for _ in range(2):
        assert await books.effects.once(KEY, create=create, codec=model_codec(_Placement)) == made


_STEPS = st.sampled_from(["ok", "lost", "nothing", "later", "refused", "crash after", "crash before"])


@given(st.lists(st.lists(_STEPS, max_size=4), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_happens_there_is_never_a_second_record(sqlite_books: Books, runs: list[list[str]]) -> None:
    key = f"key {time.monotonic_ns()}"
    records: list[str] = []

    async def find() -> str | None:
        return records[0] if records else None

    for run in [*runs, []]:
        steps = list(run)

        async def create(steps: list[str] = steps) -> str:
            step = steps.pop(0) if steps else "ok"
            if step in {"ok", "lost", "crash after"}:
                records.append(f"id-{len(records)}")
            match step:
                case "lost" | "nothing":
                    raise AmbiguousWriteError
                case "later":
                    raise TransientError
                case "refused":
                    raise RejectedError
                case "crash after" | "crash before":
                    raise asyncio.CancelledError
            return records[-1]

        try:
            said = await sqlite_books.effects.once(key, create=create, find=find)
        except (AmbiguousWriteError, TransientError, RejectedError, asyncio.CancelledError):
            said = None
        assert len(records) <= 1
        assert said in {None, *records}
    assert said == records[0]


@pytest.fixture
def sqlite_books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return Books.open(f"sqlite:///{tmp_path_factory.mktemp('property')}/t.db", settle_s=0)
