"""The sandbox's clock: real time plus an offset that people move. It drives statuses, tokens and modification times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

SATURDAY = 5


class Clock:
    """Real time plus an offset; only ever moved forward."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the sandbox's present, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        """Move the present forward."""
        self.offset += by


def add_business_days(start: datetime, days: int) -> datetime:
    """Return the moment `days` working days (Monday to Friday) after `start`; a weekend start counts from Monday."""
    moment = start
    while days > 0 or moment.weekday() >= SATURDAY:
        moment += timedelta(days=1)
        if moment.weekday() < SATURDAY and days > 0:
            days -= 1
    return moment


def as_wire(moment: datetime) -> str:
    """Return the moment as RFC 3339 in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def as_day(moment: datetime | date) -> str:
    """Return the calendar day as YYYY-MM-DD."""
    return moment.strftime("%Y-%m-%d")
