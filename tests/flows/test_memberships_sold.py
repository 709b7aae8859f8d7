"""Memberships of the online store in a whole pass: all or nothing, and what was collected is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from models.order_sync import OrderStage
from models.store_order import StoreOrder
from models.tables import StoreOrderRow
from tasks.held import retry
from tests.flows.test_order_to_invoice import ROBIN, outcomes, run
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

PLAN = {"sku": "MEM-CAHABA", "purchase_type": "subscription"}
BOTH = {"lines": [{"sku": "FLT-16X25X1-M8"}, PLAN]}
TYPE = {"name": "Cahaba care plan", "id": 2101}
SERVICES_ONLY: dict[str, Any] = {"products": {"enabled": False}, "payment_type": ""}


async def writes(counter: Counter) -> list[str]:
    """Return what was written to ServiceTitan since the last time."""
    return [call for call in await counter.calls() if "/servicetitan/" in call and not call.startswith("GET")]


async def row_of(counter: Counter, order: StoreOrder) -> StoreOrderRow:
    row = await counter.books.store_orders.get("demo", order.id)
    assert row is not None
    return row


async def sales(counter: Counter) -> list[dict[str, Any]]:
    """Return the invoices that sales of memberships made."""
    return [row for row in (await counter.state())["servicetitan"]["invoices"] if row["membershipId"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"terms": [{"sale_price": "21.00"}]}, "has 2 terms at that price", id="no single term"),
        pytest.param({"active": False}, "which is switched off", id="a type that is switched off"),
    ],
)
async def test_a_membership_that_cannot_be_sold_holds_the_order_before_the_first_write(
    counter: Counter, change: dict[str, Any], said: str
) -> None:
    """OI-66, OI-70: neither customer nor job is made, and of the products of the order nothing."""
    await counter.tell("/servicetitan/membership-types", **TYPE, **change)
    order = await counter.sell(**BOTH, **ROBIN)
    await counter.calls()
    assert outcomes(await run()) == {order.number: "held"}
    assert await writes(counter) == []
    [held] = await counter.books.held.list("demo")
    assert said in held.reason
    assert held.field == "lines.2.membership_type_id"
    row = await row_of(counter, order)
    assert (row.stage, row.customer, row.written) == (OrderStage.HELD, None, None)


async def test_a_membership_that_can_be_sold_again_is_written_with_all_of_its_order(counter: Counter) -> None:
    """OI-66, OI-70."""
    await counter.tell("/servicetitan/membership-types", **TYPE, active=False)
    order = await counter.sell(**BOTH, **ROBIN)
    await run()
    await counter.tell("/servicetitan/membership-types", **TYPE, active=True)
    [held] = await counter.books.held.list("demo")
    await retry(counter.books, held.id or 0)
    assert outcomes(await run()) == {order.number: "synced"}
    assert [row["balance"] for row in await sales(counter)] == ["0.00"]
    assert len((await counter.state())["servicetitan"]["payments"]) == 2


async def test_without_a_payment_type_a_paid_membership_is_held_before_the_first_write(counter: Counter) -> None:
    """OI-63, OI-70: the store has the money, and there is no way to record it; a free one needs none."""
    counter.use(a_shop(**SERVICES_ONLY))
    order = await counter.sell(**PLAN, **ROBIN)
    await counter.calls()
    assert outcomes(await run()) == {order.number: "held"}
    assert await writes(counter) == []
    [held] = await counter.books.held.list("demo")
    assert held.field == "payment_type"
    counter.use(a_shop(products={"enabled": False}))
    await retry(counter.books, held.id or 0)
    assert outcomes(await run()) == {order.number: "synced"}
    assert [row["balance"] for row in await sales(counter)] == ["0.00"]


async def test_what_needs_no_payment_needs_no_payment_type(counter: Counter) -> None:
    """OI-3, OI-63: a free membership, and a service that is no membership."""
    counter.use(a_shop(**SERVICES_ONLY))
    free = await counter.sell(**PLAN, **ROBIN, discount="21.00", tax_rate="0")
    assert free.grand_total == 0
    service = await counter.sell(sku="SVC-COOL-TUNE", **ROBIN)
    assert outcomes(await run()) == {free.number: "synced", service.number: "synced"}
    titan = (await counter.state())["servicetitan"]
    assert (len(titan["memberships"]), titan["payments"]) == (1, [])


async def test_a_mixed_cart_is_paid_in_full(counter: Counter) -> None:
    """OI-29, OI-63: every dollar the store collected is recorded, and each invoice comes to what was paid on it."""
    order = await counter.sell(**BOTH, **ROBIN, discount="3.00", shipping="6.95")
    report = await run()
    [sale] = await sales(counter)
    titan = (await counter.state())["servicetitan"]
    paid = {split["invoiceId"]: Decimal(row["amount"]) for row in titan["payments"] for split in row["splits"]}
    assert sum(paid.values()) == order.grand_total
    assert len(paid) == 2
    assert (Decimal(sale["total"]), Decimal(sale["balance"])) == (paid[sale["id"]], Decimal(0))
    assert [item.outcome for item in report.items] == ["synced"]
    assert (await row_of(counter, order)).warnings == []

    await counter.tell(f"/contractor-commerce/orders/{order.id}/complete")
    assert outcomes(await run()) == {order.number: "synced"}
    assert len((await counter.state())["servicetitan"]["payments"]) == 2


async def test_a_pass_that_stopped_before_the_payment_records_it_once(counter: Counter) -> None:
    """OI-63, OI-67: the sale is not made again, nor its price written again."""
    order = await counter.sell(**PLAN, **ROBIN, discount="1.00", tax_rate="0")
    await counter.tell("/faults", match="POST /servicetitan/accounting/*/payments", kind="status", status=400)
    assert outcomes(await run()) == {order.number: "held"}
    await counter.people.delete("/_sandbox/faults")
    [held] = await counter.books.held.list("demo")
    await retry(counter.books, held.id or 0)
    await counter.calls()
    assert outcomes(await run()) == {order.number: "synced"}
    assert [call.split("/tenant/1234567/")[1] for call in await writes(counter)] == ["payments"]
    [sale] = await sales(counter)
    assert sale["balance"] == "0.00"
    assert (await row_of(counter, order)).warnings == []
