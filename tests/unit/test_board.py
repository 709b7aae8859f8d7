"""PL-4, PL-7, PL-27, PL-28, PL-30 to PL-32, PL-37, PL-59: what the job shows, and the notes it gets."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions import notes
from decisions.board import PartOnBoard, board_for, eta_text, hold_for, job_eta, job_status, status_words
from decisions.eta import NO_DATE
from models.base import ApprovalId, JobRef, RequestId
from models.job import BoardNote, Hold
from models.part import Eta, EtaBasis, LineState, PartRef, Substitution
from models.request import CLOSED, Stage
from tests.unit.parts import NOW, NOWHERE, candidate, offer_of
from tests.unit.test_offers import terms

REQUEST = RequestId("demo-48213-1")
ZONE = ZoneInfo("America/Chicago")
FRIDAY = date(2026, 10, 2)
SATURDAY = date(2026, 10, 3)
BY_MARCONE = Eta(on=SATURDAY, basis=EtaBasis.DISTRIBUTOR)
EARLIER = Eta(on=FRIDAY, basis=EtaBasis.CARRIER)


def part(number: str = "WPW10348269", stage: Stage = Stage.ORDERED, **changes: object) -> PartOnBoard:
    return PartOnBoard(request_id=REQUEST, part_number=number, stage=stage, **changes)


@pytest.mark.parametrize(
    ("eta", "transit_days", "text"),
    [
        pytest.param(BY_MARCONE, None, "2026-10-03 (Marcone)", id="the distributor's"),
        pytest.param(EARLIER, None, "2026-10-02 (carrier)", id="the carrier's"),
        pytest.param(
            Eta(on=SATURDAY, basis=EtaBasis.DERIVED),
            3,
            "2026-10-03 (estimate: order date + 3 business days)",
            id="ours",
        ),
        pytest.param(
            Eta(on=SATURDAY, basis=EtaBasis.DERIVED),
            1,
            "2026-10-03 (estimate: order date + 1 business day)",
            id="one day",
        ),
        pytest.param(NO_DATE, 3, "no date yet", id="PL-31 none"),
    ],
)
def test_a_date_comes_first_and_says_whose_it_is(eta: Eta, transit_days: int | None, text: str) -> None:
    assert eta_text(eta, transit_days=transit_days) == text


def test_one_part_shows_just_its_status_and_several_show_their_numbers() -> None:
    asked = part(stage=Stage.AWAITING_APPROVAL)
    assert job_status([asked]) == "awaiting approval"
    assert job_status([asked, part("279838")]) == "WPW10348269: awaiting approval; 279838: ordered"
    assert job_status([part("", description="Pump"), part("279838")]).startswith("Pump: ")
    assert job_status([]) == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "ordered"),
        (LineState.PICKING, "ordered"),
        (LineState.BACKORDERED, "backordered"),
        (LineState.ON_HOLD, "ordered, on hold at Marcone"),
        (LineState.SHIPPED, "shipped"),
        (LineState.DELIVERED, "arrived"),
        (LineState.CANCELED, "canceled by Marcone"),
    ],
)
def test_an_ordered_part_shows_how_far_it_is(state: LineState | None, words: str) -> None:
    assert status_words(Stage.ORDERED, state) == words


@pytest.mark.parametrize(
    ("parts", "eta"),
    [
        pytest.param([part(eta=BY_MARCONE)], "2026-10-03 (Marcone)", id="one part"),
        pytest.param([part()], "no date yet", id="one part without a date"),
        pytest.param([part(eta=EARLIER), part("279838", eta=BY_MARCONE)], "2026-10-03 (Marcone)", id="the last of two"),
        pytest.param(
            [part(eta=BY_MARCONE), part("279838")],
            "no date yet for 279838; WPW10348269 2026-10-03 (Marcone)", id="one of two has none",
        ),
        pytest.param(
            [part(eta=BY_MARCONE), part("279838", Stage.REJECTED)], "2026-10-03 (Marcone)",
            id="what was rejected does not count",
        ),
        pytest.param([part(stage=Stage.REJECTED)], "", id="nothing comes"),
        pytest.param([part(stage=Stage.ARRIVED, eta=EARLIER)], "2026-10-02 (arrived)", id="here since Friday"),
        pytest.param([part(state=LineState.DELIVERED)], "arrived", id="here, the day is not known"),
        pytest.param([part(state=LineState.CANCELED)], "", id="the distributor canceled it"),
        pytest.param([], "", id="no part"),
    ],
)  # fmt: skip
def test_the_jobs_date_is_the_day_all_parts_are_there(parts: list[PartOnBoard], eta: str) -> None:
    assert job_eta(parts) == eta


@pytest.mark.parametrize(
    ("parts", "hold"),
    [
        pytest.param([part(stage=Stage.AWAITING_APPROVAL)], Hold.PLACE, id="asked"),
        pytest.param([part(), part(stage=Stage.ARRIVED)], Hold.PLACE, id="one of two on its way"),
        pytest.param([part(stage=Stage.ARRIVED)], Hold.RELEASE, id="all here"),
        pytest.param([part(state=LineState.DELIVERED)], Hold.RELEASE, id="just delivered"),
        pytest.param([part(stage=Stage.REJECTED)], Hold.RELEASE, id="PL-15 rejected: nothing to wait for"),
        pytest.param([part(stage=Stage.HELD)], Hold.LEAVE, id="held before anything was asked"),
        pytest.param([], Hold.LEAVE, id="no part"),
    ],
)
def test_a_job_waits_while_a_part_is_under_way(parts: list[PartOnBoard], hold: Hold) -> None:
    assert hold_for(parts) is hold


def test_a_board_is_the_whole_truth_about_the_job() -> None:
    evil = "Pump <b>|x|</b> \\ `rm`"
    ordered = part(
        description=evil,
        quantity=2,
        unit_price=Decimal("41.2"),
        branch="601 Birmingham",
        order_numbers=("5001", "5002"),
        eta=BY_MARCONE,
    )
    board = board_for(JobRef("1001"), [ordered], revision=4)
    assert (board.revision, board.status, board.eta) == (4, "ordered", "2026-10-03 (Marcone)")
    assert board.hold is Hold.PLACE
    assert board.hold_memo == board.visit_line == "ordered - 2026-10-03 (Marcone)"
    [line] = board.lines
    assert line.description == evil, "what people typed is kept whole"
    assert (line.quantity, line.unit_price, line.order_numbers) == (2, "$41.20", ("5001", "5002"))
    assert (line.status, line.eta) == ("ordered", "2026-10-03 (Marcone)")


@pytest.mark.parametrize(
    ("given_part", "line"),
    [
        pytest.param(
            part(stage=Stage.HELD, reason="The part has\nno number."),
            "held - no date yet - WPW10348269: The part has no number.",
            id="PL-59 why it is held",
        ),
        pytest.param(
            part(state=LineState.SHIPPED, eta=BY_MARCONE, tracking=("1Z1", "1Z2")),
            "shipped - 2026-10-03 (Marcone) - WPW10348269: tracking 1Z1, 1Z2",
            id="where the parcel is",
        ),
        pytest.param(part(reason="ordered by Tess"), "ordered - no date yet", id="nothing more to say"),
    ],
)
def test_the_visit_says_why_a_part_is_stuck_and_where_its_parcel_is(given_part: PartOnBoard, line: str) -> None:
    board = board_for(JobRef("1001"), [given_part], revision=1)
    assert board.visit_line == board.hold_memo == line


parts = st.builds(
    PartOnBoard,
    request_id=st.just(REQUEST),
    part_number=st.sampled_from(["WPW10348269", "279838", ""]),
    stage=st.sampled_from(Stage),
    state=st.one_of(st.none(), st.sampled_from(LineState)),
    eta=st.sampled_from([NO_DATE, BY_MARCONE, EARLIER]),
)


@given(st.lists(parts, max_size=4))
def test_every_job_has_a_status_and_shows_only_dates_it_was_given(given_parts: list[PartOnBoard]) -> None:
    board = board_for(JobRef("1001"), given_parts, revision=1)
    assert bool(board.status) == bool(given_parts)
    assert "\n" not in board.status + board.eta
    if board.eta[:4].isdigit():
        assert board.eta[:10] in {each.eta.on.isoformat() for each in given_parts if each.eta.on}
    if given_parts and all(each.stage in CLOSED for each in given_parts):
        assert board.hold is Hold.RELEASE


SUBSTITUTION = Substitution(ordered=PartRef(make="WPL", number="A1"), shipped=PartRef(make="SAM", number="B2"))
ORDERED_NOTE = notes.ordered_note(
    REQUEST,
    terms(quantity=2, accepts_backorder=True),
    attempt=1,
    order_numbers=("5001", "5002"),
    po_number="demo-48213-1",
    decided_by="Tess Tester",
    decided_at=NOW,
    zone=ZONE,
)


@pytest.mark.parametrize(
    ("note", "mark", "said"),
    [
        pytest.param(
            ORDERED_NOTE, "ordered a1",
            ["2 x WPW10348269", "branch 601", "5001 and 5002", "Tess Tester", "2026-09-30 10:00 CDT", "backorder"],
            id="PL-32 ordered",
        ),
        pytest.param(
            notes.rejected_note(REQUEST, revision=2, by="Al Other", said="too\ndear"), "rejected r2",
            ["Al Other", "too\ndear"], id="PL-15 rejected",
        ),
        pytest.param(
            notes.expired_note(REQUEST, revision=1, expires_at=NOW, zone=ZONE), "expired r1",
            ["2026-09-30 10:00 CDT", "held retry"], id="PL-15 expired",
        ),
        pytest.param(
            notes.unavailable_note(REQUEST, revision=3, why="Gone", fix="Tell them"), "unavailable b3",
            ["No longer available.", "Gone.", "Tell them."], id="PL-22 unavailable",
        ),
        pytest.param(
            notes.not_found_note(REQUEST, revision=3, why="Unknown.", fix="Check it"), "not-found b3",
            ["Part not found."], id="PL-19 not found",
        ),
        pytest.param(
            notes.held_note(REQUEST, revision=3, why="No number", fix="Add one"), "held b3",
            ["No number.", "To do: Add one."], id="PL-59 held",
        ),
        pytest.param(
            notes.unresolved_note(REQUEST, attempt=1, po_number="PO-1", part_number="A1"), "unresolved a1",
            ["not known whether", "PO PO-1"], id="PL-60 unresolved",
        ),
        pytest.param(
            notes.substitution_note(REQUEST, SUBSTITUTION, revision=5), "substituted b5",
            ["B2 (SAM) instead of A1 (WPL)"], id="PL-13 substituted",
        ),
        pytest.param(
            notes.eta_note(REQUEST, revision=6, was=BY_MARCONE, now=NO_DATE, words="Gone quiet"), "eta b6",
            ["was 2026-10-03 (Marcone), now no date yet", "Gone quiet."], id="PL-28 the old date is kept",
        ),
        pytest.param(
            notes.backordered_note(REQUEST, revision=6, eta=NO_DATE), "backordered b6", ["no date yet"],
            id="PL-27 backordered",
        ),
        pytest.param(
            notes.shipped_note(REQUEST, revision=7, tracking=["1Z1", "1Z2"], eta=BY_MARCONE), "shipped b7",
            ["1Z1 and 1Z2", "2026-10-03 (Marcone)"], id="PL-32 shipped",
        ),
        pytest.param(notes.delivered_note(REQUEST, revision=8), "delivered b8", ["arrived"], id="PL-32 delivered"),
        pytest.param(
            notes.canceled_note(REQUEST, revision=8, why="The job was canceled"), "canceled b8",
            ["The job was canceled."], id="the job ended",
        ),
    ],
)  # fmt: skip
def test_each_event_has_its_note_and_its_marker(note: BoardNote, mark: str, said: list[str]) -> None:
    assert note.marker == f"[truckroll demo-48213-1 {mark}]"
    assert note.text.splitlines()[-1] == note.marker, "the marker is the last line, so that nobody can quote it there"
    for words in said:
        assert words in note.text


def test_the_question_in_the_job_has_stock_per_branch_price_and_how_to_answer() -> None:
    note = notes.asked_note(
        REQUEST,
        ApprovalId("demo-48213-1-r1"),
        offer_of(candidate(), quantity=2),
        revision=1,
        expires_at=NOW + timedelta(days=3),
        zone=ZONE,
        approvers=["Tess Tester"],
    )
    assert note.marker == "[truckroll demo-48213-1 asked r1]"
    for words in [
        "2 x WPW10348269 (WPL) Drain pump: $41.20 each.",
        "- 601 Birmingham: 4 in stock, 1 day",
        "- 901 St. Louis: 9 in stock, 4 days",
        "To answer (Tess Tester), until 2026-10-03 10:00 CDT:",
        "truckroll approvals approve demo-48213-1-r1 --by NAME",
        "Quoted 2026-09-30 10:00 CDT, US dollars",
    ]:
        assert words in note.text


def test_a_question_asked_again_says_what_moved() -> None:
    note = notes.asked_note(
        REQUEST,
        ApprovalId("demo-48213-1-r2"),
        offer_of(candidate(stock=NOWHERE)),
        revision=2,
        expires_at=NOW,
        zone=ZONE,
        because=["The price rose from $41.20 to $60.00 each."],
    )
    assert note.text.startswith("The offer changed after the approval")
    assert "- The price rose" in note.text
    assert "No branch has it now" in note.text
