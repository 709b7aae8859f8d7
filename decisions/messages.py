"""What customers, technicians and the office are told, and when. Plain text; a date only when there is one.

Customers read no prices and no distributor's words. Source: CHECKLIST PL-8, PL-28, PL-29, PL-31, PL-33 to PL-36.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from decisions.board import eta_text, status_words
from decisions.eta import NO_DATE
from decisions.words import listed, long_date, moment, one_line, sentence
from models.approval import Offer
from models.base import ApprovalId
from models.part import Eta, EtaBasis, LineState, Substitution
from models.request import Stage


@dataclass(frozen=True, slots=True)
class Message:
    """A message, ready to send."""

    subject: str
    body: str


class News(StrEnum):
    """What a customer may be told about a part."""

    ORDERED = "ordered"
    DATED = "dated"  # there was no date, now there is one
    DELAYED = "delayed"
    SOONER = "sooner"
    BACKORDERED = "backordered"
    SHIPPED = "shipped"
    ARRIVED = "arrived"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """What a customer's message is made of."""

    customer_name: str
    job_number: str
    part: str
    """In plain words: "Drain pump"; empty: "the part"."""
    today: date
    """In the shop's zone."""
    eta: Eta = NO_DATE
    was: Eta = NO_DATE
    """The date the customer was told before."""
    tracking: tuple[str, ...] = ()
    visit_on: date | None = None
    """The next visit already booked."""


def told_digest(state: LineState, eta: Eta, tracking: Sequence[str] = ()) -> str:
    """Return a digest of what matters to people; while it stays the same nobody is told anything (PL-33)."""
    told = (status_words(Stage.ORDERED, state), eta.on.isoformat() if eta.on else "", eta.basis.value)
    return hashlib.sha256("\n".join([*told, *sorted(set(tracking))]).encode()).hexdigest()


def news(was_state: LineState | None, was: Eta, state: LineState, eta: Eta) -> News | None:
    """Say what of a change is worth a message to the customer; None when it is not (PL-33, PL-35)."""
    if was_state is None:
        return News.BACKORDERED if state is LineState.BACKORDERED else News.ORDERED
    if state is not was_state:
        match state:
            case LineState.DELIVERED:
                return News.ARRIVED
            case LineState.CANCELED:
                return News.CANCELED
            case LineState.SHIPPED:
                return News.SHIPPED
            case LineState.BACKORDERED:
                return News.BACKORDERED
            case _:
                pass
    if state in {LineState.DELIVERED, LineState.CANCELED} or eta.on == was.on:
        return None
    if was.on is None:
        return News.DATED
    if eta.on is None or eta.on > was.on:
        return News.DELAYED
    return News.SOONER


def customer_message(event: News, facts: CustomerFacts) -> Message:
    """Write to the customer: what happened, the date in plain words if there is one, and what comes next."""
    part = one_line(facts.part).lower() if facts.part.isupper() else one_line(facts.part)
    the_part = f"the {part[:1].lower()}{part[1:]}" if part else "the part"
    subject, happened = _headline(event, the_part, facts)
    name = one_line(facts.customer_name)
    body = [
        f"Hello {name}," if name else "Hello,",
        "",
        *([] if not happened else [happened]),
        *_timeline(event, facts),
        _what_next(event, facts),
        "",
        f"Your job number is {one_line(facts.job_number)}. You need not do anything now.",
    ]
    return Message(f"{subject} (job {one_line(facts.job_number)})", "\n".join(body))


def question_message(
    offer: Offer,
    *,
    approval: ApprovalId,
    job_number: str,
    expires_at: datetime,
    zone: tzinfo,
    approvers: Sequence[str] = (),
    reminder: int = 0,
) -> Message:
    """Tell the shop that a question waits. `reminder` counts from 1; 0 is the first telling."""
    parts = listed(str(part.part) for part in offer.parts)
    verb = "Choose a part" if offer.must_choose else "Approve a part"
    start = f"Reminder {reminder}: " if reminder else ""
    body = [
        f"Job {one_line(job_number)} waits for an answer: {offer.quantity} x {one_line(parts)}.",
        "Nothing is ordered before somebody approves it.",
        f"It expires {moment(expires_at, zone)}.",
        *([f"May answer: {one_line(listed(approvers))}."] if approvers else []),
        _by_command(approval),
    ]
    return Message(f"{start}{verb} for job {one_line(job_number)}", "\n".join(body))


def personal_body(message: Message, *, approval: ApprovalId, name: str, link: str = "") -> str:
    """Return the body of a question's message as one technician gets it: with their own link, if there is one."""
    if not link:
        return message.body
    body = [
        f"Hello {one_line(name)},",
        "",
        message.body.removesuffix(_by_command(approval)).rstrip(),
        "",
        "Look at it and answer here:",
        link,
        "",
        "This link is yours alone: whoever opens it answers in your name. Please do not pass it on.",
    ]
    return "\n".join(body)


def expired_message(*, job_number: str, part_number: str, expires_at: datetime, zone: tzinfo) -> Message:
    """Tell the office that nobody answered."""
    body = [
        f"Nobody answered the question about {one_line(part_number)} until {moment(expires_at, zone)}.",
        "Nothing was ordered. To ask again with fresh prices: truckroll held retry, or diagnose the part again.",
    ]
    return Message(f"Not ordered: approval expired on job {one_line(job_number)}", "\n".join(body))


def held_message(*, job_number: str, why: str, fix: str) -> Message:
    """Tell the office that a request waits for a person."""
    return Message(
        f"A part is held on job {one_line(job_number)}", f"{sentence(why)}\n{sentence(fix)}\nThen: truckroll held retry"
    )


def substitution_message(*, job_number: str, substitution: Substitution, distributor: str = "Marcone") -> Message:
    """Tell technician and office that another part is coming than the one ordered."""
    body = [
        one_line(f"{distributor} ships {substitution.shipped} instead of {substitution.ordered}."),
        f"Check that it fits before the visit. If it does not, call {distributor} to stop or return it.",
    ]
    return Message(f"Another part is coming for job {one_line(job_number)}", "\n".join(body))


def unresolved_message(*, job_number: str, part_number: str, po_number: str, distributor: str = "Marcone") -> Message:
    """Tell the office that an order's answer was lost."""
    body = [
        f"The order for {one_line(part_number)} was sent, and the answer was lost. It is not sent again by itself.",
        f"Ask {distributor} whether there is an order with PO {po_number}. Then: truckroll held list.",
    ]
    return Message(f"Was it ordered? Job {one_line(job_number)}", "\n".join(body))


def status_message(
    *, job_number: str, part_number: str, state: LineState, was: Eta, eta: Eta, words: str, distributor: str = "Marcone"
) -> Message:
    """Tell technician and office that an order moved, before the customer calls (PL-29)."""
    status = status_words(Stage.ORDERED, state, distributor)
    body = [
        f"{one_line(part_number)}: {status}.",
        f"Expected: {eta_text(eta, distributor=distributor)}; before: {eta_text(was, distributor=distributor)}.",
        sentence(words),
    ]
    return Message(f"Job {one_line(job_number)}: part {status}", "\n".join(line for line in body if line))


def due_reminders(asked_at: datetime, already: int, remind_after: Sequence[timedelta], now: datetime) -> int:
    """Return how many reminders have come due and not gone out: send one message, and count all of them as sent."""
    due = sum(asked_at + wait <= now for wait in remind_after)
    return max(due - max(already, 0), 0)


def _by_command(approval: ApprovalId) -> str:
    return f"Answer with: truckroll approvals approve {approval} --by NAME"


def _headline(event: News, the_part: str, facts: CustomerFacts) -> tuple[str, str]:
    match event:
        case News.ORDERED:
            return "Your part is ordered", f"We have ordered {the_part} for your repair."
        case News.DATED:
            return "We have a date for your part", f"We now have a date for {the_part}."
        case News.DELAYED:
            before = "" if facts.was.on is None else f" We told you {long_date(facts.was.on, facts.today)} before."
            return "Your part is delayed", f"We are sorry: {the_part} is delayed.{before}"
        case News.SOONER:
            return "Your part comes sooner", f"Good news: {the_part} is expected sooner than we told you."
        case News.BACKORDERED:
            return "Your part is out of stock for now", f"We are sorry: {the_part} is out of stock at our supplier."
        case News.SHIPPED:
            return "Your part is on its way", f"Your part is on its way: {the_part} has shipped."
        case News.ARRIVED:
            return "Your part has arrived", f"Your part is here: {the_part} has arrived."
        case News.CANCELED:
            return "A change to your part", f"We are sorry: {the_part} cannot be delivered as ordered."


def _timeline(event: News, facts: CustomerFacts) -> list[str]:
    """Say the date and how sure it is; a date that has passed is no date (PL-31)."""
    lines = []
    if event is News.SHIPPED and facts.tracking:
        lines.append(f"Tracking: {listed(facts.tracking, 'and')}.")
    if event in {News.ARRIVED, News.CANCELED}:
        return lines
    on = facts.eta.on
    if on is None or on < facts.today:
        return [*lines, "We do not have a date for it yet."]
    if on == facts.today:
        return [*lines, "It is expected today."]
    day = long_date(on, facts.today)
    if facts.eta.basis is EtaBasis.DERIVED:
        return [*lines, f"We estimate that it arrives around {day}; this is not a promise."]
    return [*lines, f"It is expected on {day}."]


def _what_next(event: News, facts: CustomerFacts) -> str:
    """Say what comes next; a visit booked before the part arrives is pointed out."""
    if event is News.CANCELED:
        return "We are looking for another way and will write to you."
    if event is News.ARRIVED:
        if facts.visit_on is not None and facts.visit_on >= facts.today:
            return f"We will finish the repair at your visit on {long_date(facts.visit_on, facts.today)}."
        return "Next, we will contact you to arrange the visit."
    if facts.visit_on is not None and facts.eta.on is not None and facts.today <= facts.visit_on < facts.eta.on:
        visit = long_date(facts.visit_on, facts.today)
        return f"Your visit is booked for {visit}, before that date; we will contact you about a new one."
    if facts.eta.on is None or facts.eta.on < facts.today:
        return "We keep asking and will write to you as soon as there is a date."
    return "We will write to you when it arrives, or if the date changes."
