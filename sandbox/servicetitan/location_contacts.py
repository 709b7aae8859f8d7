"""Contacts of locations, which are other records than a customer's. Source: crm-v2 [spec], FACTS 2.2."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.office_customers import NewContact
from sandbox.servicetitan.queries import PageQuery, page_of, titan_query
from sandbox.servicetitan.records import LocationContact, PhoneSettings
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, read_body

router = api("crm")
people = APIRouter(prefix="/_sandbox/servicetitan")


@router.get("/locations/{id}/contacts")
async def list_contacts(request: Request, titan: TheTitan, location_id: Id) -> JSONResponse:
    """List a location's contacts; locations and their list do not carry them."""
    query = titan_query(PageQuery, request)
    place = found(titan.locations, location_id, "Location")
    rows = [one for one in titan.location_contacts.values() if one.location_id == place.id and one.active]
    return page_of(rows, query)


@people.post("/locations/{location_id}/contacts")
async def add_contact(request: Request, titan: TheTitan, location_id: int) -> JSONResponse:
    """Enter a contact of the location alone."""
    place = found(titan.locations, location_id, "Location")
    sent = await read_body(NewContact, request)
    return JSONResponse({"contact_id": new_location_contact(titan, place.id, sent.type, sent.value).id})


@people.post("/location-contacts/{contact_id}/remove")
async def remove_contact(titan: TheTitan, contact_id: int) -> JSONResponse:
    """Remove a contact: lists forget it, the export feed shows it as inactive."""
    contact = found(titan.location_contacts, contact_id, "Contact")
    contact.active = False
    titan.touch(contact)
    return JSONResponse(contact.wire_of_feed())


def new_location_contact(
    titan: Titan,
    location: int,
    kind: Literal["Phone", "Email", "Fax", "MobilePhone"],
    value: str,
    memo: str | None = None,
) -> LocationContact:
    """Keep a contact of the location."""
    contact = LocationContact(
        id=titan.new_id(),
        location_id=location,
        type=kind,
        value=value,
        memo=memo,
        phone_settings=PhoneSettings(phone_number="" if kind == "Email" else value),
        created_on=titan.now(),
        modified_on=titan.now(),
    )
    titan.location_contacts[contact.id] = contact
    return contact
