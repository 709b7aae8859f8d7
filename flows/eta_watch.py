"""Watching open orders: a date, a delay, a parcel; told to job, technician and customer when it changes.

docs/processes/eta-watch.md. One run follows all open orders of a shop, a page at a time.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State

from decisions.board import eta_text, status_words
from flows.access import AWAY, PARTS, how_it_ended, may_move, note_away
from flows.running import finish
from flows.telling import tell_the_rest
from models.base import utc_now
from models.part import LineState
from models.report import RunReport
from models.request import Stage
from tasks.board import read_eta
from tasks.house import House, open_house
from tasks.orders import look_at_orders

PAGE = 25
"""Requests a task looks at."""


@flow(name="eta-watch", flow_run_name="ETA watch - {shop}")
async def eta_watch(shop: str, only_due: bool = False) -> State[Any]:
    """Look at every open order of a shop, and tell what changed.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.
        only_due: Leave out the orders whose next look is still ahead; for the schedule, which comes often.

    """
    report = RunReport(process="eta-watch", shop=shop)
    async with open_house(shop, moves_between=PARTS) as house:
        if not await may_move(house, report, *PARTS):
            return await finish(report)
        # 1. Which orders are open, or due.
        orders = await house.books.orders.list_open(shop, due_before=utc_now() if only_due else None)
        requests = list(dict.fromkeys(order.request_id for order in orders))
        pages = [requests[first : first + PAGE] for first in range(0, len(requests), PAGE)]
        # 2. Status, 3. parcels and 4. date of each, 5. put together; 6. what changed goes into store and outbox.
        for number, page in enumerate(pages, start=1):
            try:
                looks = await look_at_orders(shop, page, page=number, count=len(page))
            except AWAY as error:
                await note_away(house, error)
                report.add(f"page {number}", how_it_ended(error), str(error))
                break
            for look in looks:
                report.add(look.request_id, look.outcome, look.words)
        # 7. Told, and shown as a table.
        await tell_the_rest(house, report, asked=[house.distributor.name] if requests else [])
        await show_open_orders(house)
    return await finish(report)


async def show_open_orders(house: House) -> None:
    """Show every open part order of the shop as a table in Prefect."""
    requests = await house.books.requests.list(shop=house.shop.name, stages=[Stage.ORDERED])
    if not requests:
        return
    distributor = house.distributor.name
    await acreate_table_artifact(
        key=f"open-part-orders-{house.shop.name}",
        table=[
            {
                "job": request.job_number,
                "customer": request.customer_name,
                "part": request.part_number,
                "PO": request.po_number,
                "status": status_words(Stage.ORDERED, LineState(request.line_state or "unknown"), distributor),
                "ETA": eta_text(read_eta(request), distributor=distributor),
            }
            for request in requests
        ],
        description=f"Open part orders of {house.shop.name}",
    )
