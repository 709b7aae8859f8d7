"""Jobs, their notes, holds, visits and technicians. Sources: jpm-v2, dispatch-v2, settings-v2 [spec]; FACTS 5.3, 5.5.

Every operation may raise TransientError (reads), AmbiguousWriteError (writes), RejectedError, UnauthorizedError and
ContractError; 401, 429 and 5xx are in no spec [inferred].
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from connectors.servicetitan.api import Api
from connectors.servicetitan.schemas import (
    Appointment,
    Assignment,
    BusinessUnit,
    CustomFieldType,
    HoldReason,
    HoldRequest,
    Job,
    JobPatch,
    NewNote,
    Note,
    SpecialInstructions,
    Technician,
)


class JobsApi(Api):
    """Job planning, dispatch and the people who do the work."""

    def list_jobs(self, modified_on_or_after: datetime) -> AsyncIterator[tuple[Job, ...]]:
        """Yield pages of jobs changed since, oldest change first. jpm-v2 `GET /jobs`."""
        return self._changes(
            Job,
            self._path("jpm", "jobs"),
            "reading changed jobs",
            modified_on_or_after,
            lambda job: job.modified_on,
            {"sort": "+ModifiedOn"},
        )

    async def get_job(self, job_id: int, *, external_data_guid: str = "") -> Job:
        """Read one job; with the guid, also our external data on it. jpm-v2 `GET /jobs/{id}`. Raises NotFoundError."""
        query = {"externalDataApplicationGuid": external_data_guid} if external_data_guid else None
        return await self._get(Job, self._path("jpm", f"jobs/{job_id}"), f"reading job {job_id}", query)

    async def patch_job(self, job_id: int, patch: JobPatch) -> Job:
        """Change a job. `custom_fields` must be the full list. jpm-v2 `PATCH /jobs/{id}`. Repeating it is harmless."""
        return await self._write_for(
            Job, "PATCH", self._path("jpm", f"jobs/{job_id}"), f"writing the fields of job {job_id}", patch
        )

    async def list_job_notes(self, job_id: int) -> tuple[Note, ...]:
        """Read all notes of a job; the list has no date filter. jpm-v2 `GET /jobs/{id}/notes`."""
        return await self._all(Note, self._path("jpm", f"jobs/{job_id}/notes"), f"reading the notes of job {job_id}")

    async def add_job_note(self, job_id: int, text: str) -> None:
        """Add a note. Its answer has no id, and a note cannot be edited. jpm-v2 `POST /jobs/{id}/notes`."""
        path = self._path("jpm", f"jobs/{job_id}/notes")
        await self._write("POST", path, f"adding a note to job {job_id}", NewNote(text=text))

    async def hold_job(self, job_id: int, *, reason_id: int, memo: str) -> None:
        """Put a job on hold. jpm-v2 `PUT /jobs/{id}/hold`."""
        path = self._path("jpm", f"jobs/{job_id}/hold")
        await self._write("PUT", path, f"putting job {job_id} on hold", HoldRequest(reason_id=reason_id, memo=memo))

    async def list_hold_reasons(self) -> tuple[HoldReason, ...]:
        """Read the active hold reasons. jpm-v2 `GET /job-hold-reasons`."""
        return await self._all(
            HoldReason, self._path("jpm", "job-hold-reasons"), "reading the hold reasons", {"active": "True"}
        )

    async def list_job_custom_fields(self) -> tuple[CustomFieldType, ...]:
        """Read the kinds of job custom fields. jpm-v2 `GET /jobs/custom-fields`."""
        return await self._all(
            CustomFieldType, self._path("jpm", "jobs/custom-fields"), "reading the job custom fields"
        )

    async def list_appointments(self, job_id: int) -> tuple[Appointment, ...]:
        """Read the active appointments of a job. jpm-v2 `GET /appointments`."""
        return await self._all(
            Appointment,
            self._path("jpm", "appointments"),
            f"reading the visits of job {job_id}",
            {"jobId": job_id, "active": "True"},
        )

    async def remove_appointment_hold(self, appointment_id: int) -> None:
        """Take a visit off hold. jpm-v2 `DELETE /appointments/{id}/hold`; 409, as RejectedError: it is not on hold."""
        path = self._path("jpm", f"appointments/{appointment_id}/hold")
        await self._write("DELETE", path, f"taking visit {appointment_id} off hold")

    async def set_special_instructions(self, appointment_id: int, text: str) -> None:
        """Replace a visit's special instructions. jpm-v2 `PUT /appointments/{id}/special-instructions`."""
        path = self._path("jpm", f"appointments/{appointment_id}/special-instructions")
        body = SpecialInstructions(special_instructions=text)
        await self._write("PUT", path, f"writing the instructions of visit {appointment_id}", body)

    async def list_assignments(self, job_id: int) -> tuple[Assignment, ...]:
        """Read who is assigned to a job's visits, active only. dispatch-v2 `GET /appointment-assignments`."""
        return await self._all(
            Assignment,
            self._path("dispatch", "appointment-assignments"),
            f"reading the technicians of job {job_id}",
            {"jobId": job_id, "active": "True"},
        )

    async def list_technicians(self, ids: Iterable[int]) -> tuple[Technician, ...]:
        """Read technicians by id, active only. settings-v2 `GET /technicians`."""
        return await self._by_ids(Technician, self._path("settings", "technicians"), "reading technicians", ids)

    async def list_business_units(self) -> tuple[BusinessUnit, ...]:
        """Read the business units. settings-v2 `GET /business-units`."""
        return await self._all(BusinessUnit, self._path("settings", "business-units"), "reading the business units")
