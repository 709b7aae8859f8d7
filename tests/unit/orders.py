"""Builders for the order rules: invented buyers, customers and carts, and the contract's sample orders when at hand."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from models.address import Address
from models.person import KnownCustomer, KnownLocation
from models.store_order import (
    Buyer,
    Discount,
    LineKind,
    OrderState,
    PaymentState,
    PlaceTyped,
    Purchase,
    StoreLine,
    StoreOrder,
    StorePayment,
    TermsAccepted,
    Window,
)

ROOT = Path(__file__).parents[2]
SAMPLES = (
    Path(os.environ.get("TRUCKROLL_CONTRACTS", ROOT.parent / "shared" / "contracts"))
    / "contractor_commerce"
    / "sample-orders.json"
)
_SUMS = ("subtotal", "discount_total", "shipping_total", "tax_total", "grand_total", "refunded_total")
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LATER = timedelta(seconds=40)
ELM = PlaceTyped(line1="12 Elm St", city="Phoenix", state="AZ", zip="85018", country="US")
PAT = Buyer(first_name="Pat", last_name="Sample", email="pat@example.com", phone="602-555-0101")


def line(**changes: Any) -> StoreLine:
    facts: dict[str, Any] = {
        "id": "1",
        "kind": LineKind.PRODUCT,
        "sku": "FLT-1",
        "name": "Filter",
        "quantity": 1,
        "unit_price": Decimal("39.96"),
        "discount_total": Decimal(0),
        "tax_total": Decimal(0),
        "purchase": Purchase.ONE_TIME,
        **changes,
    }
    facts.setdefault("total", facts["quantity"] * facts["unit_price"] - facts["discount_total"])
    return StoreLine(**facts)


def order(*lines: StoreLine, **changes: Any) -> StoreOrder:
    """An order whose totals add up, unless `changes` says otherwise."""
    bought = lines or (line(),)
    extra_tax = changes.pop("extra_tax", Decimal(0))
    extra_discount = changes.pop("extra_discount", Decimal(0))
    facts: dict[str, Any] = {
        "id": "1",
        "number": "CC-1",
        "store_id": "41",
        "version": 1,
        "state": OrderState.PROCESSING,
        "payment_state": PaymentState.PAID,
        "currency": "USD",
        "buyer": PAT,
        "service_address": ELM,
        "lines": bought,
        "subtotal": sum((one.quantity * one.unit_price for one in bought), Decimal(0)),
        "discount_total": sum((one.discount_total for one in bought), extra_discount),
        "shipping_total": Decimal(0),
        "tax_total": sum((one.tax_total for one in bought), extra_tax),
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }
    facts.setdefault(
        "grand_total", facts["subtotal"] - facts["discount_total"] + facts["shipping_total"] + facts["tax_total"]
    )
    return StoreOrder(**facts)


def customer(ref: str, **changes: Any) -> KnownCustomer:
    """A customer at 12 Elm St under the name Pat Sample, without contacts, unless `changes` says otherwise."""
    places = changes.pop("places", (ELM,))
    known = tuple(
        KnownLocation(id=f"{ref}-L{at}", address=address_of(place)) for at, place in enumerate(places, start=1)
    )
    return KnownCustomer(**{"id": ref, "name": "Pat Sample", "locations": known, **changes})


def address_of(place: PlaceTyped) -> Address:
    return Address(
        street=place.line1,
        unit=place.line2,
        city=place.city,
        state=place.state,
        zip=place.zip,
        country=place.country or "USA",
    )


@cache
def sample_file() -> dict[str, Any]:
    return json.loads(SAMPLES.read_text(encoding="utf-8"))


def sample_directory() -> list[KnownCustomer]:
    """ServiceTitan before the first order."""
    return [
        KnownCustomer(
            id=row["ref"],
            name=row["name"],
            is_active=row["active"],
            emails=tuple(one["value"] for one in row["contacts"] if one["type"] == "Email"),
            phones=tuple(one["value"] for one in row["contacts"] if one["type"].endswith("Phone")),
            locations=tuple(
                KnownLocation(id=one["ref"], address=address_of(sample_place(one))) for one in row["locations"]
            ),
        )
        for row in sample_file()["servicetitan_directory"]
    ]


def sample_place(row: dict[str, Any] | None) -> PlaceTyped:
    return PlaceTyped(**{name: (row or {}).get(name) or "" for name in PlaceTyped.model_fields})


def sample_order(row: dict[str, Any]) -> StoreOrder:
    """Read a sample as the contract has it, without the connector."""
    window, subscription = row["requested_window"], row["subscription"] or {}
    buyer = {name: row["customer"][name] or "" for name in Buyer.model_fields}
    return StoreOrder(
        id=str(row["id"]),
        number=row["number"],
        store_id=str(row["store_id"]),
        version=row["version"],
        is_test=row["test"],
        state=row["status"],
        payment_state=row["payment_status"],
        currency=row["currency"],
        buyer=Buyer(**buyer),
        service_address=sample_place(row["service_address"]),
        requested_window=window and Window(starts_at=window["start"], ends_at=window["end"]),
        subscription_id=str(subscription.get("id", "")),
        subscription_sequence=subscription.get("sequence"),
        lines=tuple(_sample_line(one) for one in row["line_items"]),
        discounts=tuple(
            Discount(code=one["code"] or "", kind=one["type"], amount=one["amount"]) for one in row["discounts"]
        ),
        payments=tuple(
            StorePayment(id=str(one["id"]), method=one["method"], amount=one["amount"], status=one["status"])
            for one in row["payments"]
        ),
        note=row["customer_note"] or "",
        terms=tuple(TermsAccepted(document=one["document"], accepted_at=one["accepted_at"]) for one in row["terms"]),
        **{name: row[name] for name in [*_SUMS, "created_at", "updated_at"]},
    )


def _sample_line(row: dict[str, Any]) -> StoreLine:
    link = row["servicetitan"] or {}
    return StoreLine(
        id=str(row["id"]),
        kind=row["kind"],
        sku=row["sku"] or "",
        name=row["name"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        discount_total=row["discount_total"],
        tax_total=row["tax_total"],
        total=row["total"],
        is_taxable=row["taxable"],
        purchase=row["purchase_type"],
        membership_type_id=link.get("membership_type_id"),
        sale_task_id=link.get("sale_task_id"),
    )
