"""What a customer or a location looks like that is made for a store order: everything as the buyer typed it.

Source: contracts/contractor_commerce/CHECKLIST.md OI-4, OI-13, OI-14, OI-18, OI-71; servicetitan/FACTS.md 2.2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from decisions.matching import Match
from decisions.people import country_key, email_key, email_keys, phone_keys, postal_key
from models.address import Address
from models.errors import HeldError
from models.order_sync import CustomerAccount
from models.store_order import PlaceTyped, StoreOrder


@dataclass(frozen=True, slots=True)
class Found:
    """Whose order it is, and what was read of them on the way, so that nothing is read twice."""

    match: Match
    account: CustomerAccount | None = None
    """The matched customer at the matched location, with their tags as read just now. None: there is none yet."""
    customer_tags: tuple[int, ...] | None = None
    """The matched customer's tags as read just now; None when nobody matched."""


@dataclass(frozen=True, slots=True)
class AccountContact:
    """One way to reach the buyer. `field` is where it stands in the order."""

    field: str
    kind: Literal["Email", "Phone"]
    value: str


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A location to make."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A customer to make, with the one location the order is for."""

    name: str
    kind: Literal["Residential", "Commercial"]
    address: Address
    """Where bills go: the order's billing address when it is whole, else the service address."""
    place: NewPlace
    contacts: tuple[AccountContact, ...]


def new_account(order: StoreOrder) -> NewAccount:
    """Return the customer to make for an order. A company's name comes before a person's, and makes it Commercial.

    Raises: HeldError naming the field that ServiceTitan asks for and the order lacks.
    """
    place = new_place(order)
    bill_to = order.billing_address
    return NewAccount(
        name=buyer_name(order),
        kind="Commercial" if order.buyer.company_name.strip() else "Residential",
        address=_address(bill_to) if bill_to and _is_whole(bill_to) else place.address,
        place=place,
        contacts=contacts_of(order),
    )


def new_place(order: StoreOrder) -> NewPlace:
    """Return the location to make for an order, called as the buyer called it, else as the buyer is called.

    Raises: HeldError naming the field that ServiceTitan asks for and the order lacks.
    """
    place = order.service_address
    for field, value in _needed(place).items():
        if not value.strip():
            raise HeldError(
                f"The service address has no {field}, and ServiceTitan takes no address without it.",
                f"Enter the service address's {field} in the store.",
                f"service_address.{field}",
            )
    return NewPlace(place.name.strip() or buyer_name(order), _address(place))


def buyer_names(order: StoreOrder) -> tuple[str, ...]:
    """Return what the buyer may be called: the company, then the person; as typed, what there is of them."""
    buyer = order.buyer
    person = " ".join(part for part in (buyer.first_name.strip(), buyer.last_name.strip()) if part)
    return tuple(name for name in (buyer.company_name.strip(), person) if name)


def buyer_name(order: StoreOrder) -> str:
    """Return what a new customer is called. Raises HeldError when the order names nobody (OI-18)."""
    for name in buyer_names(order):
        return name
    raise HeldError("The order names no buyer.", "Enter the buyer's name in the store.", "customer.first_name")


def contacts_of(order: StoreOrder) -> tuple[AccountContact, ...]:
    """Return the buyer's contacts as typed. What is no e-mail or no phone is left out: matching has warned of it.

    A phone field with several numbers stays one contact; a second field that says the same is left out.
    """
    buyer = order.buyer
    contacts = [AccountContact("email", "Email", buyer.email.strip())] if email_key(buyer.email) else []
    seen: set[str] = set()
    for field, typed in (("phone", buyer.phone.strip()), ("phone_alternate", buyer.phone_alternate.strip())):
        keys = phone_keys(typed)
        if not keys <= seen:
            contacts.append(AccountContact(field, "Phone", typed))
        seen |= keys
    return tuple(contacts)


def further_contacts(
    order: StoreOrder, *, emails: Collection[str], phones: Collection[str]
) -> tuple[AccountContact, ...]:
    """Return the buyer's usable contacts that a known customer, reached by these, does not have yet."""
    known_emails, known_phones = email_keys(emails), phone_keys(*phones)
    return tuple(
        contact
        for contact in contacts_of(order)
        if (contact.kind == "Email" and email_key(contact.value) not in known_emails)
        or (contact.kind == "Phone" and phone_keys(contact.value) - known_phones)
    )


def _needed(place: PlaceTyped) -> dict[str, str]:
    """Return what an address must have. Street and postal code were looked at by matching."""
    return {"street": place.line1, "city": place.city, "state": place.state, "zip": place.zip}


def _is_whole(place: PlaceTyped) -> bool:
    return all(value.strip() for value in _needed(place).values())


def _address(place: PlaceTyped) -> Address:
    return Address(
        street=place.line1.strip(),
        unit=place.line2.strip(),
        city=place.city.strip(),
        state=place.state.strip(),
        zip=place.zip.strip(),
        country=place.country.strip() or _country_of(place),
    )


def _country_of(place: PlaceTyped) -> str:
    """Return the country that the postal code tells: where none is named, it is one of these two."""
    is_canadian = not postal_key(place.zip, "US") and bool(postal_key(place.zip, "CA"))
    return country_key("CA" if is_canadian else "US")
