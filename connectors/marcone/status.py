"""How we read an order's status. Pure. The envelope is [observed-in-client]; ETA, backorder are [inferred] (FACTS 9).

Nothing is made up: an unknown word stays as it is with the state `unknown`, an unreadable date is no date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from connectors.marcone.readings import field, first_texts
from models.part import LineState, OrderStatus, PartRef

_STATES: Final = {
    "open": LineState.ACCEPTED,
    "accepted": LineState.ACCEPTED,
    "picking": LineState.PICKING,
    "picked": LineState.PICKING,
    "pickingandpacking": LineState.PICKING,
    "packing": LineState.PICKING,
    "packed": LineState.PICKING,
    "shipped": LineState.SHIPPED,
    "invoiced": LineState.SHIPPED,
    "delivered": LineState.DELIVERED,
}
"""PickingAndPacking seen live; Open, Picked, Shipped, Invoiced named in a client [observed-in-client]."""

_WRAPPERS: Final = ("orderResults", "orderInformation", "orders")  # D4
_ETA_NAMES: Final = ("eta", "estimatedArrival", "estimatedArrivalDate")
_TRACKING_NAMES: Final = ("trackingNumbers", "trackingNumber")
_BETWEEN = re.compile(r"[,;\s]+")
_US_DATE = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?!\d)")
_NO_DATE = re.compile(r"^(0001-01-01|1900-01-01|0?1/0?1/(0001|1900)|n/?a|none|null|tbd|unknown|-+)", re.IGNORECASE)
_FIRST_YEAR: Final = 2000
"""Earlier dates are some system's "no date", such as 0001-01-01."""


def line_state(words: str, quantity_backordered: int = 0) -> LineState:
    """Return what a status means. Source: FACTS 9 and 14; "back" and the quantity are our reading."""
    key = "".join(letter for letter in words.casefold() if letter.isalpha())
    if key.startswith("cancel"):
        return LineState.CANCELED
    if key == "delivered":
        return LineState.DELIVERED
    if "back" in key or quantity_backordered > 0:
        return LineState.BACKORDERED
    if "hold" in key:
        return LineState.ON_HOLD
    return _STATES.get(key, LineState.UNKNOWN)


def order_rows(answer: Any) -> list[dict[str, Any]] | None:
    """Return the orders of an answer, whatever they are wrapped in; None when it is no status answer (D4)."""
    if not isinstance(answer, dict):
        return None
    names = {str(name).casefold(): name for name in answer}
    for wrapper in _WRAPPERS:
        rows = answer[names[wrapper.casefold()]] if wrapper.casefold() in names else None
        if rows is not None:
            rows = [rows] if isinstance(rows, dict) else rows
            return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None
    if field(answer, "orderNumber") is not None:
        return [answer]
    is_empty = any(wrapper.casefold() in names for wrapper in _WRAPPERS)
    return [] if is_empty or field(answer, "errorMessage", "message", "error") is not None else None


def choose_row(rows: list[dict[str, Any]], order_number: str) -> dict[str, Any] | None:
    """Return the row of this order; the only row also when it spells its number differently or not at all."""
    for row in rows:
        if str(field(row, "orderNumber") or "").strip() == order_number.strip():
            return row
    return rows[0] if len(rows) == 1 else None


def read_status(row: dict[str, Any], order_number: str) -> OrderStatus:
    """Read one order."""
    words, code = status_words(field(row, "status"))
    items = [item for item in _list(field(row, "orderItems", "items", "lines")) if isinstance(item, dict)]
    by_line = sum(_count(field(item, "quantityBackordered")) for item in items)
    backordered = max(_count(field(row, "quantityBackordered")), by_line)
    state = line_state(words, backordered)
    if state is LineState.UNKNOWN and code:
        state = line_state(code, backordered)
    item_words = [status_words(field(item, "status"))[0] for item in items]
    if state in {LineState.ACCEPTED, LineState.PICKING, LineState.UNKNOWN} and any(
        line_state(one) is LineState.BACKORDERED for one in item_words
    ):
        state = LineState.BACKORDERED
    warehouse = field(row, "warehouse")
    branch = field(warehouse, "warehouseNumber") if isinstance(warehouse, dict) else warehouse
    return OrderStatus(
        order_number=str(field(row, "orderNumber") or order_number).strip(),
        po_number=str(field(row, "poNumber") or ""),
        state=state,
        words=words or code,
        eta=eta_of(row, items),
        eta_unread=unread_eta(row, items),
        quantity_backordered=backordered,
        tracking=tracking_of(row, items),
        shipping_method=str(field(row, "shippingMethod") or ""),
        branch=str(branch or field(row, "warehouseNumber") or ""),
        invoice_number=str(field(row, "invoiceNumber") or ""),
        ordered_on=read_date(field(row, "orderDate")),
        parts=tuple(
            PartRef(
                make=str(field(item, "make") or ""),
                number=str(field(item, "partNumber")),
                description=str(field(item, "description") or ""),
            )
            for item in items
            if field(item, "partNumber") is not None
        ),
    )


def status_words(status: Any) -> tuple[str, str]:
    """Return a status as words and code; it comes as text or as an object (D3)."""
    if isinstance(status, dict):
        words = str(field(status, "statusDescription", "description") or "").strip()
        code = str(field(status, "statusCode", "code") or "").strip()
        return (words, code) if words else (code, "")
    return ("" if status is None else str(status).strip()), ""


def eta_of(row: dict[str, Any], items: list[dict[str, Any]]) -> date | None:
    """Return the earliest date named anywhere a client has seen or looked for one; None when there is none."""
    places = [row, field(row, "warehouseInformation"), field(row, "warehouse"), *items]
    named = [read_date(field(place, name)) for place in places for name in _ETA_NAMES]
    return min((one for one in named if one is not None), default=None)


def unread_eta(row: dict[str, Any], items: list[dict[str, Any]]) -> str:
    """Return what stands where a date should, when none there can be read; empty when nothing stands there."""
    if eta_of(row, items) is not None:
        return ""
    places = [row, field(row, "warehouseInformation"), field(row, "warehouse"), *items]
    written = (str(field(place, name) or "").strip() for place in places for name in _ETA_NAMES)
    return next((text[:40] for text in written if text and not _NO_DATE.match(text)), "")


def read_date(written: Any) -> date | None:
    """Read a date as written: ISO, an ISO date and time, or month/day/year. None for anything else."""
    text = str(written or "").strip()
    try:
        us = _US_DATE.match(text)
        if us:
            month, day, year = (int(one) for one in us.groups())
            found = date(year if year > 99 else 2000 + year, month, day)  # noqa: PLR2004 - two-digit years
        else:
            found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if found.year >= _FIRST_YEAR else None


def tracking_of(row: dict[str, Any], items: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return every tracking number named in header, items or shipments, once [observed-in-client U]."""
    shipments = [one for one in _list(field(row, "shipments")) if isinstance(one, dict)]
    return first_texts(
        number
        for place in (row, *items, *shipments)
        for name in _TRACKING_NAMES
        for written in _list(field(place, name))
        for number in _pieces(written)
    )


def _pieces(written: Any) -> Iterator[str]:
    if isinstance(written, dict):
        written = field(written, "trackingNumber", "number")
    if written is not None:
        yield from _BETWEEN.split(str(written))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _count(value: Any) -> int:
    try:
        return max(0, int(value or 0))
    except (TypeError, ValueError):
        return 0
