"""Is the parts loop worth setting up for a shop? Asked before anything is installed (PL-42, PL-43).

Source: contracts/marcone/CHECKLIST.md PL-42 and PL-43; "vast majority of common parts on the trucks" is read as four
of five repairs [inferred].
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FEWEST_CALLS = 15
"""Service calls a week below which the set-up does not pay."""

SMALLEST_SHARE_PCT = 20
"""Repairs of a hundred whose part is ordered, below which ordering is too rare to automate."""


class JobSystem(StrEnum):
    """Where a shop keeps its jobs."""

    SERVICETITAN = "servicetitan"
    ANOTHER = "another"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Fit:
    """Go, or not yet; `not_yet` says why, and what would change it."""

    not_yet: tuple[str, ...]

    @property
    def is_go(self) -> bool:
        """Nothing stands against it."""
        return not self.not_yet


def judge_fit(*, calls_per_week: int, job_system: JobSystem, ordered_share_pct: int) -> Fit:
    """Decide whether setting up pays. `ordered_share_pct`: of a hundred repairs, how many need a part to be ordered."""
    reasons = []
    if calls_per_week < FEWEST_CALLS:
        reasons.append(
            f"{calls_per_week} service calls a week are few: below about {FEWEST_CALLS} the set-up does not pay. "
            "Order in the distributor's portal until there are more."
        )
    match job_system:
        case JobSystem.NONE:
            reasons.append("Without a job system there is nothing to connect: begin with one.")
        case JobSystem.ANOTHER:
            reasons.append("Truckroll speaks to ServiceTitan only, so far.")
        case JobSystem.SERVICETITAN:
            pass
    if ordered_share_pct < SMALLEST_SHARE_PCT:
        reasons.append(
            f"{ordered_share_pct} of 100 repairs need an order: trucks carry most parts, so there is little to gain."
        )
    return Fit(tuple(reasons))
