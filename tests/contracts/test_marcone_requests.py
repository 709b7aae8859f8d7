"""Everything sent to Marcone is valid against the contract, and names no field the contract does not list."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import respx

from connectors.marcone.client import Marcone
from tests.connectors.doubles import MARCONE, SECRETS, purchase_order
from tests.contracts.specs import spec_validator

CALLS: dict[str, Callable[[Marcone], Awaitable[Any]]] = {
    "/parts/lookup": lambda marcone: marcone.lookup("WPW10348269", ship_to_zip="35203", make="WPL"),
    "/orders/getshippingmethods": lambda marcone: marcone.get_shipping_methods("601"),
    "/orders/purchaseorder": lambda marcone: marcone.create_purchase_order(purchase_order()),
    "/orders/orderstatus": lambda marcone: marcone.get_order_status("90000001"),
    "/orders/trackpackage": lambda marcone: marcone.track_package("000000000000"),
}


@pytest.mark.parametrize("path", CALLS)
async def test_every_body_is_valid(marcone: Marcone, vendors: respx.MockRouter, path: str) -> None:
    route = vendors.post(f"{MARCONE}{path}").respond(json={"orderNumbers": ["1"]})
    await CALLS[path](marcone)
    spec_validator("marcone-contract", "POST", path, kind="request", closed=True).validate(
        json.loads(route.calls[0].request.content)
    )


async def test_a_lookup_without_zip_is_valid_too(marcone: Marcone, vendors: respx.MockRouter) -> None:
    route = vendors.post(f"{MARCONE}/parts/lookup").respond(json={"partResults": []})
    await marcone.lookup("WPW10348269")
    body = json.loads(route.calls[0].request.content)
    spec_validator("marcone-contract", "POST", "/parts/lookup", kind="request", closed=True).validate(body)
    assert "make" not in body


async def test_the_token_is_asked_for_as_documented(marcone: Marcone, vendors: respx.MockRouter) -> None:
    vendors.post(f"{MARCONE}/orders/orderstatus").respond(json={"orderResults": []})
    await marcone.get_order_status("1")
    (call,) = vendors["marcone_token"].calls
    assert call.request.content == b"grant_type=client_credentials"
    pair = f"{SECRETS['MARCONE_CLIENT_ID']}:{SECRETS['MARCONE_CLIENT_SECRET']}"
    assert call.request.headers["authorization"] == httpx.BasicAuth(*pair.split(":"))._auth_header
    assert call.request.headers["content-type"] == "application/x-www-form-urlencoded"
