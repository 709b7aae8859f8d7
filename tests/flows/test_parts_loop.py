"""The parts loop, from the diagnosis to the order, one truth a test."""

from __future__ import annotations

import pytest

from flows.running import run_process
from models.approval import Answer
from models.request import Stage
from tasks.approvals import Settled, answer_question
from tests.flows.conftest import World
from tests.flows.fakes import a_diagnosis


async def approve(world: World, approval_id: str, by: str = "Dana Whitfield", **said: object) -> Settled:
    """Approve as a technician does on the command line."""
    answer = Answer(decision="approve", by=by, via="command line").model_copy(update=said)
    settled = await answer_question(world.books, world.house.shop, approval_id, answer)
    assert isinstance(settled, Settled), settled
    return settled


async def test_a_diagnosed_part_is_asked_approved_and_ordered_once(world: World) -> None:
    """PL-3, PL-4, PL-6, PL-10, PL-14: nothing is typed twice, nothing is ordered before the yes, and only once."""
    world.jobs.diagnoses = [a_diagnosis()]

    asked = await run_process("diagnosis-watch", "demo")
    assert [(item.id, item.outcome) for item in asked.items] == [("demo-48213-1", "awaiting_approval")]
    assert world.marcone.orders == []
    assert "waits for approval" in world.jobs.notes[0]

    await approve(world, "demo-48213-1-r1")
    ordered = await run_process("parts-loop", "demo")
    assert [item.outcome for item in ordered.items] == ["ordered"]
    [order] = world.marcone.orders
    assert (order.po_number, order.terms.part_number, order.terms.branch) == ("48213-1", "WPW10348269", "601")

    again = await run_process("parts-loop", "demo")
    assert again.items == []
    assert len(world.marcone.orders) == 1
    request = await world.books.requests.get("demo-48213-1")
    assert request is not None
    assert request.stage == Stage.ORDERED
