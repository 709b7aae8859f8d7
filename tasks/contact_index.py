"""Filling the index of the tenant's contacts from ServiceTitan's export feeds, page by page.

ServiceTitan finds no customer by e-mail, so we keep who can be found by what. Source: FACTS 1.6, 2.1 [spec].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.errors import RejectedError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import CreatedContact, CustomersContact, ExportedContact
from connectors.servicetitan.schemas import Customer, ExportPage, Location, PostalAddress
from decisions.contact_keys import email_index_keys, phone_index_keys, place_index_keys
from models.address import Address
from models.person import IndexEntry
from tasks.house import House, open_house
from tasks.step import step

_PHONES = {"Phone", "MobilePhone"}
"""A fax machine is nobody's phone."""


@step("refresh the contact index of {shop}")
async def refresh_contact_index(shop: str) -> int:
    """Take in what changed at customers, their contacts and their locations since last time; return how many records.

    Each feed's place is kept after each page: the first filling of a big tenant goes on where it was stopped. Changes
    of the last quarter of an hour come at once, and once more with the next call, which changes nothing.
    Raises: RejectedError when the app may not read a feed; UnauthorizedError; TransientError.
    """
    async with open_house(shop) as house:
        # Not a task group: the other feeds end at a page's end, whatever becomes of one.
        taken = await asyncio.gather(*(_take_in(house, feed) for feed in _FEEDS), return_exceptions=True)
        for outcome in taken:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome for outcome in taken if isinstance(outcome, int))


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
    contact: ExportedContact | CustomersContact | CreatedContact, customer: int, *, is_active: bool = True
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


def as_address(address: PostalAddress) -> Address:
    """Return ServiceTitan's address as ours."""
    return Address.model_validate(address.model_dump())


@dataclass(frozen=True)
class _Feed:
    name: str
    pages: Callable[[ServiceTitan, str], AsyncIterator[ExportPage[Any]]]
    entry: Callable[[Any], IndexEntry | None]


def _exported(contact: ExportedContact) -> IndexEntry:
    return entry_of_contact(contact, contact.customer_id, is_active=contact.active)


def _located(location: Location) -> IndexEntry | None:
    """Leave out a location that belongs to nobody: it leads to no customer."""
    return entry_of_location(location) if location.customer_id is not None else None


_FEEDS = (
    _Feed("customers", lambda st, token: st.export_customers(token, recent=True), entry_of_customer),
    _Feed("contacts", lambda st, token: st.export_customer_contacts(token, recent=True), _exported),
    _Feed("locations", lambda st, token: st.export_locations(token, recent=True), _located),
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
    shop, books, taken = house.shop.name, house.books, 0
    async for page in feed.pages(house.servicetitan, token):
        # Reading thousands of phone numbers takes a second: not on the event loop, which renews leases.
        await books.contact_index.put(shop, await asyncio.to_thread(_entries, feed, page.data))
        await books.cursors.set(shop, _cursor(feed), page.continue_from)
        taken += len(page.data)
    return taken


def _entries(feed: _Feed, rows: Sequence[Any]) -> list[IndexEntry]:
    return [entry for row in rows if (entry := feed.entry(row)) is not None]


def _cursor(feed: _Feed) -> str:
    return f"servicetitan/contact-index/{feed.name}"
