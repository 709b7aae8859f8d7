"""The arrival window of an appointment: the buyer's must equal one that ServiceTitan has, else a person decides.

Source: contracts/contractor_commerce/CHECKLIST.md OI-30, OI-31, OI-52, OI-53, and the answer "equal, else held" at its
end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from decisions.words import listed
from models.store_order import Window

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """An active arrival window of the tenant, in local time. One that ends at or before its start ends next day."""

    starts: time
    ends: time

    def said(self) -> str:
        """Write it as people do, such as "08:00-12:00"."""
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"


@dataclass(frozen=True, slots=True)
class ArrivesIn:
    """The appointment carries this window."""

    window: Window
    slot: Slot


@dataclass(frozen=True, slots=True)
class NoWindow:
    """The appointment carries no window."""

    why: str


@dataclass(frozen=True, slots=True)
class WindowHeld:
    """A person decides; the order goes through on retry after the fix."""

    why: str
    fix: str


Arrival = ArrivesIn | NoWindow | WindowHeld


def arrival_window(requested: Window | None, slots: Sequence[Slot], *, is_on: bool, zone: tzinfo) -> Arrival:
    """Choose the window. `zone` is the shop's; `is_on` is the setting of the order's part."""
    if not is_on:
        return NoWindow("the setting is off")
    if not slots:
        return WindowHeld(
            "arrival windows not configured",
            "Set up arrival windows in ServiceTitan, or switch the setting off; then retry the order.",
        )
    if requested is None:
        return NoWindow("the buyer chose none")
    for slot in slots:
        if _is_equal(requested, slot, zone):
            return ArrivesIn(requested, slot)
    return WindowHeld(
        "the buyer's arrival window is none of ServiceTitan's",
        f"Agree on one of {listed((slot.said() for slot in slots), 'or')} with the buyer and change it in the store, "
        "or add that window in ServiceTitan; then retry the order.",
    )


def _is_equal(requested: Window, slot: Slot, zone: tzinfo) -> bool:
    starts, ends = (_local(at, zone) for at in (requested.starts_at, requested.ends_at))
    last_day: date = starts.date() + (_DAY if slot.ends <= slot.starts else timedelta(0))
    return starts == datetime.combine(starts.date(), slot.starts) and ends == datetime.combine(last_day, slot.ends)


def _local(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
