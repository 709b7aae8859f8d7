"""Following bookings until they are jobs, and jobs until they decide: by what changed, not one by one.

ServiceTitan's deliveries only say "look now": what is read then are the lists of changed bookings and jobs, which show
it, and everything a lost delivery would have told. Source: contracts/referral_factory/CHECKLIST.md RF-42, RF-43,
RF-49, RF-50, RF-57, RF-D4 to RF-D7; contracts/servicetitan/FACTS.md section 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from connectors.servicetitan.bookings_schemas import Booking
from connectors.servicetitan.schemas import Job, JobPatch
from decisions.qualification import Qualify, judge, needs_history, seen_job, stage_of
from models.base import utc_now
from models.booking import FollowedJob, ReferralStage
from models.errors import (
    AmbiguousWriteError,
    BusyError,
    ContractError,
    HeldError,
    NotFoundError,
    RejectedError,
    UnresolvedError,
)
from models.referral_settings import LeadSettings, SignUpSettings
from models.tables import HeldRow, ReferredRow
from store.effects import TEXT
from store.referred import jobs_of
from tasks.contact_sync import campaign_settings
from tasks.house import House, open_house
from tasks.referred_people import PROCESS, booking_provider, person_in, record_of, sign_up_settings
from tasks.step import step

OVERLAP = timedelta(minutes=5)
"""Read again on each pass: modified filters are inclusive and clocks differ (ServiceTitan FACTS, trap 15)."""
BEFORE_FIRST = timedelta(days=1)

AT_ONCE = 8
"""People looked at side by side. The vendor's limit bounds their calls."""

VENDOR = "servicetitan"
_BOOKINGS = f"{VENDOR}/referred-bookings"
_JOBS = f"{VENDOR}/referred-jobs"
"""How far the lists of changed bookings and jobs were read: names of cursors."""

_STOPS_ONE = (HeldError, RejectedError, ContractError, AmbiguousWriteError, UnresolvedError, BusyError)
"""What keeps one person's booking from being looked at, and no other's."""

ITS_BOOKING = ", its booking"
"""How a booking that could not be looked at ends on the held list."""


@step("follow the bookings of {shop}", looks_first=True)
async def follow_bookings(shop: str) -> int:
    """Look at every booking that changed since the last pass; return how many of them are ours (RF-D4)."""
    async with open_house(shop) as house:
        began, since = utc_now(), await _since(house, _BOOKINGS)
        if since is None:
            return 0
        followed = 0
        async for page in house.servicetitan.list_bookings(booking_provider(house), since):
            by_id = {booking.id: booking for booking in page}
            rows = await house.books.referred.of_records(shop, bookings=by_id)
            fresh = [row for row in rows if _is_news(row, by_id[row.booking or 0])]
            looks = [partial(keep_booking, house, row.user_id, by_id[row.booking or 0]) for row in fresh]
            await _each(house, looks, fresh)
            followed += len(rows)
            await house.books.cursors.set_time(shop, _BOOKINGS, page[-1].modified_on)
        await _note_read(house, _BOOKINGS, began)
        return followed


@step("follow the jobs of {shop}", looks_first=True)
async def follow_jobs(shop: str) -> int:
    """Look at every job that changed since the last pass; return how many of them are ours."""
    async with open_house(shop) as house:
        began, since = utc_now(), await _since(house, _JOBS)
        if since is None:
            return 0
        followed = 0
        async for page in house.servicetitan.list_jobs(since):
            rows = await house.books.referred.of_records(
                shop, bookings=[job.booking_id for job in page if job.booking_id], jobs=[job.id for job in page]
            )
            looks = [partial(keep_jobs, house, row, [job for job in page if _belongs(job, row)]) for row in rows]
            await _each(house, looks, rows)
            followed += len(rows)
            await house.books.cursors.set_time(shop, _JOBS, page[-1].modified_on)
        await _note_read(house, _JOBS, began)
        return followed


@step("look again at the bookings of {shop} that could not be looked at", looks_first=True)
async def follow_held(shop: str) -> int:
    """Look once more at each booking that is held because it could not be looked at: its change is read only once."""
    async with open_house(shop) as house:
        rows = [await house.books.referred.get(shop, user_id) for user_id in await _held_people(house)]
        there = [row for row in rows if row is not None and row.booking is not None]
        await _each(house, [partial(_look_now, house, row) for row in there], there)
        return len(there)


@step("note what the deliveries to {shop} said")
async def note_heard(shop: str, until: str) -> int:
    """Note that what ServiceTitan's deliveries told of was looked at; `until`: when the looking began, in ISO form."""
    async with open_house(shop) as house:
        noted, began = 0, datetime.fromisoformat(until)
        while events := await house.books.hook_events.waiting(shop, VENDOR):
            older = [event.event_id for event in events if event.received_at < began]
            await house.books.hook_events.handled(shop, VENDOR, older)
            noted += len(older)
            if len(older) < len(events):
                break
        return noted


@step("judge campaign {campaign_id} by its new settings")
async def judge_again(shop: str, campaign_id: int) -> int:
    """Decide anew about everybody who is followed, because the campaign's rule is another than it was (RF-64)."""
    async with open_house(shop) as house:
        after, judged = 0, 0
        while page := await house.books.referred.followed(shop, after=after):
            after = page[-1].user_id
            rows = [row for row in page if row.campaign_id == campaign_id]
            await _each(house, [partial(_judge, house, row) for row in rows], rows)
            judged += len(rows)
        return judged


async def held_looks(house: House) -> list[HeldRow]:
    """Return the bookings that are on the held list because they could not be looked at."""
    rows = await house.books.held.list(house.shop.name, process=PROCESS)
    return [row for row in rows if row.record.endswith(ITS_BOOKING)]


async def keep_booking(house: House, user_id: int, booking: Booking) -> None:
    """Keep what a booking is now; once it is a job, with its jobs, however they stand by then (RF-D7)."""
    row = await house.books.referred.get(house.shop.name, user_id)
    if row is None:
        return
    jobs = jobs_of(row)
    if _has_new_job(jobs, booking):
        jobs = await _jobs_now(house, row, booking)
    await _keep(house, row, jobs, booking=booking)


def _has_new_job(jobs: Sequence[FollowedJob], booking: Booking) -> bool:
    is_new_job = booking.job_id is not None and all(job.id != booking.job_id for job in jobs)
    return is_new_job or (booking.status.casefold() == "converted" and not jobs)


def _is_news(row: ReferredRow, booking: Booking) -> bool:
    """Tell whether the booking shows anything our books do not have: most that are read twice do not."""
    is_as_kept = booking.status == row.booking_status and booking.job_id in {None, row.job}
    return not is_as_kept or _has_new_job(jobs_of(row), booking)


async def keep_jobs(house: House, row: ReferredRow, changed: Sequence[Job]) -> None:
    """Keep what jobs of a booking are now, and every status they are known to have had (Q3)."""
    jobs = {job.id: job for job in jobs_of(row)}
    for job in changed:
        jobs[job.id] = await _seen(house, row, jobs.get(job.id), job)
    await _keep(house, row, [jobs[number] for number in sorted(jobs)])


async def _judge(house: House, row: ReferredRow) -> None:
    await _keep(house, row, [await _with_history(house, row, job) for job in jobs_of(row)])


async def _look_now(house: House, row: ReferredRow) -> None:
    booking = await house.servicetitan.get_booking(booking_provider(house), row.booking or 0)
    jobs = await _jobs_now(house, row, booking)
    await _keep(house, row, jobs, booking=booking)


async def _attach_details(house: House, row: ReferredRow, job_id: int) -> None:
    """Write what the map has for the job's custom fields, once; what people entered there meanwhile stays.

    A field that is not there is told at the campaign, and left out here (RF-57).
    """
    wanted = dict(row.job_fields)
    if not wanted:
        return
    st = house.servicetitan
    types = {one.name: one.id for one in await st.list_job_custom_fields()}
    ours = {types[name]: value for name, value in wanted.items() if name in types}
    if not ours:
        return

    async def filled_in() -> dict[int, Any]:
        fields = (await st.get_job(job_id)).custom_fields
        return {field.type_id: field.value for field in fields if field.value}

    async def write() -> str:
        # The list is replaced as a whole; a field a person has filled in stays theirs (FACTS 5.3).
        full = {**ours, **await filled_in()}
        fields = [{"type_id": type_id, "value": value} for type_id, value in sorted(full.items())]
        await st.patch_job(job_id, JobPatch.model_validate({"custom_fields": fields}))
        return "written"

    async def find() -> str | None:
        return "written" if ours.keys() <= (await filled_in()).keys() else None

    key = f"{house.shop.name}/referral/{row.user_id}/job/{job_id}/fields"
    try:
        await house.books.effects.once(key, create=write, find=find, codec=TEXT, wait_s=5)
    except RejectedError as refused:
        # What is lacking is told; the lead is followed and qualified all the same.
        record = f"{record_of(row.user_id)}, fields of job {job_id}"
        await house.books.held.hold(row.shop, PROCESS, record, reason=refused.message, fix=refused.fix)


async def _jobs_now(house: House, row: ReferredRow, booking: Booking) -> tuple[FollowedJob, ...]:
    """Read the jobs of a booking that became one: all that name it, and the one it names itself (Q4)."""
    found = {job.id: job for job in await house.servicetitan.list_jobs_of_booking(booking.id)}
    if booking.job_id is not None and booking.job_id not in found:
        with suppress(NotFoundError):  # deleted since: one that comes in its place names the booking
            found[booking.job_id] = await house.servicetitan.get_job(booking.job_id)
    known = {job.id: job for job in jobs_of(row)}
    for number in sorted(found):
        known[number] = await _seen(house, row, known.get(number), found[number])
    return tuple(known[number] for number in sorted(known))


async def _seen(house: House, row: ReferredRow, known: FollowedJob | None, job: Job) -> FollowedJob:
    if known is not None and known.seen_of == job.modified_on:
        return known
    if known is None:
        await _attach_details(house, row, job.id)
    was_completed = job.completed_on is not None
    seen = seen_job(
        known, job.id, job.job_number, job.job_status, modified_on=job.modified_on, was_completed=was_completed
    )
    return await _with_history(house, row, seen)


async def _with_history(house: House, row: ReferredRow, job: FollowedJob) -> FollowedJob:
    """Add what the job's history tells of its statuses, where that could decide; the app may not be let read it."""
    if not needs_history(row.kind, jobs=[job], settings=_settings(house, row)):
        return job
    try:
        history = [entry.event_type for entry in await house.servicetitan.list_job_history(job.id)]
    except RejectedError:
        return job
    return seen_job(job, job.id, job.number, job.status, modified_on=job.seen_of, history=history)


async def _keep(house: House, row: ReferredRow, jobs: Iterable[FollowedJob], *, booking: Booking | None = None) -> None:
    if row.stage == ReferralStage.GONE:
        return  # nobody is left to qualify
    jobs = list(jobs)
    status = booking.status if booking else row.booking_status
    verdict = judge(row.kind, is_existing=row.is_existing, jobs=jobs, settings=_settings(house, row))
    # Until it is sent, the verdict is the rule's of now: a person may have changed it.
    by = row.qualified_by if row.qualified_at else verdict.by if isinstance(verdict, Qualify) else ""
    stage = stage_of(status, jobs, is_qualified=row.qualified_at is not None)
    job = booking.job_id if booking and booking.job_id else row.job or (jobs[0].id if jobs else None)
    changes: dict[str, Any] = {
        "booking": booking.id if booking else row.booking,
        "booking_status": status,
        "job": job,
        "jobs": [one.model_dump(mode="json") for one in jobs],
        "stage": stage,
        "qualified_by": by,
        "why": "" if isinstance(verdict, Qualify) else verdict.why,
    }
    if all(getattr(row, name) == value for name, value in changes.items()):
        return
    detail = {
        "booking": changes["booking"],
        "booking status": status,
        "jobs": [f"{one.number or one.id} {one.status}" for one in jobs],
        "rule": by or changes["why"],
    }

    def write(session: Session) -> None:
        house.books.referred.update_in(session, row.shop, row.user_id, **changes)
        house.books.audit.append_in(session, row.shop, PROCESS, record_of(row.user_id), "seen", detail=detail)

    await house.books.store.run(write)


async def _each(house: House, looks: Sequence[Callable[[], Awaitable[None]]], rows: Sequence[ReferredRow]) -> None:
    """Look at each person, several at a time. One that cannot be looked at is held, and stops no other."""
    places, held = asyncio.Semaphore(AT_ONCE), house.books.held
    before = await _held_people(house) if rows else frozenset()

    async def one(look: Callable[[], Awaitable[None]], row: ReferredRow) -> None:
        record = f"{record_of(row.user_id)}{ITS_BOOKING}"
        async with places:
            try:
                await look()
            except _STOPS_ONE as error:
                fix = error.fix or "It is looked at again with each pass."
                await held.hold(row.shop, PROCESS, record, reason=error.message, fix=fix)
            else:
                if row.user_id in before:
                    await held.release(row.shop, PROCESS, record)

    try:
        async with asyncio.TaskGroup() as group:
            for look, row in zip(looks, rows, strict=True):
                group.create_task(one(look, row))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _held_people(house: House) -> frozenset[int]:
    """Return whose booking is on the held list because it could not be looked at."""
    people = (person_in(row.record.removesuffix(ITS_BOOKING)) for row in await held_looks(house))
    return frozenset(user_id for user_id in people if user_id is not None)


def _settings(house: House, row: ReferredRow) -> SignUpSettings:
    """Return the settings of a person's campaign; of one that was taken out of the shop file: nobody is qualified."""
    try:
        return sign_up_settings(campaign_settings(house, row.campaign_id), row.kind)
    except HeldError:
        return LeadSettings()


def _belongs(job: Job, row: ReferredRow) -> bool:
    return job.id == row.job or (job.booking_id is not None and job.booking_id == row.booking)


async def _since(house: House, cursor: str) -> datetime | None:
    """Return from when on changes are read; None when no booking is followed, and so nothing is to be read."""
    shop, books = house.shop.name, house.books
    oldest = await books.referred.oldest_followed(shop)
    if oldest is None:
        await books.cursors.set_time(shop, cursor, utc_now() - BEFORE_FIRST)
        return None
    known = await books.cursors.get_time(shop, cursor)
    if known is None:
        return oldest - BEFORE_FIRST
    is_settled = await books.cursors.get(shop, _standing(cursor)) == f"settled {known.isoformat()}"
    return known if is_settled else known - OVERLAP


async def _note_read(house: House, cursor: str, began: datetime) -> None:
    """Note that the list was read to its end, from `began` on, and how long the mark has stood.

    What is shown late is in by the time the mark has stood for the overlap. Read once more then, there is nothing left
    before it: the next reading begins at the mark, so that many changes at once are not read again for ever.
    """
    shop, cursors = house.shop.name, house.books.cursors
    known = await cursors.get_time(shop, cursor)
    if known is None:
        return
    mark = known.isoformat()
    word, *noted = (await cursors.get(shop, _standing(cursor)) or "-").split()
    if noted[:1] != [mark]:
        await cursors.set(shop, _standing(cursor), f"stands {mark} {began.isoformat()}")
    elif word == "stands" and began - datetime.fromisoformat(noted[1]) > OVERLAP:
        await cursors.set(shop, _standing(cursor), f"settled {mark}")


def _standing(cursor: str) -> str:
    return f"{cursor}/standing"
