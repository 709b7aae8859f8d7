"""What the parts report counts, from the records of the loop: one table per number."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from parts import HOME, candidate, offer_of

from decisions.parts_report import (
    Earlier,
    PartLine,
    answered_otherwise,
    find,
    lines_of,
    stalls,
    summarise,
    without_status,
)
from models.approval import Offer, OrderTerms
from models.part_history import FollowedOrder, PartEvent, PartHistory
from models.request import Stage

ZONE = ZoneInfo("America/Chicago")
START = datetime(2026, 9, 7, 15, 0, tzinfo=UTC)
"""Monday, ten in the morning in Chicago."""
NOW = START + timedelta(days=14)
DAY = timedelta(hours=24)
DANA, KIM = "Dana Whitfield", "Kim Sample"


def at(hours: float) -> datetime:
    """A moment, in hours from the start."""
    return START + timedelta(hours=hours)


def history(*events: tuple[float, str], job: str = "48213", number: int = 1, **facts: object) -> PartHistory:
    """A part whose records have these events, in hours from the start; the last one is its stage."""
    happened = tuple(PartEvent(at(hours), name) for hours, name in events)
    known = [event.name for event in happened if event.name != "retried"]
    return replace(
        PartHistory(
            request_id=f"demo-{job}-{number}",
            job=job,
            job_number=job,
            part="WPW10348269",
            stage=Stage(known[-1]) if known else Stage.FOUND,
            found_at=happened[0].at if happened else START,
            technicians=(DANA,),
            model="WDT780SAEM1",
            events=happened,
        ),
        **facts,
    )


def lines(*histories: PartHistory) -> list[PartLine]:
    return lines_of(histories, START - 30 * DAY, NOW + DAY, now=NOW, zone=ZONE)


def line(*events: tuple[float, str], **facts: object) -> PartLine:
    [only] = lines(history(*events, **facts))  # type: ignore[arg-type]
    return only


ORDERED = ((0, "found"), (0.1, "awaiting approval"), (2, "approved"), (2, "ordered"))


# --- from the diagnosis to the order


@pytest.mark.parametrize(
    ("events", "hours", "is_same_day"),
    [
        pytest.param(ORDERED, 2, True, id="asked, approved, ordered"),
        pytest.param(((0, "found"),), None, False, id="not ordered yet"),
        pytest.param(((0, "found"), (5, "rejected")), None, False, id="rejected"),
        pytest.param(((0, "found"), (13.9, "ordered")), 13.9, True, id="late the same evening in Chicago"),
        pytest.param(((0, "found"), (14.1, "ordered")), 14.1, False, id="after midnight in Chicago"),
        pytest.param(((0, "found"), (2, "ordered"), (30, "ordered")), 2, True, id="a backorder told later"),
        pytest.param(((0, "found"), (1, "held"), (9, "retried"), (10, "ordered")), 10, True, id="held in between"),
        pytest.param(
            ((0, "found"), (3, "found"), (4, "ordered")), 4, True, id="corrected on the job: the clock goes on"
        ),
        pytest.param(
            ((0, "found"), (3, "taken off the job"), (50, "found"), (51, "ordered")), 1, True, id="taken off, put back"
        ),
        pytest.param(
            ((0, "found"), (2, "ordered"), (9, "held"), (40, "ordered")), 2, True, id="canceled, ordered anew"
        ),
    ],
)
def test_the_time_to_the_order(
    events: tuple[tuple[float, str], ...], hours: float | None, *, is_same_day: bool
) -> None:
    """PL-51: hours from the diagnosis to the first order, and whether it was the same day in the shop's zone."""
    found = line(*events)
    assert (found.hours, found.is_same_day) == (pytest.approx(hours) if hours else None, is_same_day)


@pytest.mark.parametrize(
    ("hours", "middle", "ninety"),
    [
        pytest.param([], None, None, id="no order"),
        pytest.param([3], 3, 3, id="one order"),
        pytest.param([1, 2], 1.5, 2, id="two orders"),
        pytest.param([5, 1, 3], 3, 5, id="in whatever order"),
        pytest.param([1, 2, 3, 4, 5, 6, 7, 8, 9, 80], 5.5, 9, id="one of ten is not in it"),
        pytest.param([1, 2, 3, 4, 5, 6, 7, 8, 9, 80, 90], 6, 80, id="two of eleven are"),
    ],
)
def test_the_middle_and_nine_of_ten(hours: list[float], middle: float | None, ninety: float | None) -> None:
    """PL-51: the median, and within how many hours nine of ten orders were placed."""
    made = [history((0, "found"), (each, "ordered"), number=number) for number, each in enumerate(hours)]
    found = summarise(lines(*made))
    assert (found.median_hours, found.ninety_hours) == (middle, ninety)


def test_every_part_is_ordered_waiting_or_ended() -> None:
    """PL-51: parts without an order do not make the orders look faster: they are counted beside them."""
    stages = ["found", "held", "awaiting approval", "rejected", "expired", "no longer available", "canceled"]
    made = [history((0, "found"), (1, stage), number=number) for number, stage in enumerate(stages)]
    found = summarise(lines(*made, history(*ORDERED, number=8), history(*ORDERED, (60, "arrived"), number=9)))
    assert (found.parts, found.ordered, found.waiting, found.ended) == (9, 2, 3, 4)


def test_a_period_has_the_parts_that_were_diagnosed_in_it() -> None:
    """PL-51: from its first moment to before its end; parts outside the pilot are nobody's measure."""
    made = [history((hours, "found"), number=hours) for hours in (0, 1, 2, 3)]
    other = history((1, "found"), (1.1, "outside the pilot"), number=9)
    put_back = history((0, "found"), (0.5, "taken off the job"), (2.5, "found"), number=8)
    found = lines_of([*made, other, put_back], at(1), at(3), now=NOW, zone=ZONE)
    assert [one.request_id for one in found] == ["demo-48213-1", "demo-48213-2", "demo-48213-8"]


# --- typed by people


def test_order_numbers_people_typed_are_counted() -> None:
    """PL-52: the one value that is ever copied from one system to another."""
    typed = PartEvent(at(3), "retried", ("90000001", "90000002"))
    events = (PartEvent(at(0), "found"), PartEvent(at(2), "unresolved"), typed, PartEvent(at(4), "ordered"))
    found = summarise(lines(history(*ORDERED), history(number=2, stage=Stage.ORDERED, events=events)))
    assert (found.ordered, found.typed) == (2, 2)


def terms_of(offer: Offer, part: int = 0, **changes: object) -> OrderTerms:
    chosen = offer.parts[part]
    terms = OrderTerms(
        make=chosen.part.make,
        part_number=chosen.part.number,
        quantity=offer.quantity,
        unit_price=chosen.unit_price,
        price_ceiling=Decimal(50),
        branch=chosen.branches[0].branch if chosen.branches else "",
        ship_to=HOME,
        ship_method=offer.ship_method,
    )
    return terms.model_copy(update=changes)


ONE = offer_of(candidate())
TWO_MAKES = offer_of(candidate(), candidate(make="FRI"))


@pytest.mark.parametrize(
    ("offer", "terms", "changed"),
    [
        pytest.param(ONE, terms_of(ONE), (), id="as suggested"),
        pytest.param(ONE, terms_of(ONE, quantity=2), ("quantity",), id="another quantity"),
        pytest.param(ONE, terms_of(ONE, branch="901"), ("branch",), id="another branch"),
        pytest.param(ONE, terms_of(ONE, branch="901", quantity=3), ("quantity", "branch"), id="both"),
        pytest.param(ONE, terms_of(ONE, branch=""), (), id="ships from the maker"),
        pytest.param(TWO_MAKES, terms_of(TWO_MAKES, part=1), (), id="a choice where none was suggested"),
        pytest.param(
            TWO_MAKES.model_copy(update={"must_choose": False}),
            terms_of(TWO_MAKES, part=1),
            ("part",),
            id="another part",
        ),
        pytest.param(None, None, (), id="nobody was asked"),
        pytest.param(ONE, None, (), id="rejected"),
    ],
)
def test_what_the_answer_changed(offer: Offer | None, terms: OrderTerms | None, changed: tuple[str, ...]) -> None:
    """PL-52: fields that the person who approved set otherwise than they were put."""
    assert answered_otherwise(offer, terms) == changed
    assert line(*ORDERED, offer=offer, terms=terms).answered_otherwise == changed


@pytest.mark.parametrize(
    ("events", "count"),
    [
        pytest.param(ORDERED, 0, id="never"),
        pytest.param(((0, "found"), (1, "held"), (2, "found"), (3, "ordered")), 1, id="mended while held"),
        pytest.param(((0, "found"), (1, "found"), (2, "awaiting approval"), (3, "found")), 2, id="twice"),
        pytest.param(((0, "found"), (1, "taken off the job"), (2, "found")), 0, id="put back"),
        pytest.param(((0, "found"), (1, "held"), (2, "retried"), (3, "ordered")), 0, id="set free without a change"),
    ],
)
def test_diagnoses_changed_on_the_job(events: tuple[tuple[float, str], ...], count: int) -> None:
    """PL-52: typed again in the job itself, which is counted apart from copying between systems."""
    assert line(*events).corrections == count


# --- the model number


@pytest.mark.parametrize(
    ("models", "valid"),
    [
        pytest.param({"1": "WDT780SAEM1"}, 1, id="in the agreed form"),
        pytest.param({"1": ""}, 0, id="none"),
        pytest.param({"1": "unknown"}, 0, id="a word in its place"),
        pytest.param({"1": "WDT780SAEM1", "2": "", "3": "665.13743K603"}, 2, id="two of three jobs"),
    ],
)
def test_the_share_of_jobs_with_a_valid_model(models: dict[str, str], valid: int) -> None:
    """PL-47: by jobs, whether or not the shop has a field for it."""
    found = summarise(lines(*(history(*ORDERED, job=job, model=model) for job, model in models.items())))
    assert (found.jobs, found.jobs_with_model) == (len(models), valid)


def test_a_job_has_a_valid_model_when_each_of_its_parts_names_one() -> None:
    """PL-47."""
    found = summarise(lines(history(*ORDERED), history(*ORDERED, number=2, model="?")))
    assert (found.parts, found.jobs, found.jobs_with_model) == (2, 1, 0)


# --- jobs without a current status


def order(looked: float | None, *, is_open: bool = True) -> FollowedOrder:
    return FollowedOrder("90000001", is_open=is_open, looked_at=None if looked is None else at(looked))


WAITS = ((0, "found"), (1, "awaiting approval"))


@pytest.mark.parametrize(
    ("part", "since"),
    [
        pytest.param(history((0, "found")), 0, id="found, and no pass took it up"),
        pytest.param(history(*ORDERED, orders=(order(10),)), 10, id="ordered: the last look is what counts"),
        pytest.param(history(*ORDERED, orders=(order(30), order(12))), 12, id="of two orders the one longer unseen"),
        pytest.param(history(*ORDERED, orders=(order(None),)), 2, id="ordered, and never looked at"),
        pytest.param(history(*ORDERED), 2, id="ordered, and no order is known"),
        pytest.param(history(*WAITS, asked_until=at(20)), 20, id="a question past its time"),
        pytest.param(history(*WAITS), 1, id="answered, and nobody went on"),
        pytest.param(history((0, "found"), (3, "approved")), 3, id="approved, and not ordered"),
        pytest.param(history((0, "found"), (1, "held"), untold_since=at(1)), 1, id="held, and the job does not say so"),
        pytest.param(history(*ORDERED, (50, "arrived"), untold_since=at(50)), 50, id="arrived, and the job lacks it"),
        pytest.param(history(*ORDERED, orders=(order(30),), untold_since=at(9)), 9, id="looked at, and not written"),
    ],
)
def test_a_job_without_a_current_status_is_listed(part: PartHistory, since: float) -> None:
    """PL-30, PL-53: once it is as old as the set age, and not before."""
    [found] = without_status([part], at(since) + DAY, DAY)
    assert (found.job, found.part, found.stage, found.since) == ("48213", part.part, part.stage, at(since))
    assert found.why.endswith(".")
    assert without_status([part], at(since) + DAY - timedelta(seconds=1), DAY) == []


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(history((0, "found"), (1, "held")), id="held: the job says why, a person has it"),
        pytest.param(history((0, "found"), (1, "unresolved")), id="unresolved, likewise"),
        pytest.param(history((0, "found"), (1, "rejected")), id="ended"),
        pytest.param(history(*ORDERED, (9, "arrived"), orders=(order(9, is_open=False),)), id="arrived"),
        pytest.param(history(*WAITS, asked_until=NOW + DAY), id="a question that still stands"),
        pytest.param(history(*ORDERED, orders=(order(335), order(5, is_open=False))), id="an order looked at today"),
    ],
)
def test_a_job_that_says_how_things_are_is_not_listed(part: PartHistory) -> None:
    """PL-30, PL-53."""
    assert without_status([part], NOW, DAY) == []


def test_the_longest_silent_comes_first() -> None:
    """PL-30."""
    parts = [history((hours, "found"), job=str(hours)) for hours in (7, 3, 5)]
    assert [one.job for one in without_status(parts, NOW, DAY)] == ["3", "5", "7"]


# --- a part after a part


FIRST = history((0, "found"), (2, "ordered"), (50, "arrived"), po_number="48213-1")


@pytest.mark.parametrize(
    ("second", "earlier"),
    [
        pytest.param(
            history((60, "found"), number=2), Earlier("WPW10348269", "48213-1", at(50), True), id="the same part"
        ),
        pytest.param(
            history((60, "found"), number=2, part="wpw-10348269"),
            Earlier("WPW10348269", "48213-1", at(50), True),
            id="the same part, spelt otherwise",
        ),
        pytest.param(
            history((60, "found"), number=2, part="EDR1RXD1"),
            Earlier("WPW10348269", "48213-1", at(50), False),
            id="another part",
        ),
        pytest.param(
            history((50, "found"), number=2), Earlier("WPW10348269", "48213-1", at(50), True), id="at the very moment"
        ),
        pytest.param(history((49, "found"), number=2), None, id="diagnosed before the first had arrived"),
        pytest.param(history((60, "found"), number=2, job="48214"), None, id="on another job"),
        pytest.param(
            history((1, "found"), (3, "taken off the job"), (60, "found"), number=2, part="EDR1RXD1"),
            Earlier("WPW10348269", "48213-1", at(50), False),
            id="put back after the first had arrived",
        ),
    ],
)
def test_a_part_after_an_arrived_one_is_linked_to_it(second: PartHistory, earlier: Earlier | None) -> None:
    """PL-54, PL-58: another part needed after one was there means that somebody drives again."""
    found = lines(FIRST, second)
    assert [one.earlier for one in found if one.request_id == second.request_id] == [earlier]
    assert [one.earlier for one in found if one.request_id == FIRST.request_id] == [None]
    assert summarise(found).diagnosed_again == (earlier is not None)


def test_of_several_earlier_parts_the_same_one_is_named_else_the_last() -> None:
    """PL-58."""
    other = history((1, "found"), (55, "arrived"), number=2, part="EDR1RXD1", po_number="48213-2")
    same = history((60, "found"), number=3)
    third = history((60, "found"), number=4, part="W10712395")
    sooner = history((1, "found"), (52, "arrived"), number=5, part="W10712396", po_number="48213-5")
    found = {one.request_id: one.earlier for one in lines(FIRST, other, same, third, sooner)}
    assert found[same.request_id] == Earlier("WPW10348269", "48213-1", at(50), is_same=True)
    assert found[third.request_id] == Earlier("EDR1RXD1", "48213-2", at(55), is_same=False)


# --- how long jobs wait


@pytest.mark.parametrize(
    ("parts", "hours"),
    [
        pytest.param([history((0, "found"), (2, "ordered"), (50, "arrived"))], 50, id="to the arrival"),
        pytest.param([history((0, "found"), (5, "rejected"))], 5, id="to the no"),
        pytest.param([history((0, "found"), (2, "ordered"))], 336, id="it still waits"),
        pytest.param(
            [history((0, "found"), (72, "expired"), (80, "retried"), (90, "arrived"))], 82, id="set free again"
        ),
        pytest.param(
            [history((0, "found"), (3, "taken off the job"), (10, "found"), (14, "arrived"))], 7, id="off and on again"
        ),
        pytest.param(
            [history((0, "found"), (40, "arrived")), history((10, "found"), (50, "arrived"), number=2)],
            50,
            id="two parts at once wait once",
        ),
        pytest.param(
            [history((0, "found"), (40, "arrived")), history((10, "found"), (20, "arrived"), number=2)],
            40,
            id="one within the other",
        ),
        pytest.param(
            [
                history((0, "found"), (40, "arrived")),
                history((10, "found"), (20, "arrived"), number=2),
                history((30, "found"), (50, "arrived"), number=3),
            ],
            50,
            id="one within the other, and a third beyond both",
        ),
        pytest.param(
            [history((0, "found"), (40, "arrived")), history((60, "found"), (70, "arrived"), number=2)],
            50,
            id="one after the other: the gap is not waited",
        ),
    ],
)
def test_how_long_a_job_waited(parts: list[PartHistory], hours: float) -> None:
    """PL-56: stalled hours of a job, each once."""
    [found] = stalls(lines(*parts))
    assert (found.technician, found.jobs, found.total_hours) == (DANA, 1, pytest.approx(hours))


def test_each_technician_beside_the_baseline() -> None:
    """PL-56: the job of two counts for both; who has none now, or none then, is shown all the same."""
    now = lines(
        history((0, "found"), (10, "arrived"), job="1"),
        history((0, "found"), (30, "arrived"), job="2", technicians=(KIM, DANA)),
        history((0, "found"), (5, "arrived"), job="3", technicians=()),
    )
    before = lines(
        history((0, "found"), (100, "arrived"), job="4"),
        history((0, "found"), (200, "arrived"), job="5"),
        history((0, "found"), (7, "arrived"), job="6", technicians=("Lee Example",)),
    )
    found = stalls(now, before)
    assert [(one.technician, one.jobs, one.median_hours, one.total_hours) for one in found] == [
        (DANA, 2, 20, 40),
        (KIM, 1, 30, 30),
        ("", 1, 5, 5),
        ("Lee Example", 0, None, 0),
    ]
    assert [(one.before_jobs, one.before_median_hours) for one in found] == [(2, 150), (0, None), (0, None), (1, 7)]


# --- the whole trace


def test_a_part_has_all_its_numbers_together() -> None:
    """PL-61: from the job to purchase order, orders, invoices and parcels."""
    orders = (
        FollowedOrder("90000001", "INV-1", ("1Z999", "1Z998"), is_open=False),
        FollowedOrder("90000002", "", (), is_open=True),
    )
    found = line(*ORDERED, po_number="48213-1", orders=orders)
    assert (found.job, found.po_number, found.orders) == ("48213", "48213-1", ("90000001", "90000002"))
    assert (found.invoices, found.parcels) == (("INV-1",), ("1Z999", "1Z998"))


@pytest.mark.parametrize(
    "number", ["48213", "48213-1", "90000002", "inv-1", " 1Z998 "], ids=["job", "PO", "order", "invoice", "parcel"]
)
def test_every_number_leads_back_to_the_part(number: str) -> None:
    """PL-61: and to no other; a part of a number is no number."""
    orders = (FollowedOrder("90000001", "INV-1", ("1Z999", "1Z998")), FollowedOrder("90000002"))
    mine = history(*ORDERED, po_number="48213-1", orders=orders)
    other = history(*ORDERED, job="48214", po_number="48214-1", orders=(FollowedOrder("90000009", "INV-10"),))
    assert [one.request_id for one in find(lines(mine, other), number)] == [mine.request_id]
    assert find(lines(mine, other), "INV") == []
    assert find(lines(history((0, "found"))), " ") == []


def test_nothing_is_nothing() -> None:
    """A shop without a part has a report without numbers."""
    found = summarise([])
    assert (found.parts, found.jobs, found.median_hours, found.ninety_hours) == (0, 0, None, None)
    assert stalls([]) == []
    assert without_status([], NOW, DAY) == []
