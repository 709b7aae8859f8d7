"""Orders: shipping methods, address check, quote, purchase order. Source: FACTS 7 and 8."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from sandbox.clock import add_business_days, as_day
from sandbox.marcone.door import TheMarcone, api
from sandbox.marcone.lookup import check_account
from sandbox.marcone.placing import DeclinedError, Wanted, place, resolve
from sandbox.marcone.state import Marcone, transaction_id
from sandbox.marcone.warehouses import WAREHOUSES, transit_days
from sandbox.strict import QueryInt, StrictBody, read_body, read_query

router = api("orders")

OPAQUE = "Unknown error; retry again later."


class AddressBody(StrictBody):
    """Source: `Address`."""

    name: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""

    def problems(self) -> list[str]:
        """Return what keeps a parcel from being sent there."""
        found = [f"{name} is missing" for name in ("address1", "city") if not getattr(self, name).strip()]
        if not re.fullmatch(r"[A-Za-z]{2}", self.state):
            found.append("state must be two letters")
        if not re.fullmatch(r"\d{5}(-\d{4})?", self.zip):
            found.append("zip must be a ZIP code")
        return found


class CheckAddressBody(AddressBody):
    """An address with the account number beside it."""

    cust_no: int


class MethodsBody(StrictBody):
    """Which warehouse's methods."""

    cust_no: int
    warehouse_number: str


class MethodsQuery(BaseModel):
    """The same in a query string (D2)."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    cust_no: QueryInt | None = None
    warehouse_number: str | None = None


class LineBody(StrictBody):
    """Source: `OrderItem`."""

    make: str
    part_number: str
    quantity: int = Field(ge=1)
    reference: str = ""
    warehouse_number: str = ""


class PurchaseBody(StrictBody):
    """Source: `PurchaseOrderRequest`; a missing account number is answered opaquely, as the vendor does."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=lambda name: "eP_" + to_pascal(name[3:]) if name.startswith("ep_") else to_camel(name),
    )

    cust_no: int | None = None
    po_number: str = Field(min_length=1)
    warehouse_number: str = ""
    shipping_method: str = ""
    ship_to: AddressBody
    purchase_order_items: list[LineBody] = Field(min_length=1)
    ep_ship_to_customer: int | None = None
    ep_ship_to_branch: str | None = None
    ep_internal_notes: str | None = None
    ep_shipping_instructions: str | None = None
    ep_order_by: str | None = None
    ep_writer: str | None = None
    ep_required_date: str | None = None
    ep_business_unit: str | None = None


class CartBody(StrictBody):
    """Source: `CartOrderRequest`: the warehouse is a number here, the method an id."""

    cust_no: int
    po_number: str | None = None
    warehouse_number: int | None = None
    ship_to: AddressBody | None = None
    shipping_method_id: int | None = None
    cart_order_items: list[LineBody] = Field(min_length=1)


@router.post("/getshippingmethods")
async def list_methods(request: Request) -> JSONResponse:
    """List the ways one warehouse ships."""
    body = await read_body(MethodsBody, request)
    check_account(body.cust_no)
    return _methods(body.warehouse_number)


@router.get("/getshippingmethods")
async def list_methods_by_query(request: Request) -> JSONResponse:
    """List the ways one warehouse ships; asked by query string."""
    query = read_query(MethodsQuery, request)
    if query.cust_no is not None:
        check_account(query.cust_no)
    return _methods(query.warehouse_number or "")


def _methods(number: str) -> JSONResponse:
    warehouse = WAREHOUSES.get(number)
    rows = [
        {
            "shippingMethodId": one.id,
            "shippingMethodName": one.name,
            "description": one.name,
            "carrier": one.carrier,
        }
        for one in (warehouse.methods if warehouse else ())
    ]
    return JSONResponse({"transactionId": transaction_id(), "shippingMethods": rows})


@router.post("/validateaddress")
async def validate_address(request: Request) -> JSONResponse:
    """Check a ship-to address by its form."""
    body = await read_body(CheckAddressBody, request)
    check_account(body.cust_no)
    problems = body.problems()
    address = body.model_dump(by_alias=True, exclude={"cust_no"})
    answer = {
        "transactionId": transaction_id(),
        "isValid": not problems,
        "validatedAddress": {**address, "state": body.state.upper()},
        "messages": problems,
    }
    return JSONResponse(answer)


@router.post("/cartorder")
async def quote_cart(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Quote freight and total; creates nothing."""
    body = await read_body(CartBody, request)
    check_account(body.cust_no)
    answer: dict[str, Any] = {
        "transactionId": transaction_id(),
        "deliveryChg": 0.0,
        "cartTotal": 0.0,
        "eta": None,
        "substitutions": [],
    }
    default = str(body.warehouse_number) if body.warehouse_number is not None else ""
    try:
        lines = resolve(marcone, _wanted(body.cart_order_items), default, None)
    except DeclinedError as declined:
        return JSONResponse({**answer, "errorMessage": declined.reason})
    warehouse = WAREHOUSES.get(lines[0].warehouse)
    methods = {one.id: one for one in warehouse.methods} if warehouse else {}
    method = methods.get(body.shipping_method_id or 20)
    freight = Decimal(method.cost) if method else Decimal(0)
    goods = sum((line.part.price * line.quantity for line in lines), Decimal(0))
    answer |= {"deliveryChg": float(freight), "cartTotal": float(goods + freight)}
    answer["substitutions"] = [line.substitution for line in lines if line.substitution]
    if warehouse and body.ship_to and body.ship_to.zip and not any(line.backordered for line in lines):
        ready = marcone.clock.now() + timedelta(days=1)
        answer["eta"] = as_day(add_business_days(ready, transit_days(warehouse, body.ship_to.zip)))
    return JSONResponse(answer)


@router.post("/purchaseorder")
async def purchase(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Place a real order. Only a non-empty `orderNumbers` means placed; a resend makes a second order (FACTS 8)."""
    body = await read_body(PurchaseBody, request)
    if body.cust_no is None:
        return JSONResponse(_declined(OPAQUE))
    check_account(body.cust_no)
    try:
        _check_header(marcone, body)
        lines = resolve(
            marcone, _wanted(body.purchase_order_items), body.warehouse_number, body.shipping_method or None
        )
    except DeclinedError as declined:
        return JSONResponse(_declined(declined.reason))
    numbers = place(marcone, lines, body.po_number, body.shipping_method, body.ship_to.model_dump(by_alias=True))
    answer = {
        "transactionId": transaction_id(),
        "orderNumbers": numbers,
        "substitutions": [line.substitution for line in lines if line.substitution],
        "status": "",
        "reason": "",
        "success": marcone.switches.success_flag,
        "errorCode": "",
    }
    return JSONResponse(answer)


def _check_header(marcone: Marcone, body: PurchaseBody) -> None:
    """Raise DeclinedError for an address no parcel reaches, or a PO number the switches refuse to take twice."""
    if problems := body.ship_to.problems():
        raise DeclinedError(f"Ship-to address refused: {'; '.join(problems)}.")
    known = {order.po_number for order in marcone.orders.values()}
    if marcone.switches.duplicate_po == "reject" and body.po_number in known:
        raise DeclinedError(f"PO number {body.po_number} was used before.")


def _wanted(items: list[LineBody]) -> list[Wanted]:
    return [Wanted(one.make, one.part_number, one.quantity, one.reference, one.warehouse_number) for one in items]


def _declined(reason: str) -> dict[str, Any]:
    return {
        "transactionId": transaction_id(),
        "orderNumbers": [],
        "substitutions": [],
        "status": "",
        "reason": reason,
        "success": False,
        "errorCode": "",
    }
