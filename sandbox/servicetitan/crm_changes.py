"""Changing customers and locations. Source: crm-v2 `PATCH`; lists are full lists, and nothing may be null [spec]."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import GUID, ExternalBody, check_fields, check_tags, write_external
from sandbox.servicetitan.bodies import AddressBody as NewAddressBody
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.queries import no_query
from sandbox.servicetitan.records import Customer, Location
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, Number, StrictBody, read_body

router = api("crm")


class FieldBody(StrictBody):
    """Source: crm-v2 `CustomFieldUpdateModel`."""

    type_id: int
    value: str


class AddressBody(NewAddressBody):
    """Source: crm-v2 `AddressPatchModel`: unlike in a create, the unit must be there."""

    unit: str


class CustomerAddressBody(AddressBody):
    """Source: crm-v2 `UpdateCustomerAddress`: all of it must be there."""

    latitude: float
    longitude: float


def _no_address() -> CustomerAddressBody:
    return CustomerAddressBody.model_construct(
        street="", unit="", city="", state="", zip="", country="", latitude=0, longitude=0
    )


def _no_external() -> ExternalBody:
    return ExternalBody.model_construct(application_guid=GUID, external_data=[])


class CustomerPatch(StrictBody):
    """Source: crm-v2 `UpdateCustomerRequest`."""

    name: str = Field("", min_length=1)
    type: Literal["Residential", "Commercial"] = "Residential"
    address: CustomerAddressBody = Field(default_factory=_no_address)
    custom_fields: list[FieldBody] = Field(default_factory=list)
    external_data: ExternalBody = Field(default_factory=_no_external)
    do_not_mail: bool = False
    do_not_service: bool = False
    national_account: bool = False
    active: bool = True
    tag_type_ids: list[int] = Field(default_factory=list)
    tax_exempt: bool = False
    payment_term_id: int = 0
    credit_limit: Number = Decimal(0)
    credit_limit_balance: Number = Decimal(0)


class LocationPatch(StrictBody):
    """Source: crm-v2 `UpdateLocationRequest`."""

    customer_id: int = 0
    name: str = Field("", min_length=1)
    address: AddressBody = Field(default_factory=_no_address)
    active: bool = True
    tax_zone_id: int = 0
    custom_fields: list[FieldBody] = Field(default_factory=list)
    tag_type_ids: list[int] = Field(default_factory=list)
    external_data: ExternalBody = Field(default_factory=_no_external)


@router.patch("/customers/{id}")
async def patch_customer(request: Request, titan: TheTitan, customer_id: Id) -> JSONResponse:
    """Change a customer. Only what is sent changes."""
    no_query(request)
    customer = found(titan.customers, customer_id, "Customer")
    body = await read_body(CustomerPatch, request)
    return _write(titan, customer, body, _fields(titan, body))


@router.patch("/locations/{id}")
async def patch_location(request: Request, titan: TheTitan, location_id: Id) -> JSONResponse:
    """Change a location. Only what is sent changes."""
    no_query(request)
    location = found(titan.locations, location_id, "Location")
    body = await read_body(LocationPatch, request)
    if body.sent("customer_id"):
        found(titan.customers, body.customer_id, "Customer", status=400)
    if body.sent("tax_zone_id"):
        found(titan.tax_zones, body.tax_zone_id, "Tax zone", status=400)
    return _write(titan, location, body, _fields(titan, body))


def _fields(titan: Titan, body: CustomerPatch | LocationPatch) -> dict[str, Any]:
    """Return what was sent as the record's own fields; refuse what cannot be kept."""
    sent = {name: getattr(body, name) for name in body.model_fields_set if name != "external_data"}
    if "address" in sent:
        sent["address"] = sent["address"].kept()
    if "tag_type_ids" in sent:
        sent["tag_type_ids"] = check_tags(titan, sent["tag_type_ids"])
    if "custom_fields" in sent:
        # The sandbox has no custom fields of locations, so that none but an empty list passes there.
        kinds = titan.customer_field_types if isinstance(body, CustomerPatch) else {}
        sent["custom_fields"] = check_fields(kinds, sent["custom_fields"])
    if "name" in sent and not sent["name"].strip():
        raise RefusedError(400, "A name is needed.", {"name": ["must not be empty"]})
    return sent


def _write(
    titan: Titan, record: Customer | Location, body: CustomerPatch | LocationPatch, fields: dict[str, Any]
) -> JSONResponse:
    if titan.switches.customer_fields == "merge" and isinstance(record, Customer) and "custom_fields" in fields:
        told = {one.type_id for one in fields["custom_fields"]}
        fields["custom_fields"] = [
            *(one for one in record.custom_fields if one.type_id not in told),
            *fields["custom_fields"],
        ]
    for name, value in fields.items():
        setattr(record, name, value)
    guid = write_external(record, body.external_data if body.sent("external_data") else None)
    titan.touch(record)
    return JSONResponse(record.wire_for(guid))
