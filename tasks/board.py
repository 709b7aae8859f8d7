"""Writing the truth about a job's parts into the job: fields, note, hold, next visit; once per event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from prefect import task

from decisions.board import PartOnBoard, board_for
from decisions.words import branch_label
from models.approval import Offer
from models.base import JobRef, RequestId
from models.job import Board, BoardNote, Hold, PublishReport
from models.part import Eta, EtaBasis, LineState
from models.request import Stage
from models.tables import PartOrderRow, PartRequestRow
from store.effects import model_codec
from tasks.board_keys import board_key
from tasks.house import House, open_house
from tasks.retrying import RETRY_DELAYS_S, is_unsettled


@task(
    task_run_name="write into job {job_number}: {word}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_unsettled,
)
async def publish_event(
    shop: str,
    job: str,
    job_number: str,  # noqa: ARG001  named in the task run
    *,
    event: str,
    word: str,  # noqa: ARG001
    note: BoardNote | None,
    hold: Hold = Hold.LEAVE,
) -> PublishReport:
    """Write the whole board of a job after an event, once; the event's second call writes nothing.

    The board is made from the store under the job's lease, so the last one written is the whole truth. A write whose
    answer was lost is repeated by looking for its note first (contracts/job_platforms/PORT.md, `publish`).
    Raises: TransientError, AmbiguousWriteError (repeated here), RejectedError, BusyError.
    """
    async with open_house(shop) as house, house.books.leases.hold(f"{shop}/job/{job}/board", wait_s=60):

        async def write(*, look_first: bool) -> PublishReport:
            return await house.platform.publish(await read_board(house, job, note, hold), look_first=look_first)

        return await house.books.effects.once(
            board_key(shop, job, event),
            create=lambda: write(look_first=False),
            find=lambda: write(look_first=True),
            codec=model_codec(PublishReport),
            wait_s=60,
        )


async def read_board(house: House, job: str, note: BoardNote | None, hold: Hold) -> Board:
    """Put together what the store knows of the job's parts."""
    shop = house.shop.name
    requests = await house.books.requests.list(shop=shop, job=job)
    parts = [await _on_board(house, request) for request in requests if request.stage != Stage.OUTSIDE_PILOT]
    revision = await house.books.requests.bump_board(shop, job)
    return board_for(JobRef(job), parts, revision=revision, note=note, hold=hold, distributor=house.distributor.name)


async def _on_board(house: House, request: PartRequestRow) -> PartOnBoard:
    orders = await house.books.orders.for_request(RequestId(request.id))
    return PartOnBoard(
        request_id=RequestId(request.id),
        part_number=request.part_number or _as_diagnosed(request),
        description=request.description,
        quantity=request.quantity or 1,
        stage=Stage(request.stage),
        reason=request.stage_words,
        unit_price=Decimal(request.unit_price) if request.unit_price else None,
        branch=request.branch,
        order_numbers=tuple(order.order_number for order in orders),
        state=LineState(request.line_state) if request.line_state else None,
        eta=read_eta(request),
        transit_days=_transit_days(orders),
        tracking=tuple(number for order in orders for number in order.tracking),
    )


def read_eta(row: PartRequestRow | PartOrderRow) -> Eta:
    """Read the ETA a row keeps."""
    on = date.fromisoformat(row.eta) if row.eta else None
    return Eta(on=on, basis=EtaBasis(row.eta_basis) if on else EtaBasis.NONE)


def on_offer(offer: Offer) -> dict[str, Any]:
    """Return what a request shows while its question is open: the suggested part, or the choice."""
    first = offer.parts[0]
    if offer.must_choose:
        numbers = " or ".join(dict.fromkeys(part.part.number for part in offer.parts))
        return {"part_number": numbers, "make": "", "description": "", "quantity": offer.quantity, "unit_price": ""}
    return {
        "part_number": first.part.number,
        "make": first.part.make,
        "description": first.part.description,
        "quantity": offer.quantity,
        "unit_price": str(first.unit_price),
        "branch": branch_label(first.branches[0]) if first.branches else "",
    }


def _as_diagnosed(request: PartRequestRow) -> str:
    numbers: list[str] = request.diagnosis.get("numbers") or []
    return numbers[0] if numbers else ""


def _transit_days(orders: Sequence[PartOrderRow]) -> int | None:
    return max((order.transit_days for order in orders if order.transit_days is not None), default=None)
