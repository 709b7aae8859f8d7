"""When the visit of a store order is: in the buyer's arrival window, at the buyer's time, or on the day after.

Source: contracts/contractor_commerce/CHECKLIST.md OI-30, OI-52; contracts/servicetitan/FACTS.md 2.5, 2.6 (a job has at
least one appointment, with start and end).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

from decisions.arrival import Arrival, ArrivesIn
from models.store_order import StoreOrder, Window

_DAY = timedelta(days=1)

VisitStartsAt = Literal["StartTimeOfArrivalWindow", "EndTimeOfArrivalWindow"]


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment, UTC. `window` is the arrival window it carries."""

    start: datetime
    end: datetime
    window: Window | None = None


def plan_visit(
    order: StoreOrder,
    arrival: Arrival,
    *,
    zone: tzinfo,
    starts: time,
    length: timedelta,
    starts_at: VisitStartsAt = "StartTimeOfArrivalWindow",
) -> Visit:
    """Place the visit. The same order is always placed alike, so that a repeated write writes the same.

    `starts` and `length` are the shop's, for a visit whose time nobody chose: the office moves it where it fits.
    `starts_at` is the tenant's: to which end of its arrival window a visit's own start is set.
    """
    if isinstance(arrival, ArrivesIn):
        window = arrival.window
        start = window.ends_at if starts_at == "EndTimeOfArrivalWindow" else window.starts_at
        return Visit(start, start + length, window)
    if order.requested_window:
        return Visit(order.requested_window.starts_at, order.requested_window.ends_at)
    ordered = (order.paid_at or order.created_at).astimezone(zone)
    start = datetime.combine(ordered.date() + _DAY, starts, zone).astimezone(UTC)
    return Visit(start, start + length)
