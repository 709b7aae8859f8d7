"""What the office enters by hand: customers with all they have, and arrival windows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.money_records import ArrivalWindow
from sandbox.servicetitan.records import Address, Contact, Customer, Location, PhoneSettings
from sandbox.servicetitan.state import Titan
from sandbox.strict import PeopleBody


class NewContact(PeopleBody):
    """One way to reach a customer."""

    type: Literal["Phone", "Email", "Fax", "MobilePhone"]
    value: str


class NewPlace(PeopleBody):
    """One location."""

    name: str | None = None
    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str = "USA"


class NewCustomer(PeopleBody):
    """A customer as the office would enter it; the first location is also the billing address."""

    name: str
    type: Literal["Residential", "Commercial"] = "Residential"
    active: bool = True
    contacts: list[NewContact] = Field(default_factory=list)
    locations: list[NewPlace] = Field(min_length=1)
    tags: list[str] = Field(default_factory=list)
    """Tag names."""


def enter_customer(titan: Titan, new: NewCustomer) -> Customer:
    """Keep the customer with everything it has."""
    made = {"created_on": titan.now(), "modified_on": titan.now()}
    tags = [named(titan.tag_types, name, "tag type").id for name in new.tags]
    places = [(one.name or new.name, Address(**one.model_dump(exclude={"name"}))) for one in new.locations]
    customer = Customer(
        id=titan.new_id(),
        name=new.name,
        type=new.type,
        active=new.active,
        address=places[0][1],
        tag_type_ids=tags,
        **made,
    )
    titan.customers[customer.id] = customer
    for one in new.contacts:
        phone = PhoneSettings(phone_number="" if one.type == "Email" else one.value)
        contact = Contact(
            id=titan.new_id(), customer_id=customer.id, type=one.type, value=one.value, phone_settings=phone, **made
        )
        titan.contacts[contact.id] = contact
    for name, address in places:
        place = Location(
            id=titan.new_id(), customer_id=customer.id, name=name, address=address, active=new.active, **made
        )
        titan.locations[place.id] = place
    return customer


def add_window(titan: Titan, start: str, end: str, units: list[int]) -> None:
    """Configure one arrival window."""
    length = sum(size * (int(late) - int(early)) for early, late, size in _spans(start, end))
    window = ArrivalWindow(
        id=titan.new_id(),
        start=start,
        duration=f"{length // 60:02d}:{length % 60:02d}",
        business_unit_ids=units,
        created_on=titan.now(),
    )
    titan.arrival_windows[window.id] = window


def named(records: dict[int, Any], name: str, what: str) -> Any:
    """Return the record of this name.

    Raises: RefusedError 400, listing the names there are.
    """
    for one in records.values():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in records.values())
    raise RefusedError(400, f"No {what} is called {name}. There are: {names}.")


def _spans(start: str, end: str) -> list[tuple[str, str, int]]:
    early, late = start.split(":"), end.split(":")
    return [(early[0], late[0], 60), (early[1], late[1], 1)]
