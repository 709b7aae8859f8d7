"""What the store knows of one diagnosed part, from the diagnosis to the arrival: what `truckroll report parts` counts.

Plain dataclasses, because a report goes through thousands of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.approval import Offer, OrderTerms
from models.request import Stage

RETRIED = "retried"
"""The event of a person setting a held part free again."""


@dataclass(frozen=True, slots=True)
class PartEvent:
    """A stage the part came into, or that a person set it free; from the audit log."""

    at: datetime
    name: str
    """The stage's own word, or "retried"."""
    typed: tuple[str, ...] = ()
    """Order numbers a person typed, because the distributor's answer was lost."""


@dataclass(frozen=True, slots=True)
class FollowedOrder:
    """One order number of the distributor."""

    number: str
    invoice: str = ""
    parcels: tuple[str, ...] = ()
    is_open: bool = True
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartHistory:
    """One diagnosed part on one job."""

    request_id: str
    job: str
    job_number: str
    part: str
    """What was ordered or is on offer; before that as diagnosed."""
    stage: Stage
    found_at: datetime
    """When Truckroll first read the diagnosis."""
    technicians: tuple[str, ...] = ()
    """Those on the job, as last read."""
    model: str = ""
    """The appliance's model number, as it stands on the job now."""
    events: tuple[PartEvent, ...] = ()
    """Oldest first."""
    offer: Offer | None = None
    terms: OrderTerms | None = None
    """The offer that was approved and used for the order, and what exactly was approved."""
    asked_until: datetime | None = None
    """When the question that stands runs out."""
    po_number: str = ""
    orders: tuple[FollowedOrder, ...] = ()
    untold_since: datetime | None = None
    """Since when the job lacks something that was to be written into it: it waits, or the job refused it."""
