"""What the office does to customers: enter one with all it has, merge, deactivate, remove a contact."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.office_customers import NewCustomer, enter_customer
from sandbox.servicetitan.records import Customer
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")


class MergeBody(PeopleBody):
    """The customer that stays."""

    into: int


@router.post("/customers")
async def enter(request: Request, titan: TheTitan) -> JSONResponse:
    """Enter a customer with contacts, locations and tags; answers the ids."""
    customer = enter_customer(titan, await read_body(NewCustomer, request))
    return JSONResponse(
        {
            "customer_id": customer.id,
            "location_ids": [one.id for one in titan.locations.values() if one.customer_id == customer.id],
            "contact_ids": [one.id for one in titan.contacts.values() if one.customer_id == customer.id],
        }
    )


@router.post("/customers/{customer_id}/merge")
async def merge(request: Request, titan: TheTitan, customer_id: int) -> JSONResponse:
    """Merge the customer into another: it becomes inactive and points there; all it has moves over."""
    customer = found(titan.customers, customer_id, "Customer")
    body = await read_body(MergeBody, request)
    stays = found(titan.customers, body.into, "Customer", status=400)
    if stays.id == customer.id or not stays.active:
        raise RefusedError(400, "A customer is merged into another one that is active.")
    merge_customers(titan, customer, stays)
    return JSONResponse(customer.wire_for(None))


def merge_customers(titan: Titan, customer: Customer, stays: Customer) -> None:
    """Move everything to the customer that stays; the other becomes inactive and points there."""
    moving = (titan.contacts, titan.locations, titan.jobs, titan.appointments, titan.invoices, titan.payments)
    for records in (*moving, titan.memberships):
        for one in records.values():
            if one.customer_id == customer.id:
                one.customer_id = stays.id
                titan.touch(one)
    customer.active, customer.merged_to_id = False, stays.id
    stays.balance, customer.balance = stays.balance + customer.balance, customer.balance * 0
    titan.touch(customer)
    titan.touch(stays)


@router.post("/customers/{customer_id}/deactivate")
async def deactivate(titan: TheTitan, customer_id: int) -> JSONResponse:
    """Deactivate the customer and its locations."""
    customer = found(titan.customers, customer_id, "Customer")
    places = [one for one in titan.locations.values() if one.customer_id == customer.id]
    for record in (customer, *places):
        record.active = False
        titan.touch(record)
    return JSONResponse(customer.wire_for(None))


@router.post("/contacts/{contact_id}/remove")
async def remove_contact(titan: TheTitan, contact_id: int) -> JSONResponse:
    """Remove a contact: lists forget it, the export feed shows it as inactive."""
    contact = found(titan.contacts, contact_id, "Contact")
    contact.active = False
    titan.touch(contact)
    return JSONResponse(contact.wire() | {"active": contact.active})
