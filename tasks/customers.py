"""Whose order is it? The steps that find, make, tag and complete a store order's customer and location.

Source: contracts/contractor_commerce/CHECKLIST.md OI-4, OI-8 to OI-18, OI-43 to OI-47, OI-58 to OI-60, OI-67;
crm-v2 [spec]; FACTS 2.1 to 2.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import httpx

from connectors.errors import RejectedError
from connectors.servicetitan.crm_schemas import (
    CreatedCustomer,
    NewAddress,
    NewContact,
    NewCustomer,
    NewLocation,
    NewPlace,
)
from connectors.servicetitan.external import ExternalDataItem, ExternalKey, NewExternalData, external_value
from connectors.servicetitan.schemas import Customer, Location
from decisions import matching
from decisions.accounts import AccountContact, Found, NewAccount, further_contacts, new_account, new_place
from decisions.contact_keys import buyer_index_keys
from decisions.matching import Matched, order_trouble
from decisions.people import email_keys
from models.address import Address
from models.errors import HeldError
from models.order_sync import CustomerAccount
from models.person import IndexEntry
from models.store_order import StoreOrder
from store import Books
from store.effects import model_codec
from tasks.contact_index import entry_of_contact, entry_of_customer, entry_of_location
from tasks.customer_search import EMAIL_KEY, CustomerSearch, read_customers, read_whole
from tasks.house import House, open_house
from tasks.step import step
from tasks.store_jobs import job_effect

ORDER_KEY = "truckroll-order"
"""The key of our external data that names the order a customer or location was made for."""

_OTHER_WORKER_S = 120
"""How long to wait for the other order of one buyer: its account takes some ten calls."""


@step("find the customer of {order.number}")
async def find_customer(shop: str, order: StoreOrder) -> Found:
    """Find whose order this is: e-mail first, then phone, then name with address (OI-8 to OI-18).

    A known customer costs two reads: the candidates, and the matched one's locations. An account that was begun for
    this very order is never looked for: `open_account` ends it. Raises: TransientError, RejectedError.
    """
    trouble = order_trouble(order.buyer, order.service_address)
    if trouble:
        return Found(trouble)
    async with open_house(shop) as house:
        if await house.books.effects.status(account_effect(shop, order)):
            return Found(matching.NewCustomer())
        search = CustomerSearch(house, order)
        found = await search.among_known()
        return found if isinstance(found.match, Matched) else await search.live(found.match)


@step("open an account for {order.number}", looks_first=True)
async def open_account(shop: str, order: StoreOrder, tags: tuple[int, ...]) -> CustomerAccount:
    """Make the customer with its location, contacts and tags in one call, once (OI-4, OI-13).

    After a lost answer it is looked for by our external data. Raises: HeldError for what ServiceTitan asks for and the
    order lacks, and when the shop opens no accounts; RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        effect = account_effect(shop, order)
        await _check_may_open(house, effect)
        draft = new_account(order)
        made: list[CreatedCustomer] = []

        async def create() -> CustomerAccount:
            made.append(await house.servicetitan.create_customer(_new_customer(house, order, draft, tags)))
            (place, *_) = made[-1].locations
            return CustomerAccount(
                customer=made[-1].id, location=place.id, customer_tags=tags, location_tags=tags, is_new=True
            )

        async def find() -> CustomerAccount | None:
            place = await _find_location(house, order)
            if place is None or place.customer_id is None:
                return None
            return CustomerAccount(
                customer=place.customer_id, location=place.id, customer_tags=tags, location_tags=tags, is_new=True
            )

        account = await house.books.effects.once(
            effect, create=create, find=find, codec=model_codec(CustomerAccount), wait_s=30
        )
        if made:
            await house.books.contact_index.put(shop, _entries_of_new(made[-1], draft))
        elif not await house.books.contact_index.knows(shop, f"customer/{account.customer}"):
            await read_whole(house, {account.customer})
        return account


@step("add the location of {order.number} to customer {customer}", looks_first=True)
async def add_location(
    shop: str, order: StoreOrder, customer: int, tags: tuple[int, ...], customer_tags: tuple[int, ...] | None = None
) -> CustomerAccount:
    """Add the order's address to a known customer, with the tags, once (OI-14).

    `customer_tags`: the customer's, where they were read already. Contacts stay the customer's own.
    Raises: HeldError for what the address lacks; RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        draft = new_place(order)

        async def create() -> str:
            place = NewLocation(
                customer_id=customer,
                name=draft.name,
                address=_new_address(draft.address),
                tag_type_ids=tags,
                external_data=_order_mark(house).holding(external_value(order.id)),
            )
            return str((await house.servicetitan.create_location(place)).id)

        async def find() -> str | None:
            place = await _find_location(house, order)
            return str(place.id) if place and place.customer_id == customer else None

        effect = f"{shop}/order/{order.id}/customer/{customer}/location"
        location = int(await house.books.effects.once(effect, create=create, find=find, wait_s=30))
        entry = Location(id=location, customer_id=customer, address=draft.address.model_dump(exclude={"name"}))
        await house.books.contact_index.put(shop, [entry_of_location(entry)])
        if customer_tags is None:
            customer_tags = (await _usable_customer(house, customer)).tag_type_ids
        return CustomerAccount(
            customer=customer, location=location, customer_tags=customer_tags, location_tags=tags, is_new=False
        )


@step("read the account of {order.number}")
async def read_account(shop: str, order: StoreOrder, customer: int, location: int) -> CustomerAccount:  # noqa: ARG001  named in the task run
    """Read customer and location as they are now, with their tags; not needed after `find_customer`, which read them.

    Raises: HeldError when one of them was merged away or deactivated meanwhile; TransientError.
    """
    async with open_house(shop) as house:
        known = await _usable_customer(house, customer)
        places = await house.servicetitan.list_locations(customer)
        place = next((one for one in places if one.id == location and one.active), None)
        if place is None:
            raise HeldError(
                f"Location {location} is no longer an active location of customer {customer} in ServiceTitan.",
                "Reactivate it there, or move it back to that customer; then retry the order.",
                "service_address",
            )
        return CustomerAccount(
            customer=customer, location=location, customer_tags=known.tag_type_ids, location_tags=place.tag_type_ids
        )


@step("tag the customer of {order.number}", looks_first=True)
async def tag_account(shop: str, order: StoreOrder, account: CustomerAccount, tags: tuple[int, ...]) -> CustomerAccount:
    """Add the tags that customer and location do not have yet, and leave all others (OI-43, OI-47).

    A tag that this order put there once, and somebody took off since, is not put there again.
    Raises: RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        st = house.servicetitan

        async def customer_has(tag: int) -> bool:
            return any(tag in one.tag_type_ids for one in await st.list_customers([account.customer]))

        async def location_has(tag: int) -> bool:
            places = await st.list_locations(account.customer)
            return any(tag in one.tag_type_ids for one in places if one.id == account.location)

        for tag in dict.fromkeys(tags):
            if tag not in account.customer_tags:
                effect = f"{shop}/order/{order.id}/customer/{account.customer}/tag/{tag}"
                await _tag_once(house, effect, tag, lambda tag: st.tag_customer(account.customer, tag), customer_has)
            if tag not in account.location_tags:
                effect = f"{shop}/order/{order.id}/location/{account.location}/tag/{tag}"
                await _tag_once(house, effect, tag, lambda tag: st.tag_location(account.location, tag), location_has)
        return account.model_copy(
            update={
                "customer_tags": tuple(dict.fromkeys((*account.customer_tags, *tags))),
                "location_tags": tuple(dict.fromkeys((*account.location_tags, *tags))),
            }
        )


@step("add the new contacts of {order.number}", looks_first=True)
async def add_contacts(shop: str, order: StoreOrder, account: CustomerAccount) -> int:
    """Add the order's new e-mail and phone to a known customer, where the shop wants that; return how many.

    Off by default: a matched customer stays as it is (CHECKLIST, "Unclear"). Raises: RejectedError; TransientError.
    """
    async with open_house(shop) as house:
        if account.is_new or not house.shop.need_contractor_commerce().add_new_contacts:
            return 0
        known = await house.servicetitan.list_contacts_of([account.customer])
        values = [one.value for one in known]
        new = further_contacts(order, emails=values, phones=values)
        for contact in new:
            await _add_contact_once(house, order, account.customer, contact)
        if new:
            await read_whole(house, {account.customer})
        return len(new)


async def forget_account(books: Books, shop: str, order: StoreOrder) -> None:
    """Let the order's customer be found anew on retry: it may have been merged or switched off since.

    An account that was made for the order is looked up by our external data, which moves along with a merge. Once a job
    is booked on it, the account stays.
    """
    for kind in ("product", "service"):
        if await books.effects.status(job_effect(shop, order, kind)):
            return
    await books.effects.look_again(account_effect(shop, order))
    await books.store_orders.update(shop, order.id, customer=None, location=None)


@asynccontextmanager
async def one_buyer_at_a_time(house: House, order: StoreOrder) -> AsyncIterator[None]:
    """Keep every other order of this buyer waiting, also in other workers, until this one's account is there (OI-67).

    Orders that share an e-mail, a phone or an address are one buyer's here. Raises: BusyError after two minutes.
    """
    # Hashed: who bought is not to be read from the table of leases.
    digests = (hashlib.sha256(key.encode()).hexdigest()[:32] for key in buyer_index_keys(order))
    keys = [f"{house.shop.name}/buyer/{digest}" for digest in digests]
    async with house.books.leases.hold(*keys, wait_s=_OTHER_WORKER_S):
        yield


async def _usable_customer(house: House, number: int) -> Customer:
    found = (await read_customers(house, {number})).get(number)
    if found is None or not found.active or found.merged_to_id:
        merged = f" was merged into {found.merged_to_id}" if found and found.merged_to_id else " is not active"
        raise HeldError(
            f"Customer {number}{merged if found else ' is not there'} in ServiceTitan.",
            "Reactivate that customer in ServiceTitan, or finish the order there by hand; then retry the order.",
            "customer",
        )
    return found


async def _check_may_open(house: House, effect: str) -> None:
    if house.shop.need_contractor_commerce().create_customers or await house.books.effects.status(effect):
        return
    raise HeldError(
        "Nobody in ServiceTitan matches the buyer, and the shop opens no accounts by itself.",
        "Make the customer in ServiceTitan, or set [contractor_commerce] create_customers; then retry the order.",
        "contractor_commerce.create_customers",
    )


async def _find_location(house: House, order: StoreOrder) -> Location | None:
    """Find the location that was made for an order; it names its customer, also one it was merged into since."""
    found = await house.servicetitan.list_locations_by_external_data(_order_mark(house), [external_value(order.id)])
    return min(found, key=lambda one: one.id, default=None)


async def _tag_once(
    house: House,
    effect: str,
    tag: int,
    write: Callable[[int], Awaitable[None]],
    is_there: Callable[[int], Awaitable[bool]],
) -> None:
    async def create() -> str:
        await write(tag)
        return str(tag)

    async def find() -> str | None:
        return str(tag) if await is_there(tag) else None

    try:
        await house.books.effects.once(effect, create=create, find=find, wait_s=30)
    except RejectedError as refused:
        # Somebody, or another order of the same buyer, was faster.
        if refused.status != httpx.codes.CONFLICT or not await is_there(tag):
            raise


async def _add_contact_once(house: House, order: StoreOrder, customer: int, contact: AccountContact) -> None:
    async def create() -> str:
        await house.servicetitan.add_customer_contact(customer, NewContact(type=contact.kind, value=contact.value))
        return contact.field

    async def find() -> str | None:
        values = [one.value for one in await house.servicetitan.list_contacts_of([customer])]
        is_new = contact in further_contacts(order, emails=values, phones=values)
        return None if is_new else contact.field

    effect = f"{house.shop.name}/order/{order.id}/customer/{customer}/contact/{contact.field}"
    await house.books.effects.once(effect, create=create, find=find, wait_s=30)


def _new_customer(house: House, order: StoreOrder, draft: NewAccount, tags: tuple[int, ...]) -> NewCustomer:
    made_for = ExternalDataItem(key=ORDER_KEY, value=external_value(order.id))
    emails = [
        ExternalDataItem(key=EMAIL_KEY, value=external_value(key)) for key in sorted(email_keys([order.buyer.email]))
    ]
    guid = _guid(house)
    place = NewPlace(
        name=draft.place.name,
        address=_new_address(draft.place.address),
        tag_type_ids=tags,
        external_data=NewExternalData(application_guid=guid, external_data=(made_for,)),
    )
    return NewCustomer(
        name=draft.name,
        type=draft.kind,
        address=_new_address(draft.address),
        locations=(place,),
        contacts=tuple(NewContact(type=one.kind, value=one.value) for one in draft.contacts),
        tag_type_ids=tags,
        external_data=NewExternalData(application_guid=guid, external_data=(made_for, *emails)),
    )


def _entries_of_new(made: CreatedCustomer, draft: NewAccount) -> Iterable[IndexEntry]:
    address = draft.address.model_dump(exclude={"name"})
    place = draft.place.address.model_dump(exclude={"name"})
    yield entry_of_customer(Customer.model_validate({"id": made.id, "name": draft.name, "address": address}))
    for one in made.locations:
        yield entry_of_location(Location.model_validate({"id": one.id, "customer_id": made.id, "address": place}))
    for contact in made.contacts:
        yield entry_of_contact(contact, made.id)


def _new_address(address: Address) -> NewAddress:
    return NewAddress(
        street=address.street,
        unit=address.unit,
        city=address.city,
        state=address.state,
        zip=address.zip,
        country=address.country,
    )


def _order_mark(house: House) -> ExternalKey:
    return ExternalKey(_guid(house), ORDER_KEY)


def _guid(house: House) -> str:
    return house.shop.need_servicetitan().external_data_guid


def account_effect(shop: str, order: StoreOrder) -> str:
    """Return the ledger's key of the account that is opened for an order."""
    return f"{shop}/order/{order.id}/customer"
