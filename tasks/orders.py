"""Following open orders: what the distributor and the carrier say now, and what that means for the job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from prefect import task

from decisions import events
from decisions.eta import (
    Expected,
    OrderSeen,
    Together,
    Tracking,
    all_parcels,
    combine,
    detect_substitution,
    expected,
    next_look,
    read_tracking,
)
from decisions.messages import told_digest
from models.base import DomainModel, JobRef, utc_now
from models.errors import RejectedError
from models.job import Hold
from models.part import LineState, OrderStatus, PartRef
from models.request import CLOSED, Stage
from models.tables import PartOrderRow, PartRequestRow
from tasks.board import read_eta
from tasks.house import House, open_house
from tasks.ordering import tell_substitution
from tasks.parts import read_job
from tasks.requests import move, story_of
from tasks.retrying import RETRY_DELAYS_S, is_transient


class Look(DomainModel):
    """What a look at one request's orders gave."""

    request_id: str
    outcome: str
    """unchanged, held, or the state the orders are in now."""
    words: str = ""


@task(
    task_run_name="look at {count} orders, page {page}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
)
async def look_at_orders(shop: str, request_ids: list[str], *, page: int, count: int) -> list[Look]:  # noqa: ARG001
    """Look at the open orders of a page of requests. An unchanged one tells nobody anything (PL-33).

    Raises: TransientError, UnauthorizedError: the distributor is away, nothing was decided; the next pass looks again.
    """
    async with open_house(shop) as house:
        return [await _look(house, request_id) for request_id in request_ids]


async def _look(house: House, request_id: str) -> Look:
    request = await house.books.requests.get(request_id)
    orders = await house.books.orders.for_request(request_id)
    if request is not None and request.stage in CLOSED:
        await _close(house, orders)  # an earlier pass told its end, and died before it closed them
    if request is None or request.stage != Stage.ORDERED or not any(order.is_open for order in orders):
        return Look(request_id=request_id, outcome="unchanged")
    today = utc_now().astimezone(house.shop.zone).date()
    seen: list[OrderSeen] = []
    over: list[PartOrderRow] = []
    for order in orders:
        if not order.is_open:
            seen.append(_as_kept(order))
            continue
        try:
            status = await house.distributor.order_status(order.order_number)
        except RejectedError as error:
            return await _not_known(house, request, order, error)
        found, is_over = await _read_order(house, request, order, status, today)
        seen.append(found)
        over += [order] if is_over else []
    look = await _settle(house, request, combine(seen), today)
    # Last of all: closed orders are not looked at again, so what a dying pass had not told would never be told.
    await _close(house, over)
    return look


async def _close(house: House, orders: Sequence[PartOrderRow]) -> None:
    for order in orders:
        if order.is_open and order.id is not None:
            await house.books.orders.update(order.id, is_open=False)


async def _read_order(
    house: House, request: PartRequestRow, order: PartOrderRow, status: OrderStatus, today: date
) -> tuple[OrderSeen, bool]:
    """Work out where one order stands and when it comes, and keep it. The bool tells whether it is over."""
    parcels = all_parcels([await _read_parcel(house, number, today) for number in status.tracking])
    state = LineState.DELIVERED if parcels.delivered else status.state
    when = expected(
        status.model_copy(update={"state": state}),
        ordered_on=date.fromisoformat(order.ordered_on),
        transit_days=order.transit_days,
        today=today,
        tracking=parcels,
        distributor=house.distributor.name,
    )
    now = utc_now()
    again = next_look(state, when.eta, order.looks, now)
    if order.id is not None:
        await house.books.orders.update(
            order.id,
            state=state.value,
            words=status.words,
            eta=when.eta.on.isoformat() if when.eta.on else "",
            eta_basis=when.eta.basis.value,
            tracking=list(status.tracking),
            invoice_number=status.invoice_number,
            looks=order.looks + 1,
            looked_at=now,
            next_look_at=again or now,
        )
    if await house.books.held.find(request.shop, "eta-watch", order.order_number):
        await house.books.held.release(request.shop, "eta-watch", order.order_number)
    other = detect_substitution(PartRef(make=request.make, number=request.part_number), status)
    if other is not None and str(other.shipped) != request.substituted_by:
        await tell_substitution(
            house, request, other, await read_job(request.shop, JobRef(request.job), request.job_number)
        )
    return OrderSeen(order.order_number, state, when), again is None


async def _read_parcel(house: House, number: str, today: date) -> Tracking:
    try:
        return read_tracking(await house.distributor.track(number), today)
    except RejectedError:
        return Tracking()  # another carrier's number: FedEx and UPS only (FACTS section 9)


_AFTER = {LineState.DELIVERED: Stage.ARRIVED, LineState.CANCELED: Stage.HELD}
"""Where a request goes when all its orders are over."""


async def _settle(house: House, request: PartRequestRow, now: Together, today: date) -> Look:
    """Tell what is new, once, and keep what was told in the same transaction."""
    tracking = [number for order in await house.books.orders.for_request(request.id) for number in order.tracking]
    digest = told_digest(now.state, now.eta, tracking)
    if digest == request.told:
        return Look(request_id=request.id, outcome="unchanged", words=now.words)
    job = await read_job(request.shop, JobRef(request.job), request.job_number)
    request = await house.books.requests.get(request.id) or request
    outgoing = events.changed(
        story_of(house, request),
        job=job,
        was_state=LineState(request.line_state),
        was=read_eta(request),
        now=now,
        tracking=tracking,
        today=today,
    )
    stage = _AFTER.get(now.state, Stage(request.stage))
    await move(
        house,
        request,
        stage,
        now.words,
        outgoing=outgoing.model_copy(update={"hold": await _hold_after(house, request, stage)}),
        line_state=now.state.value,
        eta=now.eta.on.isoformat() if now.eta.on else "",
        eta_basis=now.eta.basis.value,
        told=digest,
        changes=request.changes + 1,
    )
    if now.state is LineState.CANCELED:
        await _hold_canceled(house, request)
    return Look(request_id=request.id, outcome=now.state.value, words=now.words)


async def _hold_canceled(house: House, request: PartRequestRow) -> None:
    """The distributor canceled the order: a person decides whether it is ordered again."""
    name = house.distributor.name
    why = f"{name} canceled order {request.po_number}: {request.part_number} is not coming."
    fix = "Retry to ask the technician again with fresh prices, or find the part elsewhere."
    await house.books.held.hold(request.shop, "parts-loop", request.id, reason=why, fix=fix, field="order")


async def _hold_after(house: House, request: PartRequestRow, stage: Stage) -> Hold:
    """Take the job off hold when its last part has arrived."""
    if stage != Stage.ARRIVED:
        return Hold.LEAVE
    others = await house.books.requests.list(shop=request.shop, job=request.job, is_open=True)
    return Hold.LEAVE if any(other.id != request.id for other in others) else Hold.RELEASE


async def _not_known(house: House, request: PartRequestRow, order: PartOrderRow, error: RejectedError) -> Look:
    """The distributor does not know its own order: a person asks, and the others go on."""
    name = house.distributor.name
    why = f"{name} does not show order {order.order_number} (PO {order.po_number}): {error.message}"
    fix = f"Ask {name} about PO {order.po_number}; the order is looked at again on every pass."
    await house.books.held.hold(request.shop, "eta-watch", order.order_number, reason=why, fix=fix)
    return Look(request_id=request.id, outcome="held", words=f"{why} {fix}")


def _as_kept(order: PartOrderRow) -> OrderSeen:
    return OrderSeen(order.order_number, LineState(order.state), Expected(read_eta(order), order.words))
