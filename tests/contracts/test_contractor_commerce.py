"""The store's contract (ours, reconstructed): what we send is in it, what it answers is read, and the samples add up."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import pytest
import respx

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.contractor_commerce.readings import read_order
from connectors.contractor_commerce.schemas import WireOrder
from connectors.contractor_commerce.webhooks import OrderEvent, read_event
from models.shop import ContractorCommerceSettings
from models.store_order import StoreOrder
from tests.connectors.doubles import CC, SECRETS
from tests.connectors.store_orders import order_page, order_row
from tests.contracts.order_calls import drain
from tests.contracts.specs import (
    CONTRACTS,
    load_spec,
    spec_path,
    spec_query_names,
    spec_query_validator,
    spec_schema_validator,
    spec_validator,
)

SPEC = "contractor_commerce/openapi"
SINCE = datetime(2026, 9, 1, 10, 0, 0, 123456, tzinfo=UTC)
SAMPLES = CONTRACTS / "contractor_commerce" / "sample-orders.json"

CALLS: dict[str, Callable[[ContractorCommerce], Awaitable[Any]]] = {
    "/orders": lambda store: drain(store.orders_since(SINCE)),
    "/orders/{id}": lambda store: store.get_order("100201"),
}
ANSWERS: dict[str, Any] = {
    "/orders": order_page(order_row()),
    "/orders/{id}": {"data": order_row()},
}


@cache
def samples() -> list[dict[str, Any]]:
    if not SAMPLES.is_file():
        pytest.skip(f"no sample orders at {SAMPLES}: set TRUCKROLL_CONTRACTS to the folder that holds them")
    return list(json.loads(SAMPLES.read_text(encoding="utf-8"))["orders"])


@pytest.mark.parametrize("path", CALLS)
async def test_every_call_and_every_answer_is_one_the_contract_knows(
    store: ContractorCommerce, vendors: respx.MockRouter, path: str
) -> None:
    spec_validator(SPEC, "GET", path).validate(ANSWERS[path])
    route = vendors.route(url__startswith=CC).respond(json=ANSWERS[path])
    await CALLS[path](store)
    (call,) = route.calls
    assert spec_path(SPEC, "GET", call.request.url.path.removeprefix("/contractor-commerce")) == path
    assert not call.request.content
    assert re.fullmatch(r"Bearer \S+", call.request.headers["authorization"])
    for name, value in call.request.url.params.multi_items():
        assert name in spec_query_names(SPEC, "GET", path)
        spec_query_validator(SPEC, "GET", path, name).validate(int(value) if value.isdigit() else value)


async def test_a_cursor_is_sent_as_the_contract_names_it(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    route = vendors.get(f"{CC}/orders").mock(
        side_effect=[
            httpx.Response(200, json=order_page(order_row(), next_cursor="c2")),
            httpx.Response(200, json=order_page()),
        ]
    )
    await drain(store.orders_since(SINCE))
    assert set(route.calls[1].request.url.params) <= spec_query_names(SPEC, "GET", "/orders")
    assert route.calls[1].request.url.params["cursor"] == "c2"


@pytest.mark.parametrize("number", range(1, 41))
def test_a_sample_order_is_read_to_the_cent(number: int) -> None:
    """Every amount comes out as it went in, and the order adds up by the contract's own sums."""
    sent = next(one["order"] for one in samples() if one["n"] == number)
    order = read_order(sent)
    assert isinstance(order, StoreOrder), order
    for field in ("subtotal", "discount_total", "shipping_total", "tax_total", "grand_total", "refunded_total"):
        assert str(getattr(order, field)) == sent[field]
    assert len(order.lines) == len(sent["line_items"])
    for line, written in zip(order.lines, sent["line_items"], strict=True):
        for field in ("unit_price", "discount_total", "tax_total", "total"):
            assert str(getattr(line, field)) == written[field]
        assert line.total == line.quantity * line.unit_price - line.discount_total
    assert order.subtotal == sum((line.quantity * line.unit_price for line in order.lines), Decimal(0))
    assert order.grand_total == order.subtotal - order.discount_total + order.shipping_total + order.tax_total
    assert [str(payment.amount) for payment in order.payments] == [one["amount"] for one in sent["payments"]]
    assert StoreOrder.model_validate_json(order.model_dump_json()) == order, "through a store and back"


def test_all_forty_samples_are_there() -> None:
    assert sorted(one["n"] for one in samples()) == list(range(1, 41))


async def test_the_samples_as_one_page_are_all_read(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    rows = [one["order"] for one in samples()]
    spec_validator(SPEC, "GET", "/orders").validate(order_page(*rows))
    vendors.get(f"{CC}/orders").respond(json=order_page(*rows))
    (page,) = [page async for page in store.orders_since(SINCE)]
    assert len(page.orders) == 40
    assert page.unreadable == ()


def test_a_delivery_by_the_contract_is_read() -> None:
    event = {
        "id": "evt_1",
        "type": "order.completed",
        "store_id": 41,
        "created_at": "2026-09-01T10:00:00Z",
        "data": {"object": "order", "order": order_row()},
    }
    body = callback()["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    spec_schema_validator(SPEC, body.rpartition("/")[2]).validate(event)
    settings = ContractorCommerceSettings.model_validate(
        {"api_url": CC, "api_token": "${CC_TOKEN}", "webhook_path_token": "${CC_PATH_TOKEN}"}
    )
    found = read_event({}, json.dumps(event).encode(), settings, path_token=SECRETS["CC_PATH_TOKEN"])
    assert isinstance(found, OrderEvent)
    assert (found.event_id, found.type) == ("evt_1", "order.completed")


def test_the_signature_header_of_the_contract_is_the_default_of_the_settings() -> None:
    headers = [one["name"] for one in callback()["parameters"] if one["in"] == "header"]
    assert ContractorCommerceSettings.model_fields["webhook_signature_header"].default in headers


def test_every_field_an_order_must_have_is_read() -> None:
    """A field the contract promises and we do not know would be lost without a word."""
    promised = set(load_spec(SPEC)["components"]["schemas"]["Order"]["required"])
    unread = {"order_type", "purchase_type"}  # said again by each line, which is what decides
    assert promised - set(WireOrder.model_fields) == unread


def callback() -> dict[str, Any]:
    hook = load_spec(SPEC)["paths"]["/webhook-endpoints"]["post"]["callbacks"]["event"]
    (path,) = hook.values()
    return dict(path["post"])
