"""Customers, contacts, locations. Source: crm-v2, FACTS 2.1."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.queries import (
    ActiveOnly,
    Dates,
    External,
    Ids,
    PageQuery,
    Sorted,
    among,
    is_or_any,
    no_query,
    page_of,
    says,
    titan_query,
)
from sandbox.servicetitan.records import Address, Contact
from sandbox.servicetitan.state import found
from sandbox.strict import Id, QueryBool, QueryIds, QueryInt

router = api("crm")


class PlacesQuery(Ids, Dates, ActiveOnly, Sorted, External):
    """What customers and locations can be searched by. The match rule is not published; "contains" here."""

    name: str | None = None
    street: str | None = None
    unit: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def is_at(self, address: Address) -> bool:
        """Tell whether the address fits."""
        words = ("street", "unit", "city", "state", "zip", "country")
        return all(says(getattr(self, name), getattr(address, name)) for name in words) and all(
            is_or_any(getattr(self, name), getattr(address, name)) for name in ("latitude", "longitude")
        )


class CustomersQuery(PlacesQuery):
    """Source: crm-v2 `GET /customers`; there is no email filter."""

    phone: str | None = None
    exclude_accounting_changes_from_modified_date_range: QueryBool | None = None


class FieldTypesQuery(Dates, Sorted):
    """Source: crm-v2 `GET /customers/custom-fields`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "name"})


class LocationsQuery(PlacesQuery):
    """Source: crm-v2 `GET /locations`."""

    customer_id: QueryInt | None = None


@router.get("/customers")
async def list_customers(request: Request, titan: TheTitan) -> JSONResponse:
    """List customers."""
    query = titan_query(CustomersQuery, request)
    wanted = _digits(query.phone or "")
    callers = {
        one.customer_id
        for one in (titan.contacts.values() if wanted else ())
        if one.active and one.type != "Email" and _digits(one.value) == wanted
    }
    rows = [
        one
        for one in among(titan.customers, query.ids)
        if (query.phone is None or one.id in callers)
        and query.holds_external(one)
        and says(query.name, one.name)
        and query.is_at(one.address)
        and query.admits(one)
    ]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


class AllContactsQuery(Dates):
    """Source: crm-v2 `GET /customers/contacts`: needs customerIds or a modified date; no value filter."""

    customer_ids: QueryIds | None = None


@router.get("/customers/contacts")
async def list_all_contacts(request: Request, titan: TheTitan) -> JSONResponse:
    """List contacts of several customers, or those changed lately."""
    query = titan_query(AllContactsQuery, request)
    if query.customer_ids is None and query.modified_before is None and query.modified_on_or_after is None:
        raise RefusedError(400, "customerIds, modifiedBefore or modifiedOnOrAfter must be sent.")
    rows = [
        one
        for one in titan.contacts.values()
        if one.active and query.admits(one) and (query.customer_ids is None or one.customer_id in query.customer_ids)
    ]
    return page_of(rows, query, lambda one: one.wire() | {"customerId": one.customer_id})


@router.get("/customers/custom-fields")
async def list_custom_fields(request: Request, titan: TheTitan) -> JSONResponse:
    """List the custom fields a customer can have."""
    query = titan_query(FieldTypesQuery, request)
    return page_of([one for one in titan.customer_field_types.values() if query.admits(one)], query)


@router.get("/customers/{id}")
async def get_customer(request: Request, titan: TheTitan, customer_id: Id) -> JSONResponse:
    """Read one customer, also one that was merged away (inactive, `mergedToId`)."""
    no_query(request)
    return JSONResponse(found(titan.customers, customer_id, "Customer").wire_for(None))


@router.get("/customers/{id}/contacts")
async def list_contacts(request: Request, titan: TheTitan, customer_id: Id) -> JSONResponse:
    """List a customer's contacts; customers and their list do not carry them."""
    query = titan_query(PageQuery, request)
    customer = found(titan.customers, customer_id, "Customer")
    rows: list[Contact] = [one for one in titan.contacts.values() if one.customer_id == customer.id and one.active]
    return page_of(rows, query)


@router.get("/locations")
async def list_locations(request: Request, titan: TheTitan) -> JSONResponse:
    """List locations."""
    query = titan_query(LocationsQuery, request)
    rows = [
        one
        for one in among(titan.locations, query.ids)
        if is_or_any(query.customer_id, one.customer_id)
        and query.holds_external(one)
        and says(query.name, one.name)
        and query.is_at(one.address)
        and query.admits(one)
    ]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


@router.get("/locations/{id}")
async def get_location(request: Request, titan: TheTitan, location_id: Id) -> JSONResponse:
    """Read one location."""
    no_query(request)
    return JSONResponse(found(titan.locations, location_id, "Location").wire_for(None))


@lru_cache(maxsize=50_000)
def _digits(text: str) -> str:
    """Return the last ten digits, so that +1 and punctuation do not matter."""
    return re.sub(r"\D", "", text)[-10:]
