"""Killed before and after every write of the loop, and every answer lost once: each thing happens once all the same."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.crash.conftest import Undisturbed
from tests.crash.house import CrashHouse
from tests.crash.steps import (
    BOARD_WRITES,
    PROCESS,
    READS,
    STEPS,
    WRITES,
    Call,
    go_on,
    prepare,
    steps_after,
    steps_before,
)
from tests.crash.vendors import Stall

pytestmark = pytest.mark.crash

MAILS = {
    "asked": ("the question to the technician", "approve a part"),
    "ordered": ("the confirmation to the customer", "is ordered"),
    "shipped": ("the news of the shipment", "on its way"),
    "arrived": ("the news of the arrival", "has arrived"),
}
"""The mail of each pass, and words of its subject in lower case."""


def when(kind: Stall) -> str:
    return "before" if kind == "stall_before" else "after"


def test_these_are_all_the_writes_of_the_loop(undisturbed: Undisturbed) -> None:
    """The tests below leave out no write, and the undisturbed loop itself ends well."""
    for step in STEPS:
        known = [write.match for write in WRITES if write.step == step]
        assert len(undisturbed.writes[step]) == len(known), undisturbed.writes[step]
        for done, match in zip(undisturbed.writes[step], known, strict=True):
            assert fnmatchcase(done, match)
        mails = undisturbed.after[step]["mails"]
        assert MAILS[step][1] in mails[-1][1].casefold()
        assert len(mails) == STEPS.index(step) + 1
    end = undisturbed.after["arrived"]
    assert set(end["requests"].values()) == {"arrived"}
    assert len(end["orders"]) == end["times put on hold"] == 1
    assert len(end["notes"]) == len(STEPS)
    assert end["held"] == end["to tell"] == []


@pytest.mark.parametrize("kind", ["stall_before", "stall_after"], ids=when)
@pytest.mark.parametrize("write", BOARD_WRITES, ids=str)
def test_killed_at_a_write(house: CrashHouse, undisturbed: Undisturbed, write: Call, kind: Stall) -> None:
    """A worker killed there leaves work that the next pass finishes: nothing twice, nothing missing, nothing held."""
    go_on(house, steps_before(write.step))
    prepare(house, write.step)
    house.sandbox.arm(write.match, kind)
    house.kill_when_it_hangs(PROCESS[write.step])

    house.run(PROCESS[write.step])

    assert house.end() == undisturbed.after[write.step]
    go_on(house, steps_after(write.step))
    assert house.end() == undisturbed.after["arrived"]
    assert len(set(house.markers())) == len(house.markers())


@pytest.mark.parametrize("read", READS, ids=str)
def test_killed_while_it_reads(house: CrashHouse, undisturbed: Undisturbed, read: Call) -> None:
    """What the ledger keeps before a read is no reason to forget what comes after it."""
    go_on(house, steps_before(read.step))
    prepare(house, read.step)
    house.sandbox.arm(read.match, "stall_before")
    house.kill_when_it_hangs(PROCESS[read.step])

    house.run(PROCESS[read.step])

    assert house.end() == undisturbed.after[read.step]


@pytest.mark.parametrize("kind", ["stall_before", "stall_after"], ids=when)
@pytest.mark.parametrize("step", [pytest.param(step, id=what) for step, (what, _) in MAILS.items()])
def test_killed_at_a_mail(house: CrashHouse, undisturbed: Undisturbed, step: str, kind: Stall) -> None:
    """A mail that may have gone out is not sent again: it is held, with what to do, and the loop goes on."""
    go_on(house, steps_before(step))
    prepare(house, step)
    house.mail.arm(kind, MAILS[step][1])
    house.kill_when_it_hangs(PROCESS[step])

    house.run(PROCESS[step])

    [held] = house.held()
    assert held["process"] == "messages"
    assert "not known" in held["reason"]
    assert held["fix"]
    assert _without_mail(house.end()) == _without_mail(undisturbed.after[step])
    sent = undisturbed.after[step]["mails"]
    assert house.end()["mails"] == (sent[:-1] if kind == "stall_before" else sent)
    house.run(PROCESS[step])
    assert house.end()["mails"] == (sent[:-1] if kind == "stall_before" else sent)
    house.command("held", "retry", str(held["id"]), "--json")
    assert house.held() == []


@pytest.mark.parametrize("write", BOARD_WRITES, ids=str)
def test_an_answer_is_lost(house: CrashHouse, undisturbed: Undisturbed, write: Call) -> None:
    """The write landed and its answer did not: the same pass looks, finds it, and goes on."""
    go_on(house, steps_before(write.step))
    prepare(house, write.step)
    house.sandbox.arm(write.match, "lost_answer")

    house.run(PROCESS[write.step])

    assert house.sandbox.has_struck()
    house.sandbox.clear_faults()
    assert house.end() == undisturbed.after[write.step]


def _without_mail(end: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in end.items() if name not in {"mails", "held"}}
