"""What the store's answers mean. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from connectors.contractor_commerce.schemas import OrderPage, OrderStub, WireOrder
from connectors.wire import MAX_FIELDS
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
            why=_in_words(error),
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


_WORDS = {
    "missing": "is missing",
    "enum": "has a word that is not in the contract",
    "literal_error": "has a word that is not in the contract",
    "too_short": "is empty",
    "int_from_float": "is no whole number",
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "string_type": "is no text",
    "bool_parsing": "is neither yes nor no",
    "bool_type": "is neither yes nor no",
    "value_error": "is no amount to the cent",
}
"""What pydantic calls a fault, as the office does. Times have many faults with one meaning."""


def _in_words(error: ValidationError) -> str:
    """Name the faulty fields and what is wrong with each, never a value: "line_items.0.quantity is no whole number"."""
    faults = error.errors(include_input=False, include_context=False, include_url=False)
    places = [fault["loc"] for fault in faults]
    said = [
        f"{'.'.join(str(step) for step in fault['loc']) or 'the order'} {_word(fault['type'])}"
        for fault in faults
        # A list with a faulty entry also counts as too short: the entry alone is worth telling.
        if not any(place[: len(fault["loc"])] == fault["loc"] for place in places if place != fault["loc"])
    ]
    more = [f"{len(said) - MAX_FIELDS} more"] if len(said) > MAX_FIELDS else []
    return ", ".join([*said[:MAX_FIELDS], *more])


def _word(fault: str) -> str:
    return _WORDS.get(fault, "is no time" if fault.startswith(("date", "time")) else f"does not fit ({fault})")


def _stub(written: dict[str, Any]) -> OrderStub:
    """Read what names the order, each part by itself."""
    known: dict[str, Any] = {"id": ""}
    for name in OrderStub.model_fields:
        try:
            known |= OrderStub.model_validate({"id": "", name: written.get(name)}).model_dump(include={name})
        except ValidationError:
            continue
    return OrderStub(**known)
