"""A diagnosis that is changed, taken off the job, or put back, and the order that may be going out meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.approval import ApprovalStatus
from models.job import DiagnosedPart, DiagnosisPlace
from models.part import Placement
from models.request import Stage
from tasks import diagnosis
from tasks.diagnosis import find_diagnosed_parts
from tasks.parts import place_order
from tests.flows.conftest import World
from tests.flows.fakes import a_candidate, a_diagnosis
from tests.flows.test_parts_loop import QUESTION, REQUEST, answer, one_pass, request_of

FIELD = DiagnosisPlace(prefix="fake/48213/field/", words='job 48213, field "Part number"')


def in_field(number: str = "WPW10348269", **changes: object) -> DiagnosedPart:
    return a_diagnosis(number, source_key=f"{FIELD.prefix}{number}", **changes)


def stands(world: World, *parts: DiagnosedPart) -> None:
    """Write these parts, and no others, into the job's field."""
    world.jobs.diagnoses, world.jobs.places = list(parts), [FIELD]
    for part in parts:
        world.marcone.parts.setdefault(part.numbers[0], (a_candidate(part.numbers[0]),))


async def asked(world: World) -> None:
    stands(world, in_field())
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]


async def status_of(world: World, question: str = QUESTION) -> str:
    row = await world.books.approvals.get(question)
    assert row is not None
    return row.status


async def test_a_part_taken_off_the_job_ends_its_question_and_the_job_is_told(world: World) -> None:
    """PL-12, PL-59: an emptied field, a dismissed estimate or an item taken off it all read so: nothing stands there."""
    await asked(world)
    stands(world)
    await one_pass("diagnosis-watch")
    assert (await request_of(world)).stage == Stage.TAKEN_OUT
    assert await status_of(world) == ApprovalStatus.VOID
    assert "stands no longer in job 48213" in world.jobs.notes[-1]
    assert world.jobs.boards[-1].status == "taken off the job"

    told = len(world.jobs.boards)
    assert await one_pass("diagnosis-watch") == []
    assert await one_pass() == []
    assert (len(world.jobs.boards), world.marcone.orders) == (told, [])


async def test_a_held_part_taken_off_the_job_leaves_the_held_list(world: World) -> None:
    """PL-59: nobody is asked to mend what is no longer wanted."""
    stands(world, in_field())
    del world.marcone.parts["WPW10348269"]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["held"]
    stands(world)
    await one_pass("diagnosis-watch")
    assert await world.books.held.list("demo") == []
    assert "stands no longer" in world.jobs.notes[-1]


async def test_a_part_put_back_on_the_job_is_asked_about_again(world: World) -> None:
    """PL-3: an estimate that was dismissed and sold after all, or a number typed once more, is a diagnosis again."""
    await asked(world)
    stands(world)
    await one_pass("diagnosis-watch")
    stands(world, in_field())
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]
    await answer(world, f"{REQUEST}-r2")
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert [order.po_number for order in world.marcone.orders] == ["48213-1-R2"]


async def test_an_ordered_part_taken_off_the_job_stays_ordered(world: World) -> None:
    """PL-14: what is on its way is on its way."""
    await asked(world)
    await answer(world)
    await one_pass()
    stands(world)
    await one_pass("diagnosis-watch")
    assert (await request_of(world)).stage == Stage.ORDERED
    assert await status_of(world) == ApprovalStatus.CONSUMED


def _taken_off(world: World) -> None:
    stands(world)


def _changed(world: World) -> None:
    stands(world, in_field(quantity="2"))


CHANGES = [pytest.param(_taken_off, id="taken off the job"), pytest.param(_changed, id="another quantity")]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_on_the_job_is_taken_over_whole_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[World], None]
) -> None:
    """PL-12: killed between the end of its question and the end of its request, the next look finds it unchanged."""
    await asked(world)
    change(world)
    whole = diagnosis.move_in

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnosis, "move_in", killed)
    with pytest.raises(KeyboardInterrupt):
        await find_diagnosed_parts.fn("demo")
    assert await status_of(world) == ApprovalStatus.REQUESTED
    assert (await request_of(world)).stage == Stage.AWAITING_APPROVAL

    monkeypatch.setattr(diagnosis, "move_in", whole)
    await one_pass("diagnosis-watch")
    assert await status_of(world) == ApprovalStatus.VOID
    assert (await request_of(world)).stage in {Stage.TAKEN_OUT, Stage.AWAITING_APPROVAL}
    assert world.marcone.orders == []


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_while_the_order_goes_out_leaves_the_order_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[World], None]
) -> None:
    """PL-10, PL-60: the approval is used up, so the order is followed and nothing about it is asked anew."""
    await asked(world)
    await answer(world)
    on_its_way, may_answer = asyncio.Event(), asyncio.Event()
    place = world.marcone.place

    async def slow(*given: Any) -> Placement:
        on_its_way.set()
        await may_answer.wait()
        return await place(*given)

    monkeypatch.setattr(world.marcone, "place", slow)
    ordering = asyncio.create_task(one_pass())
    await asyncio.wait_for(on_its_way.wait(), 30)
    change(world)
    await find_diagnosed_parts.fn("demo")
    assert await status_of(world) == ApprovalStatus.CONSUMED
    may_answer.set()
    assert [item.outcome for item in await ordering] == ["ordered"]
    assert (await request_of(world)).stage == Stage.ORDERED
    assert len(world.marcone.orders) == 1


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_while_the_order_waits_for_its_turn_stops_it(
    world: World, change: Callable[[World], None]
) -> None:
    """PL-10, PL-12: nothing was sent, so what stands on the job now decides, and nobody has to set anything free."""
    await asked(world)
    await answer(world)
    world.marcone.queue.clear()
    ordering = asyncio.create_task(one_pass())
    await asyncio.wait_for(world.marcone.has_queued.wait(), 30)
    change(world)
    await find_diagnosed_parts.fn("demo")
    world.marcone.queue.set()
    assert [item.outcome for item in await ordering] == ["unchanged"]
    assert world.marcone.orders == []
    assert await world.books.held.list("demo") == []
    assert (await request_of(world)).stage in {Stage.TAKEN_OUT, Stage.FOUND}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_and_the_order_at_the_same_moment_are_one_or_the_other(
    world: World, change: Callable[[World], None]
) -> None:
    """PL-10: whoever uses or closes the approval first wins; never an order for a question that was closed."""
    await asked(world)
    for turn in range(1, 7):
        question = f"{REQUEST}-r{turn}"
        await answer(world, question)
        change(world)
        placing = asyncio.create_task(place_order.fn("demo", question, f"48213-1-R{turn}", "48213"))
        await asyncio.sleep(0.001 * turn)
        await find_diagnosed_parts.fn("demo")
        await asyncio.gather(placing, return_exceptions=True)
        status, request = await status_of(world, question), await request_of(world)
        if status == ApprovalStatus.CONSUMED:
            assert request.stage == Stage.AWAITING_APPROVAL
            assert len(world.marcone.orders) == 1
            return
        assert (status, world.marcone.orders) == (ApprovalStatus.VOID, [])
        stands(world, in_field(quantity=f"{turn + 2}"))
        assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]
