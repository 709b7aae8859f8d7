"""When a run that ended and left its work open is followed by another: at once, then less and less often. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

RESTARTED: Final = "restarted"
_LED_NOWHERE = frozenset({RESTARTED, "failed"})

PAUSES: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""After the first restart in vain, the second, and every further one."""


def restarts_in_vain(history: Iterable[tuple[str, datetime]], stage: str = "") -> list[datetime]:
    """Return when the work was restarted since its last step, the newest first.

    `history` is its audit, the newest first. `stage` is where it stands now: reached again, it is no step.
    """
    restarts = []
    for event, at in history:
        if event not in _LED_NOWHERE and event != stage:
            break
        if event == RESTARTED:
            restarts.append(at)
    return restarts


def next_restart(restarts: Sequence[datetime]) -> datetime | None:
    """Return from when on another run may be started; None: at once, for the first one."""
    if not restarts:
        return None
    return restarts[0] + PAUSES[min(len(restarts), len(PAUSES)) - 1]
