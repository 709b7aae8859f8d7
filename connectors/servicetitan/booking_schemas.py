"""A new job with its visit, and its end. Source: jpm-v2 [spec]; FACTS 2.6, 5.3."""

from __future__ import annotations

from typing import Literal

from connectors.servicetitan.external import NewExternalData
from connectors.servicetitan.schemas import CustomFieldValue
from connectors.wire import RequestModel, SentTime, VendorModel

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


class CancelReason(VendorModel):
    """`Jpm.V2.JobCancelReasonResponse`."""

    id: int
    name: str = ""
    active: bool = True


class CancelRequest(RequestModel):
    """`Jpm.V2.CancelJobRequest`."""

    reason_id: int
    memo: str
