"""ServiceTitan's records that several processes share, and those of the parts loop.

Source of every field: the vendor's V2 specs of March 2026 [spec]. Fields we do not need are not here; fields we can do
without have defaults, because a tenant's server may leave them out or send null.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import Field

from connectors.servicetitan.external import ExternalDataUpdate, MarkedModel
from connectors.wire import RequestModel, UtcTime, VendorModel

_Row = TypeVar("_Row")


class Page(VendorModel, Generic[_Row]):
    """One page of a list. Source: FACTS 1.5."""

    has_more: bool
    data: tuple[_Row, ...] = ()


class ExportPage(VendorModel, Generic[_Row]):
    """One page of an export feed. Source: FACTS 1.6."""

    has_more: bool
    continue_from: str
    data: tuple[_Row, ...] = ()


class CustomField(VendorModel):
    """A custom field on a record. jpm-v2 `CustomFieldApiModel`."""

    type_id: int
    name: str = ""
    value: str | None = None


class Job(MarkedModel):
    """jpm-v2 `Jpm.V2.JobResponse`."""

    id: int
    job_number: str = ""
    customer_id: int
    location_id: int
    job_status: str
    notifications_enabled: bool = True
    modified_on: UtcTime
    custom_fields: tuple[CustomField, ...] = ()
    business_unit_id: int | None = None
    job_type_id: int | None = None
    campaign_id: int | None = None
    priority: str = ""
    tag_type_ids: tuple[int, ...] = ()
    first_appointment_id: int | None = None
    booking_id: int | None = None
    """The booking it was made from; nothing when the office booked it without one."""
    invoice_id: int | None = None
    """The job's own invoice: there from the moment the job is booked (FACTS 2.6)."""
    summary: str = ""
    completed_on: UtcTime | None = None


class CustomFieldType(VendorModel):
    """A kind of job custom field; made by an admin, never by API. jpm-v2 `Jpm.V2.CustomFieldTypeResponse`."""

    id: int
    name: str
    data_type: str = "Text"
    data_type_options: tuple[str, ...] = ()


class HoldReason(VendorModel):
    """jpm-v2 `Jpm.V2.JobHoldReasonResponse`."""

    id: int
    name: str
    active: bool = True


class Note(VendorModel):
    """A job note; it has no id here. jpm-v2 `Jpm.V2.NoteResponse`."""

    text: str = ""
    created_on: UtcTime | None = None


class Appointment(VendorModel):
    """jpm-v2 `Jpm.V2.AppointmentResponse`."""

    id: int
    start: UtcTime
    end: UtcTime | None = None
    arrival_window_start: UtcTime | None = None
    arrival_window_end: UtcTime | None = None
    status: str
    special_instructions: str = ""
    active: bool = True


class Assignment(VendorModel):
    """A technician on an appointment. dispatch-v2 `Dispatch.V2.AppointmentAssignmentResponse`."""

    technician_id: int
    technician_name: str = ""
    active: bool = True


class Technician(VendorModel):
    """settings-v2 `TenantSettings.V2.TechnicianResponse`."""

    id: int
    name: str = ""
    email: str = ""
    active: bool = True


class BusinessUnit(VendorModel):
    """settings-v2 `TenantSettings.V2.BusinessUnitResponse`."""

    id: int
    name: str = ""
    active: bool = True
    currency: str = ""
    tag_type_ids: tuple[int, ...] = ()


class PostalAddress(VendorModel):
    """crm-v2 `Crm.V2.Customers.CustomerAddress`."""

    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


class Customer(MarkedModel):
    """crm-v2 `Crm.V2.Customers.CustomerResponse`. It has no contacts and no locations in it."""

    id: int
    name: str = ""
    active: bool = True
    type: str = ""
    address: PostalAddress | None = None
    custom_fields: tuple[CustomField, ...] = ()
    tag_type_ids: tuple[int, ...] = ()
    do_not_mail: bool = False
    do_not_service: bool = False
    merged_to_id: int | None = None
    modified_on: UtcTime | None = None


class ContactPreferences(VendorModel):
    """crm-v2 `Crm.V2.Customers.ContactPreferencesResponse`."""

    job_reminders_enabled: bool = True
    marketing_updates_enabled: bool = True


class CustomerContact(VendorModel):
    """crm-v2 `Crm.V2.Customers.CustomerContactWithModifiedOnResponse`."""

    type: str
    value: str = ""
    preferences: ContactPreferences = ContactPreferences()


class Location(MarkedModel):
    """crm-v2 `Crm.V2.Locations.LocationResponse`."""

    id: int
    customer_id: int | None = None
    name: str = ""
    active: bool = True
    tag_type_ids: tuple[int, ...] = ()
    tax_zone_id: int | None = None
    address: PostalAddress = PostalAddress()
    merged_to_id: int | None = None


class Sku(VendorModel):
    """salestech-v2 `Estimates.V2.SkuModel`."""

    id: int
    name: str = ""
    type: str = ""


class EstimateItem(VendorModel):
    """salestech-v2 `Estimates.V2.EstimateItemResponse`."""

    id: int
    sku: Sku
    description: str = ""
    quantity: Decimal = Field(alias="qty")


class EstimateStatus(VendorModel):
    """salestech-v2 `Estimates.V2.EstimateStatusModel`: Open, Sold or Dismissed."""

    name: str = ""


class Estimate(VendorModel):
    """salestech-v2 `Estimates.V2.EstimateResponse`."""

    id: int
    job_id: int | None = None
    job_number: str = ""
    location_id: int | None = None
    status: EstimateStatus = EstimateStatus()
    active: bool = True
    modified_on: UtcTime
    items: tuple[EstimateItem, ...] = ()


class SkuVendor(VendorModel):
    """Who sells a pricebook item, under which number. pricebook-v2 `Pricebook.V2.SkuVendorResponse`."""

    vendor_name: str = ""
    vendor_part: str = ""
    active: bool = True


class PricebookItem(MarkedModel):
    """A material or a piece of equipment, US dollars. pricebook-v2 `MaterialResponse`, `EquipmentResponse`."""

    id: int
    code: str = ""
    display_name: str = ""
    description: str = ""
    active: bool = True
    price: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    taxable: bool = False
    is_inventory: bool = False
    account: str = ""
    cost_of_sale_account: str = ""
    asset_account: str = ""
    primary_vendor: SkuVendor | None = None
    other_vendors: tuple[SkuVendor, ...] = ()


class InstalledEquipment(VendorModel):
    """What stands at a location. equipment-systems-v2 `EquipmentSystems.V2.InstalledEquipmentResponse`."""

    id: int
    location_id: int
    active: bool = True
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    status: str = "Installed"


class Form(VendorModel):
    """forms-v2 `Forms.V2.FormResponse`."""

    id: int
    name: str = ""
    active: bool = True


class FormOwner(VendorModel):
    """forms-v2 `Forms.Contracts.FormSubmissions.FormOwner`."""

    type: str
    id: int


class FormUnit(VendorModel):
    """A section (with `units`) or a field (with `value` or `values`) of a submitted form.

    Source: forms-v2, the eleven `...ApiDto` schemas, which have no discriminator.
    """

    name: str = ""
    value: Any = None
    values: tuple[str, ...] = ()
    units: tuple[FormUnit, ...] = ()


class Submission(VendorModel):
    """forms-v2 `Forms.V2.FormSubmissionResponse`."""

    id: int
    submitted_on: UtcTime
    status: str = "Completed"
    owners: tuple[FormOwner, ...] = ()
    units: tuple[FormUnit, ...] = ()


class CustomFieldValue(RequestModel):
    """jpm-v2 `Jpm.V2.CustomFieldModel`."""

    type_id: int
    value: str = ""


class JobPatch(RequestModel):
    """jpm-v2 `Jpm.V2.UpdateJobRequest`. The lists are full lists: what is left out is removed (FACTS 7.4)."""

    custom_fields: tuple[CustomFieldValue, ...] = ()
    tag_type_ids: tuple[int, ...] = ()
    external_data: ExternalDataUpdate | None = None


class NewNote(RequestModel):
    """jpm-v2 `Jpm.V2.JobNoteCreateRequest`."""

    text: str


class HoldRequest(RequestModel):
    """jpm-v2 `Jpm.V2.HoldJobRequest`."""

    reason_id: int
    memo: str


class SpecialInstructions(RequestModel):
    """jpm-v2 `Jpm.V2.UpdateAppointmentSpecialInstructionsRequest`."""

    special_instructions: str


def same_status(written: str, meant: str) -> bool:
    """Compare two statuses: "In Progress" is InProgress (FACTS section 6)."""
    return status_key(written) == status_key(meant)


def status_key(written: str) -> str:
    """Return a status without spaces and case."""
    return "".join(written.split()).casefold()
