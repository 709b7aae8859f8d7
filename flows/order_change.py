"""Order change: a written store order was cancelled, refunded or edited, and a person decides what becomes of it.

docs/adr/0012-order-changes.md. The ledger is the truth: a run that starts anew, resumed or after a crash, reads what is
answered and done. No flow-level retries: a retried run would ask again.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.access import AWAY, ORDERS, how_it_ended, may_move, note_away
from flows.asking import wait_for_office
from flows.running import finish
from flows.starting import is_deployed
from models.errors import SettingsError, TruckrollError
from models.order_change import KIND, OrderChange
from models.report import RunItem, RunReport
from models.tables import ApprovalRow
from tasks.house import House, open_house
from tasks.order_changes import AWAITING, carry_out_changes, carry_out_or_hold, tell_asked
from tasks.prefect_api import prefect_api


@flow(name="order-change")
async def order_change(shop: str, order: str) -> State[Any]:
    """Ask the office what becomes of one changed store order, wait for the answer, and carry it out.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.
        order: The store's own id of the order, such as 100205.

    """
    async with open_house(shop, moves_between=ORDERS) as house:
        item = await follow_change(house, order)
    message = f"{item.outcome.replace('_', ' ')}: {item.reason}" if item.reason else item.outcome
    if item.outcome == "failed":
        return Failed(message=message, data=item)
    return Completed(message=message, data=item)


@flow(name="order-changes", flow_run_name="order changes, one pass - {shop}")
async def changes_pass(shop: str) -> State[Any]:
    """Carry out every answer about a changed store order that is not carried out yet.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process="order-change", shop=shop)
    async with open_house(shop, moves_between=ORDERS) as house:
        if not await may_move(house, report, *ORDERS):
            return await finish(report)
        try:
            await carry_out_changes(house, report)
        except AWAY as error:
            await note_away(house, error)
            report.add(error.vendor or "vendor", how_it_ended(error), str(error))
    return await finish(report)


async def follow_change(house: House, order_id: str) -> RunItem:
    """Take an order's newest question to its end; suspended while nobody has answered.

    Raises: SettingsError, and Prefect's own signal that the run is suspended; nothing a record or a vendor does.
    """
    row = await house.books.store_orders.get(house.shop.name, order_id)
    number = row.number if row else order_id
    try:
        while True:
            question = await house.books.approvals.newest(row.request_id) if row else None
            if question is None or question.kind != KIND:
                return RunItem(id=number, outcome="failed", reason=f"Nobody was asked about a change of {number}.")
            await _name_run(question)
            item = await carry_out_or_hold(house, question)
            newest = await house.books.approvals.newest(question.request_id) or question
            if item.outcome != AWAITING or not is_deployed():
                await _name_run(newest)
                return item
            await tell_asked(house, newest)
            await wait_for_office(house, newest)
    except SettingsError:
        raise
    except TruckrollError as error:
        if isinstance(error, AWAY):
            await note_away(house, error)
        return RunItem(
            id=number, outcome=how_it_ended(error), reason=f"{error} The next pass of order-to-invoice goes on with it."
        )
    except Exception as error:  # noqa: BLE001  told in the ledger's words; the run's log has the rest
        get_run_logger().exception("The change of order %s stopped on something unforeseen.", number)
        why = f"Unforeseen: {type(error).__name__}. The next pass of order-to-invoice goes on with it."
        return RunItem(id=number, outcome="failed", reason=why)


async def _name_run(question: ApprovalRow) -> None:
    """Name the run as people know it, such as "order CC-100226 - refund after sync - requested", and tag it."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    change = OrderChange.model_validate(question.offer)
    stage = "done" if question.closed_because else question.status
    tags = [tag for tag in run.tags if not tag.startswith("state:")] + [f"state:{stage}"]
    async with prefect_api() as api:
        if api is not None:
            await api.rename_run(str(run.id), f"order {change.number} - {change.what} - {stage}", tags)
