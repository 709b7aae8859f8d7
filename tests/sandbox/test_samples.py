"""The contract's sample orders can be loaded into a sandbox by what its people do, and are served as they are."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited
from models.shop import parse_shop
from sandbox.app import create_app
from tests import samples
from tests.unit.orders import sample_file, sample_order

ADDRESS = "http://127.0.0.1:8700"

pytestmark = samples.needs_samples


@pytest.fixture
async def people() -> AsyncIterator[httpx.AsyncClient]:
    network = httpx.ASGITransport(app=create_app(seed="empty"))
    async with httpx.AsyncClient(transport=network, base_url=ADDRESS) as client:
        yield client


async def test_the_samples_directory_and_settings_are_in_the_tenant(people: httpx.AsyncClient) -> None:
    await samples.open_tenant(people)
    directory = await samples.load_directory(people)
    titan = (await people.get("/_sandbox/state")).json()["servicetitan"]
    assert len(titan["customers"]) == len(sample_file()["servicetitan_directory"]) == len(directory.customers)
    customers = {row["id"]: row for row in titan["customers"]}
    names = {row["id"]: row["name"] for row in titan["tag_types"]}
    for row in sample_file()["servicetitan_directory"]:
        kept = customers[directory.customers[row["ref"]]]
        assert (kept["name"], kept["active"], kept["type"]) == (row["name"], row["active"], row["type"])
        assert [names[tag] for tag in kept["tagTypeIds"]] == row["tags"]
        places = [one for one in titan["locations"] if one["customerId"] == kept["id"]]
        assert [one["id"] for one in places] == [directory.locations[one["ref"]] for one in row["locations"]]
    assert {row["id"] for row in titan["membership_types"]} >= {7001, 7002}
    assert {row["code"] for row in titan["materials"]} == set(sample_file()["settings"]["pricebook_skus_present"])


async def test_every_sample_is_served_as_it_is(people: httpx.AsyncClient) -> None:
    """OI-67: the newest version of each order; an older one does not come back."""
    await samples.open_tenant(people)
    for n in range(1, samples.COUNT + 1):
        await samples.deliver(people, n)
    newest: dict[int, dict[str, Any]] = {}
    for row in sample_file()["orders"]:
        order = row["order"]
        if order["id"] not in newest or order["version"] >= newest[order["id"]]["version"]:
            newest[order["id"]] = order
    shop = parse_shop(samples.sample_shop(ADDRESS), "samples.toml")
    network = people._transport
    settings = shop.need_contractor_commerce()
    async with ContractorCommerce.from_settings(settings, limiter=Unlimited(), transport=network) as store:
        for number, order in newest.items():
            read = await store.get_order(str(number))
            assert (read.version, read.grand_total) == (order["version"], sample_order(order).grand_total)
    titan = (await people.get("/_sandbox/state")).json()["servicetitan"]
    assert titan["arrival_windows"] == []  # what sample 40 is meant for


def test_the_samples_shop_can_be_written_as_a_file() -> None:
    written = samples.sample_shop_file(ADDRESS, products={"enabled": False}, add_new_contacts=True)
    shop = parse_shop(tomllib.loads(written), "samples.toml")
    assert shop == parse_shop(
        samples.sample_shop(ADDRESS, products={"enabled": False}, add_new_contacts=True), "samples.toml"
    )
    assert shop.timezone == "America/Phoenix"
    assert not shop.need_contractor_commerce().products.enabled
