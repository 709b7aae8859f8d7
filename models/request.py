"""The stages of a part request, from diagnosis to arrival."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a part request stands. The first group is open, the last is closed."""

    FOUND = "found"
    HELD = "held"
    AWAITING_APPROVAL = "awaiting approval"
    APPROVED = "approved"
    UNRESOLVED = "unresolved"  # an order whose answer was lost: a person must look
    ORDERED = "ordered"  # followed by eta_watch from here on

    ARRIVED = "arrived"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNAVAILABLE = "no longer available"
    OUTSIDE_PILOT = "outside the pilot"
    CANCELED = "canceled"
    TAKEN_OUT = "taken off the job"  # by the technician, who may put it back


IN_THE_LOOP = (Stage.FOUND, Stage.AWAITING_APPROVAL, Stage.APPROVED)
"""Stages `parts_loop` takes a step further; HELD and UNRESOLVED wait for `held retry`."""

UNORDERED = (*IN_THE_LOOP, Stage.HELD)
"""Stages in which the diagnosis on the job still decides: nothing is ordered, and nobody has said no."""

CLOSED = (
    Stage.ARRIVED,
    Stage.REJECTED,
    Stage.EXPIRED,
    Stage.UNAVAILABLE,
    Stage.OUTSIDE_PILOT,
    Stage.CANCELED,
    Stage.TAKEN_OUT,
)
