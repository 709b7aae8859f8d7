"""Where a flow runs: as a deployment's run, or in the foreground."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.context import FlowRunContext

from models.report import RunReport
from models.tables import PartRequestRow
from tasks.house import House
from tasks.order_changes import find_order_change, start_change_run
from tasks.prefect_api import prefect_api
from tasks.runs import find_parts_loop, start_run


def is_deployed() -> bool:
    """Tell whether this run belongs to a deployment: then other runs can be started, and people waited for."""
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


async def remember_run(house: House, request_id: str) -> None:
    """Keep which run has the request, also when a person started it by hand: nobody then starts another."""
    context = FlowRunContext.get()
    if context and context.flow_run and await house.books.requests.get(request_id):
        await house.books.requests.update(request_id, flow_run_id=str(context.flow_run.id))


async def start_runs(house: House, requests: Sequence[PartRequestRow], report: RunReport) -> bool:
    """Start a run of `parts-loop` for each request that never had one. False in the foreground, or if none is served.

    A request whose run ended without finishing it is `reconcile`'s: it continues from the newest run.
    """
    if not is_deployed():
        return False
    async with prefect_api() as api:
        deployment = await find_parts_loop(api, house.shop.name)
        if api is None or deployment is None:
            return False
        for request in requests:
            if request.flow_run_id:
                continue
            await start_run(house.books, api, deployment, request)
            report.add(request.id, "started", f"Job {request.job_number}: a run of the parts loop has it.")
    return True


async def start_change_runs(house: House) -> bool:
    """Start a run of `order-change` for each question about a store order that never had one; see `start_runs`."""
    if not is_deployed():
        return False
    async with prefect_api() as api:
        deployment = await find_order_change(api, house.shop.name)
        if api is None or deployment is None:
            return False
        for question in await house.books.approvals.open_changes(house.shop.name):
            if not question.flow_run_id:
                await start_change_run(house.books, api, deployment, question)
    return True
