"""Cursors, held work, the audit log, part requests and part orders."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from store_stand_ins import Clock

from models.base import JobRef
from models.errors import TruckrollError
from models.job import DiagnosedPart
from models.outgoing import Outgoing
from models.part import LineState
from models.request import Stage
from store import Books

NAIVE = datetime(2026, 9, 1, 12, 0)


def diagnosed(source: str, *, job: str = "48213", quantity: str = "1") -> DiagnosedPart:
    return DiagnosedPart(
        job=JobRef(job),
        job_number=job,
        source_key=source,
        source_words=source,
        numbers=("WPW10348269",),
        quantity=quantity,
    )


async def test_a_cursor_of_time_only_moves_forwards(books: Books, clock: Clock) -> None:
    assert await books.cursors.get_time("demo", "jobs") is None
    noon = clock()
    assert await books.cursors.set_time("demo", "jobs", noon) == noon
    assert await books.cursors.set_time("demo", "jobs", noon - timedelta(hours=1)) == noon
    assert await books.cursors.set("demo", "jobs", "2026-09-01T08:00:00-05:00") == "2026-09-01T08:00:00-05:00"
    assert await books.cursors.get_time("demo", "jobs") == noon + timedelta(hours=1)
    assert await books.cursors.set_time("demo", "jobs", noon, force=True) == noon
    assert await books.cursors.get_time("other", "jobs") is None


async def test_a_continuation_token_moves_as_told(books: Books) -> None:
    for token in ("20260901", "abc", "20250101"):
        assert await books.cursors.set("demo", "export", token) == token
        assert await books.cursors.get("demo", "export") == token


async def test_times_without_a_zone_are_refused_everywhere(books: Books, clock: Clock) -> None:
    await books.requests.register("demo", diagnosed("a"), clock())
    with pytest.raises(ValueError, match="aware"):
        await books.cursors.set_time("demo", "jobs", NAIVE)
    with pytest.raises(ValueError, match="aware"):
        await books.cursors.set("demo", "jobs", NAIVE.isoformat())
    with pytest.raises(ValueError, match="aware"):
        await books.requests.register("demo", diagnosed("b"), NAIVE)
    with pytest.raises(ValueError, match="aware"):
        await books.approvals.expire_due(NAIVE)
    with pytest.raises(ValueError, match="aware"):
        await books.orders.add("demo-48213-1", shop="demo", po_number="P", order_numbers=["1"], next_look_at=NAIVE)
    with pytest.raises(Exception, match="aware"):
        await books.audit.list(since=NAIVE)
    assert await books.cursors.get("demo", "jobs") is None


async def test_times_come_back_aware_and_in_utc(books: Books, clock: Clock) -> None:
    row, _ = await books.requests.register("demo", diagnosed("a"), clock())
    read = await books.requests.get(row.id)
    assert read is not None
    assert read.created_at == clock()
    assert read.created_at.tzinfo is UTC


async def test_holding_again_counts_and_keeps_the_first_time(books: Books, clock: Clock) -> None:
    first = clock()
    held = await books.held.hold("demo", "parts-loop", "demo-1-1", reason="no number", fix="type it", field="part")
    clock.forward(hours=1)
    again = await books.held.hold("demo", "parts-loop", "demo-1-1", reason="unknown number", fix="look it up")
    assert (again.id, again.times, again.since, again.reason, again.fix) == (
        held.id,
        2,
        first,
        "unknown number",
        "look it up",
    )
    assert [row.id for row in await books.held.list("demo")] == [held.id]
    assert await books.held.release("demo", "parts-loop", "demo-1-1") is True
    assert await books.held.release("demo", "parts-loop", "demo-1-1") is False
    assert await books.held.list() == []
    assert await books.held.find("demo", "parts-loop", "demo-1-1") is None
    clock.forward(hours=1)
    anew = await books.held.hold("demo", "parts-loop", "demo-1-1", reason="once more")
    assert (anew.id, anew.times, anew.since, anew.released_at) == (held.id, 1, clock(), None)


async def test_a_held_record_is_released_once_by_its_number(books: Books) -> None:
    held = await books.held.hold("demo", "parts-loop", "r", reason="x")
    await books.held.hold("other", "eta-watch", "r", reason="x")
    assert held.id is not None
    released = await asyncio.gather(*(books.held.release_by_id(held.id) for _ in range(4)))
    assert sum(row is not None for row in released) == 1
    assert [row.shop for row in await books.held.list()] == ["other"]
    assert await books.held.list("demo") == []
    assert [row.shop for row in await books.held.list(process="eta-watch")] == ["other"]
    kept = await books.held.get(held.id)
    assert kept is not None
    assert kept.released_at is not None
    assert await books.held.release_by_id(999) is None


async def test_the_audit_log_is_read_newest_first(books: Books, clock: Clock) -> None:
    for number in range(5):
        detail = {"price": Decimal("12.50"), "at": clock(), "state": LineState.SHIPPED, "part": diagnosed("a")}
        await books.audit.append("demo", "parts-loop", f"r{number % 2}", f"event {number}", actor="Pat", detail=detail)
        clock.forward(minutes=1)
    await books.audit.append("other", "eta-watch", "r0", "found")
    assert [row.event for row in await books.audit.list(shop="demo", limit=3)] == ["event 4", "event 3", "event 2"]
    assert [row.event for row in await books.audit.list(shop="demo", record="r1")] == ["event 3", "event 1"]
    assert [row.shop for row in await books.audit.list(record="r0", limit=1)] == ["other"]
    assert [row.event for row in await books.audit.list(event="event 2")] == ["event 2"]
    since = clock() - timedelta(minutes=1, seconds=30)
    assert [row.event for row in await books.audit.list(since=since, process="parts-loop")] == ["event 4"]
    [row] = await books.audit.list(event="event 0")
    assert (row.detail["price"], row.detail["state"], row.actor) == ("12.50", "shipped", "Pat")


async def test_a_diagnosis_opens_one_request(books: Books, clock: Clock) -> None:
    row, is_new = await books.requests.register("demo", diagnosed("estimate 8812, item 55"), clock())
    assert (row.id, row.ordinal, row.stage, is_new) == ("demo-48213-1", 1, "found", True)
    same, is_new = await books.requests.register("demo", diagnosed("estimate 8812, item 55"), clock())
    assert (same.id, is_new) == ("demo-48213-1", False)
    second, _ = await books.requests.register("demo", diagnosed("estimate 8812, item 56"), clock())
    elsewhere, _ = await books.requests.register("demo", diagnosed("x", job="7"), clock())
    other_shop, _ = await books.requests.register("other", diagnosed("estimate 8812, item 55"), clock())
    assert [second.id, elsewhere.id, other_shop.id] == ["demo-48213-2", "demo-7-1", "other-48213-1"]


async def test_a_job_number_used_twice_still_gives_unique_ids(books: Books, clock: Clock) -> None:
    for number, job in enumerate(("901", "902"), start=1):
        part = diagnosed(job, job=job).model_copy(update={"job_number": "55"})
        row, _ = await books.requests.register("demo", part, clock())
        assert row.id == f"demo-55-{number}"
    nameless, _ = await books.requests.register(
        "demo", diagnosed("n", job="77").model_copy(update={"job_number": ""}), clock()
    )
    assert nameless.id == "demo-77-1"


async def test_requests_registered_at_the_same_time_count_without_a_gap(books: Books, url: str, clock: Clock) -> None:
    with Books.open(url) as others:
        made = await asyncio.gather(
            *(
                side.requests.register("demo", diagnosed(f"item {n}"), clock())
                for n in range(12)
                for side in (books, others)
            )
        )
    assert sum(is_new for _, is_new in made) == 12
    assert sorted({row.ordinal for row, _ in made}) == list(range(1, 13))
    assert len({row.id for row, _ in made}) == 12


async def test_a_request_is_changed_and_read_back(books: Books, clock: Clock) -> None:
    row, _ = await books.requests.register("demo", diagnosed("a"), clock())
    later = clock.forward(minutes=5)
    fresh = await books.requests.update(
        row.id, stage=Stage.ORDERED, unit_price=Decimal("41.07"), eta=date(2026, 10, 3), technicians=("Pat",)
    )
    assert (fresh.stage, fresh.unit_price, fresh.eta, fresh.technicians) == ("ordered", "41.07", "2026-10-03", ["Pat"])
    assert fresh.updated_at == later
    assert await books.requests.get(row.id) == fresh
    for wrong in ({"stge": "x"}, {"id": "x"}, {"board_revision": 0}):
        with pytest.raises(TypeError):
            await books.requests.update(row.id, **wrong)
    with pytest.raises(TruckrollError):
        await books.requests.update("demo-0-0", stage=Stage.FOUND)


async def test_requests_are_listed_by_stage_job_and_shop(books: Books, clock: Clock) -> None:
    for number, stage in enumerate((Stage.FOUND, Stage.ORDERED, Stage.ARRIVED)):
        row, _ = await books.requests.register("demo", diagnosed(str(number)), clock.forward(seconds=1))
        await books.requests.update(row.id, stage=stage)
    await books.requests.register("other", diagnosed("x", job="9"), clock())
    assert [row.ordinal for row in await books.requests.list(shop="demo", stages=[Stage.FOUND, Stage.ARRIVED])] == [
        1,
        3,
    ]
    assert [row.ordinal for row in await books.requests.list(shop="demo", is_open=True)] == [1, 2]
    assert [row.ordinal for row in await books.requests.list(is_open=False)] == [3]
    assert [row.shop for row in await books.requests.list(job="9")] == ["other"]
    assert len(await books.requests.list()) == 4


async def test_a_request_is_moved_by_one_of_two(books: Books, clock: Clock) -> None:
    row, _ = await books.requests.register("demo", diagnosed("a"), clock())
    moves = [
        books.requests.move(row.id, from_stages=[Stage.FOUND], to=Stage.CANCELED, words="job canceled")
        for _ in range(4)
    ]
    assert sorted(await asyncio.gather(*moves)) == [False, False, False, True]


async def test_board_revisions_of_a_job_only_grow(books: Books, url: str, clock: Clock) -> None:
    await books.requests.register("demo", diagnosed("a"), clock())
    await books.requests.register("demo", diagnosed("b"), clock())
    with Books.open(url) as others:
        numbers = await asyncio.gather(
            *(side.requests.bump_board("demo", "48213") for _ in range(5) for side in (books, others))
        )
    assert sorted(numbers) == list(range(1, 11))
    await books.requests.register("demo", diagnosed("c"), clock())
    assert await books.requests.bump_board("demo", "48213") == 11
    with pytest.raises(TruckrollError):
        await books.requests.bump_board("demo", "no such job")


async def test_order_numbers_are_followed_once_each(books: Books, clock: Clock) -> None:
    placed = await books.orders.add(
        "demo-1-1",
        shop="demo",
        po_number="PO1",
        order_numbers=["A", "B"],
        next_look_at=clock(),
        ordered_on=date(2026, 9, 1),
        transit_days=2,
    )
    assert [(row.order_number, row.ordered_on, row.transit_days, row.state) for row in placed] == [
        ("A", "2026-09-01", 2, "accepted"),
        ("B", "2026-09-01", 2, "accepted"),
    ]
    assert placed[0].id is not None
    await books.orders.update(placed[0].id, state=LineState.SHIPPED, tracking=("1Z",), looked_at=clock(), looks=1)
    again = await books.orders.add(
        "demo-1-1", shop="demo", po_number="PO1", order_numbers=["A", "C"], next_look_at=clock()
    )
    assert [(row.order_number, row.state, row.tracking) for row in again] == [
        ("A", "shipped", ["1Z"]),
        ("B", "accepted", []),
        ("C", "accepted", []),
    ]
    assert await books.orders.for_request("demo-1-1") == again


async def test_open_orders_come_due(books: Books, clock: Clock) -> None:
    for number, minutes in (("A", 20), ("B", 10), ("C", 5)):
        due = clock() + timedelta(minutes=minutes)
        await books.orders.add(f"r{number}", shop="demo", po_number=number, order_numbers=[number], next_look_at=due)
    [done] = await books.orders.for_request("rC")
    assert done.id is not None
    await books.orders.update(done.id, is_open=False, state=LineState.DELIVERED)
    assert [row.order_number for row in await books.orders.list_open("demo")] == ["B", "A"]
    due = clock() + timedelta(minutes=15)
    assert [row.order_number for row in await books.orders.list_open("demo", due_before=due)] == ["B"]
    assert await books.orders.list_open("other") == []
    for wrong in ({"order_number": "Z"}, {"stat": "x"}):
        with pytest.raises(TypeError):
            await books.orders.update(done.id, **wrong)
    with pytest.raises(TruckrollError):
        await books.orders.update(9999, looks=1)


async def test_what_has_to_be_told_is_noted_once(books: Books, url: str, clock: Clock) -> None:
    row, _ = await books.requests.register("demo", diagnosed("a"), clock())
    ordered = Outgoing(key=f"{row.id}/ordered", event="ordered")
    with Books.open(url) as others:
        await asyncio.gather(
            *(
                side.store.run(lambda session, side=side: side.outbox.add(session, row, ordered, clock()))
                for _ in range(3)
                for side in (books, others)
            )
        )
    [waiting] = await books.outbox.waiting("demo", row.id)
    assert (waiting.key, waiting.outgoing["key"]) == (f"demo/{row.id}/ordered", f"{row.id}/ordered")
    assert await books.outbox.waiting("other") == []
    await books.outbox.told(waiting.id, clock())
    assert await books.outbox.waiting("demo") == []
    await books.store.run(lambda session: books.outbox.add(session, row, ordered, clock()))
    assert await books.outbox.waiting("demo") == [], "told is told"
