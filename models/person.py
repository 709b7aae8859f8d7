"""Customers of the job system, as matching sees them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from models.address import Address
from models.base import DomainModel


class KnownLocation(DomainModel):
    """A place of a known customer."""

    id: str
    address: Address
    is_active: bool = True


class KnownCustomer(DomainModel):
    """A customer record that may be the buyer. Contacts are as typed there; rules normalise both sides."""

    id: str
    name: str
    is_active: bool = True
    merged_into: str = ""
    """The record this one was merged into; empty when it was not."""
    address: Address | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    locations: tuple[KnownLocation, ...] = ()


class IndexRow(NamedTuple):
    """An entry of the index as it is kept. A first filling makes hundreds of thousands: `IndexEntry.row` is for few."""

    source: str
    customer: int
    keys: tuple[str, ...]
    is_active: bool
    record: dict[str, Any]
    """What differs from an empty `IndexEntry`: `lean`."""


_USUAL: Final[Mapping[str, Any]] = {
    "name": "",
    "address": None,
    "merged_into": "",
    "customer_type": "",
    "do_not_mail": False,
    "custom_fields": [],
    "email": "",
    "phone": "",
    "takes_marketing": True,
    "location": None,
}
"""What is not kept, since `IndexEntry` has it anyway."""

_USUAL_OF_ADDRESS: Final[Mapping[str, str]] = {"name": "", "unit": "", "country": "USA"}


def lean(**record: Any) -> dict[str, Any]:
    """Return a record as it is kept: without what is as usual. Two that say the same are equal."""
    return {name: value for name, value in record.items() if value != _USUAL[name]}


def lean_address(**parts: str) -> dict[str, str]:
    """Return an address as it is kept in a record."""
    return {name: value for name, value in parts.items() if value != _USUAL_OF_ADDRESS.get(name)}


LOCATION_CONTACT: Final = "location/contact-"
"""What the source of a location's contact begins with."""


class IndexEntry(DomainModel):
    """One record of the job system that tells of a customer: its own, a contact's, a location's or its contact's.

    Only the fields of its kind are filled in.
    """

    source: str
    """customer/ID, contact/ID, location/ID or location/contact-ID."""
    customer: int
    keys: tuple[str, ...] = ()
    """What a buyer finds it by: decisions/contact_keys.py. None: it does not lead to the customer."""
    is_active: bool = True
    """False: the customer or location was switched off, the contact was removed."""
    name: str = ""
    address: Address | None = None
    merged_into: str = ""
    customer_type: str = ""
    """Residential or Commercial."""
    do_not_mail: bool = False
    custom_fields: tuple[tuple[str, str], ...] = ()
    """Name and value of each custom field of the customer that is filled in."""
    email: str = ""
    phone: str = ""
    takes_marketing: bool = True
    """False: the contact does not want marketing updates."""
    location: int | None = None
    """Where a location's contact stands: it leads to the customer whose that location is now, not to `customer`."""

    def row(self) -> IndexRow:
        """Return the entry as it is kept."""
        record = lean(
            name=self.name,
            address=lean_address(**self.address.model_dump()) if self.address else None,
            merged_into=self.merged_into,
            customer_type=self.customer_type,
            do_not_mail=self.do_not_mail,
            custom_fields=[list(pair) for pair in self.custom_fields],
            email=self.email,
            phone=self.phone,
            takes_marketing=self.takes_marketing,
            location=self.location,
        )
        return IndexRow(self.source, self.customer, self.keys, self.is_active, record)

    @property
    def kind(self) -> str:
        """Return customer, contact or location."""
        return self.source.partition("/")[0]

    @property
    def ref(self) -> str:
        """Return the record's own id."""
        return self.source.partition("/")[2]


def customers_of(entries: Iterable[IndexEntry]) -> tuple[KnownCustomer, ...]:
    """Put the customers together that these records tell of, by id.

    One whose own record is missing has no name yet and counts as active: whoever uses it reads it anew.
    """
    by_customer: dict[int, list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        by_customer[entry.customer].append(entry)
    return tuple(_customer(number, records) for number, records in sorted(by_customer.items()))


def _customer(number: int, records: list[IndexEntry]) -> KnownCustomer:
    own = next((one for one in records if one.kind == "customer"), None)
    contacts = [one for one in records if one.kind == "contact" and one.is_active]
    return KnownCustomer(
        id=str(number),
        name=own.name if own else "",
        is_active=own.is_active if own else True,
        merged_into=own.merged_into if own else "",
        address=own.address if own else None,
        emails=tuple(one.email for one in contacts if one.email),
        phones=tuple(one.phone for one in contacts if one.phone),
        locations=tuple(
            KnownLocation(id=one.ref, address=one.address, is_active=one.is_active)
            for one in records
            if one.kind == "location" and one.address
        ),
    )
