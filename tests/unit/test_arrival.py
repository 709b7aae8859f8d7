"""The arrival window of an appointment: equal to one of ServiceTitan's, or held."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from decisions.arrival import ArrivesIn, NoWindow, Slot, WindowHeld, arrival_window
from models.store_order import Window

PHOENIX = ZoneInfo("America/Phoenix")
CHICAGO = ZoneInfo("America/Chicago")
MORNING, AFTERNOON = Slot(time(8), time(12)), Slot(time(12), time(16))
NIGHT = Slot(time(22), time(2))
SLOTS = [MORNING, AFTERNOON, NIGHT]


def window(starts: str, hours: float, zone: ZoneInfo = PHOENIX) -> Window:
    begin = datetime.fromisoformat(starts).replace(tzinfo=zone)
    return Window(starts_at=begin, ends_at=begin + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("requested", "slot"),
    [
        (window("2026-03-10T08:00", 4), MORNING),
        (window("2026-03-10T10:00", 4, CHICAGO), MORNING),
        (window("2026-03-10T12:00", 4), AFTERNOON),
        (window("2026-03-10T22:00", 4), NIGHT),
    ],
)
def test_a_window_of_the_tenant_is_taken(requested: Window, slot: Slot) -> None:
    """OI-30, OI-52: compared in the shop's own time, however the store writes it."""
    assert arrival_window(requested, SLOTS, is_on=True, zone=PHOENIX) == ArrivesIn(requested, slot)


@pytest.mark.parametrize(
    "requested",
    [
        window("2026-03-10T09:00", 4),
        window("2026-03-10T08:00", 3),
        window("2026-03-10T08:00", 8),
        window("2026-03-10T08:00", 28),
        window("2026-03-10T08:00:30", 4),
    ],
)
def test_a_window_that_equals_none_is_held(requested: Window) -> None:
    """OI-30, OI-52: equal, else held."""
    held = arrival_window(requested, SLOTS, is_on=True, zone=PHOENIX)
    assert isinstance(held, WindowHeld)
    assert "08:00-12:00, 12:00-16:00 or 22:00-02:00" in held.fix


@pytest.mark.parametrize("requested", [None, window("2026-03-10T08:00", 4)])
def test_no_windows_set_up_is_told(requested: Window | None) -> None:
    """OI-31, OI-53."""
    held = arrival_window(requested, [], is_on=True, zone=PHOENIX)
    assert isinstance(held, WindowHeld)
    assert held.why == "arrival windows not configured"
    assert held.fix


def test_off_or_nothing_chosen_is_no_window() -> None:
    """OI-30."""
    assert isinstance(arrival_window(window("2026-03-10T08:00", 4), [], is_on=False, zone=PHOENIX), NoWindow)
    assert isinstance(arrival_window(None, SLOTS, is_on=True, zone=PHOENIX), NoWindow)


def test_a_window_is_equal_on_the_day_the_clocks_change() -> None:
    """OI-52: eight to noon is eight to noon, also when the night was an hour short."""
    requested = window("2026-03-08T08:00", 4, CHICAGO)
    assert arrival_window(requested, SLOTS, is_on=True, zone=CHICAGO) == ArrivesIn(requested, MORNING)
