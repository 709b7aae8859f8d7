"""Book a job and find it again. Source: jpm-v2 [spec]; FACTS 2.6, 2.7."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.servicetitan.api import Api
from connectors.servicetitan.booking_schemas import CancelReason, CancelRequest, NewJob
from connectors.servicetitan.external import ExternalKey
from connectors.servicetitan.schemas import Job, JobPatch


class BookingApi(Api):
    """Jobs that we make."""

    async def create_job(self, job: NewJob) -> Job:
        """Book a job; its invoice is there at once. Look by external data before repeating it. jpm-v2 `POST /jobs`.

        A wrong id of anything it names is a 400, as RejectedError (FACTS 1.4).
        """
        doing = f"booking a job for customer {job.customer_id}"
        return await self._write_for(Job, "POST", self._path("jpm", "jobs"), doing, job)

    async def list_jobs_by_external_data(self, ours: ExternalKey, values: Iterable[str]) -> tuple[Job, ...]:
        """Find jobs by a value of our external data; there is no filter by state. jpm-v2 `GET /jobs`."""
        return await self._by_external_data(
            Job, self._path("jpm", "jobs"), "looking for jobs by our key", ours, values, {}
        )

    async def set_job_tags(self, job_id: int, tag_type_ids: Iterable[int]) -> Job:
        """Replace the job's whole list of tags: read it first, and give back what is there (FACTS 2.3).

        jpm-v2 `PATCH /jobs/{id}`. Repeating it is harmless.
        """
        patch = JobPatch(tag_type_ids=tuple(sorted(set(tag_type_ids))))
        path = self._path("jpm", f"jobs/{job_id}")
        return await self._write_for(Job, "PATCH", path, f"tagging job {job_id}", patch)

    async def list_cancel_reasons(self) -> tuple[CancelReason, ...]:
        """Read why jobs are canceled, inactive reasons too; made by an admin. jpm-v2 `GET /job-cancel-reasons`."""
        path = self._path("jpm", "job-cancel-reasons")
        return await self._all(CancelReason, path, "reading the cancel reasons", {"active": "Any"})

    async def cancel_job(self, job_id: int, *, reason_id: int, memo: str) -> None:
        """Cancel a job, once a person has approved it. jpm-v2 `PUT /jobs/{id}/cancel`."""
        path = self._path("jpm", f"jobs/{job_id}/cancel")
        await self._write("PUT", path, f"canceling job {job_id}", CancelRequest(reason_id=reason_id, memo=memo))
