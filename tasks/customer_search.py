"""The search for one order's customer: among those the index of contacts names, then in ServiceTitan itself.

Whom the index knows is read in ServiceTitan before anything is written. Whom it does not know is looked for there, by
everything it can be asked by, before an account is opened. What comes back is compared again by our own rule.
Source: contracts/contractor_commerce/CHECKLIST.md OI-8 to OI-18; crm-v2 [spec]; FACTS 2.1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from connectors.servicetitan.external import ExternalKey, external_value
from connectors.servicetitan.schemas import Customer, Location
from decisions.accounts import Found, buyer_names
from decisions.contact_keys import buyer_index_keys
from decisions.matching import Match, Matched, NeedsReview, NewCustomer, keys_of, match_customer
from decisions.people import email_key, name_key
from models.order_sync import CustomerAccount
from models.person import IndexEntry, KnownCustomer, KnownLocation, customers_of
from models.store_order import StoreOrder
from tasks.contact_index import as_address, entry_of_contact, entry_of_customer, entry_of_location
from tasks.house import House

EMAIL_KEY = "truckroll-email"
"""The key of our external data on customers we made: the folded e-mail."""

MOST_READ = 20
"""A question about more candidates than this is put as the index has it, without reading each one's contacts."""

_CANADIAN = 6
"""Letters of a folded Canadian postal code."""


@dataclass
class Live:
    """Customers as ServiceTitan has them now, by id."""

    customers: dict[int, Customer] = field(default_factory=dict)
    places: dict[int, tuple[Location, ...]] = field(default_factory=dict)
    """The locations of those whose locations were read."""
    known: dict[int, KnownCustomer] = field(default_factory=dict)
    """The same, as matching sees them."""


class CustomerSearch:
    """One order's search. What it reads on the way is kept, so that nothing is read twice."""

    def __init__(self, house: House, order: StoreOrder) -> None:
        self._house = house
        self._order = order
        self._keys = keys_of(order.buyer, order.service_address)
        self._live = Live()
        self._emails: dict[int, str] = {}
        """E-mails by customer that only the newer contact model shows."""

    async def among_known(self) -> Found:
        """Match among those the index names, read anew: two calls when somebody matches, none when nobody is named."""
        named = await self._house.books.contact_index.candidates(self._house.shop.name, buyer_index_keys(self._order))
        in_index = {int(one.id): one for one in named}
        self._live.customers = await read_customers(self._house, in_index.keys())
        for number, customer in self._live.customers.items():
            self._live.known[number] = _as_now(in_index.get(number), customer)
        return await self._found()

    async def live(self, so_far: Match) -> Found:
        """Look in ServiceTitan before a person is asked or an account is opened: the index may be minutes behind.

        For a buyer nobody knows: one call each by our e-mail key, by contact method, by name, and by each number.
        """
        if isinstance(so_far, NeedsReview) and so_far.candidates:
            if len(so_far.candidates) > MOST_READ:
                return Found(so_far)
            await self._read({int(one) for one in so_far.candidates})
            if not _is_open(self._match()):
                return await self._found()
        for look in (self._by_our_email, self._by_contact_method, self._by_phone, self._by_name):
            fresh = await look() - self._live.places.keys()
            if fresh:
                await self._read(fresh)
                if not _is_open(self._match()):
                    break
        return await self._found()

    async def _by_our_email(self) -> set[int]:
        """Find customers we made, by our external data."""
        values = [external_value(key) for key in self._keys.emails]
        if not values:
            return set()
        ours = ExternalKey(self._house.shop.need_servicetitan().external_data_guid, EMAIL_KEY)
        return {one.id for one in await self._house.servicetitan.list_customers_by_external_data(ours, values)}

    async def _by_contact_method(self) -> set[int]:
        """Find by e-mail in the newer contact model, where our access covers it; one more call per contact found."""
        st = self._house.servicetitan
        for email in self._keys.emails:
            methods = await st.list_contact_methods("Email", email) or ()
            for contact in sorted({one.contact_id for one in methods if email_key(one.value) == email}):
                owners = await st.list_contact_customers(contact) or ()
                self._emails |= {one.related_entity_id: email for one in owners if one.type_slug == "customer"}
        return set(self._emails)

    async def _by_phone(self) -> set[int]:
        """Find by each number, in North America as ten digits: how the vendor compares is not stated [inferred]."""
        numbers = sorted(key.removeprefix("+1") for key in self._keys.phones)
        listed = [await self._house.servicetitan.list_customers_by_phone(number) for number in numbers]
        return {one.id for some in listed for one in some}

    async def _by_name(self) -> set[int]:
        """Find by name within the postal code of the customer's own address, however the street is written."""
        place = self._keys.place
        if place is None:
            return set()
        code = f"{place.zip[:3]} {place.zip[3:]}" if len(place.zip) == _CANADIAN else place.zip
        listed = [
            await self._house.servicetitan.list_customers_by_address(name=name, zip_code=code)
            for name in buyer_names(self._order)
        ]
        return {one.id for some in listed for one in some if name_key(one.name) in self._keys.names}

    async def _read(self, numbers: Collection[int]) -> None:
        read = await read_whole(self._house, numbers)
        self._live.customers |= read.customers
        self._live.places |= read.places
        self._live.known |= read.known
        for number, email in self._emails.items():
            if number in read.known:
                known = read.known[number]
                self._live.known[number] = known.model_copy(update={"emails": (*known.emails, email)})

    def _match(self) -> Match:
        return match_customer(self._order.buyer, self._order.service_address, tuple(self._live.known.values()))

    async def _found(self) -> Found:
        """Match, on the matched customer's locations as they are now, and give what was read of it."""
        match = self._match()
        if isinstance(match, Matched) and int(match.customer) not in self._live.places:
            await self._read_places(int(match.customer))
            match = self._match()
        if not isinstance(match, Matched):
            return Found(match)
        customer = self._live.customers[int(match.customer)]
        places = self._live.places.get(customer.id, ())
        place = next((one for one in places if str(one.id) == match.location), None)
        if place is None:
            return Found(match, customer_tags=customer.tag_type_ids)
        account = CustomerAccount(
            customer=customer.id,
            location=place.id,
            customer_tags=customer.tag_type_ids,
            location_tags=place.tag_type_ids,
        )
        return Found(match, account, customer.tag_type_ids)

    async def _read_places(self, number: int) -> None:
        places = await self._house.servicetitan.list_locations(number)
        known = tuple(
            KnownLocation(id=str(one.id), address=as_address(one.address), is_active=one.active) for one in places
        )
        self._live.places[number] = places
        self._live.known[number] = self._live.known[number].model_copy(update={"locations": known})


async def read_customers(house: House, numbers: Collection[int]) -> dict[int, Customer]:
    """Read customers, and those they were merged into, by id. One call for fifty; none for nobody."""
    read: dict[int, Customer] = {}
    asked: set[int] = set()
    missing = set(numbers)
    while missing:
        found = await house.servicetitan.list_customers(missing)
        read |= {one.id: one for one in found}
        asked |= missing
        missing = {one.merged_to_id for one in found if one.merged_to_id} - asked
    return read


async def read_whole(house: House, numbers: Collection[int]) -> Live:
    """Read customers with contacts and locations, and keep them in the index as they are now.

    Two calls, and one for each customer.
    """
    customers = await read_customers(house, numbers)
    contacts = await house.servicetitan.list_contacts_of(customers)
    places = {number: await house.servicetitan.list_locations(number) for number in customers}
    entries: list[IndexEntry] = [entry_of_customer(one) for one in customers.values()]
    entries += [entry_of_contact(one, one.customer_id) for one in contacts]
    entries += [entry_of_location(one) for some in places.values() for one in some]
    await house.books.contact_index.replace(house.shop.name, customers, entries)
    return Live(customers, places, {int(one.id): one for one in customers_of(entries)})


def _as_now(known: KnownCustomer | None, customer: Customer) -> KnownCustomer:
    """Return what the index knows, with all that the customer's own record says now."""
    (own,) = customers_of([entry_of_customer(customer)])
    if known is None:
        return own
    return own.model_copy(update={"emails": known.emails, "phones": known.phones, "locations": known.locations})


def _is_open(match: Match) -> bool:
    """Tell whether nobody was found yet. A question without candidates is that nobody is known by any key."""
    return isinstance(match, NewCustomer) or (isinstance(match, NeedsReview) and not match.candidates)
