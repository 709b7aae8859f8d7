"""What the store's answers mean. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from connectors.contractor_commerce.schemas import OrderPage, OrderStub, WireOrder
from connectors.wire import faulty_fields
from models.store_order import StoreOrder, StoreOrders, UnreadableOrder


def read_order(written: dict[str, Any]) -> StoreOrder | UnreadableOrder:
    """Read one order; where it does not fit, say which fields, so that it can be held under its own number."""
    try:
        return WireOrder.model_validate(written).read()
    except ValidationError as error:
        stub = _stub(written)
        return UnreadableOrder(
            id=stub.id,
            number=stub.number,
            version=stub.version,
            updated_at=stub.updated_at,
            why=f"The store's order cannot be read: {faulty_fields(error)}.",
        )


def read_page(page: OrderPage) -> StoreOrders:
    """Read one page. `as_of` is the store's word, but while more pages follow never later than the last order here."""
    rows = [read_order(written) for written in page.data]
    as_of = page.meta.as_of
    moments = [row.updated_at for row in rows if row.updated_at]
    if moments and (as_of is None or page.meta.next_cursor):
        last = max(moments)
        as_of = last if as_of is None else min(as_of, last)
    return StoreOrders(
        orders=tuple(row for row in rows if isinstance(row, StoreOrder)),
        unreadable=tuple(row for row in rows if isinstance(row, UnreadableOrder)),
        as_of=as_of,
    )


def _stub(written: dict[str, Any]) -> OrderStub:
    """Read what names the order, each part by itself."""
    known: dict[str, Any] = {"id": ""}
    for name in OrderStub.model_fields:
        try:
            known |= OrderStub.model_validate({"id": "", name: written.get(name)}).model_dump(include={name})
        except ValidationError:
            continue
    return OrderStub(**known)
