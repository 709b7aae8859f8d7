"""Appointments and who is sent to them. Source: jpm-v2, dispatch-v2, FACTS 5.3."""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.jobs import ReasonBody
from sandbox.servicetitan.queries import (
    ActiveOnly,
    Dates,
    Ids,
    Sorted,
    is_or_any,
    no_query,
    page_of,
    titan_query,
    within,
)
from sandbox.servicetitan.records import UTC_ZERO, Appointment
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, QueryBool, QueryIdList, QueryInt, QueryTime, StrictBody, read_body

router = api("jpm")
dispatch = api("dispatch")


class AppointmentsQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: jpm-v2 `GET /appointments`."""

    job_id: QueryInt | None = None
    project_id: QueryInt | None = None
    number: str | None = None
    status: Literal["Scheduled", "Dispatched", "Working", "Hold", "Done", "Canceled"] | None = None
    starts_on_or_after: QueryTime | None = None
    starts_before: QueryTime | None = None
    technician_id: QueryInt | None = None
    customer_id: QueryInt | None = None
    unused: QueryBool | None = None

    def wants(self, visit: Appointment, titan: Titan) -> bool:
        """Tell whether the appointment passes every filter."""
        people = {one.technician_id for one in titan.assignments.values() if one.appointment_id == visit.id}
        job = titan.jobs.get(visit.job_id)
        return (
            job is not None
            and self.admits(visit)
            and is_or_any(self.job_id, visit.job_id)
            and is_or_any(self.project_id, job.project_id)
            and is_or_any(self.number, visit.appointment_number)
            and is_or_any(self.status, visit.status)
            and is_or_any(self.customer_id, visit.customer_id)
            and is_or_any(self.unused, visit.unused)
            and within(visit, "start", self, "starts_on_or_after", "starts_before")
            and (self.technician_id is None or self.technician_id in people)
        )


class AssignmentsQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: dispatch-v2 `GET /appointment-assignments`."""

    appointment_ids: QueryIdList | None = None
    job_id: QueryInt | None = None


class AppointmentBody(StrictBody):
    """Source: jpm-v2 `AppointmentAddRequest`."""

    job_id: int
    start: AwareDatetime
    end: AwareDatetime
    arrival_window_start: AwareDatetime | None = None
    arrival_window_end: AwareDatetime | None = None
    technician_ids: list[int] | None = None
    special_instructions: str | None = None


class RescheduleBody(StrictBody):
    """Source: jpm-v2 `AppointmentRescheduleRequest`; all optional, no technicians in it."""

    # Optional, but never null: the default only stands for "not sent".
    start: AwareDatetime = UTC_ZERO
    end: AwareDatetime = UTC_ZERO
    arrival_window_start: AwareDatetime | None = None
    arrival_window_end: AwareDatetime | None = None


class InstructionsBody(StrictBody):
    """Source: jpm-v2 `UpdateAppointmentSpecialInstructionsRequest`."""

    special_instructions: str


@router.get("/appointments")
async def list_appointments(request: Request, titan: TheTitan) -> JSONResponse:
    """List appointments."""
    query = titan_query(AppointmentsQuery, request)
    return page_of([one for one in titan.appointments.values() if query.wants(one, titan)], query)


@router.post("/appointments")
async def add_appointment(request: Request, titan: TheTitan) -> JSONResponse:
    """Book a new visit on a job; a job on hold becomes Scheduled."""
    no_query(request)
    body = await read_body(AppointmentBody, request)
    job = found(titan.jobs, body.job_id, "Job", status=400)
    if body.end <= body.start:
        raise RefusedError(400, "The appointment ends before it starts.", {"end": ["must be after start"]})
    if job.job_status in {"Completed", "Canceled"}:
        raise RefusedError(409, f"Job {job.job_number} is {job.job_status}.")
    visit = titan.add_visit(job, body.start, body.end, body.technician_ids or [])
    visit.arrival_window_start, visit.arrival_window_end = body.arrival_window_start, body.arrival_window_end
    visit.special_instructions = body.special_instructions
    return JSONResponse(visit.wire())


@router.get("/appointments/{id}")
async def get_appointment(request: Request, titan: TheTitan, visit_id: Id) -> JSONResponse:
    """Read one appointment."""
    no_query(request)
    return JSONResponse(_visit(titan, visit_id).wire())


@router.patch("/appointments/{id}/reschedule")
async def reschedule(request: Request, titan: TheTitan, visit_id: Id) -> JSONResponse:
    """Move an appointment. Its status stays."""
    no_query(request)
    visit = _visit(titan, visit_id)
    body = await read_body(RescheduleBody, request)
    if not visit.is_open:
        raise RefusedError(409, f"The appointment is {visit.status}.")
    start = body.start if body.sent("start") else visit.start
    end = body.end if body.sent("end") else visit.end
    if end <= start:
        raise RefusedError(400, "The appointment ends before it starts.", {"end": ["must be after start"]})
    visit.start, visit.end = start, end
    for name in ("arrival_window_start", "arrival_window_end"):
        if body.sent(name):
            setattr(visit, name, getattr(body, name))
    titan.touch(visit)
    titan.log(titan.job(visit.job_id), "Appointment Rescheduled", visit.appointment_number or "")
    return JSONResponse(visit.wire())


@router.put("/appointments/{id}/hold")
async def hold_appointment(request: Request, titan: TheTitan, visit_id: Id) -> Response:
    """Put one appointment on hold; when no open one is left, the job is on hold too."""
    no_query(request)
    visit = _visit(titan, visit_id)
    body = await read_body(ReasonBody, request)
    found(titan.hold_reasons, body.reason_id, "Hold reason", status=400)
    if not visit.is_open:
        raise RefusedError(409, f"The appointment is {visit.status}.")
    visit.status = "Hold"
    titan.touch(visit)
    job = titan.job(visit.job_id)
    if all(one.status == "Hold" for one in titan.visits(job) if one.is_open):
        titan.hold(job, body.reason_id, body.memo)
    return Response(status_code=200)


@router.delete("/appointments/{id}/hold")
async def release_appointment(request: Request, titan: TheTitan, visit_id: Id) -> Response:
    """Take an appointment off hold; its job goes from Hold to Scheduled [inferred: FACTS 5.3]."""
    no_query(request)
    visit = _visit(titan, visit_id)
    if visit.status != "Hold":
        raise RefusedError(409, "The appointment is not on hold.")
    visit.status = "Scheduled"
    titan.touch(visit)
    job = titan.job(visit.job_id)
    if job.job_status == "Hold":
        titan.release(job)
    return Response(status_code=200)


@router.put("/appointments/{id}/special-instructions")
async def put_instructions(request: Request, titan: TheTitan, visit_id: Id) -> JSONResponse:
    """Replace the special instructions."""
    no_query(request)
    visit = _visit(titan, visit_id)
    body = await read_body(InstructionsBody, request)
    visit.special_instructions = body.special_instructions
    titan.touch(visit)
    return JSONResponse(visit.wire())


@dispatch.get("/appointment-assignments")
async def list_assignments(request: Request, titan: TheTitan) -> JSONResponse:
    """List who is sent to which appointment."""
    query = titan_query(AssignmentsQuery, request)
    rows = [
        one
        for one in titan.assignments.values()
        if query.admits(one)
        and is_or_any(query.job_id, one.job_id)
        and (query.appointment_ids is None or one.appointment_id in query.appointment_ids)
    ]
    return page_of(rows, query)


def _visit(titan: Titan, visit_id: int) -> Appointment:
    visit = found(titan.appointments, visit_id, "Appointment")
    titan.job(visit.job_id)  # the visits of a deleted job are gone with it
    assert isinstance(visit, Appointment)
    return visit
