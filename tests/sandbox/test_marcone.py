"""The Marcone stand-in: prices, stock, replacements, and the life of an order by the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from tests.sandbox.conftest import Shop, line, purchase

TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)


async def look_up(shop: Shop, number: str, **more: Any) -> list[Any]:
    reply = await shop.marcone("/parts/lookup", {"custNo": 100200, "partNumber": number, **more})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["partResults"])


async def status_of(shop: Shop, order: str) -> Any:
    reply = await shop.marcone("/orders/orderstatus", {"custNo": 100200, "orderNumber": order})
    return reply.json()["orderResults"][0]


async def placed(shop: Shop, **changes: Any) -> str:
    reply = (await shop.order(**changes)).json()
    assert reply["orderNumbers"], reply
    return str(reply["orderNumbers"][0])


async def test_the_accounts_price_is_the_lowest(shop: Shop) -> None:
    for part in await look_up(shop, "WPW10348269"):
        assert 0 < part["price"] < part["dealer"] < part["list"] < part["retail"]


async def test_transit_days_are_told_only_when_asked_by_zip_and_sort_the_warehouses(shop: Shop) -> None:
    (plain,) = await look_up(shop, "279838")
    assert {row["timeInTransitDays"] for row in plain["inventory"]} == {None}
    (timed,) = await look_up(shop, "279838", lookupType="ByZipCode", tntShipToZip="75201")
    days = [row["timeInTransitDays"] for row in timed["inventory"]]
    assert days == sorted(days)
    assert timed["inventory"][0]["warehouseName"] == "Dallas"
    (branch,) = await look_up(shop, "279838", lookupType="ByBranch", branchNumber="602")
    assert [row["warehouseNumber"] for row in branch["inventory"]] == ["602"]


@pytest.mark.parametrize(
    ("number", "make"),
    [
        pytest.param("WDT750SAHZ0", None, id="a model number"),
        pytest.param("279838", "Whirlpool", id="a brand name for a make"),
        pytest.param("279838VP", None, id="a pack code"),
        pytest.param("---", None, id="nothing in it"),
    ],
)
async def test_a_miss_is_a_clean_400(shop: Shop, number: str, make: str | None) -> None:
    body = {"custNo": 100200, "partNumber": number} | ({"make": make} if make else {})
    reply = await shop.marcone("/parts/lookup", body)
    assert reply.status_code == 400
    assert reply.json()["errorMessage"] == "Part not found."


async def test_one_number_can_belong_to_two_makes(shop: Shop) -> None:
    assert [part["make"] for part in await look_up(shop, "WR57X10051")] == ["GEH", "SPE"]
    assert len(await look_up(shop, "WR57X10051", make="GEH")) == 1


async def test_bosch_numbers_are_the_same_with_and_without_zeros(shop: Shop) -> None:
    assert [part["partNumber"] for part in await look_up(shop, "165314")] == ["00165314"]
    assert [part["partNumber"] for part in await look_up(shop, "00165314")] == ["00165314"]


async def test_a_replaced_number_points_to_its_successor_and_has_no_stock(shop: Shop) -> None:
    chain = ["W10524469"]
    while True:
        (part,) = await look_up(shop, chain[-1])
        if not part["isDiscontinued"]:
            break
        assert part["totalWarehouseQty"] == 0
        chain.append(part["subParts"][0]["partNumber"])
    assert chain == ["W10524469", "WPW10524469", "W11425053", "W11498831", "W11768590"]
    (choice,) = await look_up(shop, "DC97-16985A")
    assert [one["partNumber"] for one in choice["subParts"]] == ["DC98-01877A", "DC98-01877B"]
    (other_make,) = await look_up(shop, "WR02X12650")
    assert other_make["subParts"][0]["make"] == "SAM"
    (gone,) = await look_up(shop, "8186024")
    assert (gone["isDiscontinued"], gone["totalWarehouseQty"], gone["subParts"]) == (True, 0, [])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(purchase(surprise=1), "surprise", id="unknown field"),
        pytest.param(purchase(custNo="100200"), "custNo", id="text for a number"),
        pytest.param(purchase(lines=[line(quantity=0)]), "quantity", id="no pieces"),
        pytest.param(purchase(lines=[line() | {"quantity": True}]), "quantity", id="truth for a number"),
        pytest.param(purchase(purchaseOrderItems=[]), "purchaseOrderItems", id="no lines"),
        pytest.param(purchase(shipTo=None), "shipTo", id="required field missing"),
        pytest.param(purchase(lines=[line("NOSUCH1")]), "Part not found", id="unknown part"),
        pytest.param(purchase(lines=[line(make="Whirlpool")]), "Part not found", id="brand name for a make"),
    ],
)
async def test_a_wrong_order_is_refused_and_nothing_is_ordered(shop: Shop, body: Any, says: str) -> None:
    reply = await shop.marcone("/orders/purchaseorder", body)
    assert reply.status_code == 400
    assert says in reply.json()["errorMessage"]
    assert (await shop.state())["marcone"]["orders"] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"custNo": None}, "Unknown error; retry again later.", id="no account number"),
        pytest.param({"shippingMethod": "UPS Ground"}, "not available at warehouse 601", id="method not offered there"),
        pytest.param({"shippingMethod": "Pigeon"}, "Pigeon", id="method nobody offers"),
        pytest.param(
            {"lines": [line("W11419334", warehouse="")]}, "non-stock part at warehouse 601", id="home is bare"
        ),
        pytest.param({"lines": [line(warehouse="999")]}, "999 does not exist", id="no such warehouse"),
        pytest.param({"lines": [line("8186024")]}, "discontinued", id="no longer available"),
        pytest.param({"lines": [line("8270018")]}, "discontinued", id="several replacements"),
        pytest.param(
            {"lines": [line("5304475102", "WCI")], "shippingMethod": "FedEx Standard Overnight"},
            "cannot ship by",
            id="hazardous by air",
        ),
        pytest.param(
            {"shipTo": {"name": "A", "address1": "", "city": "B", "state": "Ala", "zip": "35"}},
            "address1 is missing",
            id="bad address",
        ),
    ],
)
async def test_a_declined_order_says_why_and_takes_no_stock(shop: Shop, changes: Any, says: str) -> None:
    before = (await shop.state())["marcone"]["parts"]
    reply = await shop.order(**changes)
    assert reply.status_code == 200
    answer = reply.json()
    assert (answer["orderNumbers"], answer["success"]) == ([], False)
    assert says in answer["reason"]
    after = (await shop.state())["marcone"]
    assert (after["parts"], after["orders"]) == (before, [])


async def test_each_line_ships_from_its_own_warehouse(shop: Shop) -> None:
    reply = (await shop.order(lines=[line(), line("279838", warehouse="901"), line("279838", warehouse="601")])).json()
    assert len(reply["orderNumbers"]) == 2
    orders = (await shop.state())["marcone"]["orders"]
    assert [(one["warehouse"], len(one["lines"])) for one in orders] == [("601", 2), ("901", 1)]
    (part,) = await look_up(shop, "279838")
    left = {row["warehouseNumber"]: row["quantityAvailable"] for row in part["inventory"]}
    assert (left["601"], left["901"]) == (7, 5)


async def test_two_lines_of_one_part_do_not_share_the_same_piece(shop: Shop) -> None:
    await placed(shop, lines=[line("W10595568"), line("W10595568")])
    (order,) = (await shop.state())["marcone"]["orders"]
    assert [one["backordered"] for one in order["lines"]] == [0, 1]
    (part,) = await look_up(shop, "W10595568", lookupType="ByBranch", branchNumber="601")
    assert part["totalWarehouseQty"] >= 0
    assert part["inventory"][0]["quantityAvailable"] == 0


async def test_a_resend_is_a_second_order_unless_the_switch_says_no(shop: Shop) -> None:
    first, second = await placed(shop), await placed(shop)
    assert first != second
    await shop.people("/marcone/switches", {"duplicate_po": "reject"})
    assert "used before" in (await shop.order()).json()["reason"]


async def test_success_false_with_order_numbers_is_placed(shop: Shop) -> None:
    await shop.people("/marcone/switches", {"success_flag": False})
    answer = (await shop.order()).json()
    assert answer["success"] is False
    assert len((await shop.state())["marcone"]["orders"]) == len(answer["orderNumbers"]) == 1


async def test_marcone_may_ship_another_number_than_ordered(shop: Shop) -> None:
    answer = (await shop.order(lines=[line("W10295370A")])).json()
    assert answer["substitutions"] == [
        {"make": "WPL", "partNumber": "W10295370A", "subMake": "WPL", "subPartNumber": "EDR1RXD1"}
    ]
    await shop.people("/marcone/switches", {"substitute": {"279838": ["WPL", "WP3392519"]}})
    answer = (await shop.order(lines=[line("279838")])).json()
    assert answer["substitutions"][0]["subPartNumber"] == "WP3392519"
    order = await status_of(shop, answer["orderNumbers"][0])
    assert order["orderItems"][0]["partNumber"] == "WP3392519"


async def test_split_gives_two_order_numbers(shop: Shop) -> None:
    await shop.people("/marcone/switches", {"split": True})
    answer = (await shop.order(lines=[line(quantity=3)])).json()
    assert len(answer["orderNumbers"]) == 2
    orders = (await shop.state())["marcone"]["orders"]
    assert sum(one["lines"][0]["quantity"] for one in orders) == 3


async def test_an_order_lives_by_the_clock(shop: Shop) -> None:
    with time_machine.travel(TUESDAY, tick=False):
        await shop.log_in()
        order = await placed(shop)
        seen = []
        for hours in (0, 2, 25, 30, 48):
            await shop.people("/clock/advance", {"hours": hours})
            await shop.log_in()
            now = await status_of(shop, order)
            seen.append((now["status"], bool(now["trackingNumbers"]), now["invoiceNumber"]))
        assert seen == [
            ("Open", False, None),
            ("PickingAndPacking", False, None),
            ("Shipped", True, None),
            ("Invoiced", True, order),
            ("Invoiced", True, order),
        ]
        tracking = {"custNo": 100200, "trackingNumber": now["trackingNumbers"][0]}
        events = (await shop.marcone("/orders/trackpackage", tracking)).json()["events"]
        assert [one["description"] for one in events] == ["Picked up", "In transit", "Delivered"]
        assert events[0]["dateTime"] == "2026-11-25T18:00:00Z"
        assert events[-1]["dateTime"] == "2026-11-26T18:00:00Z"


async def test_a_weekend_does_not_count(shop: Shop) -> None:
    with time_machine.travel(FRIDAY, tick=False):
        await shop.log_in()
        await placed(shop)
        (order,) = (await shop.state())["marcone"]["orders"]
        assert (order["ships_at"], order["arrives_at"]) == ("2026-11-30T18:00:00Z", "2026-12-01T18:00:00Z")


async def test_no_stock_means_backordered_until_it_is_released(shop: Shop) -> None:
    order = await placed(shop, lines=[line("WD15X10014", "GEH", 2)])
    await shop.people("/clock/advance", {"hours": 400})
    await shop.log_in()
    waiting = await status_of(shop, order)
    assert (waiting["status"], waiting["orderItems"][0]["quantityBackordered"]) == ("Backordered", 2)
    assert (waiting["eta"], waiting["trackingNumbers"]) == (None, [])
    await shop.people(f"/marcone/orders/{order}/eta", {"eta": "2026-12-03"})
    assert (await status_of(shop, order))["eta"] == "2026-12-03"
    await shop.people(f"/marcone/orders/{order}/release")
    assert (await status_of(shop, order))["status"] == "Open"
    await shop.people(f"/marcone/orders/{order}/ship", {"tracking": "123456789012"})
    shipped = await status_of(shop, order)
    assert (shipped["status"], shipped["trackingNumbers"]) == ("Shipped", ["123456789012"])
    await shop.people(f"/marcone/orders/{order}/deliver")
    events = await shop.marcone("/orders/trackpackage", {"custNo": 100200, "trackingNumber": "123456789012"})
    assert events.json()["events"][-1]["description"] == "Delivered"


async def test_a_canceled_order_gives_its_stock_back(shop: Shop) -> None:
    order = await placed(shop, lines=[line(quantity=2)])
    await shop.people(f"/marcone/orders/{order}/cancel")
    assert (await status_of(shop, order))["status"] == "Canceled"
    (part,) = await look_up(shop, "WPW10348269", lookupType="ByBranch", branchNumber="601")
    assert part["inventory"][0]["quantityAvailable"] == 6


async def test_a_drop_ship_part_comes_from_its_maker(shop: Shop) -> None:
    order = await placed(shop, lines=[line("WR55X10942", "GEH", warehouse="")])
    assert (await status_of(shop, order))["warehouse"]["warehouseNumber"] == ""


async def test_people_change_prices_stock_and_replacements(shop: Shop) -> None:
    await shop.people("/marcone/parts/279838", {"price": "25.10", "stock": {"601": 0}})
    (part,) = await look_up(shop, "279838", lookupType="ByBranch", branchNumber="601")
    assert (part["price"], part["inventory"][0]["quantityAvailable"]) == (25.10, 0)
    change = {"discontinued": True, "replaced_by": ["WP3392519"], "stock": {"601": 0, "602": 0, "701": 0, "901": 0}}
    await shop.people("/marcone/parts/279838", change)
    (old,) = await look_up(shop, "279838")
    assert (old["isDiscontinued"], old["subParts"][0]["partNumber"]) == (True, "WP3392519")
    await shop.people("/marcone/parts/NEW100", {"make": "WPL", "price": 3, "stock": {"602": 1}})
    assert len(await look_up(shop, "NEW100")) == 1
    wrong = await shop.http.post("/_sandbox/marcone/parts/279838", json={"stock": {"600": 1}})
    assert wrong.status_code == 400


async def test_shipping_methods_are_the_warehouses_own_by_both_ways_of_asking(shop: Shop) -> None:
    posted = (await shop.marcone("/orders/getshippingmethods", {"custNo": 100200, "warehouseNumber": "701"})).json()
    headers = {"Authorization": f"Bearer {shop.marcone_token}"}
    asked = await shop.http.get("/marcone/orders/getshippingmethods?custNo=100200&warehouseNumber=701", headers=headers)
    assert posted["shippingMethods"] == asked.json()["shippingMethods"]
    assert "UPS Ground" in [one["shippingMethodName"] for one in posted["shippingMethods"]]


async def test_the_token_may_be_had_by_form_and_lives_as_long_as_the_switch_says(shop: Shop) -> None:
    await shop.people("/marcone/switches", {"token_expiry_s": 60})
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-marcone",
        "client_secret": "sandbox-marcone-secret",
    }
    reply = (await shop.http.post("/marcone/AccessToken", data=form)).json()
    assert reply["expires_in"] == 60
    shop.marcone_token = reply["access_token"]
    assert len(await look_up(shop, "279838")) == 1
    await shop.people("/clock/advance", {"seconds": 61})
    late = await shop.marcone("/parts/lookup", {"custNo": 100200, "partNumber": "279838"})
    assert late.status_code == 401
    wrong = await shop.http.post("/marcone/AccessToken", data=form | {"client_secret": "sandbox-marcone-secret-"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
