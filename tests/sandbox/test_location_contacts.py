"""Contacts of locations: other records than the customer's, in their own list and feed, as the spec has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.specs import spec_query_names, spec_validator
from tests.sandbox.conftest import Shop

ADDRESS = {"street": "12 Elm Street", "city": "Homewood", "state": "AL", "zip": "35209", "country": "USA"}
EMAIL = {"type": "Email", "value": "lenora.pike@example.com", "memo": "tenant"}
PHONE = {"type": "MobilePhone", "value": "(205) 555-0171"}
FEED = "/export/locations/contacts"
PLACE = {"name": "Lenora Pike", "address": ADDRESS, "contacts": [EMAIL, PHONE]}


async def create(shop: Shop, path: str, body: Any, status: int = 200) -> Any:
    spec_validator("crm-v2", "POST", path, "request").validate(body)
    reply = await shop.st("POST", "crm", path, json=body)
    assert reply.status_code == status, reply.text
    spec_validator("crm-v2", "POST", path, status=min(status, 400)).validate(reply.json())
    return reply.json()


async def customer(shop: Shop) -> Any:
    return await create(shop, "/customers", {"name": "Lenora Pike", "address": ADDRESS, "locations": [PLACE]})


async def listed(shop: Shop, path: str, spec: str, **query: Any) -> list[dict[str, Any]]:
    reply = await shop.st("GET", "crm", path, params=query)
    assert reply.status_code == 200, reply.text
    spec_validator("crm-v2", "GET", spec).validate(reply.json())
    return list(reply.json()["data"])


async def of_location(shop: Shop, location: int) -> list[dict[str, Any]]:
    return await listed(shop, f"/locations/{location}/contacts", "/locations/{id}/contacts")


async def fed(shop: Shop) -> list[dict[str, Any]]:
    return await listed(shop, FEED, FEED, includeRecentChanges="true")


@pytest.mark.parametrize("path", ["/customers", "/locations"])
async def test_contacts_sent_with_a_location_are_its_own_and_copied_to_the_customer(shop: Shop, path: str) -> None:
    made = await customer(shop)
    place = made["locations"][0]
    if path == "/locations":
        place = await create(shop, path, {**PLACE, "customerId": made["id"]})
    shown = await of_location(shop, place["id"])
    assert [{name: one[name] for name in ("id", "type", "value", "memo")} for one in shown] == place["contacts"]
    assert [(one["type"], one["value"], one["memo"]) for one in shown] == [
        ("Email", EMAIL["value"], "tenant"),
        ("MobilePhone", PHONE["value"], None),
    ]
    copies = await listed(shop, f"/customers/{made['id']}/contacts", "/customers/{id}/contacts")
    assert [one["value"] for one in copies[-2:]] == [one["value"] for one in shown]
    assert not {one["id"] for one in copies} & {one["id"] for one in shown}


async def test_a_refused_location_leaves_no_contact(shop: Shop) -> None:
    made = await customer(shop)
    before = (await shop.state())["servicetitan"]
    blank = {**PLACE, "customerId": made["id"], "contacts": [EMAIL, {"type": "Email", "value": " "}]}
    await create(shop, "/locations", blank, status=400)
    await create(shop, "/locations", {**PLACE, "customerId": 1}, status=409)
    assert (await shop.state())["servicetitan"] == before


async def test_people_add_a_contact_to_a_location_alone_and_remove_it(shop: Shop) -> None:
    made = await customer(shop)
    place = made["locations"][0]["id"]
    theirs = await listed(shop, f"/customers/{made['id']}/contacts", "/customers/{id}/contacts")
    new = {"type": "Email", "value": "new@example.com"}
    added = (await shop.people(f"/servicetitan/locations/{place}/contacts", new))["contact_id"]
    assert [one["id"] for one in await of_location(shop, place)][-1] == added
    assert await listed(shop, f"/customers/{made['id']}/contacts", "/customers/{id}/contacts") == theirs
    await shop.people(f"/servicetitan/location-contacts/{added}/remove")
    assert added not in [one["id"] for one in await of_location(shop, place)]
    [row] = [one for one in await fed(shop) if one["id"] == added]
    assert (row["active"], row["locationId"], row["value"]) == (False, place, "new@example.com")


async def test_the_feed_tells_changes_and_goes_on_from_its_token(shop: Shop) -> None:
    made = await customer(shop)
    place = made["locations"][0]["id"]
    await shop.people("/servicetitan/switches", {"feed_page_size": 1})
    assert await listed(shop, FEED, FEED) == [], "changes show up late"
    await shop.people("/clock/advance", {"seconds": 901})
    await shop.log_in()
    rows, token, more = [], "", True
    while more:
        reply = (await shop.st("GET", "crm", FEED, params={"from": token} if token else {})).json()
        spec_validator("crm-v2", "GET", FEED).validate(reply)
        rows += reply["data"]
        token, more = reply["continueFrom"], reply["hasMore"]
    assert [(one["locationId"], one["type"], one["active"]) for one in rows] == [
        (place, "Email", True),
        (place, "MobilePhone", True),
    ]
    assert await listed(shop, FEED, FEED, **{"from": token}) == []


async def test_wrong_calls_are_refused(shop: Shop) -> None:
    made = await customer(shop)
    place = made["locations"][0]["id"]
    other = (await shop.st("GET", "crm", "/export/locations")).json()["continueFrom"]
    for path, query in [
        (FEED, {"from": "nonsense"}),
        (FEED, {"from": other}),
        (FEED, {"page": "1"}),
        (FEED, {"includeRecentChanges": "perhaps"}),
        (f"/locations/{place}/contacts", {"active": "Any"}),
        (f"/locations/{place}/contacts", {"page": "first"}),
    ]:
        reply = await shop.st("GET", "crm", path, params=query)
        assert reply.status_code == 400, (path, query)
        spec_validator("crm-v2", "GET", "/customers", status=400).validate(reply.json())
    assert (await shop.st("GET", "crm", "/locations/1/contacts")).status_code == 404
    for path, body in [
        (f"/servicetitan/locations/{place}/contacts", {"type": "Email"}),
        (f"/servicetitan/locations/{place}/contacts", {"type": "Pigeon", "value": "x"}),
        ("/servicetitan/locations/1/contacts", {"type": "Email", "value": "a@example.com"}),
        ("/servicetitan/location-contacts/1/remove", {}),
    ]:
        reply = await shop.http.post(f"/_sandbox{path}", json=body)
        assert reply.status_code in {400, 404}, (path, body)


async def test_every_query_parameter_of_the_spec_is_known(shop: Shop) -> None:
    place = (await customer(shop))["locations"][0]["id"]
    values = {
        "from": "2026-01-01",
        "includeRecentChanges": "true",
        "page": "1",
        "pageSize": "10",
        "includeTotal": "true",
    }
    for path, spec in [(FEED, FEED), (f"/locations/{place}/contacts", "/locations/{id}/contacts")]:
        names = spec_query_names("crm-v2", "GET", spec)
        assert len(await listed(shop, path, spec, **{name: values[name] for name in names})) == 2
