"""The end of every pass: what still waits to be told is told, and the vendors that answer again are noted."""

from __future__ import annotations

from collections.abc import Sequence

from flows.access import AWAY, how_it_ended, note_away, note_back
from models.errors import BusyError
from models.report import RunReport
from tasks.house import House
from tasks.telling import tell_waiting


async def tell_the_rest(house: House, report: RunReport, *, asked: Sequence[str] = ()) -> None:
    """Tell what an earlier pass could not. A job platform that is away fails the pass, and loses nothing.

    `asked` names the vendors this pass asked something.
    """
    try:
        await tell_waiting(house)
    except AWAY as error:
        await note_away(house, error)
        report.add("telling", how_it_ended(error), str(error))
    except BusyError as error:
        report.add("telling", "skipped", str(error))
    await note_back(house, report, asked)
