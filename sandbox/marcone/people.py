"""The people's side of Marcone: what the warehouse, the buyer and the price list do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.marcone.door import TheMarcone
from sandbox.marcone.state import Marcone, Order, StockedPart, Switches
from sandbox.marcone.warehouses import WAREHOUSES
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/marcone")
Number = Annotated[str, Path(alias="number")]


class ShipBody(PeopleBody):
    """Empty: a tracking number is made up."""

    tracking: str = ""


class EtaBody(PeopleBody):
    """The date the distributor promises; null: none."""

    eta: date | None = None


class PartChange(PeopleBody):
    """What changes on a part; a number not known yet is added, and then needs a make."""

    make: str | None = None
    description: str | None = None
    price: Decimal | None = Field(None, ge=0)
    stock: dict[str, int] | None = None
    discontinued: bool | None = None
    replaced_by: list[str | tuple[str, str]] | None = None
    """Numbers, or [make, number]; a bare number keeps this part's make."""


@router.post("/orders/{number}/ship")
async def ship(request: Request, marcone: TheMarcone, number: Number) -> JSONResponse:
    """Ship the order now, backordered or not."""
    order = _order(marcone, number)
    body = await read_body(ShipBody, request) if await request.body() else ShipBody()
    for line in order.lines:
        line.backordered = 0
    order.shipped_at = marcone.clock.now()
    order.tracking = body.tracking or order.tracking
    return _shown(marcone, order)


@router.post("/orders/{number}/deliver")
async def deliver(marcone: TheMarcone, number: Number) -> JSONResponse:
    """Deliver the order now."""
    order = _order(marcone, number)
    now = marcone.clock.now()
    for line in order.lines:
        line.backordered = 0
    shipped = order.ship_time()
    order.shipped_at = shipped if shipped is not None and shipped <= now else now
    order.delivered_at = now
    return _shown(marcone, order)


@router.post("/orders/{number}/backorder")
async def backorder(request: Request, marcone: TheMarcone, number: Number) -> JSONResponse:
    """Put every line on backorder, with a date or without."""
    order = _order(marcone, number)
    body = await read_body(EtaBody, request) if await request.body() else EtaBody()
    for line in order.lines:
        line.backordered = line.quantity
    order.shipped_at = order.delivered_at = None
    order.eta = body.eta
    return _shown(marcone, order)


@router.post("/orders/{number}/release")
async def release(marcone: TheMarcone, number: Number) -> JSONResponse:
    """End the backorder: stock came in, picking starts now."""
    order = _order(marcone, number)
    for line in order.lines:
        line.backordered = 0
    order.picks_from = marcone.clock.now()
    return _shown(marcone, order)


@router.post("/orders/{number}/eta")
async def set_eta(request: Request, marcone: TheMarcone, number: Number) -> JSONResponse:
    """Set or clear the promised date."""
    order = _order(marcone, number)
    order.eta = (await read_body(EtaBody, request)).eta
    return _shown(marcone, order)


@router.post("/orders/{number}/cancel")
async def cancel(marcone: TheMarcone, number: Number) -> JSONResponse:
    """Cancel the order, as Marcone's staff would; the allocated stock goes back."""
    order = _order(marcone, number)
    for line in order.lines:
        part = marcone.parts.get((line.make, line.part_number))
        if part is not None and order.warehouse in part.stock and order.canceled_at is None:
            part.stock[order.warehouse] += line.quantity - line.backordered
    order.canceled_at = marcone.clock.now()
    return _shown(marcone, order)


@router.post("/parts/{number}")
async def change_part(request: Request, marcone: TheMarcone, number: Number) -> JSONResponse:
    """Change price, stock or replacement of a part, or add one."""
    change = await read_body(PartChange, request)
    if unknown := set(change.stock or {}) - set(WAREHOUSES):
        raise RefusedError(400, f"No such warehouse: {', '.join(sorted(unknown))}.")
    parts = marcone.find(number, change.make)
    if not parts and change.make is None:
        raise RefusedError(404, f"There is no part {number}; to add it, send its make.")
    if not parts:
        assert change.make is not None
        part = StockedPart(change.make, number, change.description or "", change.price or Decimal(0))
        marcone.parts[part.key] = part
        parts = [part]
    for part in parts:
        _apply(part, change)
    shown = {"make", "number", "price", "stock", "is_discontinued", "replaced_by"}
    state = marcone.state()["parts"]
    keys = [list(part.key) for part in parts]
    return JSONResponse(
        {
            "parts": [
                {k: v for k, v in one.items() if k in shown} for one in state if [one["make"], one["number"]] in keys
            ]
        }
    )


def _apply(part: StockedPart, change: PartChange) -> None:
    if change.price is not None:
        part.price = change.price
    if change.description is not None:
        part.description = change.description
    if change.stock is not None:
        part.stock.update(change.stock)
    if change.discontinued is not None:
        part.is_discontinued = change.discontinued
    if change.replaced_by is not None:
        part.replaced_by = [(part.make, one) if isinstance(one, str) else one for one in change.replaced_by]


@router.post("/switches")
async def set_switches(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Change the switches that are named; the others stay."""
    change = await read_body(Switches, request)
    marcone.switches = marcone.switches.model_copy(
        update={name: getattr(change, name) for name in change.model_fields_set}
    )
    return JSONResponse(marcone.switches.model_dump(mode="json"))


def _order(marcone: Marcone, number: str) -> Order:
    if number not in marcone.orders:
        raise RefusedError(404, f"There is no order {number}.")
    return marcone.orders[number]


def _shown(marcone: Marcone, order: Order) -> JSONResponse:
    return JSONResponse(marcone.order_state(order, marcone.clock.now()))
