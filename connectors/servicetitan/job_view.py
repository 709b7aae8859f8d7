"""One job as the loop sees it: where, for whom, by whom, and whether the customer may be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from connectors.errors import NotFoundError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.schemas import (
    Customer,
    CustomerContact,
    Job,
    Location,
    same_status,
    status_key,
)
from connectors.servicetitan.texts import same_name
from models.address import Address
from models.base import JobRef
from models.job import Contact, JobState, JobView, Technician, Visit

_STATES: Final = {
    "completed": JobState.DONE,
    "canceled": JobState.CANCELED,
    "cancelled": JobState.CANCELED,
    "hold": JobState.ON_HOLD,
    "onhold": JobState.ON_HOLD,
}
"""Source: FACTS section 6, job status; anything else is open."""


def job_state(status: str) -> JobState:
    """Return what a job's status means to us."""
    return _STATES.get(status_key(status), JobState.OPEN)


def gone(ref: JobRef) -> JobView:
    """Return the view of a job that is no longer there."""
    return JobView(
        ref=ref,
        number="",
        state=JobState.GONE,
        status_words="not found",
        customer_name="",
        address=Address(street="", city="", state="", zip=""),
        contact=Contact(name="", may_message=False, why_not="the job is no longer in ServiceTitan"),
    )


async def view_job(client: ServiceTitan, job: Job) -> JobView:
    """Read what belongs to a job. The four readings do not depend on each other and go together."""
    async with together() as reading:
        customer_read = reading.create_task(_customer(client, job.customer_id))
        location_read = reading.create_task(_location(client, job.location_id))
        technicians_read = reading.create_task(_technicians(client, job.id))
        visits_read = reading.create_task(client.list_appointments(job.id))
    customer, contacts = customer_read.result()
    location = location_read.result()
    name = customer.name if customer else ""
    place = location.address if location else None
    return JobView(
        ref=JobRef(str(job.id)),
        number=job.job_number,
        state=job_state(job.job_status),
        status_words=job.job_status,
        customer_name=name,
        address=Address(
            name=name,
            street=place.street if place else "",
            unit=place.unit if place else "",
            city=place.city if place else "",
            state=place.state if place else "",
            zip=place.zip if place else "",
            country=(place.country if place else "") or "USA",
        ),
        technicians=technicians_read.result(),
        contact=contact_of(job, customer, contacts),
        visits=tuple(
            Visit(
                id=str(visit.id),
                starts_at=visit.start,
                status=visit.status,
                special_instructions=visit.special_instructions,
                is_ahead=not any(same_status(visit.status, over) for over in ("Done", "Canceled")),
            )
            for visit in visits_read.result()
            if visit.active
        ),
        url=client.job_url(job.id),
        modified_at=job.modified_on,
    )


def contact_of(job: Job, customer: Customer | None, contacts: tuple[CustomerContact, ...]) -> Contact:
    """Decide whether and where the customer may be mailed; an address nobody may use is not even handed on.

    Source: FACTS 3 and 5.4: job.notificationsEnabled, customer.doNotMail, preferences.jobRemindersEnabled [spec].
    """
    if customer is None:
        return Contact(name="", may_message=False, why_not="the customer record was not found")
    mails = [contact for contact in contacts if same_name(contact.type, "Email") and contact.value.strip()]
    allowed = tuple(
        {
            mail.value.strip().casefold(): mail.value.strip()
            for mail in mails
            if mail.preferences.job_reminders_enabled
        }.values()
    )
    if not job.notifications_enabled:
        why_not = "notifications are switched off for this job"
    elif customer.do_not_mail:
        why_not = "customer is marked do-not-mail"
    elif not mails:
        why_not = "the customer has no e-mail address"
    elif not allowed:
        why_not = "the customer wants no job reminders by e-mail"
    else:
        return Contact(name=customer.name, emails=allowed)
    return Contact(name=customer.name, may_message=False, why_not=why_not)


async def _customer(client: ServiceTitan, customer_id: int) -> tuple[Customer | None, tuple[CustomerContact, ...]]:
    """Read the customer and contacts; of a merged one, those of the record it was merged into (FACTS 7.1)."""
    try:
        customer = await client.get_customer(customer_id)
        if customer.merged_to_id is not None:
            # A "do not mail" on either record counts: merging is done by hand and nobody asked the customer.
            kept = await client.get_customer(customer.merged_to_id)
            customer = kept.model_copy(update={"do_not_mail": kept.do_not_mail or customer.do_not_mail})
        return customer, await client.list_customer_contacts(customer.id)
    except NotFoundError:
        return None, ()


async def _location(client: ServiceTitan, location_id: int) -> Location | None:
    try:
        location = await client.get_location(location_id)
        if location.merged_to_id is not None:
            location = await client.get_location(location.merged_to_id)
    except NotFoundError:
        return None
    return location


async def _technicians(client: ServiceTitan, job_id: int) -> tuple[Technician, ...]:
    assigned = {row.technician_id: row.technician_name for row in await client.list_assignments(job_id) if row.active}
    people = {person.id: person for person in await client.list_technicians(assigned) if person.active}
    return tuple(
        Technician(id=str(number), name=people[number].name or name, email=people[number].email)
        for number, name in assigned.items()
        if number in people
    )


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Run readings side by side; the first failure stops the others and is raised as itself."""
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        failure = several.exceptions[0]
    if failure is not None:
        raise failure
