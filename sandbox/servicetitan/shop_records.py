"""Records beside the job: settings, pricebook, estimates, appliances, forms. As the specs answer them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from sandbox.servicetitan.records import OWNER, Dated, Money, Part, Record, WithExternalData


class JobType(WithExternalData):
    """Source: jpm-v2 `JobTypeResponse`."""

    name: str
    business_unit_ids: list[int] = Field(default_factory=list)
    skills: list[str] = Field(default_factory=list)
    tag_type_ids: list[int] = Field(default_factory=list)
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
    positions: list[str] | None = Field(default_factory=lambda: ["Service"])


class BusinessUnit(WithExternalData):
    """Source: settings-v2 `BusinessUnitResponse`; optional fields the sandbox has nothing for are left out."""

    active: bool = True
    name: str
    official_name: str | None = None
    email: str | None = None
    currency: str | None = "USD"
    phone_number: str | None = None
    tag_type_ids: list[int] | None = Field(default_factory=list)


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


class Asset(Part):
    """A picture or document of a pricebook item. Source: pricebook-v2 `SkuAssetResponse`."""

    alias: str | None = None
    file_name: str | None = None
    is_default: bool = False
    type: Literal["Other", "Image", "Video", "Attachment", "VideoFile"]
    url: str


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
    other_vendors: list[SkuVendor] | None = Field(default_factory=list)
    categories: list[int] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
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
    categories: list[int] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
    recommendations: list[None] = Field(default_factory=list)
    upgrades: list[int] = Field(default_factory=list)
    equipment_materials: list[None] = Field(default_factory=list)
    primary_vendor: SkuVendor | None = None
    other_vendors: list[SkuVendor] | None = Field(default_factory=list)
    pays_commission: bool = False
    bonus: Money = Decimal(0)
    commission_bonus: Money = Decimal(0)
    hours: Money = Decimal(0)
    taxable: bool = True
    cost: Money = Decimal(0)
    is_inventory: bool = False
    is_configurable_equipment: bool = False
    display_in_amount: bool = False
    unit_of_measure: str | None = None
    account: str | None = None
    cost_of_sale_account: str | None = None
    asset_account: str | None = None
    general_ledger_account_id: int | None = None


class Service(WithExternalData):
    """Source: pricebook-v2 `ServiceGetResponse`. A membership's sale task is one too; no read says which."""

    code: str
    display_name: str | None = None
    description: str = ""
    warranty: Warranty | None = None
    categories: list[None] = Field(default_factory=list)
    price: Money = Decimal(0)
    member_price: Money = Decimal(0)
    add_on_price: Money = Decimal(0)
    add_on_member_price: Money = Decimal(0)
    taxable: bool = False
    account: str | None = None
    hours: Money = Decimal(0)
    is_labor: bool | None = False
    recommendations: list[int] = Field(default_factory=list)
    upgrades: list[int] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
    service_materials: list[None] = Field(default_factory=list)
    service_equipment: list[None] = Field(default_factory=list)
    active: bool = True
    cross_sale_group: str | None = None
    pays_commission: bool = False
    bonus: Money = Decimal(0)
    commission_bonus: Money = Decimal(0)
    source: str | None = None
    external_id: str | None = None
    business_unit_id: int | None = None
    cost: Money = Decimal(0)
    sold_by_commission: Money = Decimal(0)
    default_asset_url: str | None = None
    budget_cost_code: str | None = None
    budget_cost_type: str | None = None
    membership_type_id: int | None = Field(None, exclude=True)
    """The membership this service sells, when it is a sale task."""
    cost_of_sale_account: None = Field(None, exclude=True)
    asset_account: None = Field(None, exclude=True)
    is_inventory: Literal[False] = Field(default=False, exclude=True)
    general_ledger_account_id: int | None = Field(None, exclude=True)


Item = Material | Equipment | Service
"""Anything an invoice line can sell."""


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
    items: list[EstimateItem] = Field(default_factory=list)
    external_links: list[None] | None = Field(default_factory=list)
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
    tags: list[None] | None = Field(default_factory=list)
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
    attachments: list[None] = Field(default_factory=list)
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
