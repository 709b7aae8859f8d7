"""What follows an answered purchase order: the order is followed, the job and the customer are told."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy.orm import Session

from decisions import events
from decisions.eta import add_business_days, detect_substitution
from decisions.messages import told_digest
from models.approval import Offer, OrderTerms
from models.base import utc_now
from models.job import JobView
from models.part import Eta, EtaBasis, LineState, PartRef, Placement, Substitution
from models.request import Stage
from models.tables import ApprovalRow, PartRequestRow
from tasks.house import House
from tasks.requests import move_in, story_of

FIRST_LOOK = timedelta(minutes=5)
"""A fresh order has a status and perhaps a date soon after (FACTS section 7: none at creation)."""


def po_number_of(request: PartRequestRow, question: ApprovalRow) -> str:
    """Return the purchase order's number: job, part of the job, and the attempt when it is not the first.

    Unique per request and question that was approved (FACTS section 8), so that no number is ever sent twice.
    """
    number = f"{request.job_number}-{request.ordinal}"
    return number if question.revision == 1 else f"{number}-R{question.revision}"


async def confirm_order(
    house: House, request: PartRequestRow, question: ApprovalRow, placement: Placement, job: JobView
) -> PartRequestRow:
    """Follow the order from here on, and tell job, customer and, when another part comes, the people who must look."""
    terms = OrderTerms.model_validate(question.terms)
    now = utc_now()
    today = now.astimezone(house.shop.zone).date()
    transit_days = _transit_days(question, terms)
    state = LineState.BACKORDERED if terms.accepts_backorder else LineState.ACCEPTED
    await house.books.orders.add(
        request.id,
        shop=request.shop,
        po_number=request.po_number,
        order_numbers=placement.order_numbers,
        next_look_at=now + FIRST_LOOK,
        branch=terms.branch,
        ordered_on=today,
        transit_days=transit_days,
        state=state,
    )
    eta = _first_eta(terms, transit_days, today)
    outgoing = events.ordered(
        story_of(house, request),
        terms,
        attempt=question.revision,
        order_numbers=placement.order_numbers,
        po_number=request.po_number,
        decided_by=question.decided_by,
        decided_at=question.decided_at or now,
        job=job,
        eta=eta,
        today=today,
    )
    await house.books.held.release(request.shop, "parts-loop", request.id)
    substitution = detect_substitution(PartRef(make=terms.make, number=terms.part_number), placement)

    def write(session: Session) -> PartRequestRow:
        ordered = move_in(
            session,
            house,
            request,
            Stage.ORDERED,
            f"Order {', '.join(placement.order_numbers)}.",
            outgoing=outgoing,
            actor=question.decided_by,
            line_state=state.value,
            eta=eta.on.isoformat() if eta.on else "",
            eta_basis=eta.basis.value,
            told=told_digest(state, eta),
        )
        return ordered if substitution is None else _substituted_in(session, house, ordered, substitution, job)

    return await house.books.store.run(write)


async def tell_substitution(
    house: House, request: PartRequestRow, substitution: Substitution, job: JobView
) -> PartRequestRow:
    """Put a substitution in front of people: on the held list, on the job, to technician and shop (PL-13)."""
    return await house.books.store.run(lambda session: _substituted_in(session, house, request, substitution, job))


def _substituted_in(
    session: Session, house: House, request: PartRequestRow, substitution: Substitution, job: JobView
) -> PartRequestRow:
    name = house.distributor.name
    house.books.held.hold_in(
        session,
        request.shop,
        "substitutions",
        request.id,
        reason=f"{name} ships {substitution.shipped} instead of {substitution.ordered} on order {request.po_number}.",
        fix=f"Check that it fits; if not, call {name}. Then `truckroll held retry` clears it.",
        field="part number",
    )
    emails = [technician.email for technician in job.technicians if technician.email]
    outgoing = events.substituted(story_of(house, request), substitution, emails=emails)
    return move_in(
        session,
        house,
        request,
        Stage(request.stage),
        request.stage_words,
        outgoing=outgoing,
        substituted_by=str(substitution.shipped),
    )


def _transit_days(question: ApprovalRow, terms: OrderTerms) -> int | None:
    """Return the days the question showed for the approved branch."""
    offer = Offer.model_validate(question.offer)
    for part in offer.parts:
        if (part.part.make, part.part.number) == (terms.make, terms.part_number):
            return next((row.transit_days for row in part.branches if row.branch == terms.branch), None)
    return None


def _first_eta(terms: OrderTerms, transit_days: int | None, today: date) -> Eta:
    """Order date plus transit days, marked as such; none for a backorder: no date is invented (FACTS 9, PL-31)."""
    if terms.accepts_backorder or transit_days is None:
        return Eta(on=None, basis=EtaBasis.NONE)
    return Eta(on=add_business_days(today, transit_days), basis=EtaBasis.DERIVED)
