"""The feed of locations' contacts, and locations by id."""

from __future__ import annotations

import httpx
import pytest
import respx

from connectors.errors import ContractError, RejectedError, TransientError, VendorError
from connectors.servicetitan.client import ServiceTitan
from tests.connectors.doubles import NOW, ST, page

CRM = f"{ST}/crm/v2/tenant/7"
FEED = f"{CRM}/export/locations/contacts"
ROW = {
    "id": 1,
    "type": "Email",
    "value": "robin@example.com",
    "memo": None,
    "phoneSettings": {"phoneNumber": "", "doNotText": False},
    "modifiedOn": NOW,
    "createdOn": NOW,
    "preferences": None,
    "locationId": 12,
    "active": True,
}


async def test_the_feed_is_followed_by_its_token_and_shows_removed_contacts(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    route = vendors.get(FEED).mock(
        side_effect=[
            httpx.Response(200, json={"hasMore": True, "continueFrom": "t1", "data": [ROW]}),
            httpx.Response(200, json={"hasMore": False, "continueFrom": "t2", "data": [{**ROW, "active": False}]}),
        ]
    )
    found = [one async for one in st.export_location_contacts("t0", recent=True)]
    rows = [row for one in found for row in one.data]
    assert [(row.id, row.location_id, row.type, row.value, row.active) for row in rows] == [
        (1, 12, "Email", "robin@example.com", True),
        (1, 12, "Email", "robin@example.com", False),
    ]
    assert found[-1].continue_from == "t2", "kept for the next time"
    assert [dict(call.request.url.params) for call in route.calls] == [
        {"from": "t0", "includeRecentChanges": "true"},
        {"from": "t1", "includeRecentChanges": "true"},
    ]


async def test_from_the_beginning_no_token_is_sent(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(FEED).respond(json={"hasMore": False, "continueFrom": "t1", "data": []})
    assert [one.data async for one in st.export_location_contacts()] == [()]
    assert dict(route.calls[0].request.url.params) == {}


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(400, json={"title": "from"}), RejectedError, id="a token of another age"),
        pytest.param(httpx.Response(403), RejectedError, id="no access to it"),
        pytest.param(httpx.Response(502), TransientError, id="a read may be repeated"),
        pytest.param(
            httpx.Response(200, json={"hasMore": False, "continueFrom": "t", "data": [{**ROW, "locationId": None}]}),
            ContractError,
            id="whose it is, is missing",
        ),
    ],
)
async def test_failures_tell_the_caller_what_to_do(
    st: ServiceTitan,
    vendors: respx.MockRouter,
    reply: httpx.Response,
    meaning: type[VendorError],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No error and no log has an address in it."""
    vendors.get(FEED).mock(return_value=reply)
    with pytest.raises(VendorError) as caught:
        [one async for one in st.export_location_contacts("t0")]
    assert caught.type is meaning
    assert "robin" not in f"{caught.value}{caplog.text}"


async def test_locations_are_read_by_id_fifty_at_a_time_switched_off_ones_too(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    route = vendors.get(f"{CRM}/locations").respond(json=page({"id": 12, "customerId": 11, "active": False}))
    found = await st.list_locations_by_id([*range(1, 61), 12])
    assert (found[0].id, found[0].customer_id, found[0].active) == (12, 11, False)
    asked = [dict(call.request.url.params) for call in route.calls]
    assert [len(one["ids"].split(",")) for one in asked] == [50, 10]
    assert {one["active"] for one in asked} == {"Any"}


async def test_nobody_is_asked_for_no_location(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(f"{CRM}/locations").respond(json=page())
    assert await st.list_locations_by_id([]) == ()
    assert not route.called
