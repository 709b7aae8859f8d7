"""Bookings and their providers, field by field as crm-v2 answers them. Source: [spec]; FACTS section 4."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from sandbox.servicetitan.records import Dated, Part

BookingStatus = Literal["New", "Accepted", "Converted", "Dismissed"]


class ProviderTag(Dated):
    """Source: crm-v2 `GetBookingProviderTagResponse`; its id is the provider of the booking's address."""

    tag_name: str
    description: str = ""
    type: Literal["V1Api", "V2Api"] = "V2Api"
    active: bool = True


class BookingAddress(Part):
    """Source: crm-v2 `AddressModel`."""

    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str


class Booking(Dated):
    """Source: crm-v2 `BookingResponse`: no contacts in it, and no customer."""

    source: str
    name: str
    address: BookingAddress | None = None
    customer_type: Literal["Residential", "Commercial"] | None = None
    start: datetime
    campaign_id: int | None = None
    business_unit_id: int | None = None
    is_first_time_client: bool | None = None
    uploaded_images: list[str] | None = None
    is_send_confirmation_email: bool | None = None
    status: BookingStatus = "New"
    dismissing_reason_id: int | None = None
    job_id: int | None = None
    external_id: str
    priority: Literal["Low", "Normal", "High", "Urgent"] | None = None
    job_type_id: int | None = None
    booking_provider_id: int
    summary: str | None = None
    active: bool = Field(default=True, exclude=True)
    """The export feed and the webhook tell."""
    dismissing_memo: str = Field("", exclude=True)

    def wire_with_active(self) -> dict[str, Any]:
        """Return `ExportBookingResponse`; the webhook's booking is the same without `summary`."""
        return {**self.wire(), "active": self.active}


class BookingContact(Dated):
    """Source: crm-v2 `BookingContactResponse`."""

    created_on: datetime = Field(exclude=True)
    type: Literal["Phone", "Email", "Fax", "MobilePhone"]
    value: str
    memo: str = ""
