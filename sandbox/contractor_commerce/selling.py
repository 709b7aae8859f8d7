"""Making an order from a few words: lines from the catalogue, an invented buyer, totals to the cent."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from sandbox.clock import as_day
from sandbox.contractor_commerce import STORE_ID
from sandbox.contractor_commerce.seed import BUYERS
from sandbox.contractor_commerce.state import Json, Store
from sandbox.errors import RefusedError
from sandbox.strict import PeopleBody

CENT = Decimal("0.01")
MONTH = timedelta(days=30)


class LineWish(PeopleBody):
    """One thing in the cart."""

    sku: str
    quantity: int = Field(1, ge=1)
    purchase_type: Literal["one_time", "subscription"] = "one_time"


class OrderWish(LineWish):
    """A cart and its buyer. Only a SKU is needed; the buyer left out is the next of the store's invented ones."""

    sku: str = ""
    lines: list[LineWish] = Field(default_factory=list)
    """Several things instead of one `sku`."""
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str = "US"
    discount: Decimal = Field(Decimal(0), ge=0)
    """Off the whole cart, spread over the lines."""
    shipping: Decimal = Field(Decimal(0), ge=0)
    tax_rate: Decimal = Field(Decimal("0.10"), ge=0, le=1)
    """On taxable lines, after discount; a fraction."""
    window_start: AwareDatetime | None = None
    window_end: AwareDatetime | None = None
    payment_status: Literal["pending", "authorized", "paid", "failed"] = "paid"
    currency: Literal["USD", "CAD"] = "USD"
    note: str | None = None
    accept_terms: bool = True
    """Memberships have terms to accept; the vendor's store sells none without, so false is a broken order."""

    def wishes(self) -> list[LineWish]:
        """Return the lines, however they were named."""
        return self.lines or [LineWish(sku=self.sku, quantity=self.quantity, purchase_type=self.purchase_type)]


def cents(amount: Decimal) -> Decimal:
    """Round to whole cents, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def sell(store: Store, wish: OrderWish) -> Json:
    """Return a new order, version 1, not yet kept.

    Raises: RefusedError 400 for an unknown SKU, a purchase type the item is not sold by, or half a window.
    """
    now, order_id = store.now(), store.new_id()
    lines = [_line(store, one) for one in wish.wishes()]
    kinds = {"product" if line["kind"] == "product" else "service" for line in lines}
    types = {line["purchase_type"] for line in lines}
    is_paid = wish.payment_status == "paid"
    subscription = _subscription(store) if "subscription" in types else None
    for line in lines:
        if line["purchase_type"] == "subscription" and subscription:
            line["subscription_id"] = subscription["id"]
    order: Json = {
        "id": order_id,
        "number": f"CC-{order_id}",
        "store_id": STORE_ID,
        "version": 1,
        "test": False,
        "order_type": kinds.pop() if len(kinds) == 1 else "mixed",
        "purchase_type": types.pop() if len(types) == 1 else "mixed",
        "status": "processing" if is_paid else "pending",
        "payment_status": wish.payment_status,
        "fulfillment_status": "unfulfilled",
        "currency": wish.currency,
        **_buyer(store, wish),
        "billing_address": None,
        "shipping_address": None,
        "requested_window": _window(wish),
        "subscription": subscription,
        "line_items": lines,
        "discounts": [],
        "shipping_lines": [],
        "payments": [],
        "refunds": [],
        "terms": _terms(store, lines) if wish.accept_terms else [],
        "customer_note": wish.note,
        "source_url": "https://shop.example.com",
        "refunded_total": "0.00",
        "created_at": now,
        "updated_at": now,
        "paid_at": now if is_paid else None,
        "completed_at": None,
        "cancelled_at": None,
        "cancel_reason": None,
    }
    if wish.discount:
        amount = f"{cents(wish.discount)}"
        order["discounts"] = [{"code": "WELCOME", "type": "fixed", "value": amount, "amount": amount}]
    if wish.shipping:
        line = {"carrier": None, "service": "Standard", "price": f"{cents(wish.shipping)}"}
        order["shipping_lines"] = [line | {"tracking_number": None, "shipped_at": None}]
    add_up(order, wish.tax_rate)
    paid = "captured" if is_paid else wish.payment_status
    if Decimal(order["grand_total"]) > 0:
        payment = {"id": store.new_id(), "method": "card", "amount": order["grand_total"], "status": paid}
        order["payments"] = [payment | {"processed_at": order["paid_at"], "reference": None}]
    return order


def add_up(order: Json, tax_rate: Decimal) -> None:
    """Write the sums of the lines, the discount spread over them to the cent, the tax, and the totals."""
    lines = order["line_items"]
    gross = [Decimal(line["unit_price"]) * line["quantity"] for line in lines]
    subtotal = sum(gross, Decimal(0))
    discount = min(sum((Decimal(one["amount"]) for one in order["discounts"]), Decimal(0)), subtotal)
    given, shared = Decimal(0), Decimal(0)
    for line, amount in zip(lines, gross, strict=True):
        shared += amount
        part = (cents(discount * shared / subtotal) if subtotal else Decimal(0)) - given
        given += part
        tax = cents((amount - part) * tax_rate) if line["taxable"] else Decimal(0)
        line.update(discount_total=f"{part:.2f}", tax_total=f"{tax:.2f}", total=f"{amount - part:.2f}")
    shipping = sum((Decimal(one["price"]) for one in order["shipping_lines"]), Decimal(0))
    tax_total = sum((Decimal(line["tax_total"]) for line in lines), Decimal(0))
    order.update(
        subtotal=f"{subtotal:.2f}",
        discount_total=f"{discount:.2f}",
        shipping_total=f"{shipping:.2f}",
        tax_total=f"{tax_total:.2f}",
        grand_total=f"{subtotal - discount + shipping + tax_total:.2f}",
    )


def tax_rate_of(order: Json) -> Decimal:
    """Return the rate the order was taxed by, found again from its lines."""
    taxed = sum((Decimal(line["total"]) for line in order["line_items"] if line["taxable"]), Decimal(0))
    return (Decimal(order["tax_total"]) / taxed).quantize(Decimal("0.0001")) if taxed else Decimal(0)


def subscription_record(store: Store, order: Json) -> Json:
    """Return the subscription as the store lists it, from one of its orders."""
    reference, now = order["subscription"], store.now()
    before = store.subscriptions.get(reference["id"], {})
    return {
        "id": reference["id"],
        "customer": order["customer"],
        "first_order_id": before.get("first_order_id", order["id"]),
        "latest_order_id": order["id"],
        "interval_unit": reference["interval_unit"],
        "interval_count": reference["interval_count"],
        "status": reference["status"],
        "next_renewal_on": reference.get("next_renewal_on"),
        "created_at": before.get("created_at", now),
        "updated_at": now,
        "cancelled_at": None,
    }


def _line(store: Store, wish: LineWish) -> Json:
    kind, item = store.item(wish.sku)
    if wish.purchase_type not in item["purchase_types"]:
        raise RefusedError(400, f"{wish.sku} is sold as {' or '.join(item['purchase_types'])} only.")
    is_product = kind == "product"
    renewed = item.get("subscription_price") if wish.purchase_type == "subscription" else None
    return {
        "id": store.new_id(),
        "kind": "product" if is_product else item["kind"],
        "product_id": item["id"] if is_product else None,
        "service_id": None if is_product else item["id"],
        "sku": item["sku"],
        "name": item["name"],
        "description": item["description"],
        "quantity": wish.quantity,
        "unit_price": renewed or item["price"],
        "taxable": item.get("taxable", False),
        "purchase_type": wish.purchase_type,
        "subscription_id": None,
        "fulfillment_method": item.get("fulfillment_method", "none"),
        "filter": item.get("filter"),
        "servicetitan": item.get("servicetitan"),
    }


def _terms(store: Store, lines: list[Json]) -> list[Json]:
    """Return the terms of the services sold, each document once, as accepted by the buyer now."""
    services = [store.services[line["service_id"]] for line in lines if line["service_id"]]
    documents = dict.fromkeys(one["terms_document"] for one in services if one["terms_document"])
    return [{"document": one, "version": None, "accepted_at": store.now()} for one in documents]


def _buyer(store: Store, wish: OrderWish) -> Json:
    """Return buyer and address. Named at all, the buyer is only what was named; else an invented one."""
    names = ("first_name", "last_name", "email", "phone", "line1", "line2", "city", "state", "zip")
    given: Json = {name: getattr(wish, name) for name in names}
    if not any(given.values()):
        given = dict.fromkeys(names) | BUYERS[len(store.orders) % len(BUYERS)]
    who = {name: given[name] for name in ("first_name", "last_name", "email", "phone")}
    place = {name: given[name] for name in ("line1", "line2", "city", "state", "zip")}
    return {
        "customer": {"id": None, **who, "company_name": None, "phone_alternate": None, "accepts_marketing": False},
        "service_address": {"name": None, **place, "country": wish.country},
    }


def _window(wish: OrderWish) -> Json | None:
    if (wish.window_start is None) != (wish.window_end is None):
        raise RefusedError(400, "A window has a start and an end.")
    if wish.window_start is None or wish.window_end is None:
        return None
    start, end = wish.window_start.isoformat(), wish.window_end.isoformat()
    return {"start": start, "end": end, "timezone": "America/Chicago", "label": None}


def _subscription(store: Store) -> Json:
    return {
        "id": store.new_id(),
        "sequence": 1,
        "interval_unit": "month",
        "interval_count": 3,
        "status": "active",
        "next_renewal_on": as_day(store.clock.now() + 3 * MONTH),
    }
