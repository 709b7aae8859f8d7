"""Store orders, killed everywhere: one order is one customer, one job for each part, one invoice, one payment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.crash import sales
from tests.crash.conftest import MakeHouse
from tests.crash.house import CrashHouse
from tests.crash.sales import COMPLETED, CUSTOMER, PROCESS, READS, WRITES, kill_at

pytestmark = pytest.mark.crash

KILLS = ("stall_before", "stall_after")


@pytest.fixture
def house(make_house: MakeHouse) -> Iterator[CrashHouse]:
    """Open the store's shop; its buyer is known by the e-mail, at another address."""
    house = open_shop(make_house)
    sales.enter_buyer(house)
    yield house
    house.stop()


def open_shop(make_house: MakeHouse) -> CrashHouse:
    house = make_house()
    house.shop = sales.SHOP
    house.environment.update(sales.SECRETS)
    return house


def sell_and_complete(house: CrashHouse) -> None:
    sales.complete(house, sales.sell(house))


@dataclass(frozen=True)
class Clean:
    """A sale that nobody disturbed."""

    stands: dict[str, list[Any]]
    kept: dict[str, list[Any]]
    counts: dict[str, int]
    writes: list[str]


@pytest.fixture(scope="module")
def clean(make_house: MakeHouse) -> Clean:
    house = open_shop(make_house)
    sales.enter_buyer(house)
    sell_and_complete(house)
    house.run(PROCESS)
    writes = sales.writes_of(house.sandbox.requests())
    return Clean(sales.standing(house), sales.kept(house), sales.counts(house), writes)


def assert_as_clean(house: CrashHouse, clean: Clean) -> None:
    assert sales.standing(house) == clean.stands
    assert sales.kept(house) == clean.kept


def assert_nothing_twice(house: CrashHouse, clean: Clean) -> None:
    there = sales.counts(house)
    assert {records: count for records, count in there.items() if count > clean.counts[records]} == {}


def test_these_are_all_the_writes_of_the_sale(clean: Clean) -> None:
    """The tests below leave out no write, and the undisturbed sale itself comes out to the cent (OI-29, OI-63)."""
    assert len(clean.writes) == len(WRITES), clean.writes
    for done, write in zip(clean.writes, WRITES, strict=True):
        assert fnmatchcase(done, write.match), write
    [invoice] = [row for row in clean.stands["invoices"] if "Filter Order" in row[0]]
    assert invoice[2:] == ("10.58", sales.PRODUCT_TOTAL, "0.00")
    assert sorted(payment[2] for payment in clean.stands["payments"]) == sorted(sales.PAID)
    [order] = clean.kept["orders"]
    assert order[3] == "synced"
    assert clean.kept["held"] == clean.kept["unfinished writes"] == []


def test_killed_before_and_after_every_write(house: CrashHouse, clean: Clean) -> None:
    """OI-67: pass after pass, each killed one write later than the last, and one that ends: nothing twice or missing."""
    sell_and_complete(house)
    for at, write in enumerate(WRITES):
        # Those like it that came before are done: they are not written again.
        alike = sum(earlier.match == write.match for earlier in WRITES[:at])
        assert alike == write.skip
        for kind in KILLS:
            house.sandbox.arm(write.match, kind)
            house.kill_when_it_hangs(PROCESS)
            assert_nothing_twice(house, clean)
    house.run(PROCESS)
    assert_as_clean(house, clean)
    house.run(PROCESS)
    assert_as_clean(house, clean)


def test_killed_while_it_reads(house: CrashHouse, clean: Clean) -> None:
    """OI-67: what the ledger keeps before a read is no reason to forget what comes after it."""
    sell_and_complete(house)
    for read in READS:
        kill_at(house, read, "stall_before")
        assert_nothing_twice(house, clean)
    house.run(PROCESS)
    assert_as_clean(house, clean)


def test_every_answer_is_lost(house: CrashHouse, clean: Clean) -> None:
    """OI-67: each write lands and its answer does not: the same pass looks, finds it, and goes on."""
    sell_and_complete(house)
    for write in WRITES:
        house.sandbox.arm(write.match, "lost_answer")
    house.run(PROCESS)
    assert sum(fault["fired"] for fault in house.sandbox.get("/faults")["faults"]) == len(WRITES)
    house.sandbox.clear_faults()
    assert_as_clean(house, clean)


@pytest.mark.parametrize("kind", [*KILLS, "lost_answer"])
def test_a_new_buyer_has_one_account(make_house: MakeHouse, kind: str) -> None:
    """OI-4, OI-67: killed before or after the account is opened, or its answer lost: one customer, one location."""
    house = open_shop(make_house)
    sell_and_complete(house)
    if kind == "lost_answer":
        house.sandbox.arm(CUSTOMER.match, kind)
    else:
        kill_at(house, CUSTOMER, kind)
    house.run(PROCESS)
    house.sandbox.clear_faults()
    there = sales.standing(house)
    mine = [row for row in there["customers"] if row[0].startswith("Robin Sample")]
    assert [row[2] for row in mine] == [
        ["Store: filter subscription", "Store: one-time filters", "Store: service subscription"]
    ]
    assert len([row for row in there["locations"] if row[0].startswith("Robin Sample")]) == 1
    assert len([row for row in there["contacts"] if row[0].startswith("Robin Sample")]) == 2
    assert sorted(row[2] for row in there["payments"]) == sorted(sales.PAID)
    assert sales.kept(house)["unfinished writes"] == []


def test_completed_later_and_killed_at_the_tag(house: CrashHouse, clean: Clean) -> None:
    """OI-49, OI-67: the order completes after it was written; killed before and after, the tag is there once."""
    order = sales.sell(house)
    house.run(PROCESS)
    sales.complete(house, order)
    for kind in KILLS:
        kill_at(house, COMPLETED, kind)
    house.run(PROCESS)
    assert_as_clean(house, clean)


def test_two_workers_at_once(make_house: MakeHouse) -> None:
    """OI-28, OI-67: two passes over the same orders, one buyer's and others', with one new item: each record once."""
    carts = [
        {},
        {"shipping": "0.00"},
        {"email": "kim.sample@example.com", "phone": "205-555-0178", "line1": "9 Oak Avenue", "first_name": "Kim"},
        {"email": "lee.sample@example.com", "phone": "205-555-0179", "line1": "3 Ash Court", "first_name": "Lee"},
    ]

    def sold() -> CrashHouse:
        house = open_shop(make_house)
        for cart in carts:
            sales.complete(house, sales.sell(house, **cart))
        return house

    house = sold()
    house.run(PROCESS)
    alone = (sales.standing(house), sales.kept(house))
    house = sold()
    house.sandbox.post(
        "/faults", {"match": "P* /servicetitan/*/tenant/*", "kind": "delay", "seconds": 0.1, "times": None}
    )
    runs = [house.start_pass(PROCESS), house.start_pass(PROCESS)]
    reports = [run.report() for run in runs]
    assert [report["failed"] + report["held"] for report in reports] == [0, 0]
    house.sandbox.clear_faults()
    house.run(PROCESS)
    assert (sales.standing(house), sales.kept(house)) == alone
