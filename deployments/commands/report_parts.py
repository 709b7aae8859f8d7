"""`truckroll report parts`: how fast parts are ordered, what people still type, and how long jobs wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decisions.parts_report import (
    BASELINE,
    PartLine,
    PartsSummary,
    TechnicianStall,
    WithoutStatus,
    find,
    lines_of,
    stalls,
    summarise,
    without_status,
)
from deployments import talk
from deployments.commands.common import AsJson, iso, short, usage, with_books
from deployments.commands.rows import day_of, write_rows
from models.base import utc_now
from models.settings import HouseSettings
from models.shop import Shop, load_shop

if TYPE_CHECKING:
    from store import Books

_DAYS = 30


@dataclass(frozen=True)
class _Period:
    first: date
    last: date
    lines: list[PartLine]
    before: list[PartLine] | None
    """The baseline: the first weeks in the records. None where the period reaches into them."""
    silent: list[WithoutStatus]


def parts(
    shop: Annotated[str, typer.Option(help="The shop, by the name of its file.")],
    since: Annotated[
        str | None, typer.Option(help="The first day, such as 2026-11-01; 30 days ago when left out.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The last day; today when left out.")] = None,
    silent_after: Annotated[
        int, typer.Option(min=1, help="Hours after which a status that was not looked at is no current one.")
    ] = 24,
    number: Annotated[
        str | None,
        typer.Option("--find", help="Only the parts of a job, PO, order, invoice or parcel, whenever they were."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every part, with all its numbers, to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how the parts loop did in a period, beside the first four weeks: hours, typing, stalled jobs."""
    found = load_shop(shop, HouseSettings().shops)
    if number is not None:
        _trace(found, number, as_json=as_json)
        return
    today = utc_now().astimezone(found.zone).date()
    first, last = day_of(since, "--since", today - timedelta(days=_DAYS)), day_of(until, "--until", today)
    if last < first:
        raise usage("--until is before --since.")
    period = with_books(lambda books: _read(books, found, first, last, timedelta(hours=silent_after)))
    if csv is not None:
        write_rows([_row(line) for line in period.lines], csv)
    if as_json:
        talk.print_json(_as_object(shop, period))
    else:
        _show(shop, period, silent_after)


def _trace(shop: Shop, number: str, *, as_json: bool) -> None:
    """Show each part that the number belongs to with all its other numbers."""
    lines = find(with_books(lambda books: _all_lines(books, shop)), number)
    if as_json:
        talk.print_json({"shop": shop.name, "find": number, "parts": [_row(line) for line in lines]})
        return
    for line in lines:
        shown = talk.table("", "", "")
        for name, value in _row(line).items():
            talk.add(shown, name.replace("_", " "), "" if value is None else value)
        talk.out().print(shown)
    if not lines:
        talk.out().print(f"No part of {shop.name} has a job, PO, order, invoice or parcel {number}.", markup=False)


async def _all_lines(books: Books, shop: Shop) -> list[PartLine]:
    start, now = await books.part_histories.first_found_at(shop.name), utc_now()
    return [] if start is None else await _lines(books, shop, start, now + timedelta(days=1), now)


async def _read(books: Books, shop: Shop, first: date, last: date, age: timedelta) -> _Period:
    now = utc_now()
    begin, end = (datetime.combine(day, time(), shop.zone) for day in (first, last + timedelta(days=1)))
    standing = await books.part_histories.standing(shop.name)
    return _Period(
        first,
        last,
        await _lines(books, shop, begin, end, now),
        await _baseline(books, shop, begin, now),
        without_status(standing, now, age),
    )


async def _baseline(books: Books, shop: Shop, begin: datetime, now: datetime) -> list[PartLine] | None:
    start = await books.part_histories.first_found_at(shop.name)
    if start is None or start + BASELINE > begin:
        return None
    return await _lines(books, shop, start, start + BASELINE, now)


async def _lines(books: Books, shop: Shop, begin: datetime, end: datetime, now: datetime) -> list[PartLine]:
    return lines_of(await books.part_histories.of(shop.name, begin, end), begin, end, now=now, zone=shop.zone)


def _show(shop: str, period: _Period, silent_after: int) -> None:
    console = talk.out()
    now, before = summarise(period.lines), None if period.before is None else summarise(period.before)
    days = BASELINE.days
    heading = f"{shop}, parts diagnosed {period.first} to {period.last}"
    shown = talk.table(heading, "", "This period#", *([f"First {days} days#"] if before else []))
    for name, value in _in_words(now).items():
        talk.add(shown, name, value, *([_in_words(before)[name]] if before else []))
    console.print(shown)
    if before is None:
        console.print(f"Nothing to compare with: the first {days} days in the records are not over before the period.")
    _show_stalls(stalls(period.lines, period.before or ()))
    again = [line for line in period.lines if line.earlier is not None]
    if again:
        console.print(_again_table(again, shop))
    if period.silent:
        title = f"No current status for {silent_after} hours"
        silent = talk.table(title, "Job!", "Part!", "Stage", "Since!", "Why")
        for one in period.silent:
            talk.add(silent, one.job, one.part, one.stage.value, short(one.since, shop), one.why)
        console.print(silent)
    jobs = len({one.job for one in period.silent})
    console.print(f"{jobs or 'No'} {'job' if jobs == 1 else 'jobs'} without a current status.")


def _in_words(summary: PartsSummary) -> dict[str, str]:
    """Return the rows of the table. What is counted per order has the orders beside it."""
    orders = summary.ordered
    placed = f"{orders} {'order' if orders == 1 else 'orders'}"
    return {
        "parts diagnosed": str(summary.parts),
        "ordered": str(orders),
        "waiting / ended without an order": f"{summary.waiting} / {summary.ended}",
        "hours from diagnosis to order, median": _hours(summary.median_hours),
        "hours for nine orders of ten": _hours(summary.ninety_hours),
        "ordered the same day": _share(summary.same_day, orders),
        "order numbers typed by people": f"{summary.typed} in {placed}",
        "changed in the answer (part, quantity, branch)": f"{summary.answered_otherwise} in {placed}",
        "diagnoses changed on the job": str(summary.corrections),
        "jobs with a valid model number": _share(summary.jobs_with_model, summary.jobs),
        "diagnosed after another part had arrived": str(summary.diagnosed_again),
    }


def _show_stalls(found: Sequence[TechnicianStall]) -> None:
    if not found:
        return
    shown = talk.table(
        "Hours that jobs waited for parts", "Technician", "Jobs#", "Median#", "Together#", "Jobs then#", "Median then#"
    )
    for one in found:
        cells = (one.technician or "nobody", one.jobs, _hours(one.median_hours), _hours(one.total_hours))
        talk.add(shown, *cells, one.before_jobs, _hours(one.before_median_hours))
    talk.out().print(shown)


def _again_table(lines: Sequence[PartLine], shop: str) -> Any:
    shown = talk.table(
        "Parts diagnosed after another part of the job had arrived",
        "Job!", "Part!", "PO!", "Diagnosed!", "After part!", "Of PO!", "Arrived!", "",
    )  # fmt: skip
    for line in lines:
        if line.earlier is not None:
            then = line.earlier
            cells = (line.job, line.part, line.po_number, short(line.diagnosed_at, shop))
            same = "the same part again" if then.is_same else ""
            talk.add(shown, *cells, then.part, then.po_number, short(then.arrived_at, shop), same)
    return shown


def _as_object(shop: str, period: _Period) -> dict[str, Any]:
    return {
        "shop": shop,
        "since": str(period.first),
        "until": str(period.last),
        "summary": _rounded(asdict(summarise(period.lines))),
        "first_days": None if period.before is None else _rounded(asdict(summarise(period.before))),
        "technicians": [_rounded(asdict(one)) for one in stalls(period.lines, period.before or ())],
        "without_status": [
            {"job": one.job, "part": one.part, "stage": one.stage.value, "since": iso(one.since), "why": one.why}
            for one in period.silent
        ],
        "parts": [_row(line) for line in period.lines],
    }


def _row(line: PartLine) -> dict[str, Any]:
    earlier = line.earlier
    return {
        "job": line.job,
        "request": line.request_id,
        "part": line.part,
        "stage": line.stage.value,
        "technicians": ", ".join(line.technicians),
        "diagnosed_at": iso(line.diagnosed_at),
        "ordered_at": iso(line.ordered_at),
        "hours": None if line.hours is None else round(line.hours, 1),
        "arrived_at": iso(line.arrived_at),
        "po_number": line.po_number,
        "orders": ", ".join(line.orders),
        "invoices": ", ".join(line.invoices),
        "parcels": ", ".join(line.parcels),
        "order_numbers_typed": line.typed,
        "changed_in_answer": ", ".join(line.answered_otherwise),
        "diagnosis_changed": line.corrections,
        "valid_model": line.has_model,
        "after_part": earlier.part if earlier else "",
        "after_po": earlier.po_number if earlier else "",
        "same_part_again": earlier.is_same if earlier else None,
    }


def _rounded(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in numbers.items()}


def _hours(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:,.1f}"


def _share(count: int, of: int) -> str:
    return f"{count} of {of}" + (f" ({100 * count / of:.0f} %)" if of else "")
