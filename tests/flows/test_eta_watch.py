"""After the order: a date, a delay, a parcel; told once, and only what somebody said."""

from __future__ import annotations

from datetime import date

import pytest

from flows.running import run_process
from models.errors import NotFoundError, TransientError
from models.job import Hold
from models.part import LineState, OrderStatus, PartRef, TrackingEvent
from models.request import Stage
from tasks import held
from tests.flows.conftest import World
from tests.flows.test_parts_loop import REQUEST, answer, asked, one_pass, request_of


async def ordered(world: World) -> None:
    await asked(world)
    await answer(world)
    assert [item.outcome for item in await one_pass()] == ["ordered"]


def says(world: World, **status: object) -> None:
    """Let Marcone say this of the order from now on."""
    known = world.marcone.statuses["90001"]
    world.marcone.statuses["90001"] = known.model_copy(update=status)


async def test_an_unchanged_order_tells_nobody_anything(world: World) -> None:
    """PL-33: no note, no message, no write."""
    await ordered(world)
    boards, letters = len(world.jobs.boards), len(world.letters)
    assert [item.outcome for item in await one_pass("eta-watch")] == ["unchanged"]
    assert (len(world.jobs.boards), len(world.letters)) == (boards, letters)


async def test_a_date_is_written_to_the_job_with_its_source(world: World) -> None:
    """PL-7: Marcone's own date replaces the estimate, and says that it is Marcone's."""
    await ordered(world)
    says(world, eta=date(2030, 10, 3))
    assert [item.outcome for item in await one_pass("eta-watch")] == ["accepted"]
    assert world.jobs.boards[-1].eta == "2030-10-03 (Marcone)"
    assert [item.outcome for item in await one_pass("eta-watch")] == ["unchanged"]


async def test_a_moved_date_keeps_the_old_one_readable(world: World) -> None:
    """PL-28, PL-29."""
    await ordered(world)
    says(world, eta=date(2030, 10, 3))
    await one_pass("eta-watch")
    says(world, eta=date(2030, 10, 9))
    await one_pass("eta-watch")
    assert "2030-10-03" in world.jobs.notes[-1]
    assert "2030-10-09" in world.jobs.notes[-1]
    says(world, eta=date(2030, 10, 3))
    await one_pass("eta-watch")
    assert world.jobs.boards[-1].eta == "2030-10-03 (Marcone)"
    assert len({board.note.marker for board in world.jobs.boards if board.note}) == len(world.jobs.notes)


async def test_a_backorder_without_a_date_invents_none(world: World) -> None:
    """PL-27, PL-31."""
    await ordered(world)
    says(world, state=LineState.BACKORDERED, words="Backordered")
    assert [item.outcome for item in await one_pass("eta-watch")] == ["backordered"]
    assert world.jobs.boards[-1].eta == "no date yet"
    assert "Backordered at Marcone" in world.jobs.notes[-1]


async def test_the_last_part_to_arrive_takes_the_job_off_hold(world: World) -> None:
    """PL-32: confirmation, shipment and arrival each move the job."""
    await ordered(world)
    says(world, state=LineState.SHIPPED, words="Shipped", tracking=("775500000001",))
    await one_pass("eta-watch")
    assert world.jobs.boards[-1].status == "shipped"
    world.marcone.scans["775500000001"] = (TrackingEvent(at="2030-10-03T10:00:00", description="Delivered"),)
    assert [item.outcome for item in await one_pass("eta-watch")] == ["delivered"]
    assert (await request_of(world)).stage == Stage.ARRIVED
    assert world.jobs.boards[-1].hold is Hold.RELEASE
    assert await one_pass("eta-watch") == []


async def test_a_split_order_is_followed_in_all_its_parts(world: World) -> None:
    """FACTS section 7: one order number per shipping warehouse; arrived when all are."""
    from models.part import Placement

    world.marcone.answer = lambda _: Placement(order_numbers=("90001", "90002"))
    for number in ("90001", "90002"):
        world.marcone.statuses[number] = OrderStatus(order_number=number, state=LineState.ACCEPTED, words="Open")
    await ordered(world)
    says(world, state=LineState.DELIVERED, words="Delivered")
    await one_pass("eta-watch")
    assert (await request_of(world)).stage == Stage.ORDERED
    world.marcone.statuses["90002"] = world.marcone.statuses["90002"].model_copy(update={"state": LineState.DELIVERED})
    await one_pass("eta-watch")
    assert (await request_of(world)).stage == Stage.ARRIVED


async def test_another_part_on_the_order_is_put_in_front_of_a_person_once(world: World) -> None:
    """PL-13: Marcone substitutes without asking."""
    await ordered(world)
    says(world, parts=(PartRef(make="WPL", number="W99999999"),))
    await one_pass("eta-watch")
    await one_pass("eta-watch")
    entries = [entry for entry in await world.books.held.list("demo") if entry.process == "substitutions"]
    assert len(entries) == 1
    assert sum("W99999999" in note for note in world.jobs.notes) == 1


async def test_an_order_the_distributor_does_not_know_is_held_and_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 3."""
    await ordered(world)

    async def unknown(_: str) -> OrderStatus:
        raise NotFoundError("Order not found.", "Ask Marcone.")

    monkeypatch.setattr(world.marcone, "order_status", unknown)
    assert [item.outcome for item in await one_pass("eta-watch")] == ["held"]
    [entry] = await world.books.held.list("demo")
    assert "90001" in entry.reason


async def test_a_distributor_that_is_away_fails_the_pass_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next pass looks again."""
    await ordered(world)

    async def away(_: str) -> OrderStatus:
        raise TransientError("Marcone does not answer.", "It is tried again.")

    monkeypatch.setattr(world.marcone, "order_status", away)
    monkeypatch.setattr("tasks.orders.look_at_orders.retries", 0)
    report = await run_process("eta-watch", "demo")
    assert report.counts()["failed"] == 1
    assert (await request_of(world, REQUEST)).stage == Stage.ORDERED


async def test_an_order_the_distributor_canceled_is_held_for_a_person(world: World) -> None:
    """PL-59: it is not coming; a retry asks the technician again."""
    await ordered(world)
    says(world, state=LineState.CANCELED, words="Cancelled")
    assert [item.outcome for item in await one_pass("eta-watch")] == ["canceled"]
    [entry] = await world.books.held.list("demo")
    assert "canceled" in entry.reason
    await held.retry(world.books, entry.id or 0)
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
