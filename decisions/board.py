"""What a job shows of its parts: one status line, one ETA line, a line per part, and whether the job waits.

Source: contracts/job_platforms/PORT.md, `publish`; CHECKLIST PL-4, PL-7, PL-27, PL-30 to PL-32, PL-37.
Text that people typed is data: it is kept whole and never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from decisions.eta import NO_DATE
from decisions.words import money, one_line
from models.base import DomainModel, JobRef, RequestId
from models.job import Board, BoardLine, BoardNote, Hold
from models.part import Eta, EtaBasis, LineState
from models.request import CLOSED, Stage

NO_DATE_YET = "no date yet"

_COMES = (Stage.FOUND, Stage.HELD, Stage.AWAITING_APPROVAL, Stage.APPROVED, Stage.UNRESOLVED, Stage.ORDERED)
_WAITS = (Stage.AWAITING_APPROVAL, Stage.APPROVED, Stage.UNRESOLVED, Stage.ORDERED)


class PartOnBoard(DomainModel):
    """What everybody on the job may know about one part request."""

    request_id: RequestId
    part_number: str
    """What is on offer or ordered; before the match, the number as diagnosed."""
    description: str = ""
    quantity: int = 1
    stage: Stage
    reason: str = ""
    """For people: why it is held. Said where the job waits, not in the short status."""
    unit_price: Decimal | None = None
    """US dollars."""
    branch: str = ""
    """As people know it: "601 Birmingham"."""
    order_numbers: tuple[str, ...] = ()
    state: LineState | None = None
    """Where the order stands; None before there is one."""
    eta: Eta = NO_DATE
    transit_days: int | None = None
    """Said beside an estimate."""
    tracking: tuple[str, ...] = ()


def status_words(stage: Stage, state: LineState | None = None, distributor: str = "Marcone") -> str:
    """Say where a part stands in a few words; technician, dispatcher and customer message agree on them (PL-37)."""
    if stage is not Stage.ORDERED:
        return stage.value
    match state:
        case None | LineState.ACCEPTED | LineState.PICKING | LineState.UNKNOWN:
            return "ordered"
        case LineState.BACKORDERED | LineState.SHIPPED:
            return state.value
        case LineState.ON_HOLD:
            return f"ordered, on hold at {distributor}"
        case LineState.DELIVERED:
            return Stage.ARRIVED.value
        case LineState.CANCELED:
            return f"canceled by {distributor}"


def eta_text(eta: Eta, *, transit_days: int | None = None, distributor: str = "Marcone") -> str:
    """Write an ETA: ISO date first so that it sorts, then where it comes from; or "no date yet" (PL-31)."""
    if eta.on is None:
        return NO_DATE_YET
    match eta.basis:
        case EtaBasis.DISTRIBUTOR:
            source = distributor
        case EtaBasis.CARRIER:
            source = "carrier"
        case EtaBasis.DERIVED if transit_days is None:
            source = "estimate: order date + transit time"
        case EtaBasis.DERIVED:
            source = f"estimate: order date + {transit_days} business day{'' if transit_days == 1 else 's'}"
        case EtaBasis.NONE:
            return NO_DATE_YET
    return f"{eta.on.isoformat()} ({source})"


def board_lines(parts: Sequence[PartOnBoard], distributor: str = "Marcone") -> tuple[BoardLine, ...]:
    """Write one line per part, in the order the parts were diagnosed."""
    return tuple(
        BoardLine(
            request_id=part.request_id,
            part_number=part.part_number,
            description=part.description,
            quantity=part.quantity,
            status=_status(part, distributor),
            unit_price="" if part.unit_price is None else money(part.unit_price),
            branch=part.branch,
            order_numbers=part.order_numbers,
            eta=_part_eta(part, distributor),
        )
        for part in parts
    )


def job_status(parts: Sequence[PartOnBoard], distributor: str = "Marcone") -> str:
    """Write the job's "Part status": just the status for one part, number and status for several."""
    if len(parts) == 1:
        return _status(parts[0], distributor)
    return "; ".join(f"{_named(part)}: {_status(part, distributor)}" for part in parts)


def job_eta(parts: Sequence[PartOnBoard], distributor: str = "Marcone") -> str:
    """Write the job's "Part ETA": the date by which every part is there, or "no date yet" and for which part.

    Parts that will not come (rejected, expired, unavailable, canceled) do not count; empty when none will.
    """
    coming = [part for part in parts if part.stage in _COMES and part.state is not LineState.CANCELED]
    waiting = [part for part in coming if part.state is not LineState.DELIVERED]
    if not waiting:
        here = [part for part in parts if part in coming or part.stage is Stage.ARRIVED]
        dates = [part.eta.on for part in here if part.eta.on]
        if not here:
            return ""
        return f"{max(dates).isoformat()} (arrived)" if dates else "arrived"
    undated = [part for part in waiting if part.eta.on is None]
    if len(waiting) == 1 or not undated:
        last = max(waiting, key=lambda part: (part.eta.on is None, part.eta.on.isoformat() if part.eta.on else ""))
        return eta_text(last.eta, transit_days=last.transit_days, distributor=distributor)
    dated = [f"{_named(part)} {_part_eta(part, distributor)}" for part in waiting if part.eta.on]
    missing = f"{NO_DATE_YET} for {', '.join(_named(part) for part in undated)}"
    return "; ".join([missing, *dated])


def hold_for(parts: Sequence[PartOnBoard]) -> Hold:
    """Say whether the job waits for parts: it does while one is asked about or under way."""
    waits = [part.stage in _WAITS and part.state is not LineState.DELIVERED for part in parts]
    if any(waits):
        return Hold.PLACE
    is_over = bool(parts) and all(part.stage in CLOSED or part.state is LineState.DELIVERED for part in parts)
    return Hold.RELEASE if is_over else Hold.LEAVE


def board_for(
    job: JobRef,
    parts: Sequence[PartOnBoard],
    *,
    revision: int,
    note: BoardNote | None = None,
    hold: Hold | None = None,
    distributor: str = "Marcone",
) -> Board:
    """Put the whole truth about the job's parts on one board. `hold` None: as `hold_for` says."""
    status, eta = job_status(parts, distributor), job_eta(parts, distributor)
    line = " - ".join(dict.fromkeys(word for word in (status, eta, *_details(parts)) if word))
    return Board(
        job=job,
        revision=revision,
        lines=board_lines(parts, distributor),
        status=status,
        eta=eta,
        note=note,
        hold=hold_for(parts) if hold is None else hold,
        hold_memo=line,
        visit_line=line or None,
    )


def _status(part: PartOnBoard, distributor: str) -> str:
    return status_words(part.stage, part.state, distributor)


def _details(parts: Sequence[PartOnBoard]) -> list[str]:
    """Say what the technician at the door needs besides: why a part is stuck, and where its parcel is."""
    said = []
    for part in parts:
        if part.stage in {Stage.HELD, Stage.UNRESOLVED} and part.reason:
            said.append(f"{_named(part)}: {one_line(part.reason)}")
        elif part.stage is Stage.ORDERED and part.state is LineState.SHIPPED and part.tracking:
            said.append(f"{_named(part)}: tracking {', '.join(part.tracking)}")
    return said


def _named(part: PartOnBoard) -> str:
    """Name the part by its number, or by what was diagnosed when there is none."""
    return one_line(part.part_number) or one_line(part.description) or part.request_id


def _part_eta(part: PartOnBoard, distributor: str) -> str:
    if part.stage is Stage.ARRIVED or part.state is LineState.DELIVERED:
        return f"{part.eta.on.isoformat()} (arrived)" if part.eta.on else "arrived"
    if part.stage not in _COMES or part.state is LineState.CANCELED:
        return ""
    return eta_text(part.eta, transit_days=part.transit_days, distributor=distributor)
