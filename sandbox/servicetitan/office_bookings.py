"""What the office does with a booking: takes it on, books one job or several from it, or makes a new one by hand."""

from __future__ import annotations

from datetime import timedelta

from pydantic import AwareDatetime, Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.booking_records import Booking
from sandbox.servicetitan.office import open_job, technician_named
from sandbox.servicetitan.office_customers import NewContact, NewCustomer, NewPlace, enter_customer
from sandbox.servicetitan.records import Customer, Job, Location
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import PeopleBody


class ConvertBody(PeopleBody):
    """How a booking becomes a job: for a new customer, or for a known one."""

    customer_id: int | None = None
    """A known customer; none: a new one is entered with what the booking says."""
    jobs: int = Field(1, ge=1, le=20)
    technician: str = "Dana Whitfield"
    start: AwareDatetime | None = None


def accept(titan: Titan, booking: Booking) -> None:
    """Take the booking on. Raise RefusedError 400 unless it is new."""
    if booking.status != "New":
        raise RefusedError(400, f"Booking {booking.id} is {booking.status}; only a new one is accepted.")
    booking.status = "Accepted"
    titan.touch(booking)


def convert(titan: Titan, booking: Booking, order: ConvertBody) -> list[Job]:
    """Book jobs from the booking. One that has jobs gets further ones; a dismissed one is taken back.

    Raises: RefusedError for an unknown or inactive customer, or an unknown technician.
    """
    technician = technician_named(titan, order.technician)
    customer, location = _whose(titan, booking, order.customer_id)
    start = order.start or titan.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    made = []
    for _ in range(order.jobs):
        job = open_job(titan, customer, location, summary=booking.summary or "")
        job.business_unit_id = booking.business_unit_id or job.business_unit_id
        job.job_type_id = booking.job_type_id or job.job_type_id
        job.campaign_id = booking.campaign_id or job.campaign_id
        job.priority = booking.priority or job.priority
        job.booking_id = booking.id
        titan.add_visit(job, start, start + timedelta(hours=2), [technician.id])
        made.append(job)
        became(titan, booking, job)
    return made


def became(titan: Titan, booking: Booking, job: Job) -> None:
    """Note that the booking became this job; the first one stays the booking's own [inferred]."""
    booking.status, booking.job_id = "Converted", booking.job_id or job.id
    booking.dismissing_reason_id, booking.dismissing_memo = None, ""
    titan.touch(booking)


def _whose(titan: Titan, booking: Booking, customer_id: int | None) -> tuple[Customer, Location]:
    if customer_id is None and booking.job_id in titan.jobs:
        customer_id = titan.jobs[booking.job_id].customer_id
    if customer_id is None:
        customer = enter_customer(titan, _as_customer(titan, booking))
        return customer, next(reversed(titan.locations.values()))
    customer = found(titan.customers, customer_id, "Customer", status=400)
    if not customer.active:
        raise RefusedError(400, f"Customer {customer_id} is not active.")
    for place in titan.locations.values():
        if place.customer_id == customer.id and place.active:
            return customer, place
    raise RefusedError(400, f"Customer {customer.id} has no location.")


def _as_customer(titan: Titan, booking: Booking) -> NewCustomer:
    """Return the customer a booking speaks of. The office asks for an address that is not there."""
    place = NewPlace(street="100 Sample Street", city="Birmingham", state="AL", zip="35203")
    if booking.address is not None:
        place = NewPlace(**booking.address.model_dump())
    contacts = [NewContact(type=one.type, value=one.value) for one in titan.booking_contacts.get(booking.id, [])]
    return NewCustomer(
        name=booking.name, type=booking.customer_type or "Residential", contacts=contacts, locations=[place]
    )
