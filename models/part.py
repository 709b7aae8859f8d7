"""Parts, stock, orders: what a distributor knows, in our words. Source: contracts/marcone/FACTS.md section 14."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from models.base import DomainModel


class PartRef(DomainModel):
    """A part as the distributor names it. `make` is the distributor's own code, never a brand name."""

    make: str
    number: str
    description: str = ""

    def __str__(self) -> str:
        return f"{self.number} ({self.make})" if self.make else self.number


class BranchStock(DomainModel):
    """Stock of one part at one branch (warehouse) of the distributor."""

    branch: str
    name: str = ""
    available: int
    transit_days: int | None = None
    """Business days from that branch to the ship-to ZIP; None when the distributor did not say."""


class Candidate(DomainModel):
    """One part a number resolves to, with the account's own price and the stock, at `quoted_at`.

    Money in US dollars per piece, before freight. `unit_price` is this account's net cost (FACTS section 5).
    """

    part: PartRef
    unit_price: Decimal
    list_price: Decimal | None = None
    core_charge: Decimal | None = None
    is_discontinued: bool = False
    is_drop_ship_only: bool = False
    is_hazmat: bool = False
    is_oversize: bool = False
    stock: tuple[BranchStock, ...] = ()
    replaced_by: tuple[PartRef, ...] = ()
    """What the distributor offers instead; of unproven shape, so never ordered without a lookup of its own."""
    quoted_at: AwareDatetime


class LineState(StrEnum):
    """Where one ordered line stands. Source: FACTS section 14, `status`."""

    ACCEPTED = "accepted"
    PICKING = "picking"
    BACKORDERED = "backordered"
    ON_HOLD = "on hold"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class Substitution(DomainModel):
    """The distributor will ship another part than the one ordered."""

    ordered: PartRef
    shipped: PartRef


class Placement(DomainModel):
    """The distributor's answer to a purchase order. Placed if and only if there are order numbers (FACTS 7)."""

    order_numbers: tuple[str, ...]
    substitutions: tuple[Substitution, ...] = ()
    reason: str = ""
    transaction_id: str = ""

    @property
    def is_placed(self) -> bool:
        """Order numbers decide; the `success` flag does not (FACTS, D6)."""
        return bool(self.order_numbers)


class TrackingEvent(DomainModel):
    """One scan of a parcel, in the carrier's words."""

    at: str
    description: str
    place: str = ""


class OrderStatus(DomainModel):
    """What the distributor says of one of its orders, now."""

    order_number: str
    po_number: str = ""
    state: LineState
    words: str
    """The distributor's own words for the status."""
    eta: date | None = None
    """The distributor's own date; None when it named none. Never ours."""
    eta_unread: str = ""
    """What the distributor wrote where its date should be, when it cannot be read as one."""
    quantity_backordered: int = 0
    tracking: tuple[str, ...] = ()
    shipping_method: str = ""
    branch: str = ""
    invoice_number: str = ""
    ordered_on: date | None = None
    parts: tuple[PartRef, ...] = ()
    """What the order's lines name; used to notice a substitution."""


class EtaBasis(StrEnum):
    """Where an ETA comes from; shown beside it wherever it is shown."""

    DISTRIBUTOR = "distributor"
    CARRIER = "carrier"
    DERIVED = "order date plus transit days"
    NONE = "no date"


class Eta(DomainModel):
    """When the part is expected, and how we know. Source: FACTS section 9, the ETA rule."""

    on: date | None
    basis: EtaBasis
