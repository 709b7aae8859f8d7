"""Reading what technicians diagnosed, page by page, into the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prefect import task

from decisions import events
from models.approval import ApprovalStatus
from models.base import utc_now
from models.job import DiagnosedPart
from models.request import IN_THE_LOOP, Stage
from models.tables import ApprovalRow, PartRequestRow
from tasks.house import House, open_house
from tasks.requests import move, note, story_of
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
            await close_taken_out(house, page.parts)
            if page.watermark is not None:
                await house.books.cursors.set_time(shop, cursor, page.watermark)
        return new


async def close_taken_out(house: House, parts: Sequence[DiagnosedPart]) -> None:
    """End the requests whose number was replaced on the job, unless they are ordered: only what stands there counts."""
    groups: dict[str, set[str]] = {}
    for part in parts:
        if part.source_group:
            groups.setdefault(part.source_group, set()).add(part.source_key)
    for group, keys in groups.items():
        job = next(part.job for part in parts if part.source_group == group)
        for request in await house.books.requests.list(shop=house.shop.name, job=job, is_open=True):
            is_taken_out = request.source_key.startswith(group) and request.source_key not in keys
            if is_taken_out and request.stage in {*IN_THE_LOOP, Stage.HELD}:
                await _take_out(house, request)


async def _take_out(house: House, request: PartRequestRow) -> None:
    why = "The part number was changed on the job."
    question = await house.books.approvals.newest(request.id)
    if question is not None and question.status == ApprovalStatus.CONSUMED:
        return  # its order may be out already
    if question is not None and not await _closed(house, question, why):
        return
    await house.books.held.release(request.shop, "parts-loop", request.id)
    outgoing = events.canceled(story_of(house, request), why=why) if question is not None else None
    await move(house, request, Stage.CANCELED, why, outgoing=outgoing)


async def register(house: House, diagnosed: DiagnosedPart) -> str:
    """Put one diagnosis into the store. Returns the request's id when it is new, or was changed on the job."""
    shop = house.shop.name
    request, is_new = await house.books.requests.register(shop, diagnosed, utc_now())
    if is_new:
        await note(house, request, "found", where=diagnosed.source_words, numbers=diagnosed.numbers)
        return request.id
    request, has_changed = await house.books.requests.refresh_diagnosis(request.id, diagnosed)
    if not has_changed or request.stage not in {*IN_THE_LOOP, Stage.HELD}:
        return ""
    question = await house.books.approvals.newest(request.id)
    if question is not None and not await _closed(house, question, "The diagnosis was changed on the job."):
        return ""
    await house.books.held.release(shop, "parts-loop", request.id)
    await move(house, request, Stage.FOUND, "The diagnosis was changed on the job.")
    return request.id


async def _closed(house: House, question: ApprovalRow, why: str) -> bool:
    """Close a question that still stands. False when its order went out meanwhile: then nothing may be changed."""
    if await house.books.approvals.void(question.id, why):
        return True
    now = await house.books.approvals.get(question.id)
    return now is not None and now.status != ApprovalStatus.CONSUMED
