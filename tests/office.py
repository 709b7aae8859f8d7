"""What somebody in the office does in ServiceTitan by hand, and Truckroll never does."""

from __future__ import annotations

from connectors.servicetitan.client import ServiceTitan


async def take_line_away(st: ServiceTitan, invoice: int, line: int) -> None:
    """Remove one line of an invoice. accounting-v2 `DELETE /invoices/{invoiceId}/items/{itemId}`."""
    await st._write("DELETE", st._path("accounting", f"invoices/{invoice}/items/{line}"), "removing a line")
