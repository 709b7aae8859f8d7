"""ServiceTitan's records, field by field as its specs answer them. What is not theirs to tell is `exclude=True`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

Money = Annotated[Decimal, PlainSerializer(float, return_type=float)]
"""A decimal that is a JSON number on the wire [spec]. US dollars, or a quantity."""

AppointmentStatus = Literal["Scheduled", "Dispatched", "Working", "Hold", "Done", "Canceled"]
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
    custom_fields: list[CustomField] = []
    balance: Money = Decimal(0)
    tax_exempt: bool = False
    tag_type_ids: list[int] = []
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


class Contact(Dated):
    """Source: crm-v2 `CustomerContactWithModifiedOnResponse`."""

    customer_id: int = Field(exclude=True)
    type: Literal["Phone", "Email", "Fax", "MobilePhone"]
    value: str
    memo: str | None = None
    phone_settings: PhoneSettings = PhoneSettings()
    preferences: ContactPreferences | None = ContactPreferences()


class Location(WithExternalData):
    """Source: crm-v2 `LocationResponse`."""

    customer_id: int
    active: bool = True
    name: str
    address: Address
    custom_fields: list[CustomField] = []
    created_by_id: int = OWNER
    merged_to_id: int | None = None
    zone_id: int | None = None
    tax_exempt: bool = False
    tag_type_ids: list[int] = []
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
    tag_type_ids: list[int] = []
    lead_call_id: int | None = None
    partner_lead_call_id: int | None = None
    booking_id: int | None = None
    sold_by_id: int | None = None
    customer_po: str = ""
    invoice_id: int
    membership_id: int | None = None
    total: Money | None = Decimal(0)
    created_from_estimate_id: int | None = None
    estimate_ids: list[int] = []
    summary: str | None = None
    custom_fields: list[CustomField] = []
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


class JobType(WithExternalData):
    """Source: jpm-v2 `JobTypeResponse`."""

    name: str
    business_unit_ids: list[int] = []
    skills: list[str] = []
    tag_type_ids: list[int] = []
    priority: str = "Normal"
    duration: int = 7200
    sold_threshold: Money | None = None
    class_: str = Field("", alias="class")
    summary: str = ""
    no_charge: bool = False
    enforce_recurring_service_event_selection: bool | None = None
    invoice_signatures_required: bool = False
    active: bool = True
    is_smart_dispatched: bool = False


class Reason(Dated):
    """Source: jpm-v2 `JobHoldReasonResponse` and `JobCancelReasonResponse`."""

    name: str
    active: bool = True


class FieldType(Dated):
    """Source: jpm-v2 `CustomFieldTypeResponse`."""

    name: str
    data_type: Literal["Text", "Dropdown", "Numeric"] = "Text"
    data_type_options: list[str] | None = None


class Technician(Dated):
    """Source: settings-v2 `TechnicianResponse`; optional fields the sandbox has nothing for are left out."""

    user_id: int
    name: str
    business_unit_id: int | None = None
    email: str | None = None
    phone_number: str | None = None
    daily_goal: Money = Decimal(0)
    is_managed_tech: bool = True
    license_type: Literal["ManagedTech"] | None = "ManagedTech"
    active: bool = True
    burden_rate: Money = Decimal(0)
    team: str | None = None
    commission_rate: Money = Decimal(0)
    first_name: str | None = None
    last_name: str | None = None
    hourly_rate: Money = Decimal(0)
    job_id: int | None = None
    mobile_phone: str | None = None
    appointment_id: int | None = Field(None, alias="appoitmentId")
    """The vendor's own spelling."""
    sold_by_rate: Money = Decimal(0)
    status: Literal["Idle", "Dispatched", "Working", "Meal"] = "Idle"
    positions: list[str] | None = ["Service"]


class BusinessUnit(WithExternalData):
    """Source: settings-v2 `BusinessUnitResponse`; optional fields the sandbox has nothing for are left out."""

    active: bool = True
    name: str
    official_name: str | None = None
    email: str | None = None
    currency: str | None = "USD"
    phone_number: str | None = None
    tag_type_ids: list[int] | None = []


class TagType(Dated):
    """Source: settings-v2 `TagTypeResponse`."""

    name: str
    color: str = "#336699"
    code: str = ""
    importance: Literal["Medium", "High"] | None = "Medium"
    is_conversion_opportunity: bool = False
    allow_to_use_on_timesheet_activity: bool = False
    is_visible_on_dispatch_board: bool = True
    active: bool = True


class SkuVendor(Record):
    """Where the shop buys an item. Source: pricebook-v2 `SkuVendorResponse`."""

    vendor_name: str
    vendor_id: int
    memo: str | None = None
    vendor_part: str | None = None
    cost: Money = Decimal(0)
    active: bool = True
    primary_sub_account: None = None
    other_sub_accounts: None = None


class Material(WithExternalData):
    """Source: pricebook-v2 `MaterialResponse`."""

    code: str
    display_name: str | None = None
    description: str = ""
    cost: Money = Decimal(0)
    active: bool = True
    price: Money = Decimal(0)
    member_price: Money = Decimal(0)
    add_on_price: Money = Decimal(0)
    add_on_member_price: Money = Decimal(0)
    hours: Money = Decimal(0)
    bonus: Money = Decimal(0)
    commission_bonus: Money = Decimal(0)
    pays_commission: bool = False
    deduct_as_job_cost: bool = False
    unit_of_measure: str | None = None
    is_inventory: bool = False
    account: str | None = None
    cost_of_sale_account: str | None = None
    asset_account: str | None = None
    taxable: bool | None = True
    primary_vendor: SkuVendor | None = None
    other_vendors: list[SkuVendor] | None = []
    categories: list[int] = []
    assets: list[None] = []
    is_configurable_material: bool = False
    chargeable_by_default: bool = True
    created_by_id: int = OWNER
    display_in_amount: bool = False
    general_ledger_account_id: int | None = None
    is_other_direct_cost: bool = False


class Warranty(Part):
    """A warranty of a pricebook item."""

    duration: int = 0
    description: str | None = None


class Equipment(WithExternalData):
    """Source: pricebook-v2 `EquipmentResponse`."""

    code: str
    display_name: str | None = None
    description: str = ""
    active: bool = True
    price: Money = Decimal(0)
    member_price: Money = Decimal(0)
    add_on_price: Money = Decimal(0)
    add_on_member_price: Money = Decimal(0)
    manufacturer: str | None = None
    model: str | None = None
    manufacturer_warranty: Warranty = Warranty()
    service_provider_warranty: Warranty = Warranty()
    categories: list[int] = []
    assets: list[None] = []
    recommendations: list[None] = []
    upgrades: list[int] = []
    equipment_materials: list[None] = []
    primary_vendor: SkuVendor | None = None
    other_vendors: list[SkuVendor] | None = []
    pays_commission: bool = False
    bonus: Money = Decimal(0)
    commission_bonus: Money = Decimal(0)
    hours: Money = Decimal(0)
    taxable: bool = True
    cost: Money = Decimal(0)
    is_inventory: bool = False
    is_configurable_equipment: bool = False
    display_in_amount: bool = False


class EstimateStatus(Part):
    """An estimate's status: on the answer it is an object [spec]."""

    value: int
    name: str


class Sku(Record):
    """The pricebook item of an estimate line."""

    name: str
    display_name: str
    type: str = "Material"
    sold_hours: Money = Decimal(0)
    general_ledger_account_id: int = 0
    general_ledger_account_name: str = ""
    modified_on: datetime


class EstimateItem(Dated):
    """Source: salestech-v2 `EstimateItemResponse`."""

    sku: Sku
    sku_account: str = ""
    description: str
    membership_type_id: int | None = None
    qty: Money
    unit_rate: Money
    total: Money
    unit_cost: Money
    total_cost: Money
    item_group_name: str = ""
    item_group_root_id: int | None = None
    chargeable: bool | None = True
    invoice_item_id: int | None = None
    budget_code_id: int | None = None


class Estimate(Dated):
    """Source: salestech-v2 `EstimateResponse`."""

    job_id: int | None
    project_id: int | None = None
    location_id: int | None
    customer_id: int | None
    name: str | None
    job_number: str | None
    status: EstimateStatus
    review_status: Literal["None"] = "None"
    summary: str | None = None
    sold_on: datetime | None = None
    sold_by: int | None = None
    active: bool = True
    items: list[EstimateItem] = []
    external_links: list[None] | None = []
    subtotal: Money = Decimal(0)
    tax: Money = Decimal(0)
    business_unit_id: int | None = None
    business_unit_name: str | None = None
    is_recommended: bool = False
    budget_code_id: int | None = None
    is_change_order: bool = False
    proposal_tag_name: str | None = None


class InstalledEquipment(Dated):
    """Source: equipment-systems-v2 `InstalledEquipmentResponse`."""

    active: bool = True
    equipment_id: int | None = None
    location_id: int
    customer_id: int
    invoice_item_id: int | None = None
    name: str
    type: None = None
    installed_on: datetime | None = None
    serial_number: str = ""
    barcode_id: str | None = None
    memo: str = ""
    manufacturer: str = ""
    model: str = ""
    cost: Money = Decimal(0)
    status: Literal["Installed", "Replaced"] = "Installed"
    tags: list[None] | None = []
    actual_replacement_date: date | None = None
    predicted_replacement_months: int | None = None
    predicted_replacement_date: date | None = None


class Form(Dated):
    """Source: forms-v2 `FormResponse`."""

    active: bool = True
    name: str | None
    published: bool = True
    has_conditional_logic: bool = False
    has_triggers: bool = False
    created_by_id: int = OWNER


class Owner(Part):
    """What a form was filled in for."""

    type: str
    id: int


class TextUnit(Part):
    """A text field of a submitted form. Source: forms-v2 `TextFieldApiDto`."""

    id: str
    name: str
    type: str = "Text"
    comment: str = ""
    attachments: list[None] = []
    value: str


class SectionUnit(Part):
    """A section of a submitted form. Source: forms-v2 `FormSectionApiDto`."""

    id: str
    name: str
    type: str = "Section"
    description: str = ""
    units: list[TextUnit]


class Submission(Record):
    """Source: forms-v2 `FormSubmissionResponse`."""

    form_id: int
    form_name: str | None
    submitted_on: datetime
    created_by_id: int
    status: Literal["Started", "Completed"] = "Completed"
    owners: list[Owner]
    units: list[SectionUnit]


UTC_ZERO = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)
"""When the shop's own settings were made."""
