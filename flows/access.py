"""When a vendor is away, refuses our credentials, or is disconnected.

Away: one entry on the held list per vendor, gone when it answers again. Disconnected: the pass ends, nobody is told.

The records themselves stay where they are: the next pass goes on with them by itself (PL-19, PL-59).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from models.connection import Vendor
from models.errors import DisconnectedError, TransientError, UnauthorizedError, VendorError
from models.report import RunReport
from tasks.gate import why_still
from tasks.house import House

PROCESS = "access"
ORDERS: Final[tuple[Vendor, ...]] = ("contractor_commerce", "servicetitan")
PARTS: Final[tuple[Vendor, ...]] = ("servicetitan", "marcone")
REFERRALS: Final[tuple[Vendor, ...]] = ("referral_factory", "servicetitan")
"""Between which vendors a process moves data: for `open_house(shop, moves_between=...)`, and `may_move` before."""
AWAY = (TransientError, UnauthorizedError)
"""Errors that are the vendor's or the credentials', not a record's."""


async def may_move(house: House, report: RunReport, *vendors: Vendor) -> bool:
    """Tell whether data may move between these vendors; where not, the pass is skipped, and says why (RF-67)."""
    why = await why_still(house.books, house.shop, vendors)
    if why is not None:
        report.add(why.vendor, "skipped", str(why))
    return why is None


def how_it_ended(error: BaseException) -> Literal["skipped", "failed"]:
    """Return the outcome of a record or a pass that stopped on this error. Disconnecting is no failure."""
    return "skipped" if isinstance(error, DisconnectedError) else "failed"


async def note_away(house: House, error: VendorError) -> None:
    """Put the vendor on the held list, with the cause and the fix; not one that a person disconnected."""
    if isinstance(error, DisconnectedError):
        return
    await house.books.held.hold(house.shop.name, PROCESS, error.vendor or "vendor", reason=error.message, fix=error.fix)


async def note_back(house: House, report: RunReport, asked: Sequence[str]) -> None:
    """Take the vendors this pass asked off the held list, if nothing failed in it."""
    if report.counts()["failed"]:
        return
    for entry in await house.books.held.list(house.shop.name, process=PROCESS):
        if entry.record in asked:
            await house.books.held.release(house.shop.name, PROCESS, entry.record)
