"""The store: contract shapes, strict queries, cursor pages, orders over their life, and events really delivered."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.contracts.specs import CONTRACTS, spec_query_names, spec_validator
from tests.sandbox.conftest import Shop

KEY = {"Authorization": "Bearer sandbox-cc-token"}
SECRET = "a-secret-of-some-length"
LISTS = ["/orders", "/products", "/services", "/subscriptions", "/leads", "/webhook-endpoints", "/webhook-deliveries"]


async def store(shop: Shop, method: str, path: str, **more: Any) -> httpx.Response:
    return await shop.http.request(method, f"/contractor-commerce{path}", headers=KEY, **more)


async def sell(shop: Shop, **wish: Any) -> Any:
    return await shop.people("/contractor-commerce/orders", {"sku": "FLT-16X25X1-M8"} | wish)


async def register(shop: Shop, url: str = "http://127.0.0.1:9/hook", *events: str) -> Any:
    body = {"url": url, "events": list(events) or ["order.created", "order.updated"], "secret": SECRET}
    reply = await store(shop, "POST", "/webhook-endpoints", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()["data"]


@pytest.fixture
async def busy(shop: Shop) -> AsyncIterator[Shop]:
    """The store after a day: every list has something in it."""
    await register(shop)
    await sell(shop, quantity=2, shipping=7.95, discount=5)
    await sell(shop, purchase_type="subscription")
    await sell(shop, sku="SVC-COOL-TUNE", window_start="2026-12-01T14:00:00Z", window_end="2026-12-01T18:00:00Z")
    await shop.people("/contractor-commerce/leads")
    yield shop
    shop.app.world.store.courier.stop()


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_and_its_records_answer_as_the_contract_says(busy: Shop, path: str) -> None:
    page = (await store(busy, "GET", path)).json()
    spec_validator("openapi", "GET", path).validate(page)
    assert page["data"], "an empty list proves nothing"
    if path.startswith("/webhook"):
        return
    one = await store(busy, "GET", f"{path}/{page['data'][0]['id']}")
    spec_validator("openapi", "GET", path + "/{id}").validate(one.json())
    missing = await store(busy, "GET", f"{path}/12345")
    assert missing.status_code == 404
    assert "was not found" in missing.json()["message"]


@pytest.mark.parametrize("path", LISTS)
async def test_every_query_parameter_of_the_contract_is_known_and_no_other(busy: Shop, path: str) -> None:
    samples = {"per_page": "2", "updated_since": "2026-01-01T00:00:00Z", "active": "true", "endpoint_id": "1",
               "order_type": "product", "purchase_type": "one_time", "status": "completed"}  # fmt: skip
    for name in spec_query_names("openapi", "GET", path) - {"cursor"}:
        reply = await store(busy, "GET", path, params={name: samples.get(name, "text")})
        assert reply.status_code == 200, f"{name}: {reply.text}"
    for name, value in {"surprise": "1", "per_page": "101", "cursor": "nonsense"}.items():
        reply = await store(busy, "GET", path, params={name: value})
        assert reply.status_code == 422
        assert list(reply.json()["errors"]) == [name]


async def test_who_has_no_key_no_scope_or_no_calls_left_is_told_so(shop: Shop) -> None:
    bare = await shop.http.get("/contractor-commerce/orders")
    assert (bare.status_code, bare.json()) == (401, {"message": "Unauthenticated."})
    await shop.people("/contractor-commerce/switches", {"forbidden": ["leads"]})
    assert (await store(shop, "GET", "/leads")).status_code == 403
    await shop.people("/contractor-commerce/switches", {"calls_per_minute": 2, "forbidden": []})
    replies = [await store(shop, "GET", "/orders") for _ in range(3)]
    assert replies[-1].status_code == 429
    assert int(replies[-1].headers["retry-after"]) > 0
    assert replies[-1].headers["x-ratelimit-remaining"] == "0"
    await shop.people("/clock/advance", {"seconds": 61})
    assert (await store(shop, "GET", "/orders")).status_code == 200


async def test_pages_lose_no_order_of_the_same_instant(shop: Shop) -> None:
    template = await sell(shop)
    moment = "2026-03-01T10:00:00Z"
    for number in range(7):
        whole = template | {"id": 500 + number, "number": f"CC-{500 + number}", "updated_at": moment}
        await shop.people("/contractor-commerce/orders", whole)
    seen: list[int] = []
    query: dict[str, Any] = {"per_page": 3, "updated_since": moment}
    while True:
        page = (await store(shop, "GET", "/orders", params=query)).json()
        seen += [order["id"] for order in page["data"]]
        if page["meta"]["next_cursor"] is None:
            break
        query["cursor"] = page["meta"]["next_cursor"]
    assert seen == [500, 501, 502, 503, 504, 505, 506, template["id"]]
    other = await store(shop, "GET", "/orders", params={"cursor": query["cursor"], "status": "processing"})
    assert other.status_code == 422, "a cursor goes with its own filters"
    await shop.people("/reset", {"seed": "empty"})
    assert (await store(shop, "GET", "/orders", params=query)).status_code == 422, "a cursor of yesterday is stale"


async def test_a_cart_adds_up_to_the_cent(shop: Shop) -> None:
    lines = [
        {"sku": "FLT-16X25X1-M8", "quantity": 3},
        {"sku": "HUM-PANEL-10", "purchase_type": "subscription"},
        {"sku": "SVC-DRYER-VENT"},
    ]
    order = await sell(shop, sku="", lines=lines, discount="10.01", shipping="7.95", tax_rate="0.0825")
    cents = {name: round(float(order[name]) * 100) for name in order if name.endswith("total")}
    assert cents["subtotal"] == 3 * 3640 + 1778 + 13900
    assert cents["grand_total"] == cents["subtotal"] - 1001 + 795 + cents["tax_total"]
    assert sum(round(float(line["discount_total"]) * 100) for line in order["line_items"]) == 1001
    assert sum(round(float(line["tax_total"]) * 100) for line in order["line_items"]) == cents["tax_total"]
    assert (order["order_type"], order["purchase_type"]) == ("mixed", "mixed")
    assert order["payments"][0]["amount"] == order["grand_total"]


async def test_an_order_lives_through_its_states_one_version_at_a_time(shop: Shop) -> None:
    order = await sell(shop, payment_status="authorized", quantity=2)
    assert (order["status"], order["paid_at"]) == ("pending", None)
    base = f"/contractor-commerce/orders/{order['id']}"
    assert (await shop.people(f"{base}/pay"))["status"] == "processing"
    edited = await shop.people(f"{base}/edit", {"quantity": 3, "customer": {"phone": "205-555-0199"}})
    assert (edited["grand_total"], edited["customer"]["phone"]) == ("120.12", "205-555-0199")
    assert edited["customer"]["email"] == order["customer"]["email"]
    done = await shop.people(f"{base}/complete")
    refunded = await shop.people(f"{base}/refund", {"amount": "20.00"})
    assert (refunded["status"], refunded["payment_status"]) == ("completed", "partially_refunded")
    assert [one["version"] for one in (order, edited, done, refunded)] == [1, 3, 4, 5]
    spec_validator("openapi", "GET", "/orders/{id}").validate({"data": refunded})
    for path, body in (("/cancel", {}), ("/refund", {"amount": "500.00"})):
        wrong = await shop.http.post(f"/_sandbox{base}{path}", json=body)
        assert wrong.status_code in {400, 409}
    assert (await store(shop, "GET", f"/orders/{order['id']}")).json()["data"] == refunded


async def test_a_cancelled_order_gives_back_what_was_paid(shop: Shop) -> None:
    paid, unpaid = await sell(shop), await sell(shop, payment_status="authorized")
    after = [await shop.people(f"/contractor-commerce/orders/{one['id']}/cancel") for one in (paid, unpaid)]
    assert [one["payment_status"] for one in after] == ["refunded", "voided"]
    assert after[0]["refunded_total"] == paid["grand_total"]


async def test_a_renewal_is_a_new_order_of_the_same_subscription(shop: Shop) -> None:
    first = await sell(shop, purchase_type="subscription")
    again = await shop.people(f"/contractor-commerce/subscriptions/{first['subscription']['id']}/renew")
    assert again["id"] != first["id"]
    assert (again["version"], again["subscription"]["sequence"]) == (1, 2)
    kept = (await store(shop, "GET", f"/subscriptions/{first['subscription']['id']}")).json()["data"]
    assert (kept["first_order_id"], kept["latest_order_id"]) == (first["id"], again["id"])


async def test_a_whole_order_is_looked_at_and_an_older_version_does_not_win(shop: Shop) -> None:
    order = await sell(shop)
    wrong = await shop.http.post(
        "/_sandbox/contractor-commerce/orders", json=order | {"grand_total": 1.5, "currency": "EUR"}
    )
    assert wrong.status_code == 400
    assert set(wrong.json()["errors"]) == {"grand_total", "currency"}
    broken = order | {"id": 77, "grand_total": "x"}
    await shop.people("/contractor-commerce/orders?as_is=true", broken)
    assert (await store(shop, "GET", "/orders/77")).json()["data"]["grand_total"] == "x"
    newer = await shop.people("/contractor-commerce/orders", order | {"version": 5})
    await shop.people("/contractor-commerce/orders", order | {"version": 2, "status": "pending"})
    assert (await store(shop, "GET", f"/orders/{order['id']}")).json()["data"] == newer


async def test_the_vendors_sample_orders_can_be_pushed_and_come_back_as_they_were(shop: Shop) -> None:
    path = CONTRACTS / "contractor_commerce" / "sample-orders.json"
    if not path.is_file():
        pytest.skip(f"no sample orders at {path}")
    samples = [one["order"] for one in json.loads(path.read_text(encoding="utf-8"))["orders"]]
    assert len(samples) == 40
    newest: dict[int, Any] = {}
    for order in samples:
        assert await shop.people("/contractor-commerce/orders", order) == order
        if order["version"] >= newest.get(order["id"], order)["version"]:
            newest[order["id"]] = order
    page = (await store(shop, "GET", "/orders", params={"per_page": 100})).json()
    spec_validator("openapi", "GET", "/orders").validate(page)
    assert {order["id"]: order for order in page["data"]} == newest


class Ear:
    """A receiver of webhooks on a real port."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                ear.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(ear.answers.pop(0) if ear.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/token"
        Thread(target=self.server.serve_forever, daemon=True).start()

    async def hears(self, count: int, within_s: float = 8) -> list[tuple[dict[str, str], Any]]:
        """Wait for this many calls; return headers and parsed bodies."""
        import asyncio

        until = time.monotonic() + within_s
        while len(self.heard) < count:
            assert time.monotonic() < until, f"heard {len(self.heard)} of {count}"
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert len(self.heard) == count
        return [(headers, json.loads(body)) for headers, body in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.server.shutdown()
    ear.server.server_close()


async def test_an_event_is_delivered_signed_over_its_raw_bytes(live: Shop, ear: Ear) -> None:
    await register(live, ear.url)
    order = await sell(live, first_name="Zoë", line1="1 A/B Street")
    [(headers, event)] = await ear.hears(1)
    raw = ear.heard[0][1]
    assert headers["signature"] == hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    assert raw.isascii()
    assert b"A\\/B" in raw
    assert event["data"] == {"object": "order", "order": order}
    assert (headers["x-concom-event"], headers["x-concom-event-id"]) == ("order.created", event["id"])
    assert headers["x-concom-attempt"] == "1"
    kept = (await store(live, "GET", "/webhook-deliveries", params={"event_id": event["id"]})).json()["data"]
    assert [(one["id"], one["response_status"]) for one in kept] == [(headers["x-concom-delivery-id"], 200)]
    again = await store(live, "POST", f"/webhook-deliveries/{kept[0]['id']}/redeliver")
    assert again.status_code == 202
    spec_validator("openapi", "POST", "/webhook-deliveries/{delivery_id}/redeliver", status=202).validate(again.json())
    both = await ear.hears(2)
    assert both[1][0]["x-concom-event-id"] == event["id"]
    assert both[1][0]["x-concom-delivery-id"] != headers["x-concom-delivery-id"]


async def test_a_refused_event_is_tried_again_by_the_clock(live: Shop, ear: Ear) -> None:
    ear.answers = [503, 429]
    await register(live, ear.url)
    await sell(live)
    await ear.hears(1)
    for count, seconds in ((2, 11), (3, 101)):
        await live.people("/clock/advance", {"seconds": seconds})
        heard = await ear.hears(count)
    assert [headers["x-concom-attempt"] for headers, _ in heard] == ["1", "2", "3"]
    assert len({headers["x-concom-event-id"] for headers, _ in heard}) == 1
    assert len({headers["x-concom-delivery-id"] for headers, _ in heard}) == 3


async def test_gone_ends_deliveries(live: Shop, ear: Ear) -> None:
    ear.answers = [410]
    endpoint = await register(live, ear.url)
    await sell(live)
    await ear.hears(1)
    [kept] = (await store(live, "GET", "/webhook-endpoints")).json()["data"]
    assert (kept["id"], kept["status"]) == (endpoint["id"], "disabled")
    await sell(live)
    await ear.hears(1)


async def test_the_switches_make_deliveries_go_wrong(live: Shop, ear: Ear) -> None:
    await register(live, ear.url)

    async def switch(**values: Any) -> None:
        await live.people("/contractor-commerce/switches", values)
        ear.heard.clear()

    await switch(duplicate=True)
    await sell(live)
    twice = await ear.hears(2)
    assert twice[0][1] == twice[1][1]
    assert twice[0][0]["x-concom-delivery-id"] != twice[1][0]["x-concom-delivery-id"]
    await switch(duplicate=False, wrong_signature=True)
    await sell(live)
    await ear.hears(1)
    headers, raw = ear.heard[0]
    assert re.fullmatch("[0-9a-f]{64}", headers["signature"])
    assert headers["signature"] != hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    await switch(wrong_signature=False, unsigned=True)
    await sell(live)
    assert "signature" not in (await ear.hears(1))[0][0]
    await switch(unsigned=False, out_of_order=True)
    first, second = await sell(live), await sell(live)
    assert [event["data"]["order"]["id"] for _, event in await ear.hears(2)] == [second["id"], first["id"]]
    await switch()
    await sell(live)
    await ear.hears(1)
    await switch(out_of_order=False, late_s=300)
    await sell(live)
    await ear.hears(0)
    await live.people("/clock/advance", {"seconds": 301})
    await ear.hears(1)
    await switch(late_s=0, webhooks_off=True)
    await sell(live)
    await ear.hears(0)


async def test_an_address_is_checked_and_its_secret_shown_once(shop: Shop) -> None:
    body = {"url": "http://127.0.0.1:9/hook", "events": ["order.created"]}
    made = await store(shop, "POST", "/webhook-endpoints", json=body)
    spec_validator("openapi", "POST", "/webhook-endpoints", status=201).validate(made.json())
    listed = (await store(shop, "GET", "/webhook-endpoints")).text
    assert made.json()["data"]["secret"] not in listed + json.dumps(await shop.state())
    await register(shop)
    assert SECRET not in (await shop.http.get("/_sandbox/requests")).text
    wrongs: tuple[dict[str, Any], ...] = (
        {"url": "https://elsewhere.example.com/hook"},
        {"url": "nonsense"},
        {"events": []},
        {"events": ["order.invented"]},
        {"secret": "short"},
        {"surprise": 1},
    )
    for wrong in wrongs:
        assert (await store(shop, "POST", "/webhook-endpoints", json=body | wrong)).status_code == 422
    path = f"/webhook-endpoints/{made.json()['data']['id']}"
    assert (await store(shop, "DELETE", path)).status_code == 204
    assert (await store(shop, "DELETE", path)).status_code == 404
