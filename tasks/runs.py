"""Starting a request's own run of the parts loop, where a technician can be waited for."""

from __future__ import annotations

from uuid import uuid4

from models.tables import PartRequestRow
from store import Books
from tasks.prefect_api import PrefectApi, prefect_api


async def find_parts_loop(api: PrefectApi | None, shop: str) -> str | None:
    """Return the id of the shop's `parts-loop` deployment, or None when nothing serves it here."""
    return await api.find_deployment(f"parts-loop/{shop}") if api else None


async def start_run(books: Books, api: PrefectApi, deployment: str, request: PartRequestRow, *, after: str = "") -> str:
    """Start the request's run, once: the same request, question, stage and predecessor give the same run.

    `after` is the id of an earlier run that ended and left the request open. Returns the run's id.
    """
    numbers: list[str] = request.diagnosis.get("numbers") or ["part"]
    run_id = await api.start_run(
        deployment,
        name=f"job {request.job_number} - {request.part_number or numbers[0]} - {request.stage}",
        parameters={"shop": request.shop, "request": request.id},
        idempotency_key=f"{request.id}/{request.revision}/{request.stage}/{after}",
        tags=[f"shop:{request.shop}", "process:parts-loop", f"state:{request.stage.replace(' ', '-')}"],
    )
    await books.requests.update(request.id, flow_run_id=run_id)
    return run_id


async def start_orders_run(shop: str) -> bool:
    """Start a pass of `order-to-invoice` for the shop, where one is served. A pass under way makes a second needless.

    False when nothing serves it here: the schedule, or a person, starts the next one.
    """
    async with prefect_api() as api:
        deployment = await api.find_deployment(f"order-to-invoice/{shop}") if api else None
        if api is None or deployment is None:
            return False
        await api.start_run(
            deployment,
            name=f"order to invoice - {shop}",
            parameters={"shop": shop},
            idempotency_key=uuid4().hex,
            tags=[f"shop:{shop}", "process:order-to-invoice"],
        )
    return True
