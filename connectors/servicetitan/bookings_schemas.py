"""A booking: what a provider asks the office for, before there is a customer or a job. Source: crm-v2 [spec]; FACTS 4.

Statuses are New, Accepted, Converted and Dismissed; what Accepted means is not documented. Read them with
`same_status`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.servicetitan.booking_schemas import Priority
from connectors.servicetitan.crm_schemas import NewAddress, NewContact
from connectors.wire import RequestModel, SentTime, UtcTime, VendorModel


class NewBooking(RequestModel):
    """`Crm.V2.CreateBookingRequest`. In practice an address, or a phone or an e-mail, is needed [documented].

    `external_id` is how we find it again: the vendor does not keep it unique.
    """

    source: str
    name: str
    summary: str
    is_first_time_client: bool
    external_id: str
    address: NewAddress | None = None
    contacts: tuple[NewContact, ...] = ()
    customer_type: Literal["Residential", "Commercial"] | None = None
    start: SentTime | None = None
    campaign_id: int | None = None
    business_unit_id: int | None = None
    job_type_id: int | None = None
    priority: Priority | None = None
    is_send_confirmation_email: bool | None = None


class Booking(VendorModel):
    """`Crm.V2.BookingResponse`: no contacts, and no customer: that one is the job's."""

    id: int
    status: str
    external_id: str = ""
    source: str = ""
    name: str = ""
    summary: str = ""
    booking_provider_id: int | None = None
    job_id: int | None = None
    """The job booked from it. Of several, which one is not stated: ask `list_jobs_of_booking`."""
    is_first_time_client: bool | None = None
    campaign_id: int | None = None
    business_unit_id: int | None = None
    job_type_id: int | None = None
    dismissing_reason_id: int | None = None
    created_on: UtcTime | None = None
    modified_on: UtcTime
    """Vendor clock; the cursor of incremental reads, inclusive: overlap, then upsert by id."""
    active: bool = True
    """Only the export feed and the webhook tell; a list holds none that is not."""


class BookingProviderTag(VendorModel):
    """What an admin makes and picks when connecting an app; its id is the provider. `GetBookingProviderTagResponse`."""

    id: int
    name: str = Field(default="", alias="tagName")
    description: str = ""
    active: bool = True


class JobHistoryEntry(VendorModel):
    """jpm-v2 `Jpm.Jobs.JobHistoryItemModel`. `event_type` is free text, and no list of its values is published."""

    id: int
    event_type: str = ""
    date: UtcTime
    memo: str = ""


class JobHistory(VendorModel):
    """jpm-v2 `Jpm.V2.JobHistoryResponse`: no pages."""

    history: tuple[JobHistoryEntry, ...] = ()
