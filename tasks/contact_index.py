"""Filling the index of the tenant's contacts from ServiceTitan's export feeds, page by page.

ServiceTitan finds no customer by e-mail, so we keep who can be found by what. Source: FACTS 1.6, 2.1 [spec].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx

from connectors.errors import RejectedError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import (
    CreatedContact,
    CustomersContact,
    ExportedLocationContact,
)
from connectors.servicetitan.feeds import FeedAddress, FeedContact, FeedCustomer, FeedLocation, FeedPage
from connectors.servicetitan.schemas import Customer, ExportPage, Location, PostalAddress
from decisions.contact_keys import (
    email_index_keys,
    location_email_keys,
    phone_index_keys,
    place_index_keys,
    place_keys_of,
)
from models.address import Address
from models.person import LOCATION_CONTACT, IndexEntry, IndexRow, lean, lean_address
from tasks.house import House, open_house
from tasks.step import step

_PHONES = {"Phone", "MobilePhone"}
"""A fax machine is nobody's phone."""

_Page = TypeVar("_Page")
_Keep = Callable[[House, Sequence[Any]], Awaitable[None]]


@step("refresh the contact index of {shop}")
async def refresh_contact_index(shop: str, *, with_locations: bool = True) -> int:
    """Take in what changed at customers, their contacts and their locations since last time; return how many records.

    A contact sync reads no locations; their feed goes on from its own place when somebody asks for it.
    Each feed's place is kept after each page: the first filling of a big tenant goes on where it was stopped. Changes
    of the last quarter of an hour come at once, and once more with the next call, which changes nothing.
    Raises: RejectedError when the app may not read a feed; UnauthorizedError; TransientError.
    """
    async with open_house(shop) as house:
        feeds = _FEEDS if with_locations else _FEEDS[:2]
        # Not a task group: the other feeds end at a page's end, whatever becomes of one.
        taken = await asyncio.gather(*(_take_in(house, feed) for feed in feeds), return_exceptions=True)
        for outcome in taken:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome for outcome in taken if isinstance(outcome, int))


@step("refresh the location contacts of {shop}")
async def refresh_location_contacts(shop: str) -> int:
    """Take in what changed at the contacts of locations since last time; return how many records (RF-46, Q5).

    For recognising who was referred: no order's buyer is looked up by these, and no sync reads them. Refresh the
    contact index first: it knows without a call whose a location is. The feed's place is kept as the others' are.
    Raises: RejectedError when the app may not read the feed, or locations; UnauthorizedError; TransientError.
    """
    async with open_house(shop) as house:
        return await _take_in(house, _LOCATION_CONTACTS)


def entry_of_customer(customer: Customer) -> IndexEntry:
    """Return what the index keeps of a customer: its own record, with the address its bills go to."""
    address = as_address(customer.address) if customer.address else None
    return IndexEntry(
        source=f"customer/{customer.id}",
        customer=customer.id,
        keys=place_index_keys(address) if address else (),
        is_active=customer.active,
        name=customer.name,
        address=address,
        merged_into=str(customer.merged_to_id) if customer.merged_to_id else "",
        customer_type=customer.type,
        do_not_mail=customer.do_not_mail,
        custom_fields=tuple((field.name, field.value) for field in customer.custom_fields if field.value),
    )


def entry_of_location(location: Location) -> IndexEntry:
    """Return what the index keeps of a location. Raises ValueError for one that belongs to no customer."""
    if location.customer_id is None:
        raise ValueError("A location without a customer.")
    address = as_address(location.address)
    return IndexEntry(
        source=f"location/{location.id}",
        customer=location.customer_id,
        keys=place_index_keys(address),
        is_active=location.active,
        address=address,
    )


def entry_of_contact(
    contact: CustomersContact | CreatedContact, customer: int, *, is_active: bool = True
) -> IndexEntry:
    """Return what the index keeps of a contact; a removed one leads nowhere."""
    email = contact.value if contact.type == "Email" else ""
    phone = contact.value if contact.type in _PHONES else ""
    return IndexEntry(
        source=f"contact/{contact.id}",
        customer=customer,
        keys=(*email_index_keys(email), *phone_index_keys(phone)) if is_active else (),
        is_active=is_active,
        email=email,
        phone=phone,
        takes_marketing=isinstance(contact, CreatedContact) or contact.preferences.marketing_updates_enabled,
    )


def entry_of_location_contact(contact: ExportedLocationContact, customer: int) -> IndexEntry:
    """Return what the index keeps of an e-mail that stands at a location of this customer."""
    return IndexEntry(
        source=_location_contact(contact.id),
        customer=customer,
        keys=location_email_keys(contact.value),
        email=contact.value,
        location=contact.location_id,
    )


def as_address(address: PostalAddress) -> Address:
    """Return ServiceTitan's address as ours."""
    return Address.model_validate(address.model_dump())


@dataclass(frozen=True)
class _Feed:
    name: str
    pages: Callable[[ServiceTitan, str], AsyncIterator[FeedPage[Any] | ExportPage[Any]]]
    keep: _Keep
    """Takes a page of records in."""


def _each(entry: Callable[[Any], IndexRow | None]) -> _Keep:
    """Keep what each record alone says."""

    async def keep(house: House, rows: Sequence[Any]) -> None:
        # Thousands of phone numbers and addresses: not on the event loop, which renews leases.
        entries = await asyncio.to_thread(lambda: [one for row in rows if (one := entry(row)) is not None])
        await house.books.contact_index.put_rows(house.shop.name, entries)

    return keep


async def _keep_location_contacts(house: House, rows: Sequence[ExportedLocationContact]) -> None:
    """Keep the e-mails, each with whose its location is. Phones, removed contacts and those of nobody lead nowhere."""
    newest = {row.id: row for row in rows}.values()
    emails = [row for row in newest if row.active and row.type == "Email" and location_email_keys(row.value)]
    owners = await _owners(house, {row.location_id for row in emails})
    entries = [entry_of_location_contact(row, owners[row.location_id]) for row in emails if row.location_id in owners]
    gone = {_location_contact(row.id) for row in newest} - {entry.source for entry in entries}
    await house.books.contact_index.put_location_contacts(house.shop.name, entries, gone)


async def _owners(house: House, locations: set[int]) -> dict[int, int]:
    """Return whose these locations are, from the index; those it does not have are read, fifty at a time."""
    owners = await house.books.contact_index.owners(house.shop.name, locations)
    unknown = locations - owners.keys()
    if unknown:
        read = await house.servicetitan.list_locations_by_id(unknown)
        owners |= {one.id: one.customer_id for one in read if one.customer_id is not None}
    return owners


def _location_contact(contact: int) -> str:
    return f"{LOCATION_CONTACT}{contact}"


def row_of_customer(customer: FeedCustomer) -> IndexRow:
    """Return what the index keeps of a customer, as `entry_of_customer` does: of hundreds of thousands."""
    address, keys = _place(customer.address)
    record = lean(
        name=customer.name or "",
        address=address,
        merged_into=str(customer.merged_to_id) if customer.merged_to_id else "",
        customer_type=customer.type or "",
        do_not_mail=bool(customer.do_not_mail),
        custom_fields=[[field.name or "", field.value] for field in customer.custom_fields or () if field.value],
    )
    return IndexRow(f"customer/{customer.id}", customer.id, keys, customer.active is not False, record)


def row_of_contact(contact: FeedContact) -> IndexRow:
    """Return what the index keeps of a contact, as `entry_of_contact` does."""
    value, is_active = contact.value or "", contact.active is not False
    email, phone = value if contact.type == "Email" else "", value if contact.type in _PHONES else ""
    keys = (*email_index_keys(email), *phone_index_keys(phone)) if is_active else ()
    takes = contact.preferences is None or contact.preferences.marketing_updates_enabled is not False
    record = lean(email=email, phone=phone, takes_marketing=takes)
    return IndexRow(f"contact/{contact.id}", contact.customer_id, keys, is_active, record)


def row_of_location(location: FeedLocation) -> IndexRow | None:
    """Return what the index keeps of a location; None for one that belongs to nobody: it leads to no customer."""
    if location.customer_id is None:
        return None
    address, keys = _place(location.address or FeedAddress())
    record = lean(address=address)
    return IndexRow(f"location/{location.id}", location.customer_id, keys, location.active is not False, record)


def _place(address: FeedAddress | None) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    if address is None:
        return None, ()
    street, unit, code, country = address.street or "", address.unit or "", address.zip or "", address.country or ""
    kept = lean_address(
        street=street, unit=unit, city=address.city or "", state=address.state or "", zip=code, country=country
    )
    return kept, place_keys_of(street, unit, code, country)


_FEEDS = (
    _Feed("customers", lambda st, token: st.export_customers(token, recent=True), _each(row_of_customer)),
    _Feed("contacts", lambda st, token: st.export_customer_contacts(token, recent=True), _each(row_of_contact)),
    _Feed("locations", lambda st, token: st.export_locations(token, recent=True), _each(row_of_location)),
)

_LOCATION_CONTACTS = _Feed(
    "location-contacts",
    lambda st, token: st.export_location_contacts(token, recent=True),
    _keep_location_contacts,
)


async def _take_in(house: House, feed: _Feed) -> int:
    token = await house.books.cursors.get(house.shop.name, _cursor(feed)) or ""
    try:
        return await _take_in_from(house, feed, token)
    except RejectedError as refused:
        if not token or refused.status != httpx.codes.BAD_REQUEST:
            raise
        # How long a token is good for is not stated. From the beginning nothing is lost.
        return await _take_in_from(house, feed, "")


async def _take_in_from(house: House, feed: _Feed, token: str) -> int:
    taken = 0
    async with aclosing(_one_ahead(feed.pages(house.servicetitan, token))) as pages:
        async for page in pages:
            await feed.keep(house, page.data)
            await house.books.cursors.set(house.shop.name, _cursor(feed), page.continue_from)
            taken += len(page.data)
    return taken


async def _one_ahead(pages: AsyncIterator[_Page]) -> AsyncGenerator[_Page, None]:
    """Yield pages while the next one is on its way; what keeps it from coming is raised when it is its turn.

    Close it: a page that nobody waits for any more is not asked for.
    """
    nothing_more = object()
    coming = asyncio.ensure_future(anext(pages, nothing_more))
    try:
        while (page := await coming) is not nothing_more:
            coming = asyncio.ensure_future(anext(pages, nothing_more))
            yield cast("_Page", page)
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _cursor(feed: _Feed) -> str:
    return f"servicetitan/contact-index/{feed.name}"
