"""The loop, pass by pass, from the diagnosis to the arrival of the part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.house import CrashHouse

STEPS = ("asked", "ordered", "shipped", "arrived")
"""The passes, named by the event each tells of."""

PROCESS = {"asked": "diagnosis-watch", "ordered": "parts-loop", "shipped": "eta-watch", "arrived": "eta-watch"}

VENDORS = "/servicetitan/*"


@dataclass(frozen=True)
class Write:
    """One write of the loop: the pass it happens in, and how the sandbox recognises it."""

    step: str
    what: str
    match: str

    def __str__(self) -> str:
        return f"{self.what}, {self.step}"


def prepare(house: CrashHouse, step: str) -> None:
    """Do what the people do before the pass: diagnose, approve, ship, deliver."""
    match step:
        case "asked":
            house.diagnose()
        case "ordered":
            assert house.approve_all() == 1
        case "shipped":
            house.sandbox.ship_all()
        case "arrived":
            house.sandbox.deliver_all()


def go_on(house: CrashHouse, steps: Sequence[str] = STEPS) -> None:
    """Let the loop go through these passes undisturbed."""
    for step in steps:
        prepare(house, step)
        house.run(PROCESS[step])


def steps_before(step: str) -> Sequence[str]:
    return STEPS[: STEPS.index(step)]


def steps_after(step: str) -> Sequence[str]:
    return STEPS[STEPS.index(step) + 1 :]
