"""PL-27 to PL-33 and FACTS 9: dates come from the distributor, the carrier or the calendar, never from thin air."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.eta import (
    NO_DATE,
    Expected,
    OrderSeen,
    Tracking,
    add_business_days,
    all_parcels,
    combine,
    detect_substitution,
    expected,
    next_look,
    read_tracking,
)
from models.part import Eta, EtaBasis, LineState, OrderStatus, PartRef, Placement, Substitution, TrackingEvent

WEDNESDAY = date(2026, 9, 30)
FRIDAY = date(2026, 10, 2)
MONDAY = date(2026, 10, 5)
NOW = datetime(2026, 9, 30, 15, tzinfo=UTC)


def status(state: LineState = LineState.ACCEPTED, **changes: object) -> OrderStatus:
    return OrderStatus(**{"order_number": "5001", "state": state, "words": "Open", **changes})


@pytest.mark.parametrize(
    ("day", "count", "result"),
    [
        pytest.param(WEDNESDAY, 2, FRIDAY, id="within a week"),
        pytest.param(WEDNESDAY, 3, MONDAY, id="over a weekend"),
        pytest.param(FRIDAY, 1, MONDAY, id="from a Friday"),
        pytest.param(date(2026, 10, 3), 1, MONDAY, id="from a Saturday"),
        pytest.param(date(2026, 10, 4), 1, MONDAY, id="from a Sunday"),
        pytest.param(WEDNESDAY, 0, WEDNESDAY, id="none"),
        pytest.param(WEDNESDAY, -3, WEDNESDAY, id="never backwards"),
        pytest.param(WEDNESDAY, 10, date(2026, 10, 14), id="two weeks"),
    ],
)
def test_business_days(day: date, count: int, result: date) -> None:
    assert add_business_days(day, count) == result


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_business_days_count_weekdays_one_by_one(day: date, count: int) -> None:
    slow, left = day, count
    while left:
        slow += timedelta(days=1)
        left -= slow.weekday() < 5
    assert add_business_days(day, count) == slow


OUT = Tracking(out_for_delivery=True)
HERE = Tracking(delivered=True, delivered_on=WEDNESDAY)


@pytest.mark.parametrize(
    ("told", "transit_days", "tracking", "eta", "words"),
    [
        pytest.param(
            status(eta=FRIDAY), 3, Tracking(), Eta(on=FRIDAY, basis=EtaBasis.DISTRIBUTOR), "Marcone's own date",
            id="the distributor's own date comes first",
        ),
        pytest.param(
            status(LineState.BACKORDERED, eta=MONDAY), None, Tracking(), Eta(on=MONDAY, basis=EtaBasis.DISTRIBUTOR),
            "own date", id="PL-27 a backorder with the distributor's date",
        ),
        pytest.param(
            status(LineState.SHIPPED), 3, OUT, Eta(on=WEDNESDAY, basis=EtaBasis.CARRIER), "Out for delivery",
            id="then the carrier",
        ),
        pytest.param(
            status(LineState.SHIPPED), 3, HERE, Eta(on=WEDNESDAY, basis=EtaBasis.CARRIER), "Delivered on 2026-09-30",
            id="delivered by the carrier's scan",
        ),
        pytest.param(
            status(LineState.SHIPPED, eta=date(2026, 9, 28)), 3, OUT, Eta(on=WEDNESDAY, basis=EtaBasis.CARRIER),
            "Out for delivery", id="a date that has passed gives way to today's scan",
        ),
        pytest.param(
            status(), 3, Tracking(), Eta(on=FRIDAY, basis=EtaBasis.DERIVED), "order date plus 3 business days",
            id="then order date plus transit days",
        ),
        pytest.param(status(), None, Tracking(), NO_DATE, "transit time is not known", id="no transit days, no date"),
        pytest.param(status(), 9999, Tracking(), NO_DATE, "transit time is not known", id="absurd transit, no date"),
        pytest.param(status(LineState.BACKORDERED), 3, Tracking(), NO_DATE, "backordered", id="a backorder: no estimate"),
        pytest.param(status(LineState.ON_HOLD), 3, Tracking(), NO_DATE, "on hold", id="on hold: no estimate"),
        pytest.param(status(LineState.UNKNOWN), 3, Tracking(), NO_DATE, "do not know", id="unknown: no estimate"),
        pytest.param(status(LineState.CANCELED, eta=FRIDAY), 3, Tracking(), NO_DATE, "canceled", id="canceled: no date"),
        pytest.param(status(LineState.DELIVERED), 3, Tracking(), NO_DATE, "Delivered.", id="delivered on an unknown day"),
        pytest.param(
            status(), 1, Tracking(), NO_DATE, "Was expected 2026-09-30 by our estimate; no new date.",
            id="PL-31 an estimate that has passed is no date",
        ),
        pytest.param(
            status(eta=date(2026, 9, 30)), 3, Tracking(), NO_DATE, "Was expected 2026-09-30 by Marcone's own date",
            id="PL-31 nor is a distributor's date that has passed",
        ),
    ],
)  # fmt: skip
def test_the_eta_rule(told: OrderStatus, transit_days: int | None, tracking: Tracking, eta: Eta, words: str) -> None:
    today = date(2026, 10, 1) if "Was expected" in words else WEDNESDAY
    ordered_on = date(2026, 9, 29)
    found = expected(told, ordered_on=ordered_on, transit_days=transit_days, tracking=tracking, today=today)
    assert found.eta == eta
    assert words in found.words


@given(
    st.sampled_from(LineState),
    st.one_of(st.none(), st.dates(date(2026, 9, 1), date(2026, 11, 1))),
    st.one_of(st.none(), st.integers(-5, 100)),
    st.sampled_from([Tracking(), OUT, HERE]),
    st.dates(date(2026, 9, 1), date(2026, 11, 1)),
)
def test_no_date_is_ever_invented(
    state: LineState, told: date | None, transit_days: int | None, tracking: Tracking, today: date
) -> None:
    found = expected(
        status(state, eta=told), ordered_on=WEDNESDAY, transit_days=transit_days, tracking=tracking, today=today
    )
    assert found.words
    match found.eta.basis:
        case EtaBasis.NONE:
            assert found.eta.on is None
        case EtaBasis.DISTRIBUTOR:
            assert found.eta.on == told
            assert told is not None and told >= today
        case EtaBasis.CARRIER:
            assert tracking != Tracking()
        case EtaBasis.DERIVED:
            assert transit_days is not None
            assert found.eta.on == add_business_days(WEDNESDAY, transit_days) >= today
            assert state in {LineState.ACCEPTED, LineState.PICKING, LineState.SHIPPED}


@pytest.mark.parametrize(
    ("scans", "delivered", "out"),
    [
        pytest.param([], False, False, id="no scan yet"),
        pytest.param([("2026-09-30T09:00", "Delivered, left at front door")], True, False, id="delivered"),
        pytest.param([("2026-09-30", "DELIVERED")], True, False, id="in capitals"),
        pytest.param([("2026-09-30", "On FedEx vehicle for delivery")], False, True, id="FedEx: out today"),
        pytest.param([("2026-09-30", "Out For Delivery Today")], False, True, id="UPS: out today"),
        pytest.param([("2026-09-29", "Out for delivery")], False, False, id="out yesterday is not today"),
        pytest.param([("soon", "Out for delivery")], False, False, id="an undated scan names no day"),
        pytest.param(
            [("2026-09-30", "Delivery exception"), ("2026-09-30", "Out for delivery")], False, False, id="came back"
        ),
        pytest.param([("2026-09-30", "Package not delivered")], False, False, id="not delivered"),
        pytest.param([("2026-09-30", "Undelivered: address unknown")], False, False, id="undelivered"),
        pytest.param([("2026-09-30", "Delivery attempted")], False, False, id="only attempted"),
        pytest.param([("2026-09-30", "Scheduled to be delivered Friday")], False, False, id="only scheduled"),
        pytest.param([("2026-09-30", "Delivered to local post office")], False, False, id="handed to the post office"),
        pytest.param(
            [("2026-09-30", "Returned to shipper"), ("2026-09-29", "Delivered")], False, False, id="sent back after all"
        ),
        pytest.param(
            [("2026-09-30", "Proof of delivery available"), ("2026-09-29", "Delivered")], True, False, id="older scan"
        ),
    ],
)
def test_the_carriers_words(scans: list[tuple[str, str]], delivered: bool, out: bool) -> None:
    found = read_tracking([TrackingEvent(at=at, description=text) for at, text in scans], WEDNESDAY)
    assert (found.delivered, found.out_for_delivery) == (delivered, out)


def test_an_order_in_two_parcels_is_delivered_when_both_are() -> None:
    assert not all_parcels([HERE, Tracking()]).delivered
    assert all_parcels([HERE, OUT]) == Tracking(out_for_delivery=True)
    later = Tracking(delivered=True, delivered_on=FRIDAY)
    assert all_parcels([HERE, later]).delivered_on == FRIDAY
    assert all_parcels([HERE, Tracking(delivered=True)]).delivered_on is None
    assert not all_parcels([]).delivered


def seen(state: LineState, on: date | None = None, number: str = "5001") -> OrderSeen:
    eta = Eta(on=on, basis=EtaBasis.DISTRIBUTOR) if on else NO_DATE
    return OrderSeen(number, state, Expected(eta, "Said so."))


@pytest.mark.parametrize(
    ("orders", "state", "on"),
    [
        pytest.param([seen(LineState.SHIPPED, FRIDAY)], LineState.SHIPPED, FRIDAY, id="one order is itself"),
        pytest.param(
            [seen(LineState.SHIPPED, FRIDAY), seen(LineState.ACCEPTED, MONDAY)], LineState.ACCEPTED, MONDAY,
            id="the slower one and the later date",
        ),
        pytest.param(
            [seen(LineState.SHIPPED, FRIDAY), seen(LineState.BACKORDERED)], LineState.BACKORDERED, None,
            id="one without a date: no date for the whole",
        ),
        pytest.param(
            [seen(LineState.DELIVERED), seen(LineState.SHIPPED, FRIDAY)], LineState.SHIPPED, FRIDAY,
            id="what is here no longer counts for the date",
        ),
        pytest.param(
            [seen(LineState.DELIVERED, FRIDAY), seen(LineState.DELIVERED, MONDAY)], LineState.DELIVERED, MONDAY,
            id="all here, on the day of the last",
        ),
        pytest.param(
            [seen(LineState.DELIVERED), seen(LineState.CANCELED)], LineState.CANCELED, None, id="a canceled one is worst"
        ),
        pytest.param([], LineState.UNKNOWN, None, id="no order"),
    ],
)  # fmt: skip
def test_a_split_order_is_here_when_all_of_it_is(orders: list[OrderSeen], state: LineState, on: date | None) -> None:
    together = combine(orders)
    assert (together.state, together.eta.on) == (state, on)
    assert together.words


def test_a_split_order_is_described_order_by_order() -> None:
    words = combine([seen(LineState.DELIVERED), seen(LineState.SHIPPED, FRIDAY, "5002")]).words
    assert words.startswith("1 of 2 orders delivered.")
    assert "5001: delivered" in words
    assert "5002: shipped" in words


@pytest.mark.parametrize(
    ("state", "on", "looks", "wait"),
    [
        pytest.param(LineState.ACCEPTED, None, 0, timedelta(minutes=15), id="a fresh order soon"),
        pytest.param(LineState.ACCEPTED, None, 1, timedelta(minutes=30), id="then slower"),
        pytest.param(LineState.PICKING, None, 2, timedelta(hours=1), id="and slower"),
        pytest.param(LineState.SHIPPED, MONDAY, 99, timedelta(hours=4), id="every four hours at last"),
        pytest.param(LineState.BACKORDERED, None, 0, timedelta(hours=4), id="a backorder every four hours"),
        pytest.param(LineState.SHIPPED, WEDNESDAY, 99, timedelta(hours=1), id="every hour on the day"),
        pytest.param(LineState.SHIPPED, date(2026, 10, 1), 99, timedelta(hours=1), id="and on the day before"),
        pytest.param(LineState.SHIPPED, date(2026, 9, 20), 99, timedelta(hours=4), id="not for ever after"),
        pytest.param(LineState.DELIVERED, WEDNESDAY, 1, None, id="delivered: never again"),
        pytest.param(LineState.CANCELED, None, 1, None, id="canceled: never again"),
    ],
)
def test_polling_slows_down(state: LineState, on: date | None, looks: int, wait: timedelta | None) -> None:
    eta = Eta(on=on, basis=EtaBasis.DISTRIBUTOR) if on else NO_DATE
    assert next_look(state, eta, looks, NOW) == (None if wait is None else NOW + wait)


@given(
    st.sampled_from(LineState),
    st.one_of(st.none(), st.dates()),
    st.integers(-3, 10_000),
    st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
)
def test_the_next_look_is_always_ahead_and_never_far(
    state: LineState, on: date | None, looks: int, now: datetime
) -> None:
    at = next_look(state, Eta(on=on, basis=EtaBasis.DISTRIBUTOR if on else EtaBasis.NONE), looks, now)
    closed = state in {LineState.DELIVERED, LineState.CANCELED}
    assert (at is None) == closed
    assert at is None or timedelta(minutes=15) <= at - now <= timedelta(hours=4)


ORDERED = PartRef(make="WPL", number="W11498831")
SHIPPED = PartRef(make="WPL", number="W11768590")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        pytest.param(Placement(order_numbers=("5001",)), None, id="nothing said"),
        pytest.param(
            Placement(order_numbers=("5001",), substitutions=(Substitution(ordered=ORDERED, shipped=SHIPPED),)),
            Substitution(ordered=ORDERED, shipped=SHIPPED), id="PL-13 said with the order",
        ),
        pytest.param(
            Placement(order_numbers=("5001",), substitutions=(Substitution(ordered=ORDERED, shipped=ORDERED),)),
            None, id="itself is no substitute",
        ),
        pytest.param(
            Placement(order_numbers=("5001",), substitutions=(Substitution(ordered=SHIPPED, shipped=ORDERED),)),
            None, id="another line's substitute",
        ),
        pytest.param(status(), None, id="a status without lines"),
        pytest.param(status(parts=(PartRef(make="", number="w11498831"),)), None, id="the same, written otherwise"),
        pytest.param(status(parts=(SHIPPED,)), Substitution(ordered=ORDERED, shipped=SHIPPED), id="another number"),
        pytest.param(
            status(parts=(PartRef(make="SAM", number="W11498831"),)),
            Substitution(ordered=ORDERED, shipped=PartRef(make="SAM", number="W11498831")), id="another make",
        ),
        pytest.param(status(parts=(SHIPPED, ORDERED)), None, id="what was ordered is among the lines"),
    ],
)  # fmt: skip
def test_substitutions_are_noticed(told: Placement | OrderStatus, found: Substitution | None) -> None:
    assert detect_substitution(ORDERED, told) == found


def test_a_date_that_cannot_be_read_is_no_date_and_says_so() -> None:
    """PL-31: no estimate of ours stands in for the distributor's own words."""
    status = OrderStatus(order_number="7", state=LineState.ACCEPTED, words="Open", eta_unread="Dec 3, 2026")
    found = expected(status, ordered_on=date(2026, 11, 24), transit_days=2, today=date(2026, 11, 24))
    assert found.eta.on is None
    assert "Dec 3, 2026" in found.words
