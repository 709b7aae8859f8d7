"""An order of the online store as it travels, for tests to change."""

from __future__ import annotations

from typing import Any

AT = "2026-09-01T10:00:00Z"


def line_row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 9001,
        "kind": "product",
        "product_id": 101,
        "service_id": None,
        "sku": "FLT-16X25X1",
        "name": "16x25x1 filter, 4-pack",
        "description": None,
        "quantity": 1,
        "unit_price": "39.96",
        "discount_total": "0.00",
        "taxable": True,
        "tax_total": "3.44",
        "total": "39.96",
        "purchase_type": "one_time",
        "servicetitan": None,
        **changes,
    }


def order_row(number: int = 100201, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "number": f"CC-{number}",
        "store_id": 41,
        "version": 1,
        "test": False,
        "order_type": "product",
        "purchase_type": "one_time",
        "status": "processing",
        "payment_status": "paid",
        "currency": "USD",
        "customer": {
            "id": None,
            "first_name": "Robin",
            "last_name": "Sample",
            "company_name": None,
            "email": " Robin.Sample@Example.com",
            "phone": "(205) 555-0101 ext. 3",
        },
        "service_address": {
            "name": None,
            "line1": "12 Elm St",
            "line2": None,
            "city": "Birmingham",
            "state": "AL",
            "zip": "35203",
            "country": "US",
        },
        "billing_address": None,
        "shipping_address": None,
        "requested_window": None,
        "subscription": None,
        "line_items": [line_row()],
        "discounts": [],
        "subtotal": "39.96",
        "discount_total": "0.00",
        "shipping_total": "7.95",
        "tax_total": "3.44",
        "grand_total": "51.35",
        "refunded_total": "0.00",
        "payments": [
            {
                "id": 5001,
                "method": "card",
                "amount": "51.35",
                "status": "captured",
                "processed_at": AT,
                "reference": None,
            }
        ],
        "refunds": [],
        "terms": [],
        "customer_note": None,
        "created_at": AT,
        "updated_at": AT,
        "paid_at": AT,
        "completed_at": None,
        "cancelled_at": None,
        "cancel_reason": None,
        **changes,
    }


def order_page(*rows: Any, next_cursor: str | None = None, as_of: str | None = AT) -> dict[str, Any]:
    return {"data": list(rows), "links": {}, "meta": {"per_page": 100, "next_cursor": next_cursor, "as_of": as_of}}
