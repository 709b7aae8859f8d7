"""Three jobs, and every pass killed at a random moment: in the end each part is ordered once and has arrived."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.crash.house import CrashHouse

pytestmark = pytest.mark.crash

PARTS = {"48213": "WPW10348269", "48214": "W10295370A", "48215": "WD15X10014"}
"""A plain part, a replaced one, another plain one: by job."""

MOST_ROUNDS = 4
"""So many undisturbed rounds settle everything that a killed round can leave behind."""


@pytest.mark.parametrize("seed", range(1, 13))
def test_killed_at_random(house: CrashHouse, seed: int) -> None:
    """Whatever moment it was: at most one order per approval, every note once, nothing stuck."""
    chance = random.Random(seed)
    for job, part in PARTS.items():
        house.diagnose(job, part)

    kill_after(house, "diagnosis-watch", chance)
    approve_open(house)
    kill_after(house, "parts-loop", chance)
    house.sandbox.ship_all()
    kill_after(house, "eta-watch", chance)
    house.sandbox.deliver_all()
    kill_after(house, "eta-watch", chance)

    not_placed = 0
    for _ in range(MOST_ROUNDS):
        house.run("diagnosis-watch")
        house.run("parts-loop")
        not_placed += settle_as_a_person(house)
        if approve_open(house):
            house.run("parts-loop")
        house.sandbox.deliver_all()
        house.run("eta-watch")
        if set(house.stages().values()) == {"arrived"}:
            break

    assert list(house.stages().values()) == ["arrived"] * len(PARTS)
    orders = house.sandbox.orders()
    assert len(orders) == len(PARTS)
    assert len({order["po_number"] for order in orders}) == len(orders)
    consumed = house.rows("select po_number from approvals where status = 'consumed'")
    assert len(consumed) == len(orders) + not_placed
    assert {order["po_number"] for order in orders} <= {row["po_number"] for row in consumed}
    for job in PARTS:
        assert house.holds(job) == 1
        assert_told_once(house, job)
    assert house.rows("select key from outbox where told_at is null") == []
    assert [row for row in house.held() if row["process"] != "messages" or not row["fix"]] == []
    sent = Counter((mail.to, mail.subject) for mail in house.mail.mails)
    asked_again = not_placed > 0
    assert {mail: times for mail, times in sent.items() if times > 1 and not asked_again} == {}


def kill_after(house: CrashHouse, process: str, chance: random.Random) -> None:
    """Kill the pass after a random time, if it is not over by then."""
    run = house.start_pass(process)
    until = time.monotonic() + chance.uniform(0.1, 3.0)
    while time.monotonic() < until and not run.worker.is_over:
        time.sleep(0.01)
    run.worker.kill()


def approve_open(house: CrashHouse) -> int:
    """Approve what is asked, once there is a ledger at all."""
    return house.approve_all() if house.has_ledger() else 0


def settle_as_a_person(house: CrashHouse) -> int:
    """Look for the orders nobody knows of, as the fix says. Returns how many were never placed."""
    never = 0
    for held in house.held_for("parts-loop"):
        assert held["fix"]
        [request] = house.rows(f"select stage, po_number from part_requests where id = '{held['record']}'")
        assert request["stage"] == "unresolved", held
        placed = [one["number"] for one in house.sandbox.orders() if one["po_number"] == request["po_number"]]
        assert len(placed) <= 1
        never += not placed
        word = ["--placed", placed[0]] if placed else ["--not-placed"]
        house.command("held", "retry", str(held["id"]), *word, "--json")
        house.run("parts-loop")
    return never


def assert_told_once(house: CrashHouse, job: str) -> None:
    """No note twice; and each event of the loop once, also under another number."""
    markers, events = house.markers(job), house.events(job)
    assert len(set(markers)) == len(markers)
    assert len(set(events)) == len(events)
    for event in ("ordered", "delivered"):
        assert sum(f" {event}" in one for one in events) == 1, events
