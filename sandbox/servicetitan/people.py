"""The people's side of ServiceTitan: what the office and the technicians do in their own screens."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.office import (
    Diagnosis,
    NewJob,
    book_job,
    complete,
    diagnose,
    job_numbered,
    remove_item,
    set_status,
    technician_named,
)
from sandbox.servicetitan.office_customers import named
from sandbox.servicetitan.records import CustomField
from sandbox.servicetitan.state import found
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")
Number = Annotated[str, Path(alias="number")]


class CustomerChange(PeopleBody):
    """What the office changes on a customer; vendor's spelling, so that it reads like the record."""

    doNotMail: bool | None = None  # noqa: N815 - the vendor's spelling
    doNotService: bool | None = None  # noqa: N815
    active: bool | None = None
    mergedToId: int | None = None  # noqa: N815
    name: str | None = None
    email: str | None = None
    customFields: dict[str, str] | None = None  # noqa: N815
    """Values by field name; the other fields stay, an empty value takes one out."""
    jobRemindersEnabled: bool | None = None  # noqa: N815
    doNotText: bool | None = None  # noqa: N815


class JobChange(PeopleBody):
    """What the office changes on a job by hand."""

    notifications_enabled: bool | None = None
    status: Literal["Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled"] | None = None
    technician: str | None = None
    custom_fields: dict[str, str] | None = None
    """Values by field name; the other fields stay."""


class ItemChoice(PeopleBody):
    """Which item of the estimate; none: the first."""

    item_id: int | None = None


@router.post("/jobs")
async def book(request: Request, titan: TheTitan) -> JSONResponse:
    """Book a job with a new customer."""
    job = book_job(titan, await read_body(NewJob, request))
    visit = titan.visits(job)[0]
    assignments = [one.id for one in titan.assignments.values() if one.appointment_id == visit.id]
    return JSONResponse(
        {
            "job_id": job.id,
            "job_number": job.job_number,
            "customer_id": job.customer_id,
            "location_id": job.location_id,
            "appointment_id": visit.id,
            "assignment_id": assignments[0],
        }
    )


@router.post("/jobs/{number}")
async def change_job(request: Request, titan: TheTitan, number: Number) -> JSONResponse:
    """Change a job by hand."""
    job = job_numbered(titan, number)
    change = await read_body(JobChange, request)
    if change.technician is not None:
        technician = technician_named(titan, change.technician)
        for one in titan.assignments.values():
            if one.job_id == job.id:
                one.technician_id, one.technician_name = technician.id, technician.name
                one.modified_on = titan.now()
    if change.notifications_enabled is not None:
        job.notifications_enabled = change.notifications_enabled
    if change.status is not None:
        set_status(titan, job, change.status)
    if change.custom_fields is not None:
        kinds = {kind.name: kind for kind in titan.field_types.values()}
        kept = [one for one in job.custom_fields if one.name not in change.custom_fields]
        added = [
            CustomField(type_id=kinds[name].id, name=name, value=value)
            for name, value in change.custom_fields.items()
            if name in kinds
        ]
        job.custom_fields = kept + added
    titan.touch(job)
    return JSONResponse(titan.job_state(job))


@router.post("/jobs/{number}/diagnose")
async def write_diagnosis(request: Request, titan: TheTitan, number: Number) -> JSONResponse:
    """Write a diagnosed part into the job: as an estimate item, in its custom fields, or as a form."""
    job = job_numbered(titan, number)
    found_part = await read_body(Diagnosis, request)
    made = diagnose(titan, job, found_part)
    return JSONResponse({"job_id": job.id, "job_number": job.job_number, **made})


@router.post("/jobs/{number}/cancel")
async def cancel(titan: TheTitan, number: Number) -> JSONResponse:
    """Cancel the job, as the office would."""
    job = job_numbered(titan, number)
    titan.cancel(job, "Canceled by the office")
    return JSONResponse(titan.job_state(job))


@router.post("/jobs/{number}/complete")
async def finish(titan: TheTitan, number: Number) -> JSONResponse:
    """Complete the job, as the technician would."""
    job = job_numbered(titan, number)
    complete(titan, job)
    return JSONResponse(titan.job_state(job))


@router.post("/jobs/{number}/release")
async def release(titan: TheTitan, number: Number) -> JSONResponse:
    """Take the job and its visits off hold, as the office would."""
    job = job_numbered(titan, number)
    for visit in titan.visits(job):
        if visit.status == "Hold":
            visit.status = "Scheduled"
            titan.touch(visit)
    titan.release(job)
    return JSONResponse(titan.job_state(job))


@router.post("/jobs/{number}/delete")
async def delete(titan: TheTitan, number: Number) -> JSONResponse:
    """Make the job vanish, as after a merge: reads answer 404."""
    job = job_numbered(titan, number)
    del titan.jobs[job.id]
    return JSONResponse({"deleted": job.job_number})


@router.post("/customers/{customer_id}")
async def change_customer(request: Request, titan: TheTitan, customer_id: int) -> JSONResponse:
    """Change a customer: consent, name, email, or merge it into another."""
    customer = found(titan.customers, customer_id, "Customer")
    change = await read_body(CustomerChange, request)
    fields: dict[str, Any] = {
        "do_not_mail": change.doNotMail,
        "do_not_service": change.doNotService,
        "active": change.active,
        "merged_to_id": change.mergedToId,
        "name": change.name,
    }
    for name, value in fields.items():
        if value is not None:
            setattr(customer, name, value)
    if change.customFields is not None:
        kinds = titan.customer_field_types
        kept = [one for one in customer.custom_fields if one.name not in change.customFields]
        customer.custom_fields = kept + [
            CustomField(type_id=named(kinds, name, "custom field").id, name=name, value=value)
            for name, value in change.customFields.items()
            if value
        ]
    for contact in [one for one in titan.contacts.values() if one.customer_id == customer.id]:
        if change.email is not None and contact.type == "Email":
            contact.value = change.email
        if change.jobRemindersEnabled is not None and contact.preferences is not None:
            preferences = {"job_reminders_enabled": change.jobRemindersEnabled}
            contact.preferences = contact.preferences.model_copy(update=preferences)
        if change.doNotText is not None and contact.type == "MobilePhone":
            contact.phone_settings = contact.phone_settings.model_copy(update={"do_not_text": change.doNotText})
        titan.touch(contact)
    titan.touch(customer)
    return JSONResponse(customer.wire_for(None))


@router.post("/estimates/{estimate_id}/remove-item")
async def take_item_off(request: Request, titan: TheTitan, estimate_id: int) -> JSONResponse:
    """Take an item off an estimate."""
    estimate = found(titan.estimates, estimate_id, "Estimate")
    choice = await read_body(ItemChoice, request) if await request.body() else ItemChoice()
    remove_item(titan, estimate, choice.item_id)
    return JSONResponse(estimate.wire())
