"""How well the parts loop does: hours to the order, typing, stalled jobs. From the system's own records alone.

Source: contracts/marcone/CHECKLIST.md PL-30, PL-47, PL-51 to PL-58, PL-61. Times are hours of the clock, nights and
weekends included. The clock starts when Truckroll reads the diagnosis; parts outside the pilot are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from operator import attrgetter
from statistics import median

from decisions.part_numbers import ModelOk, judge_model, same_part_number
from models.approval import Offer, OrderTerms
from models.part_history import PartEvent, PartHistory
from models.request import CLOSED, Stage

BASELINE = timedelta(days=28)
"""The first days in the records: what later ones are compared with."""

_CLOSED = frozenset(stage.value for stage in CLOSED)
_HOUR = timedelta(hours=1)
_NINETY = 0.9


@dataclass(frozen=True, slots=True)
class Earlier:
    """The part of the same job that had arrived before this one was diagnosed (PL-58)."""

    part: str
    po_number: str
    arrived_at: datetime
    is_same: bool
    """The same part again: it was wrong, broken or missing. Else another one was needed too."""


@dataclass(frozen=True, slots=True)
class PartLine:
    """One part, with all its numbers (PL-61)."""

    request_id: str
    job: str
    part: str
    stage: Stage
    technicians: tuple[str, ...]
    diagnosed_at: datetime
    ordered_at: datetime | None
    arrived_at: datetime | None
    is_same_day: bool
    """Ordered on the day it was diagnosed, by the shop's calendar."""
    typed: int
    """Order numbers a person had to copy from the distributor (PL-52)."""
    answered_otherwise: tuple[str, ...]
    """What the person who approved changed of the suggestion: part, quantity, branch."""
    corrections: int
    """How often the diagnosis was changed on the job."""
    has_model: bool
    po_number: str
    orders: tuple[str, ...]
    invoices: tuple[str, ...]
    parcels: tuple[str, ...]
    waits: tuple[tuple[datetime, datetime], ...]
    """From when to when the job waited for this part."""
    earlier: Earlier | None

    @property
    def hours(self) -> float | None:
        """Hours from the diagnosis to the order; None while there is none."""
        return None if self.ordered_at is None else (self.ordered_at - self.diagnosed_at) / _HOUR


@dataclass(frozen=True, slots=True)
class PartsSummary:
    """A period in numbers. Hours are None when there is nothing to take them from."""

    parts: int
    ordered: int
    waiting: int
    """Open, and not ordered yet."""
    ended: int
    """Ended without an order."""
    median_hours: float | None
    ninety_hours: float | None
    """Nine of ten orders were placed within so many hours."""
    same_day: int
    typed: int
    answered_otherwise: int
    corrections: int
    jobs: int
    jobs_with_model: int
    diagnosed_again: int
    """Parts diagnosed after another part of the same job had arrived."""


@dataclass(frozen=True, slots=True)
class TechnicianStall:
    """How long the jobs of a technician waited for parts. A job of two technicians counts for both."""

    technician: str
    """Empty: nobody was on the job."""
    jobs: int
    median_hours: float | None
    total_hours: float
    before_jobs: int
    before_median_hours: float | None
    """The same in the baseline."""


@dataclass(frozen=True, slots=True)
class WithoutStatus:
    """A job that shows no current status of a part, and why (PL-30, PL-53)."""

    job: str
    part: str
    stage: Stage
    since: datetime
    why: str


def lines_of(
    histories: Iterable[PartHistory], since: datetime, until: datetime, *, now: datetime, zone: tzinfo
) -> list[PartLine]:
    """Return a line for each part that was diagnosed from `since` to before `until`, the oldest first.

    `histories` has whole jobs: what arrived earlier on a job is looked for in it.
    """
    counted = [history for history in histories if history.stage is not Stage.OUTSIDE_PILOT]
    by_job = {job: tuple(same) for job, same in groupby(sorted(counted, key=_job), key=_job)}
    lines = [_line(history, by_job[history.job], now, zone) for history in counted]
    chosen = [line for line in lines if since <= line.diagnosed_at < until]
    return sorted(chosen, key=attrgetter("diagnosed_at", "request_id"))


def find(lines: Iterable[PartLine], number: str) -> list[PartLine]:
    """Return the parts that a job, PO, order, invoice or parcel of this number belongs to (PL-61)."""
    wanted = number.strip().casefold()
    return [line for line in lines if wanted and wanted in {each.casefold() for each in _numbers(line)}]


def _numbers(line: PartLine) -> tuple[str, ...]:
    return (line.job, line.po_number, *line.orders, *line.invoices, *line.parcels)


def summarise(lines: Sequence[PartLine]) -> PartsSummary:
    """Put a period into numbers (PL-47, PL-51, PL-52, PL-54)."""
    hours = [line.hours for line in lines if line.hours is not None]
    models = {job: all(line.has_model for line in same) for job, same in _by_job(lines)}
    unordered = [line for line in lines if line.ordered_at is None]
    return PartsSummary(
        parts=len(lines),
        ordered=len(hours),
        waiting=sum(line.stage not in CLOSED for line in unordered),
        ended=sum(line.stage in CLOSED for line in unordered),
        median_hours=median(hours) if hours else None,
        ninety_hours=_nearest_rank(hours, _NINETY),
        same_day=sum(line.is_same_day for line in lines),
        typed=sum(line.typed for line in lines),
        answered_otherwise=sum(len(line.answered_otherwise) for line in lines),
        corrections=sum(line.corrections for line in lines),
        jobs=len(models),
        jobs_with_model=sum(models.values()),
        diagnosed_again=sum(line.earlier is not None for line in lines),
    )


def stalls(lines: Sequence[PartLine], before: Sequence[PartLine] = ()) -> list[TechnicianStall]:
    """Say per technician how long jobs waited for parts, beside the baseline; who waited longest first (PL-56).

    A job with several parts waits from its first diagnosis to its last arrival, gaps left out: no hour counts twice.
    """
    now, then = _hours_by_technician(lines), _hours_by_technician(before)
    found = [
        TechnicianStall(
            technician=name,
            jobs=len(now.get(name, ())),
            median_hours=median(now[name]) if name in now else None,
            total_hours=sum(now.get(name, ())),
            before_jobs=len(then.get(name, ())),
            before_median_hours=median(then[name]) if name in then else None,
        )
        for name in now.keys() | then.keys()
    ]
    return sorted(found, key=lambda one: (-one.total_hours, one.technician))


def without_status(histories: Iterable[PartHistory], now: datetime, age: timedelta) -> list[WithoutStatus]:
    """Return the parts whose job has shown nothing current for longer than `age`, the oldest first (PL-30, PL-53).

    Held parts are none of them: the job shows what is wrong, and a person has them on the held list.
    """
    found = [stale for history in histories if (stale := _stale(history)) is not None and stale.since <= now - age]
    return sorted(found, key=attrgetter("since", "job"))


def _stale(history: PartHistory) -> WithoutStatus | None:
    """Return since when a job's status may be old, and what it hangs on; None when nothing has to move."""
    last_move = max((event.at for event in history.events), default=history.found_at)
    looks = [(order.looked_at or last_move, order.number) for order in history.orders if order.is_open]
    if history.untold_since is not None:
        since, why = history.untold_since, "Something was not written into the job."
    elif history.stage is Stage.ORDERED and looks:
        since, number = min(looks)
        why = f"Order {number} was not looked at since."
    elif history.stage is Stage.AWAITING_APPROVAL and history.asked_until is not None:
        since, why = history.asked_until, "Its question is past its time, and no pass has ended it."
    elif history.stage in {Stage.FOUND, Stage.APPROVED, Stage.ORDERED, Stage.AWAITING_APPROVAL}:
        since, why = last_move, "No pass has taken it further."
    else:
        return None
    return WithoutStatus(history.job_number, history.part, history.stage, since, why)


def _line(history: PartHistory, same_job: Sequence[PartHistory], now: datetime, zone: tzinfo) -> PartLine:
    diagnosed_at = _diagnosed_at(history)
    ordered_at = next((event.at for event in history.events if event.name == Stage.ORDERED), None)
    is_same_day = ordered_at is not None and _day(ordered_at, zone) == _day(diagnosed_at, zone)
    return PartLine(
        request_id=history.request_id,
        job=history.job_number,
        part=history.part,
        stage=history.stage,
        technicians=history.technicians,
        diagnosed_at=diagnosed_at,
        ordered_at=ordered_at,
        arrived_at=_arrived_at(history),
        is_same_day=is_same_day,
        typed=sum(len(event.typed) for event in history.events),
        answered_otherwise=answered_otherwise(history.offer, history.terms),
        corrections=_corrections(history.events),
        has_model=isinstance(judge_model(history.model, asked=True), ModelOk),
        po_number=history.po_number,
        orders=tuple(order.number for order in history.orders),
        invoices=tuple(order.invoice for order in history.orders if order.invoice),
        parcels=tuple(parcel for order in history.orders for parcel in order.parcels),
        waits=tuple(_waits(history, now)),
        earlier=_earlier(history, same_job, diagnosed_at),
    )


def answered_otherwise(offer: Offer | None, terms: OrderTerms | None) -> tuple[str, ...]:
    """Name what the approver changed of the suggestion. Choosing where nothing was suggested is no change."""
    if offer is None or terms is None or not offer.parts:
        return ()
    key = (terms.make, terms.part_number)
    chosen = next((part for part in offer.parts if (part.part.make, part.part.number) == key), None)
    changed = {
        "part": not offer.must_choose and chosen is not offer.parts[0],
        "quantity": terms.quantity != offer.quantity,
        "branch": bool(terms.branch and chosen and chosen.branches and terms.branch != chosen.branches[0].branch),
    }
    return tuple(name for name, is_so in changed.items() if is_so)


def _diagnosed_at(history: PartHistory) -> datetime:
    """Return when it was diagnosed: of a part that was taken off the job and put back, the last time."""
    put_back = [
        event.at
        for before, event in pairwise(history.events)
        if event.name == Stage.FOUND and before.name == Stage.TAKEN_OUT
    ]
    return max(put_back, default=history.found_at)


def _corrections(events: Sequence[PartEvent]) -> int:
    """Count how often an open diagnosis began anew: it was read with other words on the job."""
    return sum(event.name == Stage.FOUND and before.name not in _CLOSED for before, event in pairwise(events))


def _waits(history: PartHistory, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give the times in which the part was open; one that still is ends now."""
    begun: datetime | None = history.found_at
    for event in history.events:
        if event.name not in _CLOSED:
            begun = begun or event.at
        elif begun is not None:
            yield begun, event.at
            begun = None
    if begun is not None:
        yield begun, now


def _arrived_at(history: PartHistory) -> datetime | None:
    return next((event.at for event in history.events if event.name == Stage.ARRIVED), None)


def _earlier(history: PartHistory, same_job: Sequence[PartHistory], diagnosed_at: datetime) -> Earlier | None:
    arrived = [(at, other) for other in same_job if (at := _arrived_at(other)) is not None and at <= diagnosed_at]
    if not arrived:
        return None
    again = [(at, other) for at, other in arrived if same_part_number(other.part, history.part)]
    at, other = max(again or arrived, key=lambda one: one[0])
    return Earlier(other.part, other.po_number, at, is_same=bool(again))


def _hours_by_technician(lines: Sequence[PartLine]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {}
    for _, same in _by_job(lines):
        hours = _covered(wait for line in same for wait in line.waits) / _HOUR
        for name in sorted({name for line in same for name in line.technicians} or {""}):
            found.setdefault(name, []).append(hours)
    return found


def _covered(waits: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Return how much time the waits take up together, where they overlap once."""
    total, end = timedelta(0), None
    for begun, ended in sorted(waits):
        start = begun if end is None else max(begun, end)
        total += max(ended - start, timedelta(0))
        end = ended if end is None else max(end, ended)
    return total


def _by_job(lines: Sequence[PartLine]) -> Iterator[tuple[str, list[PartLine]]]:
    for job, same in groupby(sorted(lines, key=attrgetter("job")), key=attrgetter("job")):
        yield job, list(same)


def _job(history: PartHistory) -> str:
    return history.job


def _day(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()


def _nearest_rank(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that is not below `share` of them."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None
