"""Find, make and tag customers and locations. Source: crm-v2 [spec]; FACTS 2.1 to 2.3.

There is no e-mail filter on customers. The routes, cheapest first: our external data, the newer contact model, and an
index of our own that is fed by the contacts feed. How the vendor's filters match is not stated: compare again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

import httpx

from connectors.errors import RejectedError
from connectors.http import Query
from connectors.servicetitan.api import Api
from connectors.servicetitan.crm_schemas import (
    ContactMethod,
    ContactRelationship,
    ContactType,
    CreatedCustomer,
    CreatedLocation,
    CustomerFieldType,
    CustomerPatch,
    CustomersContact,
    ExportedLocationContact,
    NewContact,
    NewCustomer,
    NewLocation,
)
from connectors.servicetitan.external import ExternalKey
from connectors.servicetitan.schemas import Customer, ExportPage, Location
from connectors.wire import VendorModel

_ALSO_INACTIVE: Final[Query] = {"active": "Any"}
"""Merged and inactive records are hidden by default, and each is a reason to ask a person (FACTS 7.1, 7.3)."""

_Record = TypeVar("_Record", bound=VendorModel)


class CrmApi(Api):
    """Customers, their contacts and their locations. Their feeds: connectors/servicetitan/feeds.py."""

    async def list_customers_by_external_data(self, ours: ExternalKey, values: Iterable[str]) -> tuple[Customer, ...]:
        """Find customers by a value of our external data, inactive ones too. crm-v2 `GET /customers`."""
        path = self._path("crm", "customers")
        return await self._by_external_data(
            Customer, path, "looking for customers by our key", ours, values, _ALSO_INACTIVE
        )

    async def list_customers_by_phone(self, phone: str) -> tuple[Customer, ...]:
        """Find customers by a number of their contacts, inactive ones too; a blank finds nobody.

        crm-v2 `GET /customers`.
        """
        if not phone.strip():
            return ()
        query = {"phone": phone, **_ALSO_INACTIVE}
        return await self._all(Customer, self._path("crm", "customers"), "looking for customers by phone", query)

    async def list_customers_by_address(
        self, *, name: str = "", street: str = "", zip_code: str = ""
    ) -> tuple[Customer, ...]:
        """Find customers by what is given of name and address, inactive ones too; blanks find nobody.

        crm-v2 `GET /customers`.
        """
        given = {"name": name.strip(), "street": street.strip(), "zip": zip_code.strip()}
        if not any(given.values()):
            return ()
        return await self._all(
            Customer,
            self._path("crm", "customers"),
            "looking for customers by name and address",
            {**{field: value for field, value in given.items() if value}, **_ALSO_INACTIVE},
        )

    async def list_customers(self, ids: Iterable[int]) -> tuple[Customer, ...]:
        """Read customers by id, merged and inactive ones too. crm-v2 `GET /customers`."""
        return await self._by_ids(
            Customer, self._path("crm", "customers"), "reading customers", ids, query=_ALSO_INACTIVE
        )

    async def create_customer(self, customer: NewCustomer) -> CreatedCustomer:
        """Make a customer with its locations. Nothing keeps the same one from being made twice: look by external data.

        crm-v2 `POST /customers`. Raises AmbiguousWriteError when the answer was lost.
        """
        return await self._write_for(
            CreatedCustomer, "POST", self._path("crm", "customers"), "making a customer", customer
        )

    async def list_customer_custom_fields(self) -> tuple[CustomerFieldType, ...]:
        """Read the kinds of customer custom fields. crm-v2 `GET /customers/custom-fields`."""
        path = self._path("crm", "customers/custom-fields")
        return await self._all(CustomerFieldType, path, "reading the customer custom fields")

    async def patch_customer(self, customer_id: int, patch: CustomerPatch) -> Customer:
        """Change a customer; `custom_fields` must be the full list. Repeating it is harmless.

        crm-v2 `PATCH /customers/{id}`. Raises NotFoundError; AmbiguousWriteError when the answer was lost.
        """
        path = self._path("crm", f"customers/{customer_id}")
        return await self._write_for(Customer, "PATCH", path, f"writing the fields of customer {customer_id}", patch)

    async def tag_customer(self, customer_id: int, tag_type_id: int) -> None:
        """Add one tag and leave the others. crm-v2 `POST /customers/{id}/tags/{tagTypeId}`."""
        path = self._path("crm", f"customers/{customer_id}/tags/{tag_type_id}")
        await self._write("POST", path, f"tagging customer {customer_id}")

    async def add_customer_contact(self, customer_id: int, contact: NewContact) -> None:
        """Add one contact; the vendor does not look whether it is there. crm-v2 `POST /customers/{id}/contacts`."""
        path = self._path("crm", f"customers/{customer_id}/contacts")
        await self._write("POST", path, f"adding a contact to customer {customer_id}", contact)

    async def list_contacts_of(self, customer_ids: Iterable[int]) -> tuple[CustomersContact, ...]:
        """Read the classic contacts of several customers, fifty at a time. crm-v2 `GET /customers/contacts`."""
        path = self._path("crm", "customers/contacts")
        return await self._by_ids(CustomersContact, path, "reading contacts", customer_ids, name="customerIds")

    async def list_contact_methods(self, kind: ContactType, value: str) -> tuple[ContactMethod, ...] | None:
        """Find contacts of the newer model by e-mail address or number; None when our access does not cover it.

        A blank finds nobody. Whether classic contacts show up here is not stated (FACTS 2.1).
        crm-v2 `GET /contacts/contact-methods`.
        """
        if not value.strip():
            return ()
        path = self._path("crm", "contacts/contact-methods")
        return await self._if_allowed(
            ContactMethod, path, "looking for contacts", {"type": kind, "value": value, "sort": "+CreatedOn"}
        )

    async def list_contact_customers(self, contact_id: str) -> tuple[ContactRelationship, ...] | None:
        """Read which customers a contact of the newer model belongs to; None when our access does not cover it.

        crm-v2 `GET /contacts/{contactId}/relationships`. Raises NotFoundError.
        """
        path = self._path("crm", f"contacts/{contact_id}/relationships")
        return await self._if_allowed(
            ContactRelationship, path, "reading whose contact it is", {"typeSlug": "customer"}
        )

    def export_location_contacts(
        self, continue_from: str = "", *, recent: bool = False
    ) -> AsyncIterator[ExportPage[ExportedLocationContact]]:
        """Yield pages of locations' contacts changed since a token, removed ones too.

        crm-v2 `GET /export/locations/contacts`.
        """
        path = self._path("crm", "export/locations/contacts")
        return self._export(
            ExportedLocationContact, path, "reading the location contacts feed", continue_from, recent=recent
        )

    async def list_locations_by_id(self, ids: Iterable[int]) -> tuple[Location, ...]:
        """Read locations by id, inactive ones too. crm-v2 `GET /locations`."""
        path = self._path("crm", "locations")
        return await self._by_ids(Location, path, "reading locations", ids, query=_ALSO_INACTIVE)

    async def list_locations(self, customer_id: int) -> tuple[Location, ...]:
        """Read the locations of a customer, inactive ones too. crm-v2 `GET /locations`."""
        return await self._all(
            Location,
            self._path("crm", "locations"),
            f"reading the locations of customer {customer_id}",
            {"customerId": customer_id, **_ALSO_INACTIVE},
        )

    async def list_locations_by_external_data(self, ours: ExternalKey, values: Iterable[str]) -> tuple[Location, ...]:
        """Find locations by a value of our external data, inactive ones too. crm-v2 `GET /locations`."""
        path = self._path("crm", "locations")
        return await self._by_external_data(
            Location, path, "looking for locations by our key", ours, values, _ALSO_INACTIVE
        )

    async def create_location(self, location: NewLocation) -> CreatedLocation:
        """Add a location to a customer; look by external data before repeating it. crm-v2 `POST /locations`.

        409, as RejectedError: there is no such customer.
        """
        doing = f"adding a location to customer {location.customer_id}"
        return await self._write_for(CreatedLocation, "POST", self._path("crm", "locations"), doing, location)

    async def tag_location(self, location_id: int, tag_type_id: int) -> None:
        """Add one tag and leave the others. crm-v2 `POST /locations/{id}/tags/{tagTypeId}`."""
        path = self._path("crm", f"locations/{location_id}/tags/{tag_type_id}")
        await self._write("POST", path, f"tagging location {location_id}")

    async def _if_allowed(
        self, model: type[_Record], path: str, doing: str, query: Query
    ) -> tuple[_Record, ...] | None:
        try:
            return await self._all(model, path, doing, query)
        except RejectedError as refused:
            if refused.status != httpx.codes.FORBIDDEN:
                raise
            return None
