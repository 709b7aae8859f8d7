"""Putting the question: the offer into the ledger, the job and in front of the technician."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from decisions import events
from decisions.answers import same_name
from decisions.questions import question_markdown
from models.approval import ApprovalStatus, Offer
from models.base import ApprovalId, utc_now
from models.errors import HeldError
from models.job import DiagnosedPart, JobView
from models.request import Stage
from models.tables import ApprovalRow, PartRequestRow
from tasks.board import on_offer
from tasks.house import House
from tasks.links import open_links
from tasks.requests import move_in, story_of

STANDS = (ApprovalStatus.REQUESTED, ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED)
ENDED = (ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED)


def approvers_of(names: Sequence[str], job: JobView) -> list[str]:
    """Return the technicians on the job that are among the names."""
    return [each.name for each in job.technicians if any(same_name(each.name, name) for name in names)]


async def question_of(house: House, request: PartRequestRow) -> ApprovalRow | None:
    """Return the request's question if it is still the one to go by; None when a new one must be asked.

    A request that a person set free again (`held retry`) is found: whatever was answered before is history.
    """
    question = await house.books.approvals.newest(request.id)
    if question is None or request.stage == Stage.FOUND:
        return None
    status = ApprovalStatus(question.status)
    return question if status in STANDS or status in ENDED else None


def _who_may_answer(house: House, job: JobView) -> list[str]:
    """Return the names that may answer; none means anyone. Raises HeldError when the shop's rule names nobody."""
    if house.shop.parts.approvers == "anyone":
        return []
    if not job.technicians:
        raise HeldError(
            f"No technician is assigned to job {job.number}, and only an assigned technician may approve a part.",
            'Assign one to the job, then retry; or set [parts] approvers = "anyone".',
            "technician",
        )
    return [technician.name for technician in job.technicians]


async def ask_technician(
    house: House,
    request: PartRequestRow,
    job: JobView,
    diagnosed: DiagnosedPart,
    offer: Offer,
    because: Sequence[str] = (),
) -> tuple[PartRequestRow, ApprovalRow]:
    """Put the question into the ledger, and note that job and technician have to be told. Asks the same once.

    `because`: what moved since the last answer.
    """
    parts = house.shop.parts
    now = utc_now()
    expires_at = now + parts.approval_expires_after
    approvers = _who_may_answer(house, job)
    links = open_links()
    question_text = question_markdown(
        offer,
        job=job,
        diagnosed=diagnosed,
        expires_at=expires_at,
        zone=house.shop.zone,
        approvers=approvers,
        because=because,
        distributor=house.distributor.name,
    )

    def put(session: Session) -> tuple[PartRequestRow, ApprovalRow]:
        question = house.books.approvals.ask_in(
            session,
            request.id,
            offer=offer,
            question=question_text,
            approvers=approvers,
            expires_after=parts.approval_expires_after,
            now=now,
        )
        outgoing = events.asked(
            story_of(house, request),
            offer,
            approval=ApprovalId(question.id),
            question=question.revision,
            expires_at=question.expires_at,
            approvers=approvers,
            because=because,
            technicians=job.technicians,
            link_for=links.for_people(question, approvers or [each.name for each in job.technicians]),
        )
        words = f"Question {question.id} is open until {question.expires_at.isoformat()}."
        moved = move_in(session, house, request, Stage.AWAITING_APPROVAL, words, outgoing=outgoing, **on_offer(offer))
        return moved, question

    return await house.books.store.run(put)
