"""The lists a shop's settings are chosen from. Source: settings-, jpm-, marketing-, dispatch-v2 [spec]; FACTS 2.5.

Inactive rows are read too and say so, so that a name that has been switched off is told apart from one never there.
Accounts, payment types and tax zones are in `accounting.py`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

from connectors.servicetitan.api import Api
from connectors.servicetitan.schemas import BusinessUnit, Technician
from connectors.wire import VendorModel

_ALL: Final = {"active": "Any"}
_TIME_SPAN = re.compile(r"^(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$")


def _time_span(value: Any) -> Any:
    """Read a TimeSpan: "09:00", "04:00:00", "1.00:00:00". Other forms are left to pydantic (ISO 8601)."""
    found = _TIME_SPAN.match(value.strip()) if isinstance(value, str) else None
    if not found:
        return value
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


TimeSpan = Annotated[timedelta, BeforeValidator(_time_span)]


class JobType(VendorModel):
    """jpm-v2 `Jpm.V2.JobTypeResponse`."""

    id: int
    name: str = ""
    business_unit_ids: tuple[int, ...] = ()
    """Where there are any, job type and business unit must be a pair (FACTS 2.5)."""
    tag_type_ids: tuple[int, ...] = ()
    priority: str = ""
    active: bool = True


class Campaign(VendorModel):
    """marketing-v2 `Marketing.V2.CampaignResponse`."""

    id: int
    name: str = ""
    active: bool = True


class TagType(VendorModel):
    """settings-v2 `TenantSettings.V2.TagTypeResponse`."""

    id: int
    name: str = ""
    active: bool = True


class ArrivalWindow(VendorModel):
    """dispatch-v2 `Dispatch.V2.ArrivalWindowResponse`, in the tenant's local time.

    `duration` is a length by its name and an end time by the vendor's text (FACTS 2.5): both are settled by the reader.
    """

    id: int
    start: TimeSpan
    duration: TimeSpan
    business_unit_ids: tuple[int, ...] = ()
    active: bool = True


class ArrivalWindowConfiguration(VendorModel):
    """dispatch-v2 `Dispatch.V2.ArrivalWindowConfigurationResponse`: to what a visit's own start is set."""

    configuration: Literal["StartTimeOfArrivalWindow", "EndTimeOfArrivalWindow"]


class ReferenceApi(Api):
    """What the drop-downs of the settings offer."""

    async def list_all_business_units(self) -> tuple[BusinessUnit, ...]:
        """Read the business units, inactive ones too. settings-v2 `GET /business-units`."""
        path = self._path("settings", "business-units")
        return await self._all(BusinessUnit, path, "reading the business units", _ALL)

    async def list_job_types(self) -> tuple[JobType, ...]:
        """Read the job types, inactive ones too. jpm-v2 `GET /job-types`."""
        return await self._all(JobType, self._path("jpm", "job-types"), "reading the job types", _ALL)

    async def list_campaigns(self) -> tuple[Campaign, ...]:
        """Read the marketing campaigns, inactive ones too. marketing-v2 `GET /campaigns`."""
        return await self._all(Campaign, self._path("marketing", "campaigns"), "reading the campaigns", _ALL)

    async def list_tag_types(self) -> tuple[TagType, ...]:
        """Read the tag types, inactive ones too; the list has no name filter. settings-v2 `GET /tag-types`."""
        return await self._all(TagType, self._path("settings", "tag-types"), "reading the tag types", _ALL)

    async def list_all_technicians(self) -> tuple[Technician, ...]:
        """Read the technicians, inactive ones too. settings-v2 `GET /technicians`."""
        return await self._all(Technician, self._path("settings", "technicians"), "reading the technicians", _ALL)

    async def list_arrival_windows(self) -> tuple[ArrivalWindow, ...]:
        """Read the arrival windows, inactive ones too. dispatch-v2 `GET /arrival-windows`."""
        path = self._path("dispatch", "arrival-windows")
        return await self._all(ArrivalWindow, path, "reading the arrival windows", _ALL)

    async def get_arrival_window_configuration(self) -> ArrivalWindowConfiguration:
        """Read how visits and arrival windows go together. dispatch-v2 `GET /arrival-windows/configuration`."""
        path = self._path("dispatch", "arrival-windows/configuration")
        return await self._get(ArrivalWindowConfiguration, path, "reading the arrival window configuration")
