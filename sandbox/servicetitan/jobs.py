"""Jobs: reading, patching (full lists!), notes, hold, cancel, history. Source: jpm-v2, FACTS 5.3 and 7."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import CustomFieldBody, ExternalBody, check_fields, check_tags, write_external
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.order import changed_since
from sandbox.servicetitan.queries import (
    ActiveOnly,
    Dates,
    External,
    Ids,
    PageQuery,
    Sorted,
    guid_query,
    is_or_any,
    no_query,
    page_of,
    titan_query,
    within,
)
from sandbox.servicetitan.records import Appointment, Job, Note
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, QueryBool, QueryIdList, QueryInt, QueryTime, StrictBody, read_body

router = api("jpm")

PRIORITIES = frozenset({"Low", "Normal", "High", "Urgent"})


class JobsQuery(Ids, Dates, Sorted, External):
    """Source: jpm-v2 `GET /jobs`; it has no `active` filter."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "modified_on", "created_on", "priority"})

    number: str | None = None
    project_id: QueryInt | None = None
    booking_id: QueryInt | None = None
    job_status: Literal["Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled"] | None = None
    appointment_status: Literal["Scheduled", "Dispatched", "Working", "Hold", "Done", "Canceled"] | None = None
    priority: str | None = None
    first_appointment_starts_on_or_after: QueryTime | None = None
    first_appointment_starts_before: QueryTime | None = None
    appointment_starts_on_or_after: QueryTime | None = None
    appointment_starts_before: QueryTime | None = None
    technician_id: QueryInt | None = None
    customer_id: QueryInt | None = None
    location_id: QueryInt | None = None
    sold_by_id: QueryInt | None = None
    job_type_id: QueryInt | None = None
    campaign_id: QueryInt | None = None
    business_unit_id: QueryInt | None = None
    invoice_id: QueryInt | None = None
    created_from_estimate_id: QueryInt | None = None
    estimate_ids: QueryIdList | None = None
    completed_on_or_after: QueryTime | None = None
    completed_before: QueryTime | None = None
    tag_type_ids: QueryIdList | None = None
    has_unused_appointments: QueryBool | None = None

    def wants(self, job: Job, titan: Titan) -> bool:
        """Tell whether the job passes every filter."""
        same = (
            "project_id",
            "job_status",
            "priority",
            "customer_id",
            "location_id",
            "sold_by_id",
            "job_type_id",
            "campaign_id",
            "business_unit_id",
            "invoice_id",
            "created_from_estimate_id",
        )
        return (
            is_or_any(self.booking_id, job.booking_id)  # first: it leaves next to nothing of thousands
            and self.admits(job)
            and is_or_any(self.number, job.job_number)
            and all(is_or_any(getattr(self, name), getattr(job, name)) for name in same)
            and (self.estimate_ids is None or bool(set(self.estimate_ids) & set(job.estimate_ids)))
            and (self.tag_type_ids is None or bool(set(self.tag_type_ids) & set(job.tag_type_ids)))
            and within(job, "completed_on", self, "completed_on_or_after", "completed_before")
            and self.holds_external(job)
            and (not self._asks_for_visits() or self._visits_fit(titan.visits(job), titan))
        )

    def _asks_for_visits(self) -> bool:
        return self._asks(
            "appointment_status",
            "technician_id",
            "has_unused_appointments",
            "appointment_starts_on_or_after",
            "appointment_starts_before",
            "first_appointment_starts_on_or_after",
            "first_appointment_starts_before",
        )

    def _visits_fit(self, visits: list[Appointment], titan: Titan) -> bool:
        first = visits[0] if visits else None
        mine = {visit.id for visit in visits}
        technicians = {one.technician_id for one in titan.assignments.values() if one.appointment_id in mine}
        span = ("appointment_starts_on_or_after", "appointment_starts_before")
        first_span = ("first_appointment_starts_on_or_after", "first_appointment_starts_before")
        return (
            (self.appointment_status is None or any(one.status == self.appointment_status for one in visits))
            and (not self._asks(*span) or any(within(one, "start", self, *span) for one in visits))
            and (not self._asks(*first_span) or (first is not None and within(first, "start", self, *first_span)))
            and (self.technician_id is None or self.technician_id in technicians)
            and (self.has_unused_appointments is not True or any(one.unused for one in visits))
        )

    def _asks(self, *names: str) -> bool:
        return any(getattr(self, name) is not None for name in names)


class LeadSourceBody(StrictBody):
    """Source: jpm-v2 `JobGeneratedLeadSource`."""

    job_id: int | None = None
    employee_id: int | None = None


class JobPatch(StrictBody):
    """Source: jpm-v2 `UpdateJobRequest`. Only the lead source and soldById may be null; there is no status."""

    customer_id: int = 0
    location_id: int = 0
    business_unit_id: int = 0
    job_generated_lead_source: LeadSourceBody | None = None
    job_type_id: int = 0
    priority: str = ""
    campaign_id: int = 0
    summary: str = ""
    should_update_invoice_items: bool = False
    custom_fields: list[CustomFieldBody] = Field(default_factory=list)
    tag_type_ids: list[int] = Field(default_factory=list)
    external_data: ExternalBody = Field(
        default_factory=lambda: ExternalBody.model_construct(application_guid="", external_data=[])
    )
    customer_po: str = ""
    sold_by_id: int | None = None


class NoteBody(StrictBody):
    """Source: jpm-v2 `JobNoteCreateRequest`."""

    text: str
    pin_to_top: bool | None = None


class ReasonBody(StrictBody):
    """Source: jpm-v2 `HoldJobRequest`, `HoldAppointmentRequest`, `CancelJobRequest`."""

    reason_id: int
    memo: str


class ReasonsQuery(Dates, ActiveOnly, Sorted):
    """Source: jpm-v2 hold and cancel reasons: active and inactive by default."""

    default_active: ClassVar[Literal["True", "Any", "False"]] = "Any"


class FieldTypesQuery(Dates, Sorted):
    """Source: jpm-v2 `GET /jobs/custom-fields`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "name"})


@router.get("/jobs")
async def list_jobs(request: Request, titan: TheTitan) -> JSONResponse:
    """List jobs."""
    query = titan_query(JobsQuery, request)
    changed = changed_since(titan, "jobs", titan.jobs, query.modified_on_or_after)
    rows = [job for job in changed if query.wants(job, titan)]
    return page_of(rows, query, lambda job: job.wire_for(query.external_data_application_guid))


@router.get("/jobs/custom-fields")
async def list_custom_fields(request: Request, titan: TheTitan) -> JSONResponse:
    """List the custom fields a job can have."""
    query = titan_query(FieldTypesQuery, request)
    return page_of([one for one in titan.field_types.values() if query.admits(one)], query)


@router.get("/job-hold-reasons")
async def list_hold_reasons(request: Request, titan: TheTitan) -> JSONResponse:
    """List reasons to put a job on hold."""
    query = titan_query(ReasonsQuery, request)
    return page_of([one for one in titan.hold_reasons.values() if query.admits(one)], query)


@router.get("/job-cancel-reasons")
async def list_cancel_reasons(request: Request, titan: TheTitan) -> JSONResponse:
    """List reasons to cancel a job."""
    query = titan_query(ReasonsQuery, request)
    return page_of([one for one in titan.cancel_reasons.values() if query.admits(one)], query)


@router.get("/jobs/{id}")
async def get_job(request: Request, titan: TheTitan, job_id: Id) -> JSONResponse:
    """Read one job."""
    guid = guid_query(request)
    return JSONResponse(titan.job(job_id).wire_for(guid))


@router.patch("/jobs/{id}")
async def patch_job(request: Request, titan: TheTitan, job_id: Id) -> JSONResponse:
    """Change a job. `customFields` and `tagTypeIds` replace the whole list."""
    no_query(request)
    job = titan.job(job_id)
    body = await read_body(JobPatch, request)
    _check_references(titan, job, body)
    fields = check_fields(titan.field_types, body.custom_fields)
    for name in ("customer_id", "location_id", "business_unit_id", "job_type_id", "campaign_id", "priority"):
        if body.sent(name):
            setattr(job, name, getattr(body, name))
    for name in ("summary", "customer_po", "sold_by_id", "tag_type_ids"):
        if body.sent(name):
            setattr(job, name, getattr(body, name))
    if body.sent("custom_fields"):
        job.custom_fields = fields
    guid = None
    if body.sent("external_data"):
        guid = write_external(job, body.external_data)
    titan.touch(job)
    return JSONResponse(job.wire_for(guid))


def _check_references(titan: Titan, job: Job, body: JobPatch) -> None:
    known: dict[str, dict[int, Any]] = {
        "customer_id": titan.customers,
        "location_id": titan.locations,
        "business_unit_id": titan.business_units,
        "job_type_id": titan.job_types,
        "campaign_id": titan.campaigns,
    }
    for name, records in known.items():
        if body.sent(name):
            found(records, getattr(body, name), name, status=400)
    check_tags(titan, body.tag_type_ids)
    if body.sold_by_id is not None:
        found(titan.technicians, body.sold_by_id, "Technician", status=400)
    if body.sent("priority") and body.priority not in PRIORITIES:
        raise RefusedError(400, "Unknown priority.", {"priority": ["must be Low, Normal, High or Urgent"]})
    location = titan.locations[body.location_id if body.sent("location_id") else job.location_id]
    if location.customer_id != (body.customer_id if body.sent("customer_id") else job.customer_id):
        raise RefusedError(400, "The location belongs to another customer.", {"locationId": ["wrong customer"]})


@router.get("/jobs/{id}/notes")
async def list_notes(request: Request, titan: TheTitan, job_id: Id) -> JSONResponse:
    """List the job's notes; they have no ids."""
    query = titan_query(PageQuery, request)
    job = titan.job(job_id)
    return page_of(titan.notes.get(job.id, []), query, order=("created_on", False))


@router.post("/jobs/{id}/notes")
async def add_note(request: Request, titan: TheTitan, job_id: Id) -> JSONResponse:
    """Add a note. Nothing keeps the same text from being added twice."""
    no_query(request)
    job = titan.job(job_id)
    body = await read_body(NoteBody, request)
    if not body.text.strip():
        raise RefusedError(400, "A note needs a text.", {"text": ["must not be empty"]})
    now: datetime = titan.now()
    note = Note(text=body.text, is_pinned=bool(body.pin_to_top), created_on=now, modified_on=now)
    titan.notes.setdefault(job.id, []).append(note)
    return JSONResponse(note.wire())


@router.put("/jobs/{id}/hold")
async def hold_job(request: Request, titan: TheTitan, job_id: Id) -> Response:
    """Put the job and its open appointments on hold. No body in the answer."""
    no_query(request)
    job = titan.job(job_id)
    body = await read_body(ReasonBody, request)
    titan.hold(job, body.reason_id, body.memo)
    return Response(status_code=200)


@router.put("/jobs/{id}/cancel")
async def cancel_job(request: Request, titan: TheTitan, job_id: Id) -> Response:
    """Cancel the job. No body in the answer."""
    no_query(request)
    job = titan.job(job_id)
    body = await read_body(ReasonBody, request)
    found(titan.cancel_reasons, body.reason_id, "Cancel reason", status=400)
    titan.cancel(job, body.memo)
    return Response(status_code=200)


@router.get("/jobs/{id}/history")
async def get_history(request: Request, titan: TheTitan, job_id: Id) -> JSONResponse:
    """Read what happened to the job."""
    no_query(request)
    job = titan.job(job_id)
    return JSONResponse({"history": [item.wire() for item in titan.history.get(job.id, [])]})
