"""All sample orders, each delivered five times in random order, with passes killed at random calls (OI-67).

What must be the same? The store answers with an order's newest version only, so a delivery never brings an older one.
But whether something was written before the store took it back depends on when a pass ran. So there are two waves:
first everything but the two changes that come after the sale, until nothing is left to do; then these, with all the
rest once more. After each wave ServiceTitan is compared with one that got everything once and was left in peace.
Which of a buyer's orders comes first decides what the customer is called and which e-mail is on file; the comparison
leaves out contact values, and nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx
import pytest

from tests import samples
from tests.crash import sales
from tests.crash.conftest import MakeHouse
from tests.crash.house import CrashHouse
from tests.crash.sales import PROCESS

pytestmark = [pytest.mark.crash, samples.needs_samples]

SHOP = "samples"
TIMES = 5
BATCHES = 4
AFTER_THE_SALE = (38, 39)
FIRST = tuple(n for n in range(1, samples.COUNT + 1) if n not in AFTER_THE_SALE)
EVERY = tuple(range(1, samples.COUNT + 1))
CALLS = (
    "P* /servicetitan/*/tenant/*",
    "P* /servicetitan/*/tenant/*",
    "GET /servicetitan/*",
    "GET /contractor-commerce/*",
)
"""Where a pass is killed: at writes, and now and then at a read."""

MOST_PASSES = 5
"""So many undisturbed passes settle whatever killed ones can leave behind."""


def open_shop(make_house: MakeHouse) -> CrashHouse:
    """Open a shop of the samples' settings, beside a tenant that has the samples' customers."""
    house = make_house()
    house.shop = SHOP
    url = house.sandbox.url
    folder = house.root / "shops"
    folder.mkdir()
    (folder / f"{SHOP}.toml").write_text(samples.sample_shop_file(url, SHOP, calls_per_minute=6000))
    house.environment["TRUCKROLL_SHOPS"] = str(folder)
    house.sandbox.post("/reset", {"seed": "empty"})
    _as_people(house, samples.open_tenant)
    _as_people(house, samples.load_directory)
    return house


def _as_people(house: CrashHouse, do: Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]) -> None:
    async def go() -> None:
        async with httpx.AsyncClient(base_url=house.sandbox.url, timeout=20, trust_env=False) as people:
            await do(people)

    asyncio.run(go())


def deliver(house: CrashHouse, numbers: Sequence[int], name: str) -> None:
    """Let the store have these, one after the other, and tell of each."""
    told = []
    for at, n in enumerate(numbers):
        order = samples.sample(n)["order"]
        house.sandbox.http.post("/contractor-commerce/orders", params={"as_is": "true"}, json=order).raise_for_status()
        told.append((f"{name}-{at}", order["id"]))
    sales.tell_of(house, told)


def settle(house: CrashHouse) -> None:
    """Let passes run undisturbed until one has nothing to do."""
    for _ in range(MOST_PASSES):
        if not house.run(PROCESS)["items"]:
            return
    pytest.fail("the orders never come to rest")


def end(house: CrashHouse) -> dict[str, Any]:
    """Return what must be the same, whatever came first."""
    stands = sales.standing(house)
    contacts = [(home, kind) for home, kind, _ in stands["contacts"]]
    return {**stands, "contacts": contacts, **sales.kept(house)}


@pytest.fixture(scope="module")
def peaceful(make_house: MakeHouse) -> tuple[dict[str, Any], dict[str, Any]]:
    """Deliver every sample once, in the order of the numbers; return what stands after each wave."""
    house = open_shop(make_house)
    deliver(house, FIRST, "first")
    settle(house)
    first = end(house)
    deliver(house, AFTER_THE_SALE, "changed")
    settle(house)
    return first, end(house)


def test_the_waves_write_what_they_should(peaceful: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """OI-69: the changes after the sale ask a person twice, and write nothing."""
    first, second = peaceful
    assert len(first["payments"]) > 20
    assert first["unfinished writes"] == second["unfinished writes"] == []
    ours = ("orders", "held", "asked")
    assert {name: rows for name, rows in first.items() if name not in ours} == {
        name: rows for name, rows in second.items() if name not in ours
    }
    assert (len(first["asked"]), len(second["asked"])) == (0, 2)


@pytest.mark.parametrize("seed", (1,))
def test_five_times_in_random_order(
    make_house: MakeHouse, peaceful: tuple[dict[str, Any], dict[str, Any]], seed: int
) -> None:
    """OI-67: the counts, and everything else, are those of one delivery."""
    chance = random.Random(seed)
    house = open_shop(make_house)
    killed = sum(kill_through(house, numbers, "first", chance) for numbers in shuffled(FIRST, chance))
    settle(house)
    assert differences(end(house), peaceful[0]) == []
    killed += sum(kill_through(house, numbers, "again", chance) for numbers in shuffled(EVERY, chance)[:2])
    deliver(house, AFTER_THE_SALE, "last")
    settle(house)
    assert differences(end(house), peaceful[1]) == []
    assert killed >= BATCHES


def differences(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    """Return every row that only one of them has."""
    return [
        (name, row)
        for name, rows in one.items()
        for row in (*rows, *other[name])
        if rows.count(row) != other[name].count(row)
    ]


def shuffled(numbers: Sequence[int], chance: random.Random) -> list[list[int]]:
    """Return every number five times, in random order, in some batches."""
    every = [n for n in numbers for _ in range(TIMES)]
    chance.shuffle(every)
    return [every[at::BATCHES] for at in range(BATCHES)]


def kill_through(house: CrashHouse, numbers: Sequence[int], name: str, chance: random.Random) -> int:
    """Deliver these, and kill two passes at random calls. Returns how many were killed before they ended."""
    deliver(house, numbers, f"{name}-{chance.random()}")
    killed = 0
    for _ in range(2):
        kind = chance.choice(("stall_before", "stall_after"))
        house.sandbox.arm(chance.choice(CALLS), kind, chance.randrange(25))
        if chance.random() < 0.5:
            house.sandbox.arm(CALLS[0], "lost_answer", chance.randrange(10))
        killed += sales.kill_if_it_hangs(house)
    return killed
