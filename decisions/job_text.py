"""What stands on the job of a store order, for dispatcher and technician.

Source: contracts/contractor_commerce/CHECKLIST.md OI-71: what the buyer typed is shown as typed, and never cut.
"""

from __future__ import annotations

from datetime import tzinfo

from decisions.invoicing import Part, PartKind
from decisions.words import money
from models.store_order import PlaceTyped, StoreLine, StoreOrder

_SOLD = {PartKind.PRODUCT: "Products", PartKind.SERVICE: "Services"}


def job_summary(order: StoreOrder, part: Part, zone: tzinfo) -> str:
    """Write the job's summary as plain text: what was sold, to whom, what the buyer wishes."""
    ordered = order.created_at.astimezone(zone)
    said = [
        f"Store order {order.number}, {ordered:%Y-%m-%d %H:%M}. {_SOLD[part.kind]}:",
        *(_line(line) for line in part.lines),
        f"Buyer: {_buyer(order)}",
    ]
    if order.shipping_address:
        said.append(f"Ship to: {_place(order.shipping_address)}")
    if order.requested_window and order.requested_window.label:
        said.append(f"Wished window: {order.requested_window.label}")
    if order.note.strip():
        said.append(f"Buyer's note: {order.note}")
    return "\n".join(said)


def _line(line: StoreLine) -> str:
    sku = f" ({line.sku.strip()})" if line.sku.strip() else ""
    return f"{line.quantity} x {line.name}{sku}, {money(line.unit_price)} each"


def _buyer(order: StoreOrder) -> str:
    buyer = order.buyer
    said = (
        f"{buyer.first_name} {buyer.last_name}",
        buyer.company_name,
        buyer.email,
        buyer.phone,
        buyer.phone_alternate,
    )
    return ", ".join(word.strip() for word in said if word.strip())


def _place(place: PlaceTyped) -> str:
    said = (place.name, place.line1, place.line2, place.city, f"{place.state} {place.zip}")
    return ", ".join(word.strip() for word in said if word.strip())
