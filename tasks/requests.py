"""What happens to a part request: held, closed, moved on. Stage, audit and what must be told are one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from decisions import events
from decisions.events import Story
from models.base import RequestId, utc_now
from models.errors import HeldError, TruckrollError, UnresolvedError
from models.job import Technician
from models.outgoing import Outgoing
from models.request import Stage
from models.tables import PartRequestRow
from tasks.house import House

PROCESS = "parts-loop"


def story_of(house: House, request: PartRequestRow) -> Story:
    """Return what the tellings of a request's events need."""
    numbers: list[str] = request.diagnosis.get("numbers") or [""]
    return Story(
        request=RequestId(request.id),
        job_number=request.job_number,
        part=request.part_number or numbers[0],
        description=request.description,
        revision=request.board_revision + 1,
        distributor=house.distributor.name,
        zone=house.shop.zone,
    )


def technicians_of(request: PartRequestRow) -> list[Technician]:
    """Return the technicians of the request's job, as last read; the id is the platform's and not kept.

    Empty when names and addresses do not pair up: a link must never go to another person's address.
    """
    names, emails = request.technicians, request.technician_emails
    if len(names) != len(emails):
        return []
    return [Technician(id="", name=name, email=email) for name, email in zip(names, emails, strict=True)]


async def move(
    house: House,
    request: PartRequestRow,
    stage: Stage,
    words: str,
    *,
    outgoing: Outgoing | None = None,
    actor: str = "",
    **changes: Any,
) -> PartRequestRow:
    """Move a request to a stage; `words` say why, for people. What has to be told of it is written with it."""
    return await house.books.store.run(
        lambda session: move_in(session, house, request, stage, words, outgoing=outgoing, actor=actor, **changes)
    )


def move_in(
    session: Session,
    house: House,
    request: PartRequestRow,
    stage: Stage,
    words: str,
    *,
    outgoing: Outgoing | None = None,
    actor: str = "",
    **changes: Any,
) -> PartRequestRow:
    """Move a request within the caller's transaction: stage, audit and what must be told stand or fall together."""
    books = house.books
    row = books.requests.update_in(session, request.id, stage=stage.value, stage_words=words, **changes)
    detail = {"words": words, **changes}
    books.audit.append_in(session, row.shop, PROCESS, row.id, stage.value, actor=actor, detail=detail)
    if outgoing is not None:
        books.outbox.add(session, row, outgoing, utc_now())
    return row


async def note(house: House, request: PartRequestRow, event: str, **detail: Any) -> None:
    """Write something that happened to a request to the audit log."""
    await house.books.audit.append(request.shop, PROCESS, request.id, event, detail=detail)


async def hold(house: House, request: PartRequestRow, error: TruckrollError) -> PartRequestRow:
    """Hold a request: kept, shown on the job, told to the shop, and tried again when a person says so."""
    story = story_of(house, request)
    is_unresolved = isinstance(error, UnresolvedError)
    if is_unresolved:
        error = _in_words(house, request)
    outgoing = (
        events.unresolved(story, attempt=request.revision, po_number=request.po_number)
        if is_unresolved
        else events.held(story, why=error.message, fix=error.fix)
    )
    stage = Stage.UNRESOLVED if is_unresolved else Stage.HELD
    return await set_aside(house, request, error, stage, outgoing)


def _in_words(house: House, request: PartRequestRow) -> UnresolvedError:
    """Say of an order whose answer was lost what a person has to find out, and how to tell it (PL-60)."""
    name = house.distributor.name
    return UnresolvedError(
        f"It is not known whether order {request.po_number} reached {name}: the answer was lost. It is not sent again.",
        f"Ask {name} about PO {request.po_number}, then `truckroll held retry` with --placed NUMBER or --not-placed.",
        request.po_number,
    )


async def set_aside(
    house: House, request: PartRequestRow, error: TruckrollError, stage: Stage, outgoing: Outgoing
) -> PartRequestRow:
    """Put a request on the held list, in a stage of its own."""
    await house.books.held.hold(
        request.shop,
        PROCESS,
        request.id,
        reason=error.message,
        fix=error.fix,
        field=error.field if isinstance(error, HeldError) else "",
    )
    return await move(house, request, stage, error.message, outgoing=outgoing)
