"""Booking and completing a job through the API. Source: jpm-v2 `POST /jobs`, FACTS 2.6."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import CustomFieldBody, NewExternalBody, check_fields, check_tags, write_external
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.jobs import PRIORITIES, LeadSourceBody
from sandbox.servicetitan.money_records import ArrivalWindow
from sandbox.servicetitan.office import complete, keep_job, next_job_number
from sandbox.servicetitan.office_bookings import became
from sandbox.servicetitan.queries import no_query
from sandbox.servicetitan.records import Job
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, StrictBody, read_body

router = api("jpm")


class VisitBody(StrictBody):
    """Source: jpm-v2 `AppointmentInformation`."""

    start: AwareDatetime
    end: AwareDatetime
    arrival_window_start: AwareDatetime | None = None
    arrival_window_end: AwareDatetime | None = None
    technician_ids: list[int] | None = None


class JobBody(StrictBody):
    """Source: jpm-v2 `JobCreateRequest`. A job always has at least one appointment [docs:jpm]."""

    customer_id: int
    location_id: int
    project_id: int | None = None
    business_unit_id: int
    job_generated_lead_source: LeadSourceBody | None = None
    job_type_id: int
    priority: str
    campaign_id: int
    appointments: list[VisitBody] = Field(min_length=1)
    summary: str | None = None
    custom_fields: list[CustomFieldBody] | None = None
    tag_type_ids: list[int] | None = None
    external_data: NewExternalBody | None = None
    invoice_signature_is_required: bool | None = None
    customer_po: str | None = None
    sold_by_id: int | None = None
    partner_lead_call_id: int | None = None
    lead_id: int | None = None
    booking_id: int | None = None


class CompleteBody(StrictBody):
    """Source: jpm-v2 `CompleteJobRequest`."""

    completed_on: AwareDatetime


@router.post("/jobs")
async def book_job(request: Request, titan: TheTitan) -> JSONResponse:
    """Book a job: it gets its appointments and its own invoice. Nothing keeps the same job from being booked twice."""
    no_query(request)
    body = await read_body(JobBody, request)
    tags = _check_job(titan, body)
    for visit in body.appointments:
        _check_visit(titan, body.business_unit_id, visit)
    job = Job(
        id=titan.new_id(),
        job_number=next_job_number(titan),
        customer_id=body.customer_id,
        location_id=body.location_id,
        business_unit_id=body.business_unit_id,
        job_type_id=body.job_type_id,
        campaign_id=body.campaign_id,
        priority=body.priority,
        summary=body.summary,
        custom_fields=check_fields(titan.field_types, body.custom_fields or []),
        tag_type_ids=tags,
        customer_po=body.customer_po or "",
        sold_by_id=body.sold_by_id,
        booking_id=body.booking_id,
        invoice_id=titan.new_id(),
        created_on=titan.now(),
        modified_on=titan.now(),
    )
    guid = write_external(job, body.external_data)
    keep_job(titan, job)
    for sent in body.appointments:
        booked = titan.add_visit(job, sent.start, sent.end, sent.technician_ids or [])
        booked.arrival_window_start, booked.arrival_window_end = sent.arrival_window_start, sent.arrival_window_end
    if body.booking_id is not None:
        became(titan, titan.bookings[body.booking_id], job)
    return JSONResponse(job.wire_for(guid))


@router.put("/jobs/{id}/complete")
async def complete_job(request: Request, titan: TheTitan, job_id: Id) -> Response:
    """Complete the job. 409 when it is completed or canceled, or nobody was sent to it [spec]. No body answered."""
    no_query(request)
    job = titan.job(job_id)
    body = await read_body(CompleteBody, request)
    if job.job_status in {"Completed", "Canceled"}:
        raise RefusedError(409, f"Job {job.job_number} is {job.job_status} already.")
    if not any(one.job_id == job.id and one.active for one in titan.assignments.values()):
        raise RefusedError(409, f"Job {job.job_number} has no assigned technician.")
    if body.completed_on > titan.now() + timedelta(minutes=5):
        raise RefusedError(400, "A job cannot be completed in the future.", {"completedOn": ["in the future"]})
    complete(titan, job)
    job.completed_on = body.completed_on
    return Response(status_code=200)


def _check_job(titan: Titan, body: JobBody) -> list[int]:
    """Refuse what does not exist, is not active, or does not belong together; return the job's tags."""
    known: dict[str, tuple[int, dict[int, Any]]] = {
        "customer": (body.customer_id, titan.customers),
        "location": (body.location_id, titan.locations),
        "businessUnit": (body.business_unit_id, titan.business_units),
        "jobType": (body.job_type_id, titan.job_types),
        "campaign": (body.campaign_id, titan.campaigns),
    }
    for name, (record_id, records) in known.items():
        if not found(records, record_id, name, status=400).active:
            raise RefusedError(400, f"{name} {record_id} is not active.", {f"{name}Id": ["not active"]})
    if body.booking_id is not None:
        found(titan.bookings, body.booking_id, "Booking", status=400)
    for name in ("project_id", "lead_id", "partner_lead_call_id"):
        if getattr(body, name) is not None:
            raise RefusedError(400, "The sandbox keeps no such record.", {name: ["not found"]})
    if titan.locations[body.location_id].customer_id != body.customer_id:
        raise RefusedError(400, "The location belongs to another customer.", {"locationId": ["wrong customer"]})
    if body.priority not in PRIORITIES:
        raise RefusedError(400, "Unknown priority.", {"priority": ["must be Low, Normal, High or Urgent"]})
    if body.sold_by_id is not None:
        found(titan.technicians, body.sold_by_id, "Technician", status=400)
    job_type, unit = titan.job_types[body.job_type_id], titan.business_units[body.business_unit_id]
    if job_type.business_unit_ids and unit.id not in job_type.business_unit_ids:
        raise RefusedError(
            400, f"{job_type.name} is no job type of {unit.name}.", {"jobTypeId": ["wrong business unit"]}
        )
    # Job type and business unit add their own tags at booking [spec].
    return list(
        dict.fromkeys([*check_tags(titan, body.tag_type_ids or []), *job_type.tag_type_ids, *(unit.tag_type_ids or [])])
    )


def _check_visit(titan: Titan, unit_id: int, visit: VisitBody) -> None:
    if visit.end <= visit.start:
        raise RefusedError(400, "The appointment ends before it starts.", {"end": ["must be after start"]})
    for one in visit.technician_ids or []:
        if not found(titan.technicians, one, "Technician", status=400).active:
            raise RefusedError(400, f"Technician {one} is not active.", {"technicianIds": ["not active"]})
    start, end = visit.arrival_window_start, visit.arrival_window_end
    if (start is None) != (end is None):
        raise RefusedError(400, "An arrival window has a start and an end.", {"arrivalWindowStart": ["half a window"]})
    if start is None or end is None:
        if titan.switches.windows_required:
            raise RefusedError(400, "An arrival window is needed.", {"arrivalWindowStart": ["must be set"]})
        return
    windows = [one for one in titan.arrival_windows.values() if one.active and _is_for(one, unit_id)]
    if not windows:
        raise RefusedError(400, "No arrival windows are configured.", {"arrivalWindowStart": ["none configured"]})
    if not _is_one_of(windows, start.astimezone(titan.switches.zone), end.astimezone(titan.switches.zone)):
        raise RefusedError(400, "There is no such arrival window.", {"arrivalWindowStart": ["not configured"]})


def _is_for(window: ArrivalWindow, unit_id: int) -> bool:
    return not window.business_unit_ids or unit_id in window.business_unit_ids


def _is_one_of(windows: Iterable[ArrivalWindow], start: datetime, end: datetime) -> bool:
    """Tell whether a configured window has this start and this length, on the shop's own clock."""
    return any(
        (start.strftime("%H:%M"), int((end - start).total_seconds()) // 60) == (one.start, _minutes(one.duration))
        for one in windows
    )


def _minutes(span: str) -> int:
    hours, _, minutes = span.partition(":")
    return int(hours) * 60 + int(minutes)
