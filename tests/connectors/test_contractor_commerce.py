"""The online store: orders in update order, none lost on a tie, money to the cent, one bad order never spoils a page."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.errors import (
    ContractError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    VendorError,
)
from connectors.limits import Unlimited
from models.errors import SettingsError
from models.shop import ContractorCommerceSettings
from models.store_order import LineKind, OrderState, PaymentState, Purchase, StoreOrders
from tests.connectors.doubles import CC, SECRETS
from tests.connectors.store_orders import AT, line_row, order_page, order_row

ORDERS = f"{CC}/orders"
SINCE = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
THEN = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)


async def pages(store: ContractorCommerce, since: datetime = SINCE) -> list[StoreOrders]:
    return [page async for page in store.orders_since(since)]


def numbers(found: list[StoreOrders]) -> list[str]:
    return [order.number for page in found for order in page.orders]


async def test_an_order_is_read_into_our_words(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    vendors.get(f"{ORDERS}/100201").respond(
        json={
            "data": order_row(
                version=3,
                status="completed",
                requested_window={
                    "start": "2026-03-10T08:00:00-07:00",
                    "end": "2026-03-10T12:00:00-07:00",
                    "timezone": "America/Phoenix",
                    "label": "Morning",
                },
                subscription={
                    "id": 77,
                    "sequence": 2,
                    "interval_unit": "month",
                    "interval_count": 3,
                    "status": "active",
                },
                line_items=[
                    line_row(
                        kind="membership",
                        sku=None,
                        service_id=301,
                        purchase_type="subscription",
                        servicetitan={"membership_type_id": 4401, "sale_task_id": 8802},
                    )
                ],
                discounts=[{"code": "FALL", "type": "percent", "value": "10", "amount": "4.00"}],
                refunds=[{"id": 1, "amount": "5.00", "reason": None, "created_at": AT, "lines": []}],
                terms=[{"document": "club-terms", "version": "2", "accepted_at": AT}],
                a_field_of_next_year={"x": 1},
            )
        }
    )
    order = await store.get_order("100201")
    assert (order.id, order.number, order.version, order.store_id) == ("100201", "CC-100201", 3, "41")
    assert (order.state, order.payment_state) == (OrderState.COMPLETED, PaymentState.PAID)
    assert order.buyer.email == " Robin.Sample@Example.com", "as typed: rules normalise it"
    assert order.buyer.company_name == ""
    assert order.requested_window is not None
    assert order.requested_window.starts_at == datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
    assert (order.subscription_id, order.subscription_sequence) == ("77", 2)
    (line,) = order.lines
    assert (line.kind, line.purchase, line.service_id) == (LineKind.MEMBERSHIP, Purchase.SUBSCRIPTION, "301")
    assert (line.membership_type_id, line.sale_task_id) == (4401, 8802)
    assert order.discounts[0].amount == Decimal("4.00")
    assert order.refunds[0].amount == Decimal("5.00")
    assert order.terms[0].document == "club-terms"
    assert order.payments[0].reference == ""
    assert pickle.loads(pickle.dumps(order)) == order


async def test_text_of_buyers_is_kept_as_typed(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    note = "<script>alert(1)</script> =SUM(A1) 🏠 Zoë\u2019s"
    vendors.get(f"{ORDERS}/1").respond(json={"data": order_row(1, customer_note=note)})
    assert (await store.get_order("1")).note == note


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Thanks \ud83d", "Thanks \ufffd"), ("a\0b", "a\ufffdb"), ("\ud83c\udfe0", "🏠")],
    ids=["half an emoji", "a NUL", "a whole emoji in two halves"],
)
async def test_text_that_no_database_takes_does_not_hold_the_order(
    store: ContractorCommerce, vendors: respx.MockRouter, sent: str, kept: str
) -> None:
    vendors.get(f"{ORDERS}/1").respond(text=json.dumps({"data": order_row(1, customer_note=sent)}))
    assert (await store.get_order("1")).note == kept


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        pytest.param("51.35", "51.35", id="as the contract writes it"),
        pytest.param("-0.01", "-0.01", id="negative"),
        pytest.param("51.350", "51.35", id="a zero too many"),
        pytest.param("51", "51.00", id="whole dollars"),
        pytest.param(51, "51.00", id="a whole number"),
        pytest.param("51.355", None, id="part of a cent"),
        pytest.param("1e-3", None, id="part of a cent, in another spelling"),
        pytest.param("51,35", None, id="a comma"),
        pytest.param("NaN", None, id="not a number"),
        pytest.param("Infinity", None, id="no end"),
        pytest.param("", None, id="nothing"),
        pytest.param(True, None, id="a yes"),
        pytest.param(["51.35"], None, id="a list"),
        pytest.param("9" * 40, None, id="more than there is"),
    ],
)
async def test_money_is_whole_cents_or_refused(
    store: ContractorCommerce, vendors: respx.MockRouter, written: Any, amount: str | None
) -> None:
    vendors.get(f"{ORDERS}/1").respond(json={"data": order_row(1, grand_total=written)})
    if amount is None:
        with pytest.raises(ContractError, match=r"data\.grand_total"):
            await store.get_order("1")
    else:
        assert str((await store.get_order("1")).grand_total) == amount


async def test_a_rounded_number_on_the_wire_is_refused_and_an_exact_one_read(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    route = vendors.get(f"{ORDERS}/1")
    route.respond(json={"data": order_row(1, grand_total=0.1 + 0.2)})
    with pytest.raises(ContractError, match="grand_total"):
        await store.get_order("1")
    route.respond(json={"data": order_row(1, grand_total=51.1)})
    assert str((await store.get_order("1")).grand_total) == "51.10"


async def test_pages_follow_the_cursor_and_repeat_the_filters(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    route = vendors.get(ORDERS).mock(
        side_effect=[
            httpx.Response(200, json=order_page(order_row(1), order_row(2), next_cursor="c2")),
            httpx.Response(200, json=order_page(order_row(3), next_cursor=None)),
        ]
    )
    assert numbers(await pages(store)) == ["CC-1", "CC-2", "CC-3"]
    asked = [dict(call.request.url.params) for call in route.calls]
    first = {"updated_since": "2026-09-01T09:00:00Z", "per_page": "100"}
    assert asked == [first, {**first, "cursor": "c2"}]
    assert {call.request.headers["authorization"] for call in route.calls} == {f"Bearer {SECRETS['CC_TOKEN']}"}


class Shelf:
    """A store by the contract: by updated_at then id, rising; ties are never split from view by the cursor."""

    def __init__(self, router: respx.MockRouter, per_page: int, *rows: tuple[int, str]) -> None:
        self.rows = sorted((moment, number) for number, moment in rows)
        self.per_page = per_page
        self.calls = 0
        router.get(ORDERS).mock(side_effect=self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        asked = request.url.params
        since = asked["updated_since"]
        start = tuple(asked["cursor"].split("|")) if "cursor" in asked else ("", "")
        later = [(at, n) for at, n in self.rows if at >= since and (at, f"{n:09d}") > start]
        shown = later[: self.per_page]
        more = len(later) > len(shown)
        cursor = f"{shown[-1][0]}|{shown[-1][1]:09d}" if more else None
        rows = [order_row(number, updated_at=at) for at, number in shown]
        return httpx.Response(200, json=order_page(*rows, next_cursor=cursor, as_of=shown[-1][0] if shown else since))


async def test_orders_that_share_a_moment_are_not_lost_between_pages_or_runs(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    later = "2026-09-01T11:00:00Z"
    shelf = Shelf(vendors, 2, (1, AT), (2, AT), (3, AT), (4, AT), (5, later))
    found = await pages(store)
    assert numbers(found) == ["CC-1", "CC-2", "CC-3", "CC-4", "CC-5"]
    assert [page.as_of for page in found] == [THEN, THEN, THEN + timedelta(hours=1)]
    shelf.rows.append((later, 6))  # written after we looked, at the very moment we stopped at
    assert found[-1].as_of is not None
    assert numbers(await pages(store, found[-1].as_of)) == ["CC-5", "CC-6"]


@pytest.mark.parametrize(
    ("as_of", "next_cursor", "expected"),
    [
        pytest.param("2026-09-01T12:00:00Z", None, THEN + timedelta(hours=2), id="the last page: the store's word"),
        pytest.param("2026-09-01T12:00:00Z", "more", THEN, id="not beyond the last order while more follow"),
        pytest.param("2026-09-01T09:30:00Z", "more", THEN - timedelta(minutes=30), id="earlier: the store's word"),
        pytest.param(None, None, THEN, id="unsaid: the last order"),
    ],
)
async def test_as_of_is_never_beyond_what_was_read(
    store: ContractorCommerce, vendors: respx.MockRouter, as_of: str | None, next_cursor: str | None, expected: datetime
) -> None:
    vendors.get(ORDERS).respond(json=order_page(order_row(1), next_cursor=next_cursor, as_of=as_of))
    async for page in store.orders_since(SINCE):
        assert page.as_of == expected
        break


async def test_an_empty_store_has_one_empty_page(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    vendors.get(ORDERS).respond(json=order_page(as_of=None))
    (page,) = await pages(store)
    assert (page.orders, page.unreadable, page.as_of) == ((), (), None)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        pytest.param(order_row(2, line_items=[line_row(kind="gift_card")]), "line_items.0.kind", id="an unknown kind"),
        pytest.param(order_row(2, line_items=[]), "line_items", id="no lines"),
        pytest.param(order_row(2, grand_total="51.355"), "grand_total", id="part of a cent"),
        pytest.param(order_row(2, line_items=[line_row(quantity="1.5")]), "line_items.0.quantity", id="half a piece"),
        pytest.param(order_row(2, status="teleported"), "status", id="an unknown state"),
        pytest.param(order_row(2, customer="Robin"), "customer", id="no buyer record"),
    ],
)
async def test_one_unreadable_order_is_named_and_the_others_are_read(
    store: ContractorCommerce, vendors: respx.MockRouter, bad: dict[str, Any], named: str
) -> None:
    vendors.get(ORDERS).respond(json=order_page(order_row(1), bad, order_row(3)))
    (page,) = await pages(store)
    assert [order.number for order in page.orders] == ["CC-1", "CC-3"]
    (held,) = page.unreadable
    assert (held.id, held.number, held.version, held.updated_at) == ("2", "CC-2", 1, THEN)
    assert named in held.why
    assert "Robin" not in held.why
    assert "51.355" not in held.why


async def test_an_order_without_even_an_id_does_not_stop_the_page(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    vendors.get(ORDERS).respond(json=order_page({"id": None, "number": "CC-9", "version": "x"}, order_row(1)))
    (page,) = await pages(store)
    assert [order.number for order in page.orders] == ["CC-1"]
    assert [(one.id, one.number, one.version) for one in page.unreadable] == [("", "CC-9", None)]


@pytest.mark.parametrize("quantity", [0, -2])
async def test_a_strange_quantity_is_read_for_the_rules_to_judge(
    store: ContractorCommerce, vendors: respx.MockRouter, quantity: int
) -> None:
    vendors.get(ORDERS).respond(json=order_page(order_row(1, line_items=[line_row(quantity=quantity)])))
    (page,) = await pages(store)
    assert page.orders[0].lines[0].quantity == quantity


async def test_a_stale_cursor_costs_a_new_start_from_where_we_were(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    stale = httpx.Response(422, json={"message": "The cursor is invalid.", "errors": {"cursor": ["invalid"]}})
    route = vendors.get(ORDERS).mock(
        side_effect=[
            httpx.Response(200, json=order_page(order_row(1), next_cursor="c2")),
            stale,
            httpx.Response(200, json=order_page(order_row(1), order_row(2))),
        ]
    )
    assert numbers(await pages(store)) == ["CC-1", "CC-1", "CC-2"], "again rather than not at all"
    asked = [dict(call.request.url.params) for call in route.calls]
    assert asked[2] == {"updated_since": "2026-09-01T10:00:00Z", "per_page": "100"}


async def test_a_cursor_that_is_refused_without_progress_ends_the_reading(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    vendors.get(ORDERS).mock(
        side_effect=[
            httpx.Response(200, json=order_page(order_row(1), next_cursor="c2")),
            httpx.Response(422, json={"message": "The cursor is invalid."}),
        ]
    )
    with pytest.raises(RejectedError):
        await pages(store, THEN)


async def test_a_cursor_that_does_not_move_is_not_followed_for_ever(
    store: ContractorCommerce, vendors: respx.MockRouter
) -> None:
    route = vendors.get(ORDERS).respond(json=order_page(order_row(1), next_cursor="c2"))
    with pytest.raises(ContractError, match="next_cursor"):
        await pages(store)
    assert route.call_count == 2


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(401, json={"message": "Unauthenticated."}), UnauthorizedError, id="wrong key"),
        pytest.param(httpx.Response(403, json={"message": "Forbidden"}), RejectedError, id="no scope"),
        pytest.param(httpx.Response(404, json={"message": "Not Found"}), NotFoundError, id="unknown"),
        pytest.param(httpx.Response(500, json={"message": "Server Error"}), TransientError, id="a passing fault"),
        pytest.param(httpx.ReadTimeout(""), TransientError, id="silence"),
        pytest.param(httpx.Response(200, text="<html>"), ContractError, id="not JSON"),
        pytest.param(httpx.Response(200, json={"data": []}), ContractError, id="not an order"),
    ],
)
async def test_failures_tell_the_caller_what_to_do(
    store: ContractorCommerce, vendors: respx.MockRouter, reply: Any, meaning: type[VendorError]
) -> None:
    vendors.get(f"{ORDERS}/7").mock(side_effect=[reply] * 3)
    with pytest.raises(VendorError) as caught:
        await store.get_order("7")
    assert caught.type is meaning
    assert SECRETS["CC_TOKEN"] not in str(caught.value)
    if meaning is UnauthorizedError:
        assert "CC_TOKEN" in str(caught.value), "the variable to look at"


async def test_a_429_is_waited_out_as_asked(
    store: ContractorCommerce, vendors: respx.MockRouter, pauses: list[float]
) -> None:
    vendors.get(f"{ORDERS}/7").mock(
        side_effect=[
            httpx.Response(429, json={"message": "Too Many Attempts."}, headers={"Retry-After": "7"}),
            httpx.Response(200, json={"data": order_row(7)}),
        ]
    )
    assert (await store.get_order("7")).id == "7"
    assert len(pauses) == 1
    assert 7 <= pauses[0] <= 9


async def test_an_id_cannot_lead_to_another_address(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    route = vendors.route(url__startswith=CC).respond(404)
    with pytest.raises(NotFoundError):
        await store.get_order("../leads?x=1")
    assert route.calls[0].request.url.raw_path.decode() == "/contractor-commerce/orders/..%2Fleads%3Fx%3D1"


async def test_access_is_checked_by_reading_one_order(store: ContractorCommerce, vendors: respx.MockRouter) -> None:
    route = vendors.get(ORDERS).respond(json=order_page())
    await store.check_access()
    assert dict(route.calls[0].request.url.params) == {"per_page": "1"}


async def test_a_key_that_is_not_set_is_said_before_the_first_call(
    cc_settings: ContractorCommerceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC_TOKEN")
    with pytest.raises(SettingsError, match="CC_TOKEN"):
        ContractorCommerce.from_settings(cc_settings, limiter=Unlimited())
