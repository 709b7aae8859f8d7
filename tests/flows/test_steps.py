"""A step as Prefect sees it: its name, its arguments, and what is kept of it."""

from __future__ import annotations

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.context import FlowRunContext, TaskRunContext

from flows import running
from flows.running import run_process
from models.order_sync import CustomerAccount
from models.report import RunReport
from models.store_order import Buyer, StoreOrder
from tasks.step import step
from tests.unit.orders import line, order

SEEN: list[tuple[str, tuple[str, ...], int]] = []


@step("look at {order.number}")
async def look(shop: str, order: StoreOrder) -> tuple[int, Buyer]:
    """Return which object came in, and a part of it."""
    run = TaskRunContext.get()
    flow_run = FlowRunContext.get()
    assert run is not None
    assert flow_run is not None
    SEEN.append((f"{shop}: {run.task_run.name}", tuple(run.task_run.tags), len(flow_run.run_results)))
    return id(order), order.buyer


@step("open {number}")
async def open_one(number: int) -> CustomerAccount:
    """Return a model of its own."""
    return CustomerAccount(customer=number, location=number, customer_tags=(1,), location_tags=(2,))


@flow
async def probe(shop: str) -> RunReport:
    """Run steps one after the other."""
    for number in range(5):
        mine = order(line(), number=f"CC-{number}")
        came, buyer = await look(shop, order=mine)
        assert came == id(mine)
        assert buyer is mine.buyer
        await open_one(number)
    context = FlowRunContext.get()
    assert context is not None
    assert not context.run_results
    return RunReport(process="probe", shop=shop)


async def test_a_pass_has_its_tags_alone_and_its_steps_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task with tags would ask the server before it begins; a kept result would make memory grow with the orders."""
    monkeypatch.setitem(running.PASSES, "probe", "tests.flows.test_steps:probe")
    SEEN.clear()
    report = await run_process("probe", "demo", ["shop:demo", "process:probe"])
    assert report.process == "probe"
    assert [(f"demo: look at CC-{number}", (), 0) for number in range(5)] == SEEN
    async with get_client() as client:
        ours = FlowRunFilter(tags=FlowRunFilterTags(all_=["process:probe"]))
        (run,) = await client.read_flow_runs(flow_run_filter=ours)
    assert sorted(run.tags) == ["process:probe", "shop:demo"]
