"""An approved order in the distributor's queue: who is killed there has sent nothing, and nobody has to look."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import TransientError
from connectors.limits import Turn
from models.approval import ApprovalStatus
from models.request import Stage
from tasks.parts import order_key, place_order
from tests.flows.conftest import World
from tests.flows.fakes import FakeMarcone
from tests.flows.test_parts_loop import QUESTION, answer, asked, one_pass, request_of


async def _canceled_in_the_queue(world: World) -> None:
    world.marcone.queue.clear()
    order = asyncio.create_task(place_order.fn("demo", QUESTION, "48213-1", "48213"))
    await asyncio.wait_for(world.marcone.has_queued.wait(), 30)
    order.cancel()
    with pytest.raises(asyncio.CancelledError):
        await order
    world.marcone.queue.set()


async def test_killed_while_the_order_waits_for_its_turn_the_next_pass_orders(world: World) -> None:
    """PL-60: nothing was sent, so the approval is unused, nothing is unresolved, and the order goes out once."""
    await asked(world)
    await answer(world)
    await _canceled_in_the_queue(world)

    assert await world.books.effects.status(order_key("demo", QUESTION)) is None
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    assert row.status == ApprovalStatus.APPROVED

    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert [order.po_number for order in world.marcone.orders] == ["48213-1"]
    assert await world.books.held.list("demo") == []


async def test_a_turn_gone_stale_while_the_intent_was_written_is_taken_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PL-60: an order too late for its turn is not sent and not in doubt; its approval serves the next try."""
    sent = FakeMarcone.place
    late = [True]

    async def place(self: FakeMarcone, order: object, turn: Turn | None = None) -> object:
        if late.pop() if late else False:
            raise TransientError("Too slow: nothing was sent.", "Truckroll tries again by itself.")
        return await sent(self, order, turn)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeMarcone, "place", place)
    await asked(world)
    await answer(world)
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert world.marcone.queued == 2
    assert len(world.marcone.orders) == 1
    assert (await request_of(world)).stage == Stage.ORDERED
