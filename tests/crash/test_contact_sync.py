"""A contact sync killed again and again: in the end everybody has one link, and no create was sent twice."""

from __future__ import annotations

import random
import time

import pytest

from tests.crash.house import CrashHouse
from tests.crash.syncing import (
    PROCESS,
    assert_everybody_has_one_link,
    assert_nothing_was_made_twice,
    calls,
    disturb,
    kill_after,
    open_shop,
    settle,
)

pytestmark = pytest.mark.crash

CUSTOMERS = 400
KILLS = 10
FEED_CALLS = 30
"""More than the pages of both feeds, and the campaign."""


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_ten_times_at_random_during_one_sync(house: CrashHouse, seed: int) -> None:
    """RF-31, RF-40: while feeds are read, calls are open, results are kept; customers change and tokens end meanwhile."""
    chance = random.Random(seed)
    open_shop(house, late_s=0.5)
    house.sandbox.post("/servicetitan/generate", {"customers": CUSTOMERS, "seed": seed})
    killed = 0
    while killed < KILLS:
        run = house.start_pass(PROCESS)
        if chance.random() < 0.2:  # before, or in the middle of, anything
            time.sleep(chance.uniform(0.2, 2.5))
            is_over = run.worker.is_over
            run.worker.kill()
        else:
            is_over = not kill_after(house, run, chance.randint(1, 70))
        if is_over:
            # It was done before its turn came: more work, or there is nothing to kill it at.
            house.sandbox.post("/servicetitan/generate", {"customers": 40, "seed": 100 * seed + killed})
            continue
        killed += 1
        disturb(house, chance)
    settle(house)
    assert_everybody_has_one_link(house)
    assert_nothing_was_made_twice(house)


def test_killed_half_way_and_started_again(house: CrashHouse) -> None:
    """RF-40: no create is repeated that the program had answered, though nobody kept the answer."""
    open_shop(house, late_s=0.3)
    house.sandbox.post("/servicetitan/generate", {"customers": CUSTOMERS, "seed": 5})
    assert kill_after(house, house.start_pass(PROCESS), 20 + CUSTOMERS // 2)
    before, made = calls(house), len(house.sandbox.get("/referral-factory/users")["users"])
    settle(house)
    assert_everybody_has_one_link(house)
    assert_nothing_was_made_twice(house)
    # A search for each whose answer nobody kept, sent or not, and a create for those who were not there yet.
    assert calls(house) - before <= CUSTOMERS + (CUSTOMERS - made) + FEED_CALLS
