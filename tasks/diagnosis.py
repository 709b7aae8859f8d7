"""Reading what technicians diagnosed, page by page, into the store."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from prefect import task
from sqlalchemy.orm import Session

from decisions import events
from decisions.diagnoses import taken_out
from models.approval import ApprovalStatus
from models.base import utc_now
from models.job import DiagnosedPart, Diagnoses
from models.request import UNORDERED, Stage
from models.tables import PartRequestRow
from store.requests import locked_request
from tasks.house import House, open_house
from tasks.requests import PROCESS, move_in, note, story_of
from tasks.retrying import RETRY_DELAYS_S, is_transient

CURSOR = "diagnosis-watch"
OVERLAP = timedelta(minutes=5)
"""Read again on each pass: modified filters are inclusive and clocks differ (ServiceTitan FACTS, trap 15)."""


@task(
    task_run_name="find diagnosed parts of {shop}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
)
async def find_diagnosed_parts(shop: str) -> list[str]:
    """Register every part diagnosed since the last look, and return the ids of the new requests.

    A diagnosis read twice is one request. The cursor follows page by page, and only past what is in the store.
    Raises: TransientError, UnauthorizedError, SettingsError (a form that does not exist).
    """
    async with open_house(shop) as house:
        cursor = f"{CURSOR}/{house.shop.parts.diagnosis_from}"
        known = await house.books.cursors.get_time(shop, cursor)
        since = known - OVERLAP if known else utc_now() - house.shop.parts.look_back
        new: list[str] = []
        async for page in house.platform.diagnosed_parts(since):
            for diagnosed in page.parts:
                request_id = await register(house, diagnosed)
                if request_id:
                    new.append(request_id)
            await close_taken_out(house, page)
            if page.watermark is not None:
                await house.books.cursors.set_time(shop, cursor, page.watermark)
        return new


async def close_taken_out(house: House, page: Diagnoses) -> None:
    """End the requests of parts that were taken off the job, unless they are ordered: only what stands there counts."""
    if not page.places:
        return
    stages = [*UNORDERED, Stage.EXPIRED]
    known = {row.source_key: row.id for row in await house.books.requests.list(shop=house.shop.name, stages=stages)}
    for key, why in taken_out(known, page).items():
        await house.books.store.run(partial(_take_out_in, house=house, request_id=known[key], why=why))


def _take_out_in(session: Session, house: House, request_id: str, why: str) -> None:
    """End one request: its question, its place on the held list and its stage stand or fall together."""
    request = locked_request(session, request_id)
    if request.stage not in {*UNORDERED, Stage.EXPIRED} or not _closed_in(session, house, request_id, why):
        return
    # One that nobody was asked or told about ends as quietly as it began.
    is_known = house.books.approvals.newest_in(session, request_id) is not None or request.stage == Stage.HELD
    outgoing = events.canceled(story_of(house, request), why=why) if is_known else None
    house.books.held.release_in(session, request.shop, PROCESS, request_id)
    move_in(session, house, request, Stage.TAKEN_OUT, why, outgoing=outgoing)


async def register(house: House, diagnosed: DiagnosedPart) -> str:
    """Put one diagnosis into the store. Returns the request's id when it is new, changed on the job, or put back."""
    request, is_new = await house.books.requests.register(house.shop.name, diagnosed, utc_now())
    if is_new:
        await note(house, request, "found", where=diagnosed.source_words, numbers=diagnosed.numbers)
        return request.id
    if not _is_other(request, diagnosed):
        return ""
    is_taken = await house.books.store.run(lambda session: _take_over_in(session, house, request.id, diagnosed))
    return request.id if is_taken else ""


def _is_other(request: PartRequestRow, diagnosed: DiagnosedPart) -> bool:
    """Tell whether the diagnosis is another than the request's, or stands on the job again."""
    if request.stage == Stage.TAKEN_OUT:
        return True
    return request.stage in UNORDERED and DiagnosedPart.model_validate(request.diagnosis) != diagnosed


def _take_over_in(session: Session, house: House, request_id: str, diagnosed: DiagnosedPart) -> bool:
    """Begin anew with the diagnosis as it is now; all of it, or nothing."""
    request = locked_request(session, request_id)
    if not _is_other(request, diagnosed):
        return False
    is_back = request.stage == Stage.TAKEN_OUT
    why = "The part stands on the job again." if is_back else "The diagnosis was changed on the job."
    if not _closed_in(session, house, request_id, why):
        return False
    request.diagnosis = diagnosed.model_dump(mode="json")
    house.books.held.release_in(session, request.shop, PROCESS, request_id)
    move_in(session, house, request, Stage.FOUND, why)
    return True


def _closed_in(session: Session, house: House, request_id: str, why: str) -> bool:
    """Close a question that still stands. False when its order went out meanwhile: then nothing may be changed."""
    question = house.books.approvals.newest_in(session, request_id)
    if question is None or house.books.approvals.void_in(session, question.id, why):
        return True
    session.refresh(question)  # an order going out at this moment was waited for
    return question.status != ApprovalStatus.CONSUMED
