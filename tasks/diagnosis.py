"""Reading what technicians diagnosed, page by page, into the store."""

from __future__ import annotations

from datetime import timedelta

from prefect import task

from models.base import utc_now
from models.job import DiagnosedPart
from models.request import IN_THE_LOOP, Stage
from tasks.house import House, open_house
from tasks.requests import move, note
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
            if page.watermark is not None:
                await house.books.cursors.set_time(shop, cursor, page.watermark)
        return new


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
    if question is not None:
        await house.books.approvals.void(question.id, "The diagnosis was changed on the job.")
    await house.books.held.release(shop, "parts-loop", request.id)
    await move(house, request, Stage.FOUND, "The diagnosis was changed on the job.")
    return request.id
