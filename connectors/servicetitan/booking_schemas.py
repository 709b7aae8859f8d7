"""A new job with its visit. Source: jpm-v2 `Jpm.V2.JobCreateRequest` [spec]; FACTS 2.6."""

from __future__ import annotations

from typing import Literal

from connectors.servicetitan.external import NewExternalData
from connectors.servicetitan.schemas import CustomFieldValue
from connectors.wire import RequestModel, SentTime

Priority = Literal["Low", "Normal", "High", "Urgent"]


class NewVisit(RequestModel):
    """`Jpm.V2.AppointmentInformation`. The technicians of a job are those of its visit."""

    start: SentTime
    end: SentTime
    arrival_window_start: SentTime | None = None
    arrival_window_end: SentTime | None = None
    technician_ids: tuple[int, ...] = ()


class NewJob(RequestModel):
    """`Jpm.V2.JobCreateRequest`. A job has at least one visit. `summary` is HTML: give it through `as_html`."""

    customer_id: int
    location_id: int
    business_unit_id: int
    job_type_id: int
    campaign_id: int
    priority: Priority
    appointments: tuple[NewVisit, ...]
    summary: str | None = None
    custom_fields: tuple[CustomFieldValue, ...] = ()
    tag_type_ids: tuple[int, ...] = ()
    external_data: NewExternalData | None = None
    customer_po: str | None = None
