"""Marcone: what a number names, what an order's answer means, where an order stands."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.errors import (
    AmbiguousWriteError,
    ContractError,
    NotFoundError,
    RejectedError,
    TransientError,
    VendorError,
)
from connectors.marcone.client import Marcone
from connectors.marcone.distributor import MarconeDistributor
from connectors.marcone.status import line_state, read_date, read_status
from models.address import Address
from models.part import LineState, PartRef
from models.shop import MarconeSettings
from tests.connectors.doubles import MARCONE, purchase_order

LOOKUP = f"{MARCONE}/parts/lookup"
ORDER = f"{MARCONE}/orders/purchaseorder"
STATUS = f"{MARCONE}/orders/orderstatus"
BLIND = "Unknown error; retry again later."


@pytest.fixture
def shop(marcone: Marcone, marcone_settings: MarconeSettings) -> MarconeDistributor:
    return MarconeDistributor(marcone, marcone_settings)


def result(**changes: Any) -> dict[str, Any]:
    return {
        "make": "WPL",
        "partNumber": "WPW10348269",
        "description": "Drain pump",
        "price": 41.07,
        "dealer": 52.3,
        "list": 64.05,
        "coreCost": None,
        "isDiscontinued": False,
        "inventory": [
            {"warehouseNumber": "601", "warehouseName": "Birmingham", "quantityAvailable": 4, "timeInTransitDays": 1},
            {"warehouseNumber": 901, "warehouseName": None, "quantityAvailable": -2, "timeInTransitDays": None},
            {"warehouseName": "nowhere", "quantityAvailable": 9},
        ],
        "subParts": [],
        "crossReferenceParts": [],
        **changes,
    }


async def test_a_number_is_answered_with_the_accounts_price_and_stock_by_branch(
    shop: MarconeDistributor, vendors: respx.MockRouter
) -> None:
    """PL-23, PL-25: price is ours, `dealer` and `list` are not."""
    route = vendors.post(LOOKUP).respond(json={"transactionId": "t", "partResults": [result()]})
    (found,) = await shop.match("WPW10348269", ship_to_zip="35203-1234")
    assert json.loads(route.calls[0].request.content) == {
        "custNo": 100200,
        "partNumber": "WPW10348269",
        "lookupType": "ByZipCode",
        "tntShipToZip": "35203",
    }
    assert str(found.part) == "WPW10348269 (WPL)"
    assert (found.unit_price, found.list_price, found.core_charge) == (Decimal("41.07"), Decimal("64.05"), None)
    assert [(row.branch, row.name, row.available, row.transit_days) for row in found.stock] == [
        ("601", "Birmingham", 4, 1),
        ("901", "", 0, None),
    ]
    assert found.quoted_at.tzinfo is not None


async def test_a_make_is_sent_only_when_known(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    route = vendors.post(LOOKUP).respond(json={"partResults": [result()]})
    await shop.match("1", ship_to_zip="", make="WPL")
    assert json.loads(route.calls[0].request.content) == {
        "custNo": 100200,
        "partNumber": "1",
        "lookupType": "Default",
        "make": "WPL",
    }


async def test_several_makes_are_several_candidates(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    """PL-20."""
    vendors.post(LOOKUP).respond(json={"partResults": [result(), result(make="GEH", price="12.50")]})
    found = await shop.match("1", ship_to_zip="35203")
    assert [(one.part.make, one.unit_price) for one in found] == [("WPL", Decimal("41.07")), ("GEH", Decimal("12.50"))]


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(400, json={"errorMessage": "Part not found."}), NotFoundError, id="the contract's miss"),
        pytest.param(httpx.Response(400, json={"errorMessage": "Bad request", "message": "Make NOT FOUND"}), NotFoundError, id="a miss in any text"),
        pytest.param(httpx.Response(404), NotFoundError, id="404"),
        pytest.param(httpx.Response(200, json={"partResults": []}), NotFoundError, id="an empty result"),
        pytest.param(httpx.Response(200, json={"errorMessage": "No results"}), NotFoundError, id="no result, in words"),
        pytest.param(httpx.Response(200, json={"errorMessage": BLIND}), TransientError, id="a fault dressed as a 200"),
        pytest.param(httpx.Response(500, json={"errorMessage": BLIND}), TransientError, id="a fault"),
        pytest.param(httpx.Response(400, json={"errorMessage": "custNo is required"}), RejectedError, id="another 400"),
        pytest.param(httpx.ReadTimeout(""), TransientError, id="silence"),
        pytest.param(httpx.Response(200, json={"partResults": [{"partNumber": "1", "price": 1}]}), ContractError, id="no make"),
        pytest.param(httpx.Response(200, json={"partResults": [{"make": "WPL", "price": 1}]}), ContractError, id="no number"),
        pytest.param(httpx.Response(200, json={"partResults": [result(price=None)]}), ContractError, id="in stock without a price"),
        pytest.param(httpx.Response(200, json={"partResults": "x"}), ContractError, id="not a list"),
        pytest.param(httpx.Response(200, text="<html>"), ContractError, id="not JSON"),
    ],
)  # fmt: skip
async def test_not_found_is_told_apart_from_unavailable(
    shop: MarconeDistributor, vendors: respx.MockRouter, reply: httpx.Response | Exception, meaning: type[VendorError]
) -> None:
    """PL-19."""
    vendors.post(LOOKUP).mock(side_effect=lambda _: _give(reply))
    with pytest.raises(VendorError) as caught:
        await shop.match("WPW10348269", ship_to_zip="35203")
    assert caught.type is meaning


def _give(reply: httpx.Response | Exception) -> httpx.Response:
    if isinstance(reply, Exception):
        raise type(reply)(str(reply))
    return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


async def test_a_dead_number_without_price_is_still_an_answer(
    shop: MarconeDistributor, vendors: respx.MockRouter
) -> None:
    """PL-22: a clear end, not an unreadable answer."""
    dead = result(price=None, isDiscontinued=True, inventory=None)
    vendors.post(LOOKUP).respond(json={"partResults": [dead]})
    (found,) = await shop.match("1", ship_to_zip="35203")
    assert found.is_discontinued
    assert found.stock == ()


@pytest.mark.parametrize(
    ("fields", "replaced_by"),
    [
        ({"subParts": [{"make": "WPL", "partNumber": "WP2"}]}, [("WPL", "WP2")]),
        ({"subParts": [{"MAKE": "SAM", "Part": "DA81"}], "crossReferenceParts": [{"partNumber": "X"}]}, [("SAM", "DA81")]),
        ({"subParts": None, "crossReferenceParts": [{"number": 2198597}]}, [("", "2198597")]),
        ({"subParts": ["WP3", {"itemId": "WP4"}, {"itemId": "wp-4"}]}, [("", "WP3"), ("", "WP4")]),
        ({"subParts": [{"foo": 1}, None, 7, {"partNumber": None}, []]}, []),
        ({"subParts": [{"make": "WPL", "partNumber": "wpw-10348269"}, {"partNumber": "WPW10348269"}]}, []),
        ({"subParts": [{"make": "GEH", "partNumber": "WPW10348269"}]}, [("GEH", "WPW10348269")]),
        ({}, []),
    ],
    ids=["as guessed", "other spellings; cross references only when there are none", "cross references", "texts, twice the same",
         "unreadable", "the part itself", "the same number of another make", "none"],
)  # fmt: skip
async def test_replacements_are_read_from_a_shape_nobody_published(
    shop: MarconeDistributor, vendors: respx.MockRouter, fields: dict[str, Any], replaced_by: list[tuple[str, str]]
) -> None:
    """PL-21 needs them; what cannot be read is left out."""
    vendors.post(LOOKUP).respond(json={"partResults": [result(**fields)]})
    (found,) = await shop.match("1", ship_to_zip="35203")
    assert [(one.make, one.number) for one in found.replaced_by] == replaced_by


async def test_an_order_names_its_branch_on_header_and_line(
    shop: MarconeDistributor, vendors: respx.MockRouter
) -> None:
    """PL-24: the approved branch, part, quantity and destination, and nothing else."""
    route = vendors.post(ORDER).respond(
        json={"transactionId": "a1", "orderNumbers": ["90000001"], "substitutions": [], "success": True}
    )
    placed = await shop.place(purchase_order())
    assert placed.is_placed
    assert placed.order_numbers == ("90000001",)
    assert json.loads(route.calls[0].request.content) == {
        "custNo": 100200,
        "poNumber": "TR-48213-1",
        "warehouseNumber": "601",
        "shippingMethod": "FedEx Ground",
        "shipTo": {
            "name": "Robin Sample",
            "address1": "12 Elm St",
            "address2": "4",
            "city": "Birmingham",
            "state": "AL",
            "zip": "35203",
        },
        "purchaseOrderItems": [
            {"make": "WPL", "partNumber": "WPW10348269", "quantity": 2, "reference": "48213", "warehouseNumber": "601"}
        ],
    }


@pytest.mark.parametrize(
    ("answer", "numbers", "reason"),
    [
        ({"orderNumbers": ["9"], "success": False, "reason": ""}, ("9",), ""),
        ({"orderNumbers": ["9", "10", "9", " "], "success": True}, ("9", "10"), ""),
        ({"orderNumbers": [90000001]}, ("90000001",), ""),
        ({"orderNumbers": "90000001"}, ("90000001",), ""),
        ({"orderNumbers": ["9"], "substitutions": [1], "status": {"x": 1}, "transactionId": None}, ("9",), ""),
        ({"orderNumbers": [], "success": False, "errorCode": "", "reason": BLIND}, (), BLIND),
        ({"orderNumbers": [], "success": True}, (), ""),
        ({"orderNumbers": None, "errorMessage": "Method not at warehouse", "reason": "x"}, (), "Method not at warehouse"),
        ({"success": False, "errorCode": 17}, (), "17"),
    ],
    ids=["success false, yet placed", "split, repeated and blank numbers", "numbers as numbers", "one number as text", "odd fields beside it",
         "declined", "success true without numbers: not placed", "errorMessage first", "only a code"],
)  # fmt: skip
async def test_order_numbers_alone_say_that_it_was_placed(
    shop: MarconeDistributor, vendors: respx.MockRouter, answer: dict[str, Any], numbers: tuple[str, ...], reason: str
) -> None:
    vendors.post(ORDER).respond(json=answer)
    placed = await shop.place(purchase_order())
    assert (placed.order_numbers, placed.is_placed, placed.reason) == (numbers, bool(numbers), reason)


async def test_a_substitution_is_reported(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    """PL-13."""
    swapped = {"make": "WPL", "partNumber": "W10295370A", "subMake": "WPL", "subPartNumber": "EDR1RXD1"}
    vendors.post(ORDER).respond(json={"orderNumbers": ["9"], "substitutions": [swapped, {"partNumber": "x"}]})
    (one,) = (await shop.place(purchase_order())).substitutions
    assert (one.ordered, one.shipped) == (
        PartRef(make="WPL", number="W10295370A"),
        PartRef(make="WPL", number="EDR1RXD1"),
    )


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(400, json={"errorMessage": "Part not found"}), RejectedError, id="a bad order"),
        pytest.param(httpx.Response(422), RejectedError, id="refused"),
        pytest.param(
            httpx.Response(500, json={"errorMessage": BLIND}), AmbiguousWriteError, id="a blind 500: it may be placed"
        ),
        pytest.param(httpx.ReadTimeout(""), AmbiguousWriteError, id="the answer got lost"),
        pytest.param(httpx.ConnectError(""), TransientError, id="it never left"),
        pytest.param(httpx.Response(200, text="OK"), ContractError, id="an answer nobody can read"),
        pytest.param(httpx.Response(200, json={}), ContractError, id="an answer that says nothing"),
        pytest.param(
            httpx.Response(200, json={"orderNumbers": {"a": 1}}), ContractError, id="numbers of another shape"
        ),
    ],
)
async def test_a_failed_order_says_whether_it_may_exist_and_is_sent_once(
    shop: MarconeDistributor, vendors: respx.MockRouter, reply: httpx.Response | Exception, meaning: type[VendorError]
) -> None:
    """PL-14, PL-60."""
    route = vendors.post(ORDER).mock(side_effect=lambda _: _give(reply))
    with pytest.raises(VendorError) as caught:
        await shop.place(purchase_order())
    assert caught.type is meaning
    assert route.call_count == 1


async def test_a_part_from_the_maker_names_no_branch(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    route = vendors.post(ORDER).respond(json={"orderNumbers": ["9"]})
    await shop.place(purchase_order(branch="", ship_to=Address(street="1 Main St", city="X", state="AL", zip="35203")))
    assert json.loads(route.calls[0].request.content)["warehouseNumber"] == ""


async def test_shipping_methods_are_names(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    vendors.post(f"{MARCONE}/orders/getshippingmethods").respond(
        json={
            "shippingMethods": [
                {"shippingMethodId": 4, "shippingMethodName": "WILL CALL"},
                {"shippingMethodName": None},
            ]
        }
    )
    assert await shop.shipping_methods("601") == ("WILL CALL",)


@pytest.mark.parametrize(
    ("words", "backordered", "state"),
    [
        ("Open", 0, LineState.ACCEPTED),
        ("PickingAndPacking", 0, LineState.PICKING),
        ("Picking and Packing", 0, LineState.PICKING),
        ("Picked", 0, LineState.PICKING),
        ("Shipped", 0, LineState.SHIPPED),
        ("Invoiced", 0, LineState.SHIPPED),
        ("Delivered", 0, LineState.DELIVERED),
        ("BackOrder", 0, LineState.BACKORDERED),
        ("On back-order", 0, LineState.BACKORDERED),
        ("Open", 1, LineState.BACKORDERED),
        ("Shipped", 1, LineState.BACKORDERED),
        ("Canceled", 0, LineState.CANCELED),
        ("CANCELLED by branch", 1, LineState.CANCELED),
        ("Credit Hold", 0, LineState.ON_HOLD),
        ("Frobnicated", 0, LineState.UNKNOWN),
        ("", 0, LineState.UNKNOWN),
    ],
)
def test_an_orders_words_become_a_state(words: str, backordered: int, state: LineState) -> None:
    assert line_state(words, backordered) is state


ROW = {
    "orderNumber": "90000001",
    "poNumber": "TR-48213-1",
    "status": "PickingAndPacking",
    "trackingNumbers": [],
    "orderItems": [],
}


@pytest.mark.parametrize(
    "answer",
    [{"orderResults": [ROW]}, {"orderInformation": [ROW]}, {"orders": [ROW]}, {"orders": ROW}, ROW, {"OrderResults": [{"orderNumber": "1"}, ROW]},
     {"orderResults": [{**ROW, "orderNumber": None}]}],
    ids=["production", "orderInformation", "orders", "orders, one", "bare", "the right one of several", "without its number"],
)  # fmt: skip
async def test_an_order_is_found_in_every_wrapper(
    shop: MarconeDistributor, vendors: respx.MockRouter, answer: dict[str, Any]
) -> None:
    route = vendors.post(STATUS).respond(json=answer)
    status = await shop.order_status("90000001")
    assert (status.order_number, status.po_number, status.state) == ("90000001", "TR-48213-1", LineState.PICKING)
    assert json.loads(route.calls[0].request.content) == {
        "custNo": 100200,
        "lookupType": "ByOrderNumber",
        "orderNumber": "90000001",
    }


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(200, json={"orderResults": []}), NotFoundError, id="none"),
        pytest.param(
            httpx.Response(200, json={"orderResults": [{"orderNumber": "1"}, {"orderNumber": "2"}]}),
            NotFoundError,
            id="only others",
        ),
        pytest.param(httpx.Response(400, json={"errorMessage": "Order not found"}), NotFoundError, id="400, not found"),
        pytest.param(httpx.Response(200, json={"errorMessage": BLIND}), TransientError, id="a fault dressed as a 200"),
        pytest.param(httpx.Response(200, json={"transactionId": "x"}), ContractError, id="no known shape"),
        pytest.param(httpx.Response(200, json=[ROW]), ContractError, id="a bare list"),
        pytest.param(httpx.Response(503), TransientError, id="down"),
    ],
)
async def test_an_order_that_cannot_be_read(
    shop: MarconeDistributor, vendors: respx.MockRouter, reply: httpx.Response, meaning: type[VendorError]
) -> None:
    vendors.post(STATUS).mock(side_effect=lambda _: _give(reply))
    with pytest.raises(VendorError) as caught:
        await shop.order_status("90000001")
    assert caught.type is meaning


@pytest.mark.parametrize(
    ("status", "words", "state"),
    [
        ("PickingAndPacking", "PickingAndPacking", LineState.PICKING),
        ({"statusCode": "SH", "statusDescription": "Shipped"}, "Shipped", LineState.SHIPPED),
        ({"statusCode": "Shipped", "statusDescription": "On its way"}, "On its way", LineState.SHIPPED),
        ({"statusCode": "Open"}, "Open", LineState.ACCEPTED),
        ({}, "", LineState.UNKNOWN),
        (None, "", LineState.UNKNOWN),
        (7, "7", LineState.UNKNOWN),
    ],
    ids=["text", "object", "words we do not know, a code we do", "code only", "empty object", "none", "a number"],
)
def test_a_status_comes_as_text_or_object(status: Any, words: str, state: LineState) -> None:
    read = read_status({**ROW, "status": status}, "90000001")
    assert (read.words, read.state) == (words, state)


def test_a_backorder_on_a_line_is_seen() -> None:
    """PL-27, derived."""
    by_quantity = {
        **ROW,
        "orderItems": [{"partNumber": "A", "quantityBackordered": 2}, {"partNumber": "B", "quantityBackordered": "1"}],
    }
    assert read_status(by_quantity, "9").state is LineState.BACKORDERED
    assert read_status(by_quantity, "9").quantity_backordered == 3
    by_words = {**ROW, "status": "Open", "orderItems": [{"partNumber": "A", "status": "Backordered"}]}
    assert read_status(by_words, "9").state is LineState.BACKORDERED


@pytest.mark.parametrize(
    ("fields", "eta"),
    [
        ({"eta": "2026-10-03"}, date(2026, 10, 3)),
        ({"ETA": "2026-10-03T00:00:00Z"}, date(2026, 10, 3)),
        ({"estimatedArrival": "10/3/2026"}, date(2026, 10, 3)),
        ({"eta": "10/03/26 5:00 PM"}, date(2026, 10, 3)),
        ({"warehouseInformation": {"eta": "2026-10-04"}}, date(2026, 10, 4)),
        (
            {"eta": "2026-10-09", "orderItems": [{"eta": "2026-10-05"}, {"eta": None}, {"eta": "2026-10-07"}]},
            date(2026, 10, 5),
        ),
        ({"eta": None}, None),
        ({"eta": ""}, None),
        ({"eta": "soon"}, None),
        ({"eta": "0001-01-01T00:00:00"}, None),
        ({"eta": "13/45/2026"}, None),
        ({"eta": {"date": 1}}, None),
        ({}, None),
    ],
)
def test_an_eta_is_read_where_it_stands_and_never_made_up(fields: dict[str, Any], eta: date | None) -> None:
    """PL-31."""
    assert read_status({**ROW, **fields}, "9").eta == eta


@pytest.mark.parametrize("written", [None, 0, [], "2026-13-01", "2026-1-1"])
def test_an_unreadable_date_is_no_date(written: Any) -> None:
    assert read_date(written) is None


@pytest.mark.parametrize(
    ("fields", "tracking"),
    [
        ({"trackingNumbers": ["1Z1, 1Z2;1Z1", "1Z3 1Z4"]}, ("1Z1", "1Z2", "1Z3", "1Z4")),
        ({"trackingNumbers": "1Z1,1Z2"}, ("1Z1", "1Z2")),
        ({"trackingNumber": "1Z9"}, ("1Z9",)),
        ({"orderItems": [{"trackingNumber": "1Z5"}, {"trackingNumber": None}]}, ("1Z5",)),
        ({"shipments": [{"trackingNumber": "1Z6"}, "x"]}, ("1Z6",)),
        ({"trackingNumbers": [{"trackingNumber": "1Z7"}, None, ""]}, ("1Z7",)),
        ({"trackingNumbers": None}, ()),
    ],
)
def test_tracking_numbers_are_gathered_once(fields: dict[str, Any], tracking: tuple[str, ...]) -> None:
    assert read_status({**ROW, **fields}, "9").tracking == tracking


def test_the_rest_of_an_order_is_read() -> None:
    """PL-61."""
    row = {
        **ROW,
        "invoiceNumber": None,
        "orderDate": "2026-09-01T12:00:00",
        "shippingMethod": "FedEx Ground",
        "warehouse": {"warehouseNumber": "601"},
        "orderItems": [{"make": "WPL", "partNumber": "WPW1", "quantity": 1}, {"make": "x"}, "junk"],
    }
    read = read_status(row, "9")
    assert (read.invoice_number, read.ordered_on, read.shipping_method, read.branch) == (
        "",
        date(2026, 9, 1),
        "FedEx Ground",
        "601",
    )
    assert read.parts == (PartRef(make="WPL", number="WPW1"),)


async def test_scans_come_newest_first(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    scans = [
        {"dateTime": "2026-09-01T08:00:00", "description": "Picked up", "city": "Atlanta", "state": "GA"},
        {"dateTime": "2026-09-03T08:00:00", "description": "Delivered", "city": "Birmingham", "state": None},
        {"dateTime": "whenever", "description": "Label made"},
    ]
    vendors.post(f"{MARCONE}/orders/trackpackage").respond(json={"packageCount": "1", "events": scans})
    events = await shop.track("1Z1")
    assert [(one.description, one.place) for one in events] == [
        ("Delivered", "Birmingham"),
        ("Picked up", "Atlanta, GA"),
        ("Label made", ""),
    ]


async def test_access_is_proven_by_a_clean_miss(shop: MarconeDistributor, vendors: respx.MockRouter) -> None:
    """PL-46."""
    vendors.post(LOOKUP).respond(400, json={"errorMessage": "Part not found."})
    await shop.check_access()
    vendors.post(LOOKUP).respond(400, json={"errorMessage": "custNo is unknown"})
    with pytest.raises(RejectedError):
        await shop.check_access()
