"""The demo's store orders: what is sold, and the final checks, which hold for a right end and name every wrong one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deployments.demo.sale_checks import check_sales
from deployments.demo.sales import CANCELED, COMPLETED, SALES, told
from deployments.demo.stage import set_stage
from models.order_sync import OrderStage
from models.shop import Shop
from models.tables import StoreOrderRow
from sandbox.app import create_app

NUMBERS = {sale.buyer: f"CC-{place}" for place, sale in enumerate(SALES, 300_001)}
HELD = [("order-to-invoice", NUMBERS[sale.buyer]) for sale in SALES if sale.is_held]
JOB_TYPES = {"Filter Order": 402, "Online Service Order": 403}
PAID_WITH = 1501
COMPLETED_TAG = 613


@pytest.fixture
def shop() -> Shop:
    return set_stage(say=lambda _words: None).shop()


def right_end() -> dict[str, Any]:
    """What is in the sandbox when every order became what it should."""
    tags = sorted({tag for sale in SALES for tag in sale.tags})
    titan: dict[str, Any] = {
        "customers": [],
        "locations": [],
        "jobs": [],
        "invoices": [],
        "payments": [],
        "memberships": [],
        "job_types": [{"id": number, "name": name} for name, number in JOB_TYPES.items()],
        "tag_types": [{"id": number, "name": tag} for number, tag in enumerate(tags)],
        "payment_types": [{"id": PAID_WITH, "name": "Contractor Commerce"}],
        "membership_types": [{"id": 2101, "name": "Cahaba care plan"}],
    }
    titan["tag_types"].append({"id": COMPLETED_TAG, "name": "Store order completed"})
    for at, sale in enumerate(sale for sale in SALES if not sale.is_held):
        marks = [tags.index(tag) for tag in sale.tags]
        titan["customers"].append({"id": at, "name": sale.buyer, "active": True, "tagTypeIds": marks})
        titan["locations"].append({"id": at, "tagTypeIds": list(marks)})
        for place, kind in enumerate(sale.job_types):
            _add_job(titan, at * 10 + place, at, sale, kind)
        if sale.membership:
            titan["memberships"].append({"customerId": at, "membershipTypeId": 2101})
    return {"servicetitan": titan}


def _add_job(titan: dict[str, Any], number: int, customer: int, sale: Any, kind: str) -> None:
    is_windowed = sale.in_window and kind == "Online Service Order"
    window = {
        "arrivalWindowStart": "2026-12-01T14:00:00Z" if is_windowed else None,
        "arrivalWindowEnd": "2026-12-01T18:00:00Z" if is_windowed else None,
    }
    titan["jobs"].append(
        {
            "id": number,
            "customerPo": NUMBERS[sale.buyer],
            "customerId": customer,
            "locationId": customer,
            "jobTypeId": JOB_TYPES[kind],
            "jobStatus": "Canceled" if sale is CANCELED else "Scheduled",
            "tagTypeIds": [COMPLETED_TAG] if sale is COMPLETED else [],
            "invoiceId": number,
            "appointments": [window],
        }
    )
    is_billed = sale.total is not None and kind == "Filter Order"
    total = str(sale.total) if is_billed else "0.00"
    titan["invoices"].append({"id": number, "adjustmentToId": None, "total": total})
    if is_billed:
        split = {"invoiceId": number, "amount": float(sale.total)}
        titan["payments"].append({"typeId": PAID_WITH, "amount": total, "splits": [split]})
    if sale is CANCELED:
        titan["invoices"].append({"id": number + 1000, "adjustmentToId": number, "total": f"-{sale.total}"})


def test_a_right_end_passes(shop: Shop) -> None:
    """OI-4, OI-12, OI-19, OI-29, OI-43, OI-49, OI-53, OI-63, OI-66, OI-69: as far as the demo shows them."""
    assert [check for check in check_sales(right_end(), shop, NUMBERS, HELD) if not check.ok] == []


def second_customer(titan: dict[str, Any]) -> None:
    titan["customers"].append({**titan["customers"][0], "id": 99})


def second_job(titan: dict[str, Any]) -> None:
    titan["jobs"].append({**titan["jobs"][0], "id": 99})


def a_cent_off(titan: dict[str, Any]) -> None:
    titan["invoices"][0]["total"] = "88.04"


def paid_twice(titan: dict[str, Any]) -> None:
    titan["payments"].append(titan["payments"][0])


def not_paid(titan: dict[str, Any]) -> None:
    del titan["payments"][0]


def location_not_tagged(titan: dict[str, Any]) -> None:
    titan["locations"][0]["tagTypeIds"] = []


def tagged_twice(titan: dict[str, Any]) -> None:
    titan["customers"][0]["tagTypeIds"] *= 2


def not_completed(titan: dict[str, Any]) -> None:
    titan["jobs"][0]["tagTypeIds"] = []


def not_canceled(titan: dict[str, Any]) -> None:
    titan["jobs"][1]["jobStatus"] = "Scheduled"


def adjusted_twice(titan: dict[str, Any]) -> None:
    [adjustment] = [row for row in titan["invoices"] if row["adjustmentToId"] is not None]
    titan["invoices"].append({**adjustment, "id": 98})


def another_window(titan: dict[str, Any]) -> None:
    for job in titan["jobs"]:
        for visit in job["appointments"]:
            if visit["arrivalWindowStart"]:
                visit["arrivalWindowStart"] = "2026-12-01T18:00:00Z"


def sold_twice(titan: dict[str, Any]) -> None:
    titan["memberships"].append(titan["memberships"][0])


def held_one_written(titan: dict[str, Any]) -> None:
    titan["customers"].append({"id": 97, "name": SALES[-1].buyer, "active": True, "tagTypeIds": []})


@pytest.mark.parametrize(
    "spoil",
    [
        second_customer,
        second_job,
        a_cent_off,
        paid_twice,
        not_paid,
        location_not_tagged,
        tagged_twice,
        not_completed,
        not_canceled,
        adjusted_twice,
        another_window,
        sold_twice,
        held_one_written,
    ],
    ids=lambda spoil: spoil.__name__.replace("_", " "),
)
def test_a_wrong_end_is_named(shop: Shop, spoil: Any) -> None:
    state = right_end()
    spoil(state["servicetitan"])
    wrong = [check for check in check_sales(state, shop, NUMBERS, HELD) if not check.ok]
    assert wrong
    assert len({check.record for check in wrong}) == 1


@pytest.mark.parametrize(
    "held",
    [
        pytest.param([], id="nothing is held"),
        pytest.param([*HELD, ("order-to-invoice", "CC-1")], id="one more is held"),
        pytest.param([("parts-loop", HELD[0][1])], id="held by another process"),
    ],
)
def test_a_wrong_held_list_is_named(shop: Shop, held: list[tuple[str, str]]) -> None:
    assert any(not check.ok for check in check_sales(right_end(), shop, NUMBERS, held))


@pytest.mark.parametrize("sale", SALES, ids=lambda sale: sale.words)
async def test_what_is_sold_costs_what_the_checks_expect(sale: Any) -> None:
    """OI-29: the store's own totals; a service has no invoice of ours."""
    network = httpx.ASGITransport(app=create_app(seed="demo"))
    async with httpx.AsyncClient(transport=network, base_url="http://sandbox.test") as people:
        words = {name: value for name, value in sale.order.items() if value != ""}
        order = (await people.post("/_sandbox/contractor-commerce/orders", json=words)).json()
    assert f"{order['customer']['first_name']} {order['customer']['last_name']}" == sale.buyer
    services = sum(float(line["total"]) for line in order["line_items"] if line["kind"] != "product")
    if sale.total is not None:
        assert float(order["grand_total"]) - services == pytest.approx(float(sale.total))
    assert bool(order["terms"]) is bool(sale.membership)


def test_it_is_told_in_plain_words() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    row = StoreOrderRow(
        shop="demo", order_id="1", number="CC-1", request_id="demo/order/1", version=1, stage=OrderStage.SYNCED.value,
        stage_words="job 48218, invoice 71000092 over $88.03", ordered_at=now, changed_at=now,
    )  # fmt: skip
    assert told(COMPLETED, row) == (
        "CC-1, Lenora Pike, a buyer nobody knows: two packs of filters, taxed and shipped: written. "
        "job 48218, invoice 71000092 over $88.03"
    )
