"""The loop, pass by pass, from the diagnosis to the arrival of the part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.house import CrashHouse

STEPS = ("asked", "ordered", "shipped", "arrived")
"""The passes, named by the event each tells of."""

PROCESS = {"asked": "diagnosis-watch", "ordered": "parts-loop", "shipped": "eta-watch", "arrived": "eta-watch"}


@dataclass(frozen=True)
class Write:
    """One write of the loop: the pass it happens in, and how the sandbox recognises it."""

    step: str
    what: str
    match: str

    def __str__(self) -> str:
        return f"{self.what} ({self.step})"


FIELDS = "PATCH /servicetitan/jpm/v2/tenant/*/jobs/*"
NOTE = "POST /servicetitan/jpm/v2/tenant/*/jobs/*/notes"
HOLD = "PUT /servicetitan/jpm/v2/tenant/*/jobs/*/hold"
HOLD_OFF = "DELETE /servicetitan/jpm/v2/tenant/*/appointments/*/hold"
VISIT = "PUT /servicetitan/jpm/v2/tenant/*/appointments/*/special-instructions"
ORDER = "POST /marcone/orders/purchaseorder"

PURCHASE_ORDER = Write("ordered", "the purchase order", ORDER)

WRITES = (
    Write("asked", "the job's fields", FIELDS),
    Write("asked", "the note", NOTE),
    Write("asked", "the hold", HOLD),
    Write("asked", "the visit's line", VISIT),
    PURCHASE_ORDER,
    Write("ordered", "the job's fields", FIELDS),
    Write("ordered", "the note", NOTE),
    Write("ordered", "the visit's line", VISIT),
    Write("shipped", "the job's fields", FIELDS),
    Write("shipped", "the note", NOTE),
    Write("shipped", "the visit's line", VISIT),
    Write("arrived", "the job's fields", FIELDS),
    Write("arrived", "the note", NOTE),
    Write("arrived", "the end of the hold", HOLD_OFF),
    Write("arrived", "the visit's line", VISIT),
)
"""Every write of the loop, in order. A test compares it with what the sandbox really got."""

BOARD_WRITES = tuple(write for write in WRITES if write is not PURCHASE_ORDER)
"""Those that can be looked for, and so need nobody."""

READS_BY_POST = ("/token", "/AccessToken", "/lookup", "/getshippingmethods", "/orderstatus", "/trackpackage")


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
