"""Pieces of the page that several of its sections show: money, times, tags, an invoice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from html import unescape

from sandbox.servicetitan.money_records import Invoice, InvoiceLine
from sandbox.servicetitan.records import Address, Appointment
from sandbox.servicetitan.state import Titan

TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass
class InvoiceBox:
    """An invoice as the page shows it."""

    name: str
    lines: list[tuple[str, str]]
    tax: str
    total: str
    payments: list[tuple[str, str]]
    balance: str
    adjustments: list[InvoiceBox] = field(default_factory=list)


def money(amount: Decimal) -> str:
    """Return US dollars as people write them."""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def when(moment: datetime | None) -> str:
    """Return day and time, on the clock the moment was written with; records are kept in UTC."""
    return moment.strftime("%a %d %b, %H:%M") if moment else ""


def invoice_box(titan: Titan, invoice: Invoice | None) -> InvoiceBox | None:
    """Return the invoice with what adjusts it, once there is something on it."""
    if invoice is None or not (invoice.lines or titan.splits_of(invoice)):
        return None
    tax = titan.tax_of(invoice)
    adjusting = [one for one in titan.invoices.values() if one.adjustment_to_id == invoice.id]
    boxes = [invoice_box(titan, one) for one in adjusting]
    kind = "Adjustment" if invoice.adjustment_to_id else "Invoice"
    return InvoiceBox(
        name=f"{kind} {invoice.number}" + ("" if invoice.status == "Pending" else f", {invoice.status.lower()}"),
        lines=[
            (f"{line.quantity.normalize():f}{TIMES}{_line_words(line)}", money(line.total)) for line in invoice.lines
        ],
        tax=money(tax) if tax else "",
        total=money(titan.total_of(invoice)),
        payments=[
            (titan.payment_types[payment.type_id].name, money(amount)) for payment, amount in titan.splits_of(invoice)
        ],
        balance=money(titan.balance_of(invoice)),
        adjustments=[box for box in boxes if box],
    )


def _line_words(line: InvoiceLine) -> str:
    """Return the line's own description, which is HTML, as text; else its item's name."""
    return unescape(line.description) or line.display_name or line.sku_name


def tag_names(titan: Titan, tags: list[int]) -> str:
    """Return the tags' names."""
    return ", ".join(titan.tag_types[one].name for one in tags if one in titan.tag_types)


def place_line(address: Address) -> str:
    """Return the address on one line."""
    return f"{' '.join(filter(None, (address.street, address.unit)))}, {address.city} {address.zip}"


def visit_line(titan: Titan, visit: Appointment) -> str:
    """Return when the visit is, its status, and the arrival window on the shop's clock."""
    start, end = visit.arrival_window_start, visit.arrival_window_end
    window = ""
    if start and end:
        hours = [moment.astimezone(titan.switches.zone).strftime("%H:%M") for moment in (start, end)]
        window = f" · arrives {hours[0]} to {hours[1]} local time"
    note = f" · {visit.special_instructions}" if visit.special_instructions else ""
    return f"{when(visit.start)} · {visit.status}{window}{note}"
