"""What is told of each event, to whom: the job's note, the customer's message, the shop's message. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from decisions.eta import Together
from decisions.messages import (
    CustomerFacts,
    Message,
    News,
    customer_message,
    expired_message,
    held_message,
    news,
    personal_body,
    question_message,
    status_message,
    substitution_message,
    unresolved_message,
)
from decisions.notes import (
    asked_note,
    backordered_note,
    canceled_note,
    delivered_note,
    eta_note,
    expired_note,
    held_note,
    not_found_note,
    ordered_note,
    rejected_note,
    shipped_note,
    substitution_note,
    unavailable_note,
    unresolved_note,
)
from models.approval import Offer, OrderTerms
from models.base import ApprovalId, DomainModel, RequestId
from models.job import BoardNote, Hold, JobView, Technician
from models.outgoing import Letter, Outgoing
from models.part import Eta, EtaBasis, LineState, Substitution


class Story(DomainModel):
    """The request an event belongs to, as far as its tellings need it."""

    request: RequestId
    job_number: str
    part: str
    """The part's number, as ordered or as diagnosed."""
    description: str = ""
    revision: int
    """The board's next revision: it makes the event's marker unique."""
    distributor: str
    zone: ZoneInfo

    model_config = DomainModel.model_config | {"arbitrary_types_allowed": True}


def asked(
    story: Story,
    offer: Offer,
    *,
    approval: ApprovalId,
    question: int,
    expires_at: datetime,
    approvers: Sequence[str],
    because: Sequence[str],
    technicians: Sequence[Technician],
    link_for: Mapping[str, str],
) -> Outgoing:
    """A technician is asked: the offer goes into the job, the job on hold, and the technician hears of it (PL-4).

    `link_for`: by name, each person's own link to the approval page. It answers in that person's name, so it stands in
    that person's letter and nowhere else.
    """
    note = asked_note(
        story.request,
        approval,
        offer,
        revision=question,
        expires_at=expires_at,
        zone=story.zone,
        approvers=approvers,
        because=because,
        link="the link in your own mail" if link_for else "",
    )
    message = question_message(
        offer,
        approval=approval,
        job_number=story.job_number,
        expires_at=expires_at,
        zone=story.zone,
        approvers=approvers,
    )
    asked_first = _outgoing("asked", note, office=message, hold=Hold.PLACE if question == 1 else Hold.LEAVE)
    personal = personal_letters(message, approval=approval, technicians=technicians, link_for=link_for)
    return asked_first.model_copy(update={"personal": personal})


def personal_letters(
    message: Message, *, approval: ApprovalId, technicians: Sequence[Technician], link_for: Mapping[str, str]
) -> tuple[Letter, ...]:
    """Return the question's message once for each technician with an address, with that person's own link."""
    letters = []
    for each in technicians:
        if each.email:
            body = personal_body(message, approval=approval, name=each.name, link=link_for.get(each.name, ""))
            letters.append(Letter(subject=message.subject, body=body, to=(each.email,)))
    return tuple(letters)


def ordered(
    story: Story,
    terms: OrderTerms,
    *,
    attempt: int,
    order_numbers: Sequence[str],
    po_number: str,
    decided_by: str,
    decided_at: datetime,
    job: JobView,
    eta: Eta,
    today: date,
) -> Outgoing:
    """The part is ordered: the job shows who approved it, and the customer hears when it comes (PL-32, PL-34)."""
    note = ordered_note(
        story.request,
        terms,
        attempt=attempt,
        order_numbers=order_numbers,
        po_number=po_number,
        decided_by=decided_by,
        decided_at=decided_at,
        zone=story.zone,
        distributor=story.distributor,
    )
    state = LineState.BACKORDERED if terms.accepts_backorder else LineState.ACCEPTED
    return _outgoing(
        "ordered", note, customer=_to_customer(story, job, None, Eta(on=None, basis=EtaBasis.NONE), state, eta, today)
    )


def changed(
    story: Story,
    *,
    job: JobView,
    was_state: LineState,
    was: Eta,
    now: Together,
    tracking: Sequence[str],
    today: date,
) -> Outgoing:
    """An order moved: shipped, late, backordered, arrived. Told before the customer calls (PL-27 to PL-29)."""
    match now.state:
        case LineState.DELIVERED:
            note = delivered_note(story.request, revision=story.revision, words=now.words)
        case LineState.SHIPPED if was_state is not LineState.SHIPPED:
            note = shipped_note(
                story.request, revision=story.revision, tracking=tracking, eta=now.eta, distributor=story.distributor
            )
        case LineState.BACKORDERED if was_state is not LineState.BACKORDERED:
            note = backordered_note(
                story.request, revision=story.revision, eta=now.eta, words=now.words, distributor=story.distributor
            )
        case LineState.CANCELED:
            note = canceled_note(story.request, revision=story.revision, why=now.words)
        case _:
            note = eta_note(
                story.request,
                revision=story.revision,
                was=was,
                now=now.eta,
                words=now.words,
                distributor=story.distributor,
            )
    letter = status_message(
        job_number=story.job_number,
        part_number=story.part,
        state=now.state,
        was=was,
        eta=now.eta,
        words=now.words,
        distributor=story.distributor,
    )
    customer = _to_customer(story, job, was_state, was, now.state, now.eta, today, tracking)
    return _outgoing(str(now.state), note, customer=customer, office=letter)


def rejected(story: Story, *, question: int, by: str, said: str) -> Outgoing:
    """A person said no: nothing is ordered, and the job shows it (PL-15)."""
    return _outgoing("rejected", rejected_note(story.request, revision=question, by=by, said=said))


def expired(story: Story, *, question: int, expires_at: datetime) -> Outgoing:
    """Nobody answered in time: nothing is ordered, and the shop hears of it (PL-15)."""
    note = expired_note(story.request, revision=question, expires_at=expires_at, zone=story.zone)
    letter = expired_message(
        job_number=story.job_number, part_number=story.part, expires_at=expires_at, zone=story.zone
    )
    return _outgoing("expired", note, office=letter)


def unavailable(story: Story, *, why: str, fix: str) -> Outgoing:
    """The part is gone for good (PL-22)."""
    note = unavailable_note(story.request, revision=story.revision, why=why, fix=fix)
    return _outgoing("unavailable", note, office=held_message(job_number=story.job_number, why=why, fix=fix))


def not_found(story: Story, *, why: str, fix: str) -> Outgoing:
    """The distributor does not know the number, which is no outage (PL-19)."""
    note = not_found_note(story.request, revision=story.revision, why=why, fix=fix)
    return _outgoing("not found", note, office=held_message(job_number=story.job_number, why=why, fix=fix))


def held(story: Story, *, why: str, fix: str) -> Outgoing:
    """The request waits for a person (PL-59)."""
    note = held_note(story.request, revision=story.revision, why=why, fix=fix)
    return _outgoing("held", note, office=held_message(job_number=story.job_number, why=why, fix=fix))


def unresolved(story: Story, *, attempt: int, po_number: str) -> Outgoing:
    """An order's answer was lost: a person looks (PL-60)."""
    note = unresolved_note(
        story.request, attempt=attempt, po_number=po_number, part_number=story.part, distributor=story.distributor
    )
    letter = unresolved_message(
        job_number=story.job_number, part_number=story.part, po_number=po_number, distributor=story.distributor
    )
    return _outgoing("unresolved", note, office=letter)


def substituted(story: Story, substitution: Substitution, *, emails: Sequence[str]) -> Outgoing:
    """Another part is coming than the one ordered: technician and office must look (PL-13)."""
    note = substitution_note(story.request, substitution, revision=story.revision, distributor=story.distributor)
    letter = substitution_message(job_number=story.job_number, substitution=substitution, distributor=story.distributor)
    return _outgoing("substituted", note, office=letter, to=emails)


def canceled(story: Story, *, why: str) -> Outgoing:
    """The request ended because its job did."""
    return _outgoing("canceled", canceled_note(story.request, revision=story.revision, why=why))


def _to_customer(
    story: Story,
    job: JobView,
    was_state: LineState | None,
    was: Eta,
    state: LineState,
    eta: Eta,
    today: date,
    tracking: Sequence[str] = (),
) -> Letter | None:
    """Write to the customer if there is news, and they may be written to."""
    event = news(was_state, was, state, eta)
    if event is None or not job.contact.may_message or not job.contact.emails:
        return None
    # Today's visit is the one that found the part; the next one brings it.
    first = today if event is News.ARRIVED else today + timedelta(days=1)
    visits = [visit.starts_at.astimezone(story.zone).date() for visit in job.visits if visit.is_ahead]
    facts = CustomerFacts(
        customer_name=job.contact.name,
        job_number=job.number,
        part=story.description,
        today=today,
        eta=eta,
        was=was,
        tracking=tuple(tracking),
        visit_on=min((day for day in visits if day >= first), default=None),
    )
    message = customer_message(event, facts)
    return Letter(subject=message.subject, body=message.body, to=job.contact.emails)


def _outgoing(
    event: str,
    note: BoardNote,
    *,
    customer: Letter | None = None,
    office: Message | None = None,
    to: Sequence[str] = (),
    hold: Hold = Hold.LEAVE,
) -> Outgoing:
    letter = None if office is None else Letter(subject=office.subject, body=office.body, to=tuple(to))
    return Outgoing(key=note.marker, event=event, note=note, hold=hold, customer=customer, office=letter)
