"""Reading what the report compares: the orders of a period, and their invoices as they are now."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from decisions.order_report import OrderReport, report_line
from models.order_sync import OrderStage, WrittenPart
from tasks.house import House
from tasks.order_records import order_of


async def read_order_report(house: House, since: datetime, until: datetime) -> OrderReport:
    """Compare the orders placed from `since` to before `until` with their invoices: 1 call per 50 invoices (OI-7)."""
    rows = [
        row
        for row in await house.books.store_orders.placed_between(house.shop.name, since, until)
        if row.stage != OrderStage.IGNORED
    ]
    parts = {row.order_id: [WrittenPart.model_validate(part) for part in row.parts] for row in rows}
    ids = [part.invoice for written in parts.values() for part in written if part.invoice is not None]
    totals: dict[int, Decimal] = {}
    if ids:
        totals = {invoice.id: invoice.total for invoice in await house.servicetitan.list_invoices(ids)}
    return OrderReport(
        tuple(
            report_line(order_of(row), OrderStage(row.stage), row.stage_words, parts[row.order_id], totals)
            for row in rows
        )
    )
