"""The purchase order: Marcone has no look-up by PO number, so after a lost answer only a person can tell.

The pass that is killed and the one after it are the plain command, `python -m deployments.cli run parts-loop ...`, as
a schedule would start it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.conftest import Undisturbed
from tests.crash.house import CrashHouse
from tests.crash.steps import ORDER, go_on, prepare
from tests.crash.vendors import wait_for

pytestmark = pytest.mark.crash

REQUEST = "demo-48213-1"
PO = "48213-1"
PACE = "select tat from rate_limits where key like 'marcone/%'"


def lose_the_outcome(house: CrashHouse, kind: str) -> dict[str, Any]:
    """Approve, order, and lose the outcome in this way. Returns the held entry."""
    go_on(house, ["asked"])
    prepare(house, "ordered")
    house.sandbox.arm(ORDER, kind)
    house.plain = True
    if kind.startswith("stall"):
        house.kill_when_it_hangs("parts-loop")
    report = house.run("parts-loop")
    house.plain = False
    house.sandbox.clear_faults()
    assert [(item["id"], item["outcome"]) for item in report["items"]] == [(REQUEST, "unresolved")]
    assert house.stages() == {REQUEST: "unresolved"}
    [held] = house.command("held", "list", "--json")["held"]
    assert held["record"] == REQUEST
    assert held["reason"]
    assert held["fix"]
    # A person must find the PO number somewhere: in the job.
    [told] = [note["text"] for note in house.sandbox.job("48213")["notes"] if " unresolved " in note["text"]]
    assert f"PO {PO}" in told
    return dict(held)


def keep_still(house: CrashHouse, orders: int) -> None:
    """Pass after pass, an unresolved order is neither sent again nor forgotten."""
    for process in ("parts-loop", "diagnosis-watch"):
        house.run(process)
    assert len(house.orders()) == orders
    assert house.stages() == {REQUEST: "unresolved"}
    assert len(house.held()) == 1


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("stall_before", id="killed before the purchase order"),
        pytest.param("drop_before", id="the connection was cut before the purchase order arrived"),
    ],
)
def test_an_order_that_never_landed(house: CrashHouse, kind: str) -> None:
    """Nothing is ordered until a person says that nothing landed; then the technician is asked again, and one is."""
    held = lose_the_outcome(house, kind)
    keep_still(house, orders=0)

    house.command("held", "retry", str(held["id"]), "--not-placed", "--json")
    [asked] = house.run("parts-loop")["items"]
    assert asked["outcome"] == "awaiting_approval"
    assert house.orders() == []
    assert house.approve_all() == 1
    house.run("parts-loop")

    [order] = house.orders()
    assert order["po_number"] != PO
    assert order["lines"] == [("WPW10348269", 1)]
    assert house.stages() == {REQUEST: "ordered"}
    go_on(house, ["shipped", "arrived"])
    assert house.stages() == {REQUEST: "arrived"}
    assert len(house.orders()) == 1
    assert house.held() == []
    assert house.holds() == 1
    events = [event.split()[2].rstrip("]") for event in house.events()]
    assert events == ["asked", "unresolved", "asked", "ordered", "shipped", "delivered"]
    assert len(set(house.markers())) == len(house.markers())


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("stall_after", id="killed after the purchase order"),
        pytest.param("lost_answer", id="the answer to the purchase order was lost"),
    ],
)
def test_an_order_that_landed(house: CrashHouse, undisturbed: Undisturbed, kind: str) -> None:
    """The order stands once; when a person has found its number, it is followed to its end."""
    held = lose_the_outcome(house, kind)
    keep_still(house, orders=1)

    house.command("held", "retry", str(held["id"]), "--placed", "90000001", "--json")
    [item] = house.run("parts-loop")["items"]

    assert item["outcome"] == "ordered"
    assert _apart_from_the_notes(house.end()) == _apart_from_the_notes(undisturbed.after["ordered"])
    go_on(house, ["shipped", "arrived"])
    end = house.end()
    assert _apart_from_the_notes(end) == _apart_from_the_notes(undisturbed.after["arrived"])
    told = [f"[truckroll {REQUEST} unresolved a1]"]
    assert [note for note in end["notes"] if note not in told] == undisturbed.after["arrived"]["notes"]
    assert len(set(house.markers())) == len(house.markers())


def test_killed_while_the_order_waits_for_its_turn(house: CrashHouse, undisturbed: Undisturbed) -> None:
    """PL-60: in the distributor's queue nothing was sent, so the next pass orders, and no person must look."""
    go_on(house, ["asked"])
    prepare(house, "ordered")
    house.sandbox.post("/faults", {"match": "POST /marcone/orders/getshippingmethods", "kind": "delay", "seconds": 4})
    run = house.start_pass("parts-loop")
    wait_for("the last look before the order", house.sandbox.has_struck)
    house.write("update rate_limits set tat = tat + 120 where key like 'marcone/%'")
    [queue] = house.rows(PACE)
    wait_for("the order to stand in the queue", lambda: house.rows(PACE) != [queue])
    run.worker.kill()
    house.sandbox.clear_faults()
    assert house.rows("select key from effects where key like '%/order'") == []
    house.write("update rate_limits set tat = 0 where key like 'marcone/%'")

    house.run("parts-loop")

    assert house.end() == undisturbed.after["ordered"]


def test_two_workers_at_once(house: CrashHouse, undisturbed: Undisturbed) -> None:
    """Two passes started together on one approved request: one order, told once."""
    go_on(house, ["asked"])
    prepare(house, "ordered")
    house.sandbox.post("/faults", {"match": ORDER, "kind": "delay", "seconds": 1.5})

    runs = [house.start_pass("parts-loop"), house.start_pass("parts-loop")]
    outcomes = sorted(item["outcome"] for run in runs for item in run.report()["items"])

    assert outcomes in (["ordered", "unchanged"], ["ordered", "skipped"])
    assert house.sandbox.has_struck()
    house.sandbox.clear_faults()
    assert house.end() == undisturbed.after["ordered"]
    told = house.rows(f"select event from audit where record = '{REQUEST}' and event = 'ordered'")
    assert len(told) == 1
    go_on(house, ["shipped", "arrived"])
    assert house.end() == undisturbed.after["arrived"]


def _apart_from_the_notes(end: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in end.items() if name != "notes"}
