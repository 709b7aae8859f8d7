"""Order status and parcel tracking, both by the sandbox's clock. Source: FACTS 9."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.clock import as_day, as_wire
from sandbox.marcone.door import TheMarcone, api
from sandbox.marcone.lookup import check_account
from sandbox.marcone.state import Marcone, Order, OrderLine, tracking_of, transaction_id
from sandbox.marcone.warehouses import WAREHOUSES, method_named
from sandbox.strict import StrictBody, read_body

router = api("orders")


class StatusBody(StrictBody):
    """Source: `OrderStatusRequest`: one number as text."""

    cust_no: int
    lookup_type: Literal["ByOrderNumber"] = "ByOrderNumber"
    order_number: str


class TrackBody(StrictBody):
    """Which parcel."""

    cust_no: int
    tracking_number: str


@router.post("/orderstatus")
async def order_status(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Answer the status of one order. No ETA unless people set one and the switches show it."""
    body = await read_body(StatusBody, request)
    check_account(body.cust_no)
    result = result_of(marcone, marcone.order(body.order_number))
    return JSONResponse({"transactionId": transaction_id(), marcone.switches.status_wrapper: [result]})


@router.post("/trackpackage")
async def track(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Answer the carrier's scans so far; an unknown number has none."""
    body = await read_body(TrackBody, request)
    check_account(body.cust_no)
    now = marcone.clock.now()
    mine = [order for order in marcone.orders.values() if tracking_of(order) == body.tracking_number]
    events = [event for order in mine for event in events_of(order, now)]
    answer = {
        "transactionId": transaction_id(),
        "trackingNumber": body.tracking_number,
        "packageCount": str(1 if events else 0),
        "events": events,
    }
    return JSONResponse(answer)


def result_of(marcone: Marcone, order: Order) -> dict[str, Any]:
    """Return one `OrderResult`."""
    now = marcone.clock.now()
    switches = marcone.switches
    word = order.status(now)
    shipped = order.ship_time()
    has_left = shipped is not None and now >= shipped
    is_invoiced = word == "Invoiced" and shipped is not None
    warehouse = WAREHOUSES.get(order.warehouse)
    method = method_named(warehouse, order.shipping_method) if warehouse else None
    freight = Decimal(method.cost) if method else Decimal(0)
    eta = as_day(order.eta) if order.eta else None
    answer = {
        "orderNumber": order.number,
        "poNumber": order.po_number,
        "invoiceNumber": order.number if is_invoiced else None,
        "status": word if switches.status_as == "text" else {"statusCode": word, "statusDescription": word},
        "orderDate": as_day(order.placed_at),
        "invoiceDate": as_day(shipped + timedelta(hours=24)) if is_invoiced and shipped else None,
        "trackingNumbers": [tracking_of(order)] if has_left else [],
        "deliveryCharge": float(freight),
        "salesTax": 0.0,
        "totalCharge": float(order.total() + freight),
        "shippingMethod": order.shipping_method,
        "warehouse": {
            "warehouseNumber": order.warehouse,
            "warehouseName": warehouse.name if warehouse else "Ships from the maker",
        },
        "orderItems": [
            _item_of(order, line, word, has_left, eta if switches.eta_on == "items" else None) for line in order.lines
        ],
    }
    if switches.eta_on == "header":
        answer["eta"] = eta
    return answer


def _item_of(order: Order, line: OrderLine, word: str, has_left: bool, eta: str | None) -> dict[str, Any]:
    item = {
        "make": line.make,
        "partNumber": line.part_number,
        "quantity": line.quantity,
        "status": word,
        "quantityShipped": line.quantity if has_left else 0,
        "quantityBackordered": line.backordered,
    }
    if eta is not None:
        item["eta"] = eta
    if has_left:
        item["trackingNumber"] = tracking_of(order)
    return item


def events_of(order: Order, now: datetime) -> list[dict[str, str]]:
    """Return the scans up to now, oldest first."""
    shipped, delivered = order.ship_time(), order.delivery_time()
    if shipped is None or delivered is None:
        return []
    warehouse = WAREHOUSES.get(order.warehouse)
    start = warehouse.name if warehouse else "Maker"
    city, state, zip_code = (order.ship_to.get(name, "") for name in ("city", "state", "zip"))
    scans = [
        (shipped, "Picked up", start, "", ""),
        (shipped + (delivered - shipped) / 2, "In transit", start, "", ""),
        (delivered, "Delivered", city, state, zip_code),
    ]
    return [
        {"dateTime": as_wire(at), "description": words, "city": town, "state": land, "zip": code}
        for at, words, town, land, code in scans
        if at <= now
    ]
