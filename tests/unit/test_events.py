"""Who is told of a question: each technician alone, with their own link; the shop and the job without any."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from decisions.events import Story, asked
from models.base import ApprovalId, RequestId
from models.job import Hold, Technician
from models.outgoing import Outgoing
from tests.unit.parts import candidate, offer_of

DANA = Technician(id="7", name="Dana Whitfield", email="dana@example.com")
LUIS = Technician(id="8", name="Luis Ortega", email="luis@example.com")
NO_MAIL = Technician(id="9", name="Ines Sample")
LINKS = {"Dana Whitfield": "https://a.example.com/approve/d", "Luis Ortega": "https://a.example.com/approve/l"}


def told(*technicians: Technician, links: dict[str, str], question: int = 1) -> Outgoing:
    story = Story(
        request=RequestId("demo-48213-1"),
        job_number="48213",
        part="WPW10348269",
        revision=1,
        distributor="Marcone",
        zone=ZoneInfo("America/Chicago"),
    )
    return asked(
        story,
        offer_of(candidate()),
        approval=ApprovalId("demo-48213-1-r1"),
        question=question,
        expires_at=datetime(2026, 10, 3, 15, tzinfo=UTC),
        approvers=[each.name for each in technicians],
        because=(),
        technicians=technicians,
        link_for=links,
    )


def test_each_technician_gets_a_letter_with_their_own_link_only() -> None:
    outgoing = told(DANA, NO_MAIL, LUIS, links=LINKS)
    assert [letter.to for letter in outgoing.personal] == [("dana@example.com",), ("luis@example.com",)]
    to_dana, to_luis = (letter.body for letter in outgoing.personal)
    assert to_dana.startswith("Hello Dana Whitfield,")
    assert LINKS["Dana Whitfield"] in to_dana.splitlines()
    assert LINKS["Luis Ortega"] not in to_dana
    assert LINKS["Luis Ortega"] in to_luis.splitlines()
    assert "truckroll approvals" not in to_dana
    assert "do not pass it on" in to_dana


def test_the_shop_and_the_job_get_no_link() -> None:
    outgoing = told(DANA, LUIS, links=LINKS)
    assert outgoing.office is not None
    assert outgoing.office.to == ()
    assert outgoing.note is not None
    for text in (outgoing.office.body, outgoing.note.text):
        assert "https://" not in text
        assert "truckroll approvals approve demo-48213-1-r1" in text
    assert "the link in your own mail" in outgoing.note.text
    assert outgoing.hold is Hold.PLACE


def test_without_a_page_the_letter_says_the_command() -> None:
    outgoing = told(DANA, links={}, question=2)
    (letter,) = outgoing.personal
    assert "truckroll approvals approve demo-48213-1-r1" in letter.body
    assert outgoing.note is not None
    assert "link" not in outgoing.note.text
    assert outgoing.hold is Hold.LEAVE
