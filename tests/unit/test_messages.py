"""PL-8, PL-28, PL-29, PL-31, PL-33 to PL-36: who is told what, once, with no invented date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.eta import NO_DATE
from decisions.messages import (
    CustomerFacts,
    Message,
    News,
    customer_message,
    due_reminders,
    expired_message,
    held_message,
    news,
    question_message,
    status_message,
    substitution_message,
    told_digest,
    unresolved_message,
)
from models.base import ApprovalId
from models.part import Eta, EtaBasis, LineState, PartRef, Substitution
from tests.unit.parts import NOW, candidate, offer_of

TODAY = date(2026, 9, 30)
FRIDAY = Eta(on=date(2026, 10, 2), basis=EtaBasis.DISTRIBUTOR)
MONDAY = Eta(on=date(2026, 10, 5), basis=EtaBasis.DISTRIBUTOR)
ESTIMATE = Eta(on=date(2026, 10, 2), basis=EtaBasis.DERIVED)
PAST = Eta(on=date(2026, 9, 1), basis=EtaBasis.DISTRIBUTOR)
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


def facts(**changes: object) -> CustomerFacts:
    given_facts: dict[str, object] = {
        "customer_name": "Pat Sample",
        "job_number": "48213",
        "part": "Drain pump",
        "today": TODAY,
        **changes,
    }
    return CustomerFacts(**given_facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "about", "subject", "said"),
    [
        pytest.param(
            News.ORDERED, facts(eta=FRIDAY), "Your part is ordered (job 48213)",
            ["Hello Pat Sample,", "We have ordered the drain pump", "expected on Friday, October 2."],
            id="ordered with a date",
        ),
        pytest.param(
            News.ORDERED, facts(), "Your part is ordered (job 48213)",
            ["do not have a date", "will write to you as soon as there is a date"], id="PL-31 ordered without a date",
        ),
        pytest.param(
            News.ORDERED, facts(eta=ESTIMATE), "Your part is ordered (job 48213)",
            ["We estimate that it arrives around Friday, October 2; this is not a promise."],
            id="an estimate is called one",
        ),
        pytest.param(
            News.DELAYED, facts(eta=MONDAY, was=FRIDAY), "Your part is delayed (job 48213)",
            ["is delayed. We told you Friday, October 2 before.", "expected on Monday, October 5", "if the date changes"],
            id="PL-35 delayed to a new date",
        ),
        pytest.param(
            News.DELAYED, facts(was=FRIDAY), "Your part is delayed (job 48213)",
            ["Friday, October 2 before", "do not have a date"], id="PL-35 delayed without a new date",
        ),
        pytest.param(
            News.BACKORDERED, facts(), "Your part is out of stock for now (job 48213)",
            ["out of stock at our supplier", "do not have a date"], id="PL-31 backordered without a date",
        ),
        pytest.param(
            News.SHIPPED, facts(eta=FRIDAY, tracking=("1Z1",)), "Your part is on its way (job 48213)",
            ["Tracking: 1Z1.", "Friday, October 2"], id="shipped",
        ),
        pytest.param(
            News.SHIPPED, facts(eta=Eta(on=TODAY, basis=EtaBasis.CARRIER)), "Your part is on its way (job 48213)",
            ["expected today"], id="out for delivery",
        ),
        pytest.param(
            News.ARRIVED, facts(), "Your part has arrived (job 48213)",
            ["has arrived", "contact you to arrange the visit"], id="arrived",
        ),
        pytest.param(
            News.ARRIVED, facts(visit_on=date(2026, 10, 6)), "Your part has arrived (job 48213)",
            ["your visit on Tuesday, October 6"], id="arrived, the visit is booked",
        ),
        pytest.param(
            News.DELAYED, facts(eta=MONDAY, was=FRIDAY, visit_on=date(2026, 10, 3)), "Your part is delayed (job 48213)",
            ["visit is booked for Saturday, October 3, before that date"], id="PL-29 the visit comes too early",
        ),
        pytest.param(
            News.ORDERED, facts(eta=Eta(on=date(2027, 1, 4), basis=EtaBasis.DISTRIBUTOR)),
            "Your part is ordered (job 48213)", ["Monday, January 4, 2027"], id="next year names the year",
        ),
        pytest.param(
            News.DATED, facts(eta=FRIDAY, part=""), "We have a date for your part (job 48213)",
            ["a date for the part."], id="a part without a description",
        ),
    ],
)  # fmt: skip
def test_customers_read_plain_words_and_what_comes_next(
    event: News, about: CustomerFacts, subject: str, said: list[str]
) -> None:
    message = customer_message(event, about)
    assert message.subject == subject
    for words in said:
        assert words in message.body


INTERNAL = re.compile(
    r"marcone|branch|\bPO\b|distributor|backorder|derived|transit|approv|truckroll|\$|digest", re.IGNORECASE
)


@given(
    st.sampled_from(News),
    st.sampled_from([NO_DATE, FRIDAY, MONDAY, ESTIMATE, PAST]),
    st.sampled_from([NO_DATE, FRIDAY, PAST]),
    st.one_of(st.none(), st.dates(date(2026, 9, 1), date(2026, 10, 30))),
)
def test_no_customer_reads_an_invented_or_passed_date_a_price_or_our_own_words(
    event: News, eta: Eta, was: Eta, visit_on: date | None
) -> None:
    message = customer_message(event, facts(eta=eta, was=was, visit_on=visit_on))
    text = f"{message.subject}\n{message.body}"
    assert not INTERNAL.search(text)
    known = {day for day in (eta.on, was.on, visit_on) if day}
    for month, day in re.findall(rf"({MONTHS}) (\d+)", text):
        assert any(each.day == int(day) and each.strftime("%B") == month for each in known)
    if eta is PAST and event is not News.DELAYED and was is not PAST and (visit_on is None or visit_on >= TODAY):
        assert "September 1" not in re.sub(r"September 1\d", "", text)


def test_a_name_cannot_add_a_header_or_a_line() -> None:
    message = customer_message(News.ORDERED, facts(customer_name="Pat\nBcc: x@example.com", job_number="1\r\nBcc: y"))
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert "\nBcc" not in message.body


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param((None, NO_DATE), (LineState.ACCEPTED, FRIDAY), News.ORDERED, id="the order itself"),
        pytest.param(
            (None, NO_DATE), (LineState.BACKORDERED, NO_DATE), News.BACKORDERED, id="ordered and short at once"
        ),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.ACCEPTED, FRIDAY), None, id="PL-33 unchanged"),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.PICKING, FRIDAY), None, id="picking is no news"),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.ACCEPTED, MONDAY), News.DELAYED, id="PL-35 later"),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.ACCEPTED, NO_DATE), News.DELAYED, id="the date is gone"),
        pytest.param((LineState.ACCEPTED, MONDAY), (LineState.ACCEPTED, FRIDAY), News.SOONER, id="sooner"),
        pytest.param((LineState.ACCEPTED, NO_DATE), (LineState.ACCEPTED, FRIDAY), News.DATED, id="a first date"),
        pytest.param((LineState.ACCEPTED, ESTIMATE), (LineState.ACCEPTED, FRIDAY), None, id="the same day, now sure"),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.BACKORDERED, NO_DATE), News.BACKORDERED, id="ran short"),
        pytest.param(
            (LineState.BACKORDERED, NO_DATE), (LineState.BACKORDERED, MONDAY), News.DATED, id="backorder dated"
        ),
        pytest.param((LineState.PICKING, FRIDAY), (LineState.SHIPPED, FRIDAY), News.SHIPPED, id="shipped"),
        pytest.param((LineState.SHIPPED, FRIDAY), (LineState.DELIVERED, FRIDAY), News.ARRIVED, id="arrived"),
        pytest.param((LineState.DELIVERED, FRIDAY), (LineState.DELIVERED, MONDAY), None, id="arrived stays arrived"),
        pytest.param((LineState.ACCEPTED, FRIDAY), (LineState.CANCELED, NO_DATE), News.CANCELED, id="canceled"),
    ],
)
def test_only_what_changes_a_customers_day_is_told(
    before: tuple[LineState | None, Eta], after: tuple[LineState, Eta], told: News | None
) -> None:
    assert news(*before, *after) is told


@given(st.sampled_from(LineState), st.sampled_from([NO_DATE, FRIDAY, MONDAY, ESTIMATE]))
def test_nothing_new_is_never_told_twice(state: LineState, eta: Eta) -> None:
    assert news(state, eta, state, eta) is None


def test_the_digest_changes_with_what_matters_and_with_nothing_else() -> None:
    told = told_digest(LineState.ACCEPTED, FRIDAY, ["1Z1", "1Z2"])
    assert told == told_digest(LineState.PICKING, FRIDAY, ["1Z2", "1Z1", "1Z1"]), "PL-33: read again, nothing new"
    others = [
        told_digest(LineState.SHIPPED, FRIDAY, ["1Z1", "1Z2"]),
        told_digest(LineState.ACCEPTED, MONDAY, ["1Z1", "1Z2"]),
        told_digest(LineState.ACCEPTED, ESTIMATE, ["1Z1", "1Z2"]),
        told_digest(LineState.ACCEPTED, FRIDAY, ["1Z1"]),
        told_digest(LineState.ACCEPTED, NO_DATE, ["1Z1", "1Z2"]),
    ]
    assert len({told, *others}) == 6


ZONE = UTC
QUESTION = {
    "approval": ApprovalId("demo-48213-1-r1"),
    "job_number": "48213",
    "expires_at": NOW,
    "zone": ZONE,
    "approvers": ["Tess Tester"],
}
SUBSTITUTION = Substitution(ordered=PartRef(make="WPL", number="A1"), shipped=PartRef(make="SAM", number="B2"))


@pytest.mark.parametrize(
    ("message", "subject", "said"),
    [
        pytest.param(
            question_message(offer_of(candidate()), **QUESTION),  # type: ignore[arg-type]
            "Approve a part for job 48213",
            ["1 x WPW10348269 (WPL)", "Tess Tester", "approve demo-48213-1-r1", "15:00 UTC"],
            id="question",
        ),
        pytest.param(
            question_message(offer_of(candidate(), candidate(make="GEH")), **QUESTION, reminder=2),  # type: ignore[arg-type]
            "Reminder 2: Choose a part for job 48213", ["(WPL) or WPW10348269 (GEH)"], id="reminder",
        ),
        pytest.param(
            expired_message(job_number="48213", part_number="A1", expires_at=NOW, zone=ZONE),
            "Not ordered: approval expired on job 48213", ["A1", "held retry"], id="PL-15 expired",
        ),
        pytest.param(
            held_message(job_number="48213", why="No number", fix="Add one"), "A part is held on job 48213",
            ["No number.", "Add one.", "held retry"], id="PL-59 held",
        ),
        pytest.param(
            substitution_message(job_number="48213", substitution=SUBSTITUTION), "Another part is coming for job 48213",
            ["B2 (SAM) instead of A1 (WPL)"], id="PL-13 substitution",
        ),
        pytest.param(
            unresolved_message(job_number="48213", part_number="A1", po_number="PO-1"), "Was it ordered? Job 48213",
            ["PO PO-1", "not sent again"], id="PL-60 unresolved",
        ),
        pytest.param(
            status_message(
                job_number="48213", part_number="A1", state=LineState.BACKORDERED, was=FRIDAY, eta=NO_DATE, words="Short"
            ),
            "Job 48213: part backordered", ["A1: backordered.", "no date yet; before: 2026-10-02 (Marcone)", "Short."],
            id="PL-29 the shop hears first",
        ),
    ],
)  # fmt: skip
def test_technicians_and_the_office_read_what_to_do(message: Message, subject: str, said: list[str]) -> None:
    assert message.subject == subject
    for words in said:
        assert words in message.body


AFTER = (timedelta(hours=2), timedelta(hours=24))


@pytest.mark.parametrize(
    ("hours", "already", "due"),
    [
        pytest.param(1.9, 0, 0, id="not yet"),
        pytest.param(2, 0, 1, id="after two hours"),
        pytest.param(3, 1, 0, id="sent already"),
        pytest.param(24, 1, 1, id="after a day"),
        pytest.param(100, 0, 2, id="both came due while we were down"),
        pytest.param(100, 2, 0, id="all sent"),
        pytest.param(100, 9, 0, id="the shop asks for fewer now"),
    ],
)
def test_reminders_come_due_once(hours: float, already: int, due: int) -> None:
    asked_at = datetime(2026, 9, 30, tzinfo=UTC)
    assert due_reminders(asked_at, already, AFTER, asked_at + timedelta(hours=hours)) == due
