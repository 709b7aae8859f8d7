"""When a vendor is away or refuses our credentials: one entry on the held list per vendor, gone when it answers again.

The records themselves stay where they are: the next pass goes on with them by itself (PL-19, PL-59).
"""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import TransientError, UnauthorizedError, VendorError
from models.report import RunReport
from tasks.house import House

PROCESS = "access"
AWAY = (TransientError, UnauthorizedError)
"""Errors that are the vendor's or the credentials', not a record's."""


async def note_away(house: House, error: VendorError) -> None:
    """Put the vendor on the held list, with the cause and the fix."""
    await house.books.held.hold(house.shop.name, PROCESS, error.vendor or "vendor", reason=error.message, fix=error.fix)


async def note_back(house: House, report: RunReport, asked: Sequence[str]) -> None:
    """Take the vendors this pass asked off the held list, if nothing failed in it."""
    if report.counts()["failed"]:
        return
    for entry in await house.books.held.list(house.shop.name, process=PROCESS):
        if entry.record in asked:
            await house.books.held.release(house.shop.name, PROCESS, entry.record)
