"""What the feeds' quick reading keeps of a record is what the careful one keeps: else it would count as changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.servicetitan.crm_schemas import CustomersContact
from connectors.servicetitan.feeds import FeedContact, FeedCustomer, FeedLocation
from connectors.servicetitan.schemas import Customer, Location
from tasks.contact_index import (
    entry_of_contact,
    entry_of_customer,
    entry_of_location,
    row_of_contact,
    row_of_customer,
    row_of_location,
)

HOME = {"street": "12 Elm Street Apt 4", "unit": None, "city": "Hoover", "state": "AL", "zip": "35244"}
ABROAD = {**HOME, "unit": "4B", "country": "Canada", "zip": "K1A 0B1"}


@pytest.mark.parametrize(
    "told",
    [
        {"id": 1},
        {"id": 1, "name": "Robin Sample", "address": HOME, "type": "Commercial", "doNotMail": True},
        {"id": 2, "name": None, "active": False, "mergedToId": 9, "address": {**HOME, "country": "USA"}},
        {"id": 3, "address": ABROAD, "customFields": [{"typeId": 7, "name": "Plan", "value": "Gold"}]},
        {"id": 4, "customFields": [{"typeId": 7, "name": "Plan", "value": None}, {"typeId": 8, "value": "x"}]},
    ],
)
def test_a_customer(told: dict[str, Any]) -> None:
    assert (
        row_of_customer(msgspec.convert(told, FeedCustomer)) == entry_of_customer(Customer.model_validate(told)).row()
    )


@pytest.mark.parametrize("kind", ["Email", "MobilePhone", "Fax"])
@pytest.mark.parametrize("value", ["pat@example.com", "(205) 555-0123", "2055550123 or 205-555-0199", None])
@pytest.mark.parametrize("preferences", [None, {"marketingUpdatesEnabled": False}, {}])
def test_a_contact(kind: str, value: str | None, preferences: dict[str, Any] | None) -> None:
    told = {"id": 5, "customerId": 1, "type": kind, "value": value, "preferences": preferences}
    careful = entry_of_contact(CustomersContact.model_validate(told), 1)
    assert row_of_contact(msgspec.convert(told, FeedContact)) == careful.row()


@pytest.mark.parametrize("address", [HOME, ABROAD, None])
def test_a_location(address: dict[str, Any] | None) -> None:
    told = {"id": 6, "customerId": 1, "active": False, "address": address}
    careful = entry_of_location(Location.model_validate(told)).row()
    assert row_of_location(msgspec.convert(told, FeedLocation)) == careful
