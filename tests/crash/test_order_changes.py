"""A cancelled store order, killed at every write: asked once, canceled once, adjusted once, and never without a yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash import sales
from tests.crash.conftest import MakeHouse
from tests.crash.house import CrashHouse

pytestmark = pytest.mark.crash

CANCEL = "PUT /servicetitan/jpm/v2/tenant/*/jobs/*/cancel"
ADJUST = "POST /servicetitan/accounting/v2/tenant/*/invoices"
KILLS = ("stall_before", "stall_after")


@pytest.fixture
def house(make_house: MakeHouse) -> Iterator[CrashHouse]:
    """Open the store's shop with an order written, and cancelled since."""
    house = make_house()
    house.shop = sales.SHOP
    house.environment.update(sales.SECRETS)
    order = house.sandbox.post("/contractor-commerce/orders", {"sku": "FLT-16X25X1-M8", "quantity": 2, **sales.BUYER})
    house.run(sales.PROCESS)
    house.sandbox.post(f"/contractor-commerce/orders/{order['id']}/cancel")
    yield house
    house.stop()


def stands(house: CrashHouse) -> dict[str, Any]:
    titan = house.sandbox.state()["servicetitan"]
    return {
        "jobs": sorted(row["jobStatus"] for row in titan["jobs"] if row["customerPo"]),
        "adjustments": [row["total"] for row in titan["invoices"] if row["adjustmentToId"]],
        "payments": len(titan["payments"]),
        "approvals": [row["status"] for row in house.rows("select status from approvals order by id")],
        "stage": [row["stage"] for row in house.rows("select stage from store_orders")],
        "held": [row["reason"] for row in house.held()],
        "unfinished": house.rows("select key, status from effects where status != 'done'"),
    }


def test_killed_before_and_after_every_write_of_a_cancellation(house: CrashHouse) -> None:
    """OI-67, OI-69: passes killed one after the other, and one that ends, leave what one clean pass leaves."""
    for read in ("GET /servicetitan/jpm/v2/tenant/*/jobs/*", "GET /servicetitan/accounting/v2/tenant/*/invoices"):
        house.sandbox.arm(read, "stall_before")
        house.kill_when_it_hangs(sales.PROCESS)
    [asked] = house.run(sales.PROCESS)["items"]
    assert asked["outcome"] == "held"
    [question] = house.command("approvals", "list", "--json")["approvals"]
    assert stands(house)["jobs"] == ["Scheduled"]
    assert stands(house)["adjustments"] == []

    house.command("approvals", "approve", question["id"], "--by", "Robin Office", "--json")
    for write in (CANCEL, ADJUST):
        for kind in KILLS:
            house.sandbox.arm(write, kind)
            house.kill_when_it_hangs(sales.PROCESS)
            assert stands(house)["approvals"] == ["consumed"]
    assert len(house.held()) == 1
    [done] = house.run(sales.PROCESS)["items"]
    assert done["outcome"] == "changed"
    end = stands(house)
    amount = question["change"]["adjust"][0]["amount"]
    assert end == {
        "jobs": ["Canceled"],
        "adjustments": [amount],
        "payments": 1,
        "approvals": ["consumed"],
        "stage": ["synced"],
        "held": [],
        "unfinished": [],
    }
    assert house.run(sales.PROCESS)["items"] == []
    assert stands(house) == end
