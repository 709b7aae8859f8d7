"""Creating customers, locations and contacts, and their tags. Source: crm-v2, FACTS 2.2 and 2.3."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import (
    AddressBody,
    CustomFieldBody,
    NewContactBody,
    NewExternalBody,
    check_fields,
    check_tags,
    write_external,
)
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.location_contacts import new_location_contact
from sandbox.servicetitan.queries import no_query
from sandbox.servicetitan.records import Contact, Customer, Location, PhoneSettings
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, Number, StrictBody, read_body

router = api("crm")

TagId = Annotated[int, Path(alias="tag_id")]


class PlaceBody(StrictBody):
    """Source: crm-v2 `NewLocation`."""

    name: str
    address: AddressBody
    contacts: list[NewContactBody] | None = None
    custom_fields: list[CustomFieldBody] | None = None
    tag_type_ids: list[int] | None = None
    external_data: NewExternalBody | None = None
    coordinates_source: Literal["None", "System", "User", "Imported"] | None = None
    coordinates_verification_status: Literal["Unverified", "InProgress", "Failed", "Verified"] | None = None


class LocationBody(PlaceBody):
    """Source: crm-v2 `CreateLocationRequest`."""

    customer_id: int


class CustomerBody(StrictBody):
    """Source: crm-v2 `CreateCustomerRequest`. Every customer has at least one location [docs:crm]."""

    name: str
    type: Literal["Residential", "Commercial"] | None = None
    do_not_mail: bool | None = None
    do_not_service: bool | None = None
    national_account: bool | None = None
    locations: list[PlaceBody] = Field(min_length=1)
    address: AddressBody
    contacts: list[NewContactBody] | None = None
    custom_fields: list[CustomFieldBody] | None = None
    tag_type_ids: list[int] | None = None
    external_data: NewExternalBody | None = None
    tax_exempt: bool | None = None
    payment_term_id: int | None = None
    credit_limit: Number | None = None
    credit_limit_balance: Number | None = None


@router.post("/customers")
async def create_customer(request: Request, titan: TheTitan) -> JSONResponse:
    """Create a customer with its locations and contacts. Nothing keeps the same person from being created twice."""
    no_query(request)
    body = await read_body(CustomerBody, request)
    made = {"created_on": titan.now(), "modified_on": titan.now()}
    customer = Customer(
        id=titan.new_id(),
        name=_named(body.name),
        type=body.type or "Residential",
        address=body.address.kept(),
        custom_fields=check_fields(titan.customer_field_types, body.custom_fields or []),
        tax_exempt=bool(body.tax_exempt),
        tag_type_ids=check_tags(titan, body.tag_type_ids or []),
        do_not_mail=bool(body.do_not_mail),
        do_not_service=bool(body.do_not_service),
        national_account=bool(body.national_account),
        payment_term_id=body.payment_term_id,
        credit_limit=body.credit_limit,
        credit_limit_balance=body.credit_limit_balance,
        **made,
    )
    # Everything is checked before anything is kept: a refused create leaves no trace.
    places = [_new_place(titan, customer, place) for place in body.locations]
    contacts = [_new_contact(titan, customer.id, one) for one in body.contacts or []]
    guid = write_external(customer, body.external_data)
    titan.customers[customer.id] = customer
    titan.contacts |= {one.id: one for one in contacts}
    shown = [_keep_place(titan, place, sent) for place, sent in zip(places, body.locations, strict=True)]
    answer = customer.wire_for(guid) | {"locations": shown, "contacts": [one.short() for one in contacts]}
    return JSONResponse(answer)


@router.post("/locations")
async def create_location(request: Request, titan: TheTitan) -> JSONResponse:
    """Add a location to a customer; 409 for an unknown customer [spec]."""
    no_query(request)
    body = await read_body(LocationBody, request)
    customer = found(titan.customers, body.customer_id, "Customer", status=409)
    place = _new_place(titan, customer, body)
    return JSONResponse(_keep_place(titan, place, body))


@router.post("/customers/{id}/contacts")
async def add_contact(request: Request, titan: TheTitan, customer_id: Id) -> JSONResponse:
    """Add a contact to a customer. The same value may be added twice."""
    no_query(request)
    customer = found(titan.customers, customer_id, "Customer")
    body = await read_body(NewContactBody, request)
    contact = _new_contact(titan, customer.id, body)
    titan.contacts[contact.id] = contact
    return JSONResponse(contact.wire())


@router.post("/customers/{id}/tags/{tag_id}")
async def tag_customer(request: Request, titan: TheTitan, customer_id: Id, tag_id: TagId) -> JSONResponse:
    """Tag a customer; 409 when it has the tag already."""
    no_query(request)
    customer = found(titan.customers, customer_id, "Customer")
    return JSONResponse({"customerId": customer.id, "tagTypeIds": _tag(titan, customer, tag_id)})


@router.delete("/customers/{id}/tags/{tag_id}")
async def untag_customer(request: Request, titan: TheTitan, customer_id: Id, tag_id: TagId) -> Response:
    """Take a tag off a customer; 404 when it has none such."""
    no_query(request)
    _untag(titan, found(titan.customers, customer_id, "Customer"), tag_id)
    return Response(status_code=200)


@router.post("/locations/{id}/tags/{tag_id}")
async def tag_location(request: Request, titan: TheTitan, location_id: Id, tag_id: TagId) -> JSONResponse:
    """Tag a location; 409 when it has the tag already."""
    no_query(request)
    location = found(titan.locations, location_id, "Location")
    return JSONResponse({"locationId": location.id, "tagTypeIds": _tag(titan, location, tag_id)})


@router.delete("/locations/{id}/tags/{tag_id}")
async def untag_location(request: Request, titan: TheTitan, location_id: Id, tag_id: TagId) -> Response:
    """Take a tag off a location; 404 when it has none such."""
    no_query(request)
    _untag(titan, found(titan.locations, location_id, "Location"), tag_id)
    return Response(status_code=200)


def _tag(titan: Titan, record: Customer | Location, tag_id: int) -> list[int]:
    tag = found(titan.tag_types, tag_id, "Tag type")
    if not tag.active:
        raise RefusedError(400, f"Tag type {tag_id} is not active.", {"tagTypeId": ["not active"]})
    if tag_id in record.tag_type_ids:
        raise RefusedError(409, f"The record has the tag {tag.name} already.")
    record.tag_type_ids = [*record.tag_type_ids, tag_id]
    titan.touch(record)
    return record.tag_type_ids


def _untag(titan: Titan, record: Customer | Location, tag_id: int) -> None:
    if tag_id not in record.tag_type_ids:
        raise RefusedError(404, "The record does not have this tag.")
    record.tag_type_ids = [one for one in record.tag_type_ids if one != tag_id]
    titan.touch(record)


def _named(name: str) -> str:
    if not name.strip():
        raise RefusedError(400, "A name is needed.", {"name": ["must not be empty"]})
    return name


def _new_contact(titan: Titan, customer_id: int, sent: NewContactBody) -> Contact:
    if not sent.value.strip():
        raise RefusedError(400, "A contact needs a value.", {"contacts.value": ["must not be empty"]})
    phone = "" if sent.type == "Email" else sent.value
    return Contact(
        id=titan.new_id(),
        customer_id=customer_id,
        type=sent.type,
        value=sent.value,
        memo=sent.memo,
        phone_settings=PhoneSettings(phone_number=phone),
        created_on=titan.now(),
        modified_on=titan.now(),
    )


def _new_place(titan: Titan, customer: Customer, sent: PlaceBody) -> Location:
    for contact in sent.contacts or []:
        _new_contact(titan, customer.id, contact)  # refused here, before anything is kept
    return Location(
        id=titan.new_id(),
        customer_id=customer.id,
        name=_named(sent.name),
        address=sent.address.kept(),
        custom_fields=check_fields({}, sent.custom_fields or []),
        tag_type_ids=check_tags(titan, sent.tag_type_ids or []),
        created_on=titan.now(),
        modified_on=titan.now(),
    )


def _keep_place(titan: Titan, place: Location, sent: PlaceBody) -> dict[str, Any]:
    """Keep the location with its contacts, which are copied to the customer as separate records [docs:crm]."""
    guid = write_external(place, sent.external_data)
    titan.locations[place.id] = place
    contacts = []
    for one in sent.contacts or []:
        copy = _new_contact(titan, place.customer_id, one)
        titan.contacts[copy.id] = copy
        contacts.append(new_location_contact(titan, place.id, one.type, one.value, one.memo).short())
    return place.wire_for(guid) | {"contacts": contacts}
