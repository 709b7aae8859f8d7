"""ServiceTitan's records, field by field as its specs answer them. What is not theirs to tell is `exclude=True`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

Money = Annotated[Decimal, PlainSerializer(float, return_type=float)]
"""A decimal that is a JSON number on the wire [spec]. US dollars, or a quantity."""

AppointmentStatus = Literal["Scheduled", "Dispatched", "Working", "Hold", "Done", "Canceled"]
UTC_ZERO = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)
"""When the shop's own settings were made."""

OWNER = 900_001
"""The user id under which the sandbox's office creates records."""


class Part(BaseModel):
    """A piece of a record; camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    def wire(self) -> dict[str, Any]:
        """Return the JSON the vendor would answer."""
        return self.model_dump(mode="json", by_alias=True)


class Record(Part):
    """A record with an id."""

    id: int


class Dated(Record):
    """A record with the two dates incremental reads go by. UTC."""

    created_on: datetime
    modified_on: datetime


class Address(Part):
    """A postal address. Source: crm-v2 `CustomerAddress`."""

    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str = "USA"
    latitude: float | None = None
    longitude: float | None = None


class CustomField(Part):
    """A custom field with its value."""

    type_id: int
    name: str
    value: str


class WithExternalData(Dated):
    """A record that keeps partners' data, each partner's under its own guid, shown only when asked with that guid."""

    external: dict[str, dict[str, str]] = Field(default_factory=dict, exclude=True)

    def wire_for(self, guid: str | None) -> dict[str, Any]:
        """Return the JSON with the external data of one application guid."""
        kept = self.external.get((guid or "").lower(), {})
        return {**self.wire(), "externalData": [{"key": key, "value": value} for key, value in kept.items()]}


class Customer(WithExternalData):
    """Source: crm-v2 `CustomerResponse`."""

    active: bool = True
    name: str
    type: Literal["Residential", "Commercial"] = "Residential"
    address: Address
    custom_fields: list[CustomField] = Field(default_factory=list)
    balance: Money = Decimal(0)
    tax_exempt: bool = False
    tag_type_ids: list[int] = Field(default_factory=list)
    do_not_mail: bool = False
    do_not_service: bool = False
    national_account: bool = False
    created_by_id: int = OWNER
    merged_to_id: int | None = None
    payment_term_id: int | None = None
    credit_limit: Money | None = None
    credit_limit_balance: Money | None = None


class PhoneSettings(Part):
    """Opt-out of one phone number."""

    phone_number: str = ""
    do_not_text: bool = False


class ContactPreferences(Part):
    """What a contact agreed to."""

    job_reminders_enabled: bool = True
    marketing_updates_enabled: bool = False
    invoice_statement_notification: bool = True


class AnyContact(Dated):
    """What a customer's contact and a location's have in common; they differ only in whose they are."""

    type: Literal["Phone", "Email", "Fax", "MobilePhone"]
    value: str
    memo: str | None = None
    phone_settings: PhoneSettings = PhoneSettings()
    preferences: ContactPreferences | None = ContactPreferences()
    active: bool = Field(default=True, exclude=True)
    """A removed contact; only the export feed shows it."""

    def short(self) -> dict[str, Any]:
        """Return the four fields a create answers: `CustomerContactResponse`."""
        return {"id": self.id, "type": self.type, "value": self.value, "memo": self.memo}


class Contact(AnyContact):
    """Source: crm-v2 `CustomerContactWithModifiedOnResponse`."""

    customer_id: int = Field(exclude=True)


class LocationContact(AnyContact):
    """Source: crm-v2 `LocationContactResponse`. Never the same record as a customer's contact."""

    location_id: int = Field(exclude=True)

    def wire_of_feed(self) -> dict[str, Any]:
        """Return `ExportLocationContactResponse`."""
        return {**self.wire(), "locationId": self.location_id, "active": self.active}


class Location(WithExternalData):
    """Source: crm-v2 `LocationResponse`."""

    customer_id: int
    active: bool = True
    name: str
    address: Address
    custom_fields: list[CustomField] = Field(default_factory=list)
    created_by_id: int = OWNER
    merged_to_id: int | None = None
    zone_id: int | None = None
    tax_exempt: bool = False
    tag_type_ids: list[int] = Field(default_factory=list)
    tax_zone_id: int | None = None


class Job(WithExternalData):
    """Source: jpm-v2 `JobResponse`."""

    job_number: str
    project_id: int | None = None
    customer_id: int
    location_id: int
    job_status: str = "Scheduled"
    completed_on: datetime | None = None
    business_unit_id: int
    job_type_id: int
    priority: str = "Normal"
    campaign_id: int
    appointment_count: int = 0
    first_appointment_id: int = 0
    last_appointment_id: int = 0
    recall_for_id: int | None = None
    warranty_id: int | None = None
    job_generated_lead_source: None = None
    no_charge: bool = False
    notifications_enabled: bool = True
    created_by_id: int = OWNER
    tag_type_ids: list[int] = Field(default_factory=list)
    lead_call_id: int | None = None
    partner_lead_call_id: int | None = None
    booking_id: int | None = None
    sold_by_id: int | None = None
    customer_po: str = ""
    invoice_id: int
    membership_id: int | None = None
    total: Money | None = Decimal(0)
    created_from_estimate_id: int | None = None
    estimate_ids: list[int] = Field(default_factory=list)
    summary: str | None = None
    custom_fields: list[CustomField] = Field(default_factory=list)
    hold_reason_id: int | None = Field(None, exclude=True)
    hold_memo: str = Field("", exclude=True)


class Note(Part):
    """Source: jpm-v2 `NoteResponse`; it has no id."""

    text: str
    is_pinned: bool = False
    created_by_id: int = OWNER
    created_on: datetime
    modified_on: datetime


class HistoryItem(Record):
    """Source: jpm-v2 `JobHistoryItemModel`."""

    employee_id: int | None = OWNER
    event_type: str
    date: datetime
    used_scheduling_tool: Literal["Manual"] = "Manual"
    memo: str = ""


class Appointment(Dated):
    """Source: jpm-v2 `AppointmentResponse`."""

    job_id: int
    appointment_number: str | None = None
    start: datetime
    end: datetime
    arrival_window_start: datetime | None = None
    arrival_window_end: datetime | None = None
    status: AppointmentStatus = "Scheduled"
    special_instructions: str | None = None
    customer_id: int
    unused: bool = False
    created_by_id: int = OWNER
    is_confirmed: bool = False
    active: bool = True

    @property
    def is_open(self) -> bool:
        """Tell whether the visit is still to come."""
        return self.active and self.status not in {"Done", "Canceled"}


class Assignment(Dated):
    """Source: dispatch-v2 `AppointmentAssignmentResponse`."""

    technician_id: int
    technician_name: str
    assigned_by_id: int = OWNER
    assigned_on: datetime
    status: Literal["Scheduled", "Dispatched", "Working", "Done"] = "Scheduled"
    is_paused: bool = False
    job_id: int
    appointment_id: int
    active: bool = True
