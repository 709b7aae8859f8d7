"""Custom fields of customers in the sandbox: made and removed by people, written by API as full lists."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contracts.specs import spec_validator
from tests.sandbox.conftest import Shop

LINK, CLUB = 821, 822


async def somebody(shop: Shop) -> int:
    return int((await shop.state())["servicetitan"]["customers"][0]["id"])


async def patch(shop: Shop, customer: int, *fields: Any) -> httpx.Response:
    return await shop.st("PATCH", "crm", f"/customers/{customer}", json={"customFields": list(fields)})


def field(kind: int, value: Any) -> dict[str, Any]:
    return {"typeId": kind, "value": value}


def shown(reply: httpx.Response) -> dict[int, str]:
    return {one["typeId"]: one["value"] for one in reply.json()["customFields"]}


async def test_a_patch_replaces_the_whole_list_as_the_spec_has_it(shop: Shop) -> None:
    customer = await somebody(shop)
    reply = await patch(shop, customer, field(LINK, "https://acme.example.com/1"), field(CLUB, "Gold"))
    spec_validator("crm-v2", "PATCH", "/customers/{id}").validate(reply.json())
    assert shown(reply) == {LINK: "https://acme.example.com/1", CLUB: "Gold"}
    assert shown(await patch(shop, customer, field(CLUB, "Silver"))) == {CLUB: "Silver"}
    other = await shop.st("PATCH", "crm", f"/customers/{customer}", json={"doNotMail": True})
    assert shown(other) == {CLUB: "Silver"}, "a patch without the list leaves it"
    assert shown(await shop.st("GET", "crm", f"/customers/{customer}")) == {CLUB: "Silver"}


async def test_a_tenant_that_merges_keeps_what_is_not_named(shop: Shop) -> None:
    customer = await somebody(shop)
    await shop.people("/servicetitan/switches", {"customer_fields": "merge"})
    await patch(shop, customer, field(CLUB, "Gold"))
    assert shown(await patch(shop, customer, field(LINK, "x"))) == {CLUB: "Gold", LINK: "x"}
    assert shown(await patch(shop, customer, field(CLUB, "Silver"))) == {LINK: "x", CLUB: "Silver"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([field(LINK, None)], id="null"),
        pytest.param([{"typeId": LINK}], id="no value"),
        pytest.param([field(LINK, 7)], id="a number"),
        pytest.param([{**field(LINK, "x"), "name": "Referral link"}], id="an unknown field"),
        pytest.param([field(1, "x")], id="a kind nobody made"),
        pytest.param([field(801, "x")], id="a kind of jobs"),
        pytest.param([field(LINK, "x"), field(LINK, "y")], id="one kind twice"),
        pytest.param([field(CLUB, "Bronze")], id="no option"),
    ],
)
async def test_a_wrong_list_is_refused_and_changes_nothing(shop: Shop, fields: list[Any]) -> None:
    customer = await somebody(shop)
    await patch(shop, customer, field(CLUB, "Gold"))
    reply = await patch(shop, customer, *fields)
    assert reply.status_code == 400
    spec_validator("crm-v2", "PATCH", "/customers/{id}", status=400).validate(reply.json())
    assert shown(await shop.st("GET", "crm", f"/customers/{customer}")) == {CLUB: "Gold"}


async def test_a_write_bumps_the_customers_date_and_comes_with_the_feed(shop: Shop) -> None:
    customer = await somebody(shop)
    await shop.people("/clock/advance", {"seconds": 300})
    before = (await shop.st("GET", "crm", f"/customers/{customer}")).json()["modifiedOn"]
    await patch(shop, customer, field(LINK, "x"))
    feed = (await shop.st("GET", "crm", "/export/customers", params={"includeRecentChanges": "true"})).json()["data"]
    [row] = [one for one in feed if one["id"] == customer]
    assert row["modifiedOn"] > before
    assert [one["value"] for one in row["customFields"]] == ["x"]


async def test_people_make_rename_and_remove_fields_and_fill_them_by_hand(shop: Shop) -> None:
    customer = await somebody(shop)
    made = await shop.people("/servicetitan/customer-fields", {"name": "Notes for us"})
    assert (made["dataType"], made["name"]) == ("Text", "Notes for us")
    await shop.people("/servicetitan/customer-fields", {"name": "Notes for us", "new_name": "Remarks"})
    await shop.people(f"/servicetitan/customers/{customer}", {"customFields": {"Remarks": "Rings twice"}})
    listed = (await shop.st("GET", "crm", "/customers/custom-fields")).json()["data"]
    assert [one["name"] for one in listed] == ["Referral link", "Care club", "Gate code", "Remarks"]
    assert shown(await shop.st("GET", "crm", f"/customers/{customer}")) == {made["id"]: "Rings twice"}
    removed = await shop.people(f"/servicetitan/customer-fields/{made['id']}/remove")
    assert removed == {"removed": "Remarks", "customers": 1}
    assert shown(await shop.st("GET", "crm", f"/customers/{customer}")) == {}
    assert (await patch(shop, customer, field(made["id"], "x"))).status_code == 400
