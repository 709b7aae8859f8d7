"""The loop, pass by pass, from the diagnosis to the arrival of the part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.house import CrashHouse

STEPS = ("asked", "ordered", "shipped", "arrived")
"""The passes, named by the event each tells of."""

PROCESS = {"asked": "diagnosis-watch", "ordered": "parts-loop", "shipped": "eta-watch", "arrived": "eta-watch"}


@dataclass(frozen=True)
class Call:
    """One call of the loop: the pass it happens in, and how the sandbox recognises it."""

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

PURCHASE_ORDER = Call("ordered", "the purchase order", ORDER)

WRITES = (
    Call("asked", "the job's fields", FIELDS),
    Call("asked", "the note", NOTE),
    Call("asked", "the hold", HOLD),
    Call("asked", "the visit's line", VISIT),
    PURCHASE_ORDER,
    Call("ordered", "the job's fields", FIELDS),
    Call("ordered", "the note", NOTE),
    Call("ordered", "the visit's line", VISIT),
    Call("shipped", "the job's fields", FIELDS),
    Call("shipped", "the note", NOTE),
    Call("shipped", "the visit's line", VISIT),
    Call("arrived", "the job's fields", FIELDS),
    Call("arrived", "the note", NOTE),
    Call("arrived", "the end of the hold", HOLD_OFF),
    Call("arrived", "the visit's line", VISIT),
)
"""Every write of the loop, in order. A test compares it with what the sandbox really got."""

BOARD_WRITES = tuple(write for write in WRITES if write is not PURCHASE_ORDER)
"""Those that can be looked for, and so need nobody."""

JOB = "GET /servicetitan/jpm/v2/tenant/*/jobs/*"
CATALOGUE = "POST /marcone/parts/lookup"

READS = (
    Call("asked", "the diagnosed parts", "GET /servicetitan/sales/v2/tenant/*/estimates"),
    Call("asked", "the job", JOB),
    Call("asked", "the catalogue", CATALOGUE),
    Call("ordered", "the job", JOB),
    Call("ordered", "the fresh quote", CATALOGUE),
    Call("shipped", "the order's status", "POST /marcone/orders/orderstatus"),
    Call("shipped", "the job", JOB),
    Call("arrived", "the parcel", "POST /marcone/orders/trackpackage"),
    Call("arrived", "the job", JOB),
)
"""Reads between what the ledger has kept and what it has not told yet."""

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
