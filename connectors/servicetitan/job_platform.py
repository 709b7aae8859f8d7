"""ServiceTitan as the job platform of the parts loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from connectors.errors import NotFoundError
from connectors.servicetitan.auth import VENDOR
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.diagnosis import from_custom_fields, from_estimates, from_forms
from connectors.servicetitan.job_view import gone, view_job
from connectors.servicetitan.names import missing_names
from connectors.servicetitan.publish import Publishing, Tenant
from models.base import JobRef
from models.job import Board, Diagnoses, JobView, NotLanded, PublishReport
from models.shop import PartsSettings


class ServiceTitanJobs:
    """Implements `connectors.ports.JobPlatform`."""

    name = "ServiceTitan"

    def __init__(self, client: ServiceTitan, parts: PartsSettings, guid: str) -> None:
        """`guid` is the application guid of our external data; the client is closed by whoever opened it."""
        self._client = client
        self._parts = parts
        self._guid = guid
        self._tenant = Tenant()

    def diagnosed_parts(self, since: datetime) -> AsyncIterator[Diagnoses]:
        """Yield pages of diagnosed parts, oldest change first, from where the shop's technicians put them.

        Jobs that are over are yielded too: the loop decides. Raises SettingsError for an unknown form.
        """
        where = self._parts.diagnosis
        match self._parts.diagnosis_from:
            case "estimate":
                return from_estimates(self._client, where.estimate, self._parts.distributor, since)
            case "custom_field":
                return from_custom_fields(self._client, where.custom_field, since)
            case "form":
                return from_forms(self._client, where.form, since)

    async def get_job(self, job: JobRef) -> JobView:
        """Read one job with everything the loop needs; six calls, four of them side by side. `GONE` when not found."""
        try:
            found = await self._client.get_job(_number(job))
        except NotFoundError:
            return gone(job)
        return await view_job(self._client, found)

    async def publish(self, board: Board, *, look_first: bool = False) -> PublishReport:
        """Write the board. Raises NotFoundError when the job is gone, AmbiguousWriteError when an answer was lost."""
        job = await self._client.get_job(_number(board.job), external_data_guid=self._guid)
        publishing = Publishing(self._client, self._parts, self._guid, self._tenant, board, job)
        return await publishing.run(look_first=look_first)

    async def missing_names(self) -> tuple[NotLanded, ...]:
        """Return the names of the shop file's [parts] that the tenant does not have, each with its fix."""
        return await missing_names(self._client, self._parts)

    async def check_access(self) -> None:
        """Read the business units. Raises what the reading raised."""
        await self._client.list_business_units()


def _number(job: JobRef) -> int:
    if not (job.isascii() and job.isdigit()):
        raise NotFoundError(
            f'"{job}" is no job of {VENDOR}: its jobs have numbers.', "Check which job platform the shop uses.", VENDOR
        )
    return int(job)
