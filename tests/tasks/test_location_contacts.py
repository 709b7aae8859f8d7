"""Taking in the contacts of locations, against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.errors import RejectedError
from connectors.servicetitan.crm_schemas import ExportedLocationContact
from connectors.servicetitan.schemas import ExportPage, Location
from decisions.contact_keys import location_email_keys
from decisions.matching import NewCustomer
from models.contact_sync import Mark
from models.store_order import Buyer
from tasks.bookings import recognise
from tasks.contact_index import refresh_contact_index, refresh_location_contacts
from tasks.customers import find_customer
from tests.tasks.conftest import Counter
from tests.unit.orders import order

HOME = {"street": "12 Elm St", "city": "Phoenix", "state": "AZ", "zip": "85018", "country": "US"}
CRM = "/servicetitan/crm/v2/tenant/1234567"
CURSOR = "servicetitan/contact-index/location-contacts"
EMAIL = {"type": "Email", "value": "lake@example.com"}
WHEN = {"modifiedOn": "2026-09-01T10:00:00Z"}


async def enter(counter: Counter, email: str = "own@example.com") -> tuple[int, int]:
    """Let the office enter a customer; return it and its location."""
    made = await counter.tell(
        "/servicetitan/customers",
        name="Pat Sample",
        contacts=[{"type": "Email", "value": email}],
        locations=[HOME],
    )
    return made["customer_id"], made["location_ids"][0]


async def add(counter: Counter, location: int, value: str = "Pat@Example.com", kind: str = "Email") -> int:
    made = await counter.tell(f"/servicetitan/locations/{location}/contacts", type=kind, value=value)
    return int(made["contact_id"])


async def refresh(counter: Counter) -> list[str]:
    """Refresh both, as the booking process does; return the calls of the second."""
    await refresh_contact_index.fn("demo")
    await counter.calls()
    await refresh_location_contacts.fn("demo")
    return [call.replace(CRM, "") for call in await counter.calls()]


async def known(counter: Counter, email: str = "pat@example.com") -> list[int]:
    found = await counter.books.contact_index.candidates("demo", location_email_keys(email))
    return [int(one.id) for one in found]


async def test_a_customer_is_recognised_by_an_email_that_only_its_location_has(counter: Counter) -> None:
    """RF-46: all e-mail contact methods of customers and locations; case and blanks do not count."""
    customer, location = await enter(counter)
    await add(counter, location)
    assert await recognise(counter.house, "pat@example.com") == ()
    assert await refresh(counter) == ["GET /export/locations/contacts"], "the index knows whose the location is"
    assert await recognise(counter.house, "pat@example.com") == (customer,)
    assert await recognise(counter.house, "own@example.com") == (customer,)
    assert await recognise(counter.house, "stranger@example.com") == ()


async def test_orders_and_the_contact_sync_see_nothing_of_it(counter: Counter) -> None:
    """OI-8, RF-46: a buyer with a location's e-mail is a new customer, as before; no customer has changed."""
    _, location = await enter(counter)
    await add(counter, location)
    await refresh_contact_index.fn("demo")
    mine = order(buyer=Buyer(first_name="Robin", last_name="Vale", email="pat@example.com"))
    before = await find_customer.fn("demo", mine)
    page = await counter.books.contact_index.changed("demo", Mark())
    await refresh(counter)
    assert await find_customer.fn("demo", mine) == before
    assert isinstance(before.match, NewCustomer)
    assert await counter.books.contact_index.changed("demo", Mark()) == page


async def test_a_removed_contact_leads_nowhere_and_phones_never_did(counter: Counter) -> None:
    """RF-46: the feed tells of it as inactive."""
    customer, location = await enter(counter)
    contact, phone = await add(counter, location), await add(counter, location, "(602) 555-0101", "Phone")
    odd = await add(counter, location, "no e-mail")
    await refresh(counter)
    assert await known(counter) == [customer]
    for nowhere in (phone, odd):
        assert not await counter.books.contact_index.knows("demo", f"location/contact-{nowhere}")
    await counter.tell(f"/servicetitan/location-contacts/{contact}/remove")
    await refresh(counter)
    assert await known(counter) == []
    assert not await counter.books.contact_index.knows("demo", f"location/contact-{contact}")


async def test_contacts_of_a_new_location_are_taken_in(counter: Counter) -> None:
    """RF-46: the location's record beside the copy that the customer gets."""
    customer, _ = await enter(counter)
    reply = await counter.people.post(
        f"{CRM}/locations",
        json={"customerId": customer, "name": "Lake house", "address": HOME, "contacts": [EMAIL]},
        headers=await _headers(counter),
    )
    assert reply.status_code == 200, reply.text
    await refresh(counter)
    assert await known(counter, "lake@example.com") == [customer]


async def test_a_location_that_changes_hands_takes_its_contacts_along(counter: Counter) -> None:
    """RF-46: nothing is told of its contacts then; the locations' feed is enough, read before or after."""
    customer, location = await enter(counter)
    buyer, _ = await enter(counter, "buyer@example.com")
    await add(counter, location)
    await refresh(counter)
    assert await known(counter) == [customer]
    await counter.tell("/clock/advance", seconds=3600)
    await refresh(counter)
    reply = await counter.people.patch(
        f"{CRM}/locations/{location}", json={"customerId": buyer}, headers=await _headers(counter)
    )
    assert reply.status_code == 200, reply.text
    await refresh_contact_index.fn("demo")
    assert await known(counter) == [buyer]


async def test_the_contacts_of_a_merged_customers_locations_lead_to_the_one_that_stays(counter: Counter) -> None:
    """RF-46: it is one customer."""
    customer, location = await enter(counter)
    stays, _ = await enter(counter, "stays@example.com")
    await add(counter, location)
    await refresh(counter)
    await counter.tell(f"/servicetitan/customers/{customer}/merge", into=stays)
    await refresh(counter)
    assert await recognise(counter.house, "pat@example.com") == (stays,)


async def test_locations_the_index_does_not_have_are_read_fifty_at_a_time(counter: Counter) -> None:
    """RF-46: once, switched-off ones too."""
    places = [await enter(counter, f"own{number}@example.com") for number in range(60)]
    for number, (customer, location) in enumerate(places):
        await add(counter, location, f"pat{number}@example.com")
        if number == 7:
            await counter.tell(f"/servicetitan/customers/{customer}/deactivate")
    await counter.calls()
    await refresh_location_contacts.fn("demo")
    calls = [call.replace(CRM, "") for call in await counter.calls()]
    assert calls == ["GET /export/locations/contacts", "GET /locations", "GET /locations"]
    for number in (0, 7, 59):
        assert await known(counter, f"pat{number}@example.com") == [places[number][0]]


async def test_one_whose_location_is_nobodys_does_not_stop_the_others(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-46: one bad record never stops the rest."""
    customer, location = await enter(counter)
    _, odd = await enter(counter)
    await add(counter, odd, "odd@example.com")
    await add(counter, location)

    async def read(_: object) -> tuple[Location, ...]:
        return (Location(id=odd), Location(id=location, customer_id=customer))

    monkeypatch.setattr(counter.st, "list_locations_by_id", read)
    assert await refresh_location_contacts.fn("demo") == 2
    assert await known(counter) == [customer]
    assert await known(counter, "odd@example.com") == []


@pytest.mark.parametrize("last", [True, False], ids=["added again", "removed"])
async def test_of_two_rows_about_one_contact_the_later_counts(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    """Recent changes may come twice on a page."""
    customer, location = await enter(counter)
    rows = [
        ExportedLocationContact.model_validate(
            {"id": 5, "locationId": location, "type": "Email", "value": "pat@example.com", "active": active} | WHEN
        )
        for active in (not last, last)
    ]

    async def feed(*_: object, **__: object) -> AsyncIterator[ExportPage[ExportedLocationContact]]:
        yield ExportPage[ExportedLocationContact](has_more=False, continue_from="t", data=tuple(rows))

    monkeypatch.setattr(counter.st, "export_location_contacts", feed)
    await refresh_location_contacts.fn("demo")
    assert await known(counter) == ([customer] if last else [])


async def test_the_feed_goes_on_where_it_stopped(counter: Counter) -> None:
    """RF-46: killed in the middle of the first filling, the next one reads what is missing, not everything."""
    customer, location = await enter(counter)
    for number in range(12):
        await add(counter, location, f"pat{number}@example.com")
    await counter.tell("/clock/advance", seconds=3600)
    await counter.tell("/servicetitan/switches", feed_page_size=5)
    await counter.tell("/faults", match="GET /*export/locations/contacts", kind="status", status=403, skip=2)
    with pytest.raises(RejectedError):
        await refresh(counter)
    assert await known(counter, "pat9@example.com") == [customer]
    assert await known(counter, "pat10@example.com") == []
    assert await refresh(counter) == ["GET /export/locations/contacts"]
    assert await known(counter, "pat11@example.com") == [customer]
    assert await refresh(counter) == ["GET /export/locations/contacts"], "nothing new is one call"


async def test_a_token_the_vendor_no_longer_takes_means_reading_from_the_beginning(counter: Counter) -> None:
    """RF-46: how long a token is good for is not stated."""
    customer, location = await enter(counter)
    await add(counter, location)
    await counter.books.cursors.set("demo", CURSOR, "of-another-age")
    assert await refresh(counter) == ["GET /export/locations/contacts"] * 2
    assert await known(counter) == [customer]
    assert await counter.books.cursors.get("demo", CURSOR) not in {None, "", "of-another-age"}


async def test_a_refusal_from_the_beginning_is_told(counter: Counter) -> None:
    """RF-46: it is not asked for ever."""
    await counter.tell("/faults", match="GET /*export/locations/contacts", kind="status", status=400, times=None)
    with pytest.raises(RejectedError):
        await refresh(counter)
    assert [call for call in await counter.calls() if "locations/contacts" in call] == [
        f"GET {CRM}/export/locations/contacts"
    ]


async def test_two_passes_at_once_take_in_the_same(counter: Counter) -> None:
    """RF-46: a delivery's pass and the schedule's."""
    customer, location = await enter(counter)
    for number in range(20):
        await add(counter, location, f"pat{number}@example.com")
    await asyncio.gather(*(refresh_location_contacts.fn("demo") for _ in range(3)))
    assert await known(counter, "pat0@example.com") == await known(counter, "pat19@example.com") == [customer]


async def _headers(counter: Counter) -> dict[str, Any]:
    reply = await counter.people.post(
        "/servicetitan/connect/token",
        data={"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    )
    return {"Authorization": f"Bearer {reply.json()['access_token']}", "ST-App-Key": "sandbox-app-key"}
