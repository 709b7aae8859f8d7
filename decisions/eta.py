"""When the part is here, how we know, and when to look again.

Source: contracts/marcone/FACTS.md section 9 (the ETA rule), CHECKLIST PL-27 to PL-33. A date is never invented (PL-31).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from decisions.part_numbers import same_part_number
from models.part import Eta, EtaBasis, LineState, OrderStatus, PartRef, Placement, Substitution, TrackingEvent

NO_DATE = Eta(on=None, basis=EtaBasis.NONE)

LONGEST_TRANSIT_DAYS = 60
"""A transit time beyond this is a mistake in the data, not a promise to pass on."""

_NO_ESTIMATE = (LineState.BACKORDERED, LineState.ON_HOLD, LineState.CANCELED, LineState.UNKNOWN)
_ENDED = (LineState.DELIVERED, LineState.CANCELED)
_WORST_FIRST = (
    LineState.CANCELED,
    LineState.ON_HOLD,
    LineState.BACKORDERED,
    LineState.UNKNOWN,
    LineState.ACCEPTED,
    LineState.PICKING,
    LineState.SHIPPED,
    LineState.DELIVERED,
)

_DELIVERED = re.compile(r"\bdelivered\b", re.IGNORECASE)
_NOT_YET = re.compile(
    r"\b(?:not|un|cannot|could\s*n.t|will|to|be|being|scheduled|expected|estimated|if|until|when)\b[^.;]*\bdelivered\b"
    r"|\bdelivered\s+(?:to|by|at)\s+(?:the\s+)?(?:local\s+|destination\s+)?"
    r"(?:post\s+office|usps|u\.s\.|agent|carrier|facility|hub|terminal|sort)"
    r"|\breturn",
    re.IGNORECASE,
)
_OUT = re.compile(r"\bout\s+for\s+delivery\b|\bon\s+(?:\w+\s+)?vehicle\s+for\s+delivery\b", re.IGNORECASE)
_RETURNED = re.compile(r"\breturn(?:ed|ing)?\s+to\s+(?:sender|shipper)\b", re.IGNORECASE)

_POLL_MINUTES = (15, 30, 60, 120)
_SLOWEST = timedelta(hours=4)
_NEAR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the carrier's scans say."""

    delivered: bool = False
    out_for_delivery: bool = False
    """Today."""
    delivered_on: date | None = None
    words: str = ""
    """The newest scan, in the carrier's words."""


@dataclass(frozen=True, slots=True)
class Expected:
    """When the part is expected, and a sentence that says how we know or why there is no date."""

    eta: Eta
    words: str


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """One order number of a request, as last read."""

    order_number: str
    state: LineState
    expected: Expected


@dataclass(frozen=True, slots=True)
class Together:
    """All orders of one request as one: the worst state, the latest date."""

    state: LineState
    eta: Eta
    words: str


def add_business_days(day: date, count: int) -> date:
    """Return the date `count` business days (Monday to Friday) after `day`; holidays are not known here.

    From a weekend, the first business day is Monday. Zero or less gives the day itself.
    """
    if count <= 0:
        return day
    start = min(day.weekday(), 4)
    weeks, rest = divmod(start + count, 5)
    return day - timedelta(days=day.weekday()) + timedelta(weeks=weeks, days=rest)


def read_tracking(events: Sequence[TrackingEvent], today: date) -> Tracking:
    """Read the carrier's words, newest scan first. `today` is the shop's."""
    if not events:
        return Tracking()
    newest = events[0]
    words = " ".join(newest.description.split())
    for event in events:
        if _RETURNED.search(event.description):
            break
        if _DELIVERED.search(event.description) and not _NOT_YET.search(event.description):
            return Tracking(delivered=True, delivered_on=_day_of(event.at), words=words)
    is_out = _OUT.search(newest.description) is not None and _day_of(newest.at) == today
    return Tracking(out_for_delivery=is_out, words=words)


def all_parcels(parcels: Sequence[Tracking]) -> Tracking:
    """Put the parcels of one order together: delivered when all are, on the day of the last."""
    if not parcels:
        return Tracking()
    waiting = [parcel for parcel in parcels if not parcel.delivered]
    days = [parcel.delivered_on for parcel in parcels]
    return Tracking(
        delivered=not waiting,
        out_for_delivery=bool(waiting) and all(parcel.out_for_delivery for parcel in waiting),
        delivered_on=None if waiting or None in days else max(day for day in days if day),
        words="; ".join(dict.fromkeys(parcel.words for parcel in parcels if parcel.words)),
    )


def expected(
    status: OrderStatus,
    *,
    ordered_on: date,
    transit_days: int | None,
    today: date,
    tracking: Tracking = Tracking(),
    distributor: str = "Marcone",
) -> Expected:
    """Decide when one order is expected, by the ETA rule of FACTS 9.

    The distributor's own date; else the carrier's scans; else order date plus transit days in business days, as long
    as the order is moving; else no date. Dates are in the shop's zone.
    """
    if tracking.delivered or status.state is LineState.DELIVERED:
        on = tracking.delivered_on if tracking.delivered else None
        if on is None:
            return Expected(NO_DATE, "Delivered.")
        return Expected(Eta(on=on, basis=EtaBasis.CARRIER), f"Delivered on {on}, by the carrier's scan.")
    if status.state is LineState.CANCELED:
        return Expected(NO_DATE, f"{distributor} canceled the order.")
    is_late = status.eta is not None and status.eta < today
    if status.eta is not None and not is_late:
        return Expected(Eta(on=status.eta, basis=EtaBasis.DISTRIBUTOR), f"{status.eta}, {distributor}'s own date.")
    if tracking.out_for_delivery:
        return Expected(Eta(on=today, basis=EtaBasis.CARRIER), "Out for delivery today, by the carrier's scan.")
    if status.eta is not None:
        return Expected(NO_DATE, f"Was expected {status.eta} by {distributor}'s own date; no new date.")
    if status.eta_unread:
        # It named a date we cannot read: an estimate of ours beside it would be a guess shown as fact (PL-31).
        return Expected(NO_DATE, f'{distributor} says "{status.eta_unread}", which is no date one can read.')
    return _estimated(status.state, ordered_on, transit_days, today)


def combine(orders: Sequence[OrderSeen]) -> Together:
    """Put the orders of one split purchase together: the worst state, and the date by which all of it is here."""
    if not orders:
        return Together(LineState.UNKNOWN, NO_DATE, "No order is known.")
    state = min((order.state for order in orders), key=_WORST_FIRST.index)
    waiting = [order for order in orders if order.state not in _ENDED]
    etas = [order.expected.eta for order in waiting or orders]
    eta = NO_DATE if any(each.on is None for each in etas) else max(etas, key=lambda each: each.on or date.min)
    if len(orders) == 1:
        return Together(state, eta, orders[0].expected.words)
    here = sum(order.state is LineState.DELIVERED for order in orders)
    said = " ".join(f"{order.order_number}: {order.state.value}. {order.expected.words}" for order in orders)
    return Together(state, eta, f"{here} of {len(orders)} orders delivered. {said}")


def next_look(state: LineState, eta: Eta, looks: int, now: datetime) -> datetime | None:
    """Say when to read the order again; None when it is closed. `looks` counts the readings so far.

    A fresh order after 15 minutes, then 30, 60, 120, then every 4 hours; backordered every 4 hours; every hour at
    most from the day before the expected date until two days after it.
    """
    if state in _ENDED:
        return None
    if state is LineState.BACKORDERED:
        wait = _SLOWEST
    else:
        early = max(looks, 0)
        wait = timedelta(minutes=_POLL_MINUTES[early]) if early < len(_POLL_MINUTES) else _SLOWEST
    if eta.on is not None and -1 <= (now.date() - eta.on).days <= 2:  # noqa: PLR2004
        wait = min(wait, _NEAR)
    return now + wait


def detect_substitution(ordered: PartRef, told: Placement | OrderStatus) -> Substitution | None:
    """Notice that the distributor ships another part than the one ordered (FACTS 6 and 7; PL-13)."""
    if isinstance(told, Placement):
        meant = [
            each.shipped
            for each in told.substitutions
            if not each.ordered.number or same_part_number(each.ordered.number, ordered.number)
        ]
    elif any(_is_same(ordered, part) for part in told.parts):
        return None  # what was ordered is on the order; other lines are not ours to judge
    else:
        meant = list(told.parts)
    other = next((part for part in meant if part.number and not _is_same(ordered, part)), None)
    return Substitution(ordered=ordered, shipped=other) if other else None


def _estimated(state: LineState, ordered_on: date, transit_days: int | None, today: date) -> Expected:
    if state in _NO_ESTIMATE:
        return Expected(NO_DATE, f"No date: the order is {_in_words(state)}.")
    if transit_days is None or not 0 <= transit_days <= LONGEST_TRANSIT_DAYS:
        return Expected(NO_DATE, "No date: the transit time is not known.")
    on = add_business_days(ordered_on, transit_days)
    if on < today:
        return Expected(NO_DATE, f"Was expected {on} by our estimate; no new date.")
    plus = f"{transit_days} business day{'' if transit_days == 1 else 's'}"
    return Expected(Eta(on=on, basis=EtaBasis.DERIVED), f"{on}, our estimate: order date plus {plus} in transit.")


def _in_words(state: LineState) -> str:
    return "in a state we do not know" if state is LineState.UNKNOWN else state.value


def _is_same(ordered: PartRef, part: PartRef) -> bool:
    """Tell whether both are one part; a make left out on either side does not tell them apart."""
    makes_differ = ordered.make and part.make and ordered.make.casefold() != part.make.casefold()
    return same_part_number(ordered.number, part.number) and not makes_differ


def _day_of(at: str) -> date | None:
    """Read the date of a scan, when it is written the ISO way; other spellings are ambiguous."""
    try:
        return date.fromisoformat(at.strip()[:10])
    except ValueError:
        return None
