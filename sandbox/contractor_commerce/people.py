"""The people's side of the store: what buyers and the store's own office do."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import Field, ValidationError

from sandbox.contractor_commerce.door import TheStore
from sandbox.contractor_commerce.order_form import OrderForm
from sandbox.contractor_commerce.seed import product
from sandbox.contractor_commerce.selling import OrderWish, add_up, cents, sell, subscription_record, tax_rate_of
from sandbox.contractor_commerce.state import Json, Store, Switches, found
from sandbox.errors import RefusedError
from sandbox.strict import PeopleBody, QueryBool, read_body, read_query

router = APIRouter(prefix="/_sandbox/contractor-commerce")
OrderId = Annotated[int, Path(alias="order_id")]

ENDED = {"completed": "order.completed", "cancelled": "order.cancelled"}


class AnyBody(PeopleBody, extra="allow"):
    """Whatever was sent; it is looked at afterwards."""


class AsIs(PeopleBody):
    """`as_is`: keep a whole order without looking at its fields, so that a broken one can be served."""

    as_is: QueryBool = False


class CancelBody(PeopleBody):
    """Why, and whether the money goes back."""

    reason: str = "Buyer changed their mind"
    refund: bool = True


class RefundBody(PeopleBody):
    """How much goes back; left out: all that is left."""

    amount: Decimal | None = Field(None, gt=0)
    reason: str | None = None
    line_item_id: int | None = None
    quantity: int = Field(0, ge=0)


class EditBody(PeopleBody):
    """What changes on an order. Buyer and address: only the fields named; a quantity is of the first line."""

    quantity: int | None = Field(None, ge=1)
    customer: dict[str, Any] | None = None
    service_address: dict[str, Any] | None = None
    customer_note: str | None = None


class ProductBody(PeopleBody):
    """A product; a known SKU is changed."""

    sku: str
    name: str | None = None
    price: Decimal = Field(ge=0)
    subscription_price: Decimal | None = None
    taxable: bool = True
    active: bool = True


class LeadBody(PeopleBody):
    """A journey somebody filled in."""

    first_name: str = "Lenora"
    last_name: str = "Pike"
    email: str = "lenora.pike@example.com"
    phone: str = "(205) 555-0171"
    journey: str = "New cooling system"
    duplicate: bool = False
    """A second submission: disputed by itself, no event."""


@router.post("/orders")
async def push_order(request: Request, store: TheStore) -> JSONResponse:
    """Place an order: a whole order object (it has `line_items`), or a few words (`sku`, `quantity`, buyer)."""
    as_is = read_query(AsIs, request).as_is
    sent = (await read_body(AnyBody, request)).model_dump()
    if "line_items" not in sent and not as_is:
        try:
            wish = OrderWish.model_validate(sent)
        except ValidationError as wrong:
            raise _refused(wrong) from None
        order = sell(store, wish)
        store.keep(order, "order.created")
    else:
        order = _whole(store, sent, as_is=as_is)
    if order.get("subscription"):
        _keep_subscription(store, order)
    return JSONResponse(order)


@router.post("/orders/{order_id}/pay")
async def pay(store: TheStore, order_id: OrderId) -> JSONResponse:
    """Capture the money of a pending order."""
    order = _order(store, order_id, "pending")
    order.update(status="processing", payment_status="paid", paid_at=store.now())
    for payment in order["payments"]:
        payment.update(status="captured", processed_at=store.now())
    return JSONResponse(store.changed(order, "order.updated"))


@router.post("/orders/{order_id}/complete")
async def complete(store: TheStore, order_id: OrderId) -> JSONResponse:
    """Complete the order: everything is shipped or done."""
    order = _order(store, order_id, "processing")
    order.update(status="completed", fulfillment_status="fulfilled", completed_at=store.now())
    return JSONResponse(store.changed(order, "order.completed"))


@router.post("/orders/{order_id}/cancel")
async def cancel(request: Request, store: TheStore, order_id: OrderId) -> JSONResponse:
    """Cancel the order; money that was taken goes back, unless `refund` is false."""
    order = _order(store, order_id, "pending", "processing")
    body = await read_body(CancelBody, request) if await request.body() else CancelBody()
    order.update(status="cancelled", cancelled_at=store.now(), cancel_reason=body.reason)
    if order["payment_status"] in {"pending", "authorized"}:
        order["payment_status"] = "voided"
    elif body.refund and _left(order) > 0:
        _give_back(store, order, RefundBody(reason=body.reason))
    return JSONResponse(store.changed(order, "order.cancelled"))


@router.post("/orders/{order_id}/refund")
async def refund(request: Request, store: TheStore, order_id: OrderId) -> JSONResponse:
    """Give money back; the order stays as it is."""
    order = _order(store, order_id, "processing", "completed", "cancelled")
    body = await read_body(RefundBody, request) if await request.body() else RefundBody()
    _give_back(store, order, body)
    return JSONResponse(store.changed(order, "order.refunded"))


@router.post("/orders/{order_id}/edit")
async def edit(request: Request, store: TheStore, order_id: OrderId) -> JSONResponse:
    """Change an order after it was placed."""
    order = _order(store, order_id, "pending", "processing", "completed")
    body = await read_body(EditBody, request)
    for name in ("customer", "service_address"):
        order[name] |= getattr(body, name) or {}
    if body.customer_note is not None:
        order["customer_note"] = body.customer_note
    if body.quantity is not None:
        rate = tax_rate_of(order)
        order["line_items"][0]["quantity"] = body.quantity
        add_up(order, rate)
    return JSONResponse(store.changed(order, "order.updated"))


@router.post("/subscriptions/{subscription_id}/renew")
async def renew(store: TheStore, subscription_id: int) -> JSONResponse:
    """Let the next shipment fall due: a new order with the same lines, one further in the sequence."""
    kept = found(store.subscriptions, subscription_id, "Subscription")
    order = deepcopy(store.order(kept["latest_order_id"]))
    order["id"] = store.new_id()
    order.update(number=f"CC-{order['id']}", version=1, status="processing", payment_status="paid", refunds=[])
    order.update(refunded_total="0.00", created_at=store.now(), updated_at=store.now(), paid_at=store.now())
    order.update(completed_at=None, cancelled_at=None, cancel_reason=None, fulfillment_status="unfulfilled")
    order["line_items"] = [line | {"id": store.new_id()} for line in order["line_items"]]
    paid = {"status": "captured", "processed_at": store.now()}
    order["payments"] = [one | paid | {"id": store.new_id()} for one in order["payments"]]
    order["subscription"]["sequence"] += 1
    store.keep(order, "order.created")
    _keep_subscription(store, order)
    return JSONResponse(order)


@router.post("/products")
async def change_product(request: Request, store: TheStore) -> JSONResponse:
    """Add a product, or change the one with this SKU."""
    body = await read_body(ProductBody, request)
    known = next((one for one in store.products.values() if one["sku"] == body.sku), None)
    number: int = known["id"] if known else store.new_id()
    renewal = f"{cents(body.subscription_price)}" if body.subscription_price is not None else None
    name = body.name or (known["name"] if known else body.sku)
    made = product(number, body.sku, name, f"{cents(body.price)}", renewal)
    kept = (
        {"filter": known["filter"], "category": known["category"], "created_at": known["created_at"]} if known else {}
    )
    store.products[number] = made | kept | {"taxable": body.taxable, "active": body.active, "updated_at": store.now()}
    return JSONResponse(store.products[number])


@router.post("/leads")
async def submit_lead(request: Request, store: TheStore) -> JSONResponse:
    """Fill in a journey."""
    body = await read_body(LeadBody, request) if await request.body() else LeadBody()
    who = {"id": None} | body.model_dump(include={"first_name", "last_name", "email", "phone"})
    lead: Json = {
        "id": store.new_id(),
        "journey": {"id": 401, "name": body.journey},
        "customer": who,
        "service_address": {"line1": "318 Vulcan Terrace", "city": "Birmingham", "state": "AL", "zip": "35205"},
        "answers": [{"question": "How old is the system?", "answer": "Over ten years"}],
        "status": "duplicate_disputed" if body.duplicate else "new",
        "submitted_at": store.now(),
        "updated_at": store.now(),
    }
    store.leads[lead["id"]] = lead
    if not body.duplicate:
        store.tell("lead.created", "lead", lead)
    return JSONResponse(lead)


@router.post("/switches")
async def set_switches(request: Request, store: TheStore) -> JSONResponse:
    """Change some switches; the others stay."""
    sent = (await read_body(AnyBody, request)).model_dump()
    try:
        store.switches = Switches.model_validate(store.switches.model_dump() | sent)
    except ValidationError as wrong:
        raise _refused(wrong) from None
    return JSONResponse(store.switches.model_dump())


def _whole(store: Store, sent: Json, *, as_is: bool) -> Json:
    """Keep a whole order as it was sent. An older version than the store's own is told, but not kept."""
    if not as_is:
        try:
            OrderForm.model_validate(sent)
        except ValidationError as wrong:
            raise _refused(wrong) from None
    elif not isinstance(sent.get("id"), int) or not {"version", "updated_at", "customer"} <= set(sent):
        raise RefusedError(400, "An order needs at least a numeric id, a version, updated_at and a customer.")
    before = store.orders.get(sent["id"])
    event = "order.created" if before is None else _event(before, sent)
    return store.keep(sent, event)


def _event(before: Json, after: Json) -> str:
    if after.get("status") != before.get("status") and after.get("status") in ENDED:
        return ENDED[after["status"]]
    return "order.refunded" if after.get("refunded_total") != before.get("refunded_total") else "order.updated"


def _order(store: Store, order_id: int, *statuses: str) -> Json:
    """Return a copy to change, so that a refusal half-way leaves the order as it was."""
    order = store.order(order_id)
    if order["status"] not in statuses:
        raise RefusedError(409, f"Order {order['number']} is {order['status']}.")
    return deepcopy(order)


def _left(order: Json) -> Decimal:
    return Decimal(order["grand_total"]) - Decimal(order["refunded_total"])


def _give_back(store: Store, order: Json, body: RefundBody) -> None:
    left = _left(order)
    amount = cents(body.amount) if body.amount is not None else left
    if not 0 < amount <= left:
        raise RefusedError(400, f"Between 0.01 and {left:.2f} can be refunded.", {"amount": ["out of range"]})
    lines = []
    if body.line_item_id is not None:
        if all(line["id"] != body.line_item_id for line in order["line_items"]):
            raise RefusedError(400, f"The order has no line {body.line_item_id}.")
        lines = [{"line_item_id": body.line_item_id, "quantity": body.quantity, "amount": f"{amount:.2f}"}]
    back = {"id": store.new_id(), "amount": f"{amount:.2f}", "reason": body.reason, "created_at": store.now()}
    order["refunds"] = [*order["refunds"], back | {"lines": lines}]
    order["refunded_total"] = f"{Decimal(order['refunded_total']) + amount:.2f}"
    order["payment_status"] = "refunded" if amount == left else "partially_refunded"


def _keep_subscription(store: Store, order: Json) -> None:
    reference = order["subscription"]
    if reference["id"] in store.subscriptions and reference["sequence"] == 1:
        return
    store.subscriptions[reference["id"]] = subscription_record(store, order)
    event = "subscription.created" if reference["sequence"] == 1 else "subscription.renewed"
    store.tell(event, "subscription", store.subscriptions[reference["id"]])


def _refused(wrong: ValidationError) -> RefusedError:
    errors: dict[str, list[str]] = {}
    for one in wrong.errors(include_url=False, include_context=False, include_input=False):
        errors.setdefault(".".join(map(str, one["loc"])) or "body", []).append(one["msg"])
    return RefusedError(400, "The body is not acceptable.", errors)
