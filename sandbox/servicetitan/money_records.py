"""Invoices, payments and what they refer to, as accounting-v2, marketing-v2 and dispatch-v2 answer them."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field

from sandbox.clock import as_wire
from sandbox.servicetitan.records import Dated, Money, Part, Record

CENT = Decimal("0.01")
ZERO = Decimal(0)
ReviewStatus = Literal[
    "NeedsReview", "OnHold", "Reviewed", "PendingApproval", "Rejected", "ReadyForBilling", "Invoiced"
]
PostStatus = Literal["Pending", "Posted", "Exported"]


def cents(amount: Decimal) -> Decimal:
    """Round to whole cents, half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def as_text(amount: Decimal) -> str:
    """Return the amount as invoices and payments answer money: a string."""
    return f"{cents(amount):f}"


class GlAccount(Dated):
    """Source: accounting-v2 `GlAccountExtendedResponse`."""

    name: str
    number: str | None = None
    description: str | None = None
    type: str
    subtype: str | None = None
    active: bool = True
    is_intacct_group: bool = False
    is_intacct_bank_account: bool = False
    source: Literal["Undefined", "AccountingSystem", "ManuallyCreated", "PublicApi"] = "AccountingSystem"
    default_account_type: str | None = None

    def brief(self) -> dict[str, Any]:
        """Return the account as an invoice line names it."""
        return {
            "id": self.id,
            "name": self.name,
            "number": self.number,
            "type": self.type,
            "detailType": self.subtype,
        }


class PaymentType(Dated):
    """Source: accounting-v2 `PaymentTypeResponse`. That it counts as cash is not in the answer [spec: absent]."""

    name: str
    active: bool = Field(default=True, exclude=True)
    is_cash: bool = Field(default=False, exclude=True)


class TaxRate(Part):
    """One rate of a tax zone; a fraction, 0.10 is ten per cent."""

    id: int | None = None
    tax_name: str | None = None
    tax_base_type: list[Literal["Subtotal", "Labor", "Material"]]
    tax_rate: Money
    sales_tax_item: str | None = None


class TaxZone(Dated):
    """Source: accounting-v2 `TaxZoneResponse`."""

    name: str
    color: int | None = None
    is_tax_rate_separated: bool = False
    is_multiple_tax_zone: bool = False
    rates: list[TaxRate]
    active: bool = True

    @property
    def rate(self) -> Decimal:
        """Return all rates together, as a fraction."""
        return sum((one.tax_rate for one in self.rates), ZERO)


class CampaignCategory(Record):
    """A group of campaigns."""

    name: str
    active: bool = True


class Campaign(Dated):
    """Source: marketing-v2 `CampaignResponse`."""

    name: str
    active: bool = True
    is_default_campaign: bool | None = False
    category: CampaignCategory | None = None
    source: str | None = None
    other_source: str | None = None
    business_unit: str | None = None
    medium: str | None = None
    other_medium: str | None = None
    campaign_phone_numbers: list[str] | None = Field(default_factory=list)


class ArrivalWindow(Record):
    """Source: dispatch-v2 `ArrivalWindowResponse`. `start` and `duration` are time spans, HH:MM, in the shop's zone."""

    start: str
    duration: str
    business_unit_ids: list[int] = Field(default_factory=list)
    """The units it holds for; none named: all."""
    active: bool = True
    created_on: datetime = Field(exclude=True)


class InvoiceLine(Dated):
    """One line of an invoice, as it is kept. Money in US dollars."""

    sku_id: int
    sku_name: str
    sku_type: Literal["Service", "Material", "Equipment", "PriceModifier", "Unspecified"]
    display_name: str | None
    description: str
    quantity: Decimal
    price: Decimal
    cost: Decimal
    inventory: bool
    taxable: bool
    add_on: bool = False
    technician_id: int | None = None
    membership_type_id: int = 0
    """The membership a sale task sells; 0: none."""
    accounts: tuple[GlAccount | None, GlAccount | None, GlAccount | None] = (None, None, None)
    """Income, cost of sale, asset."""

    @property
    def total(self) -> Decimal:
        """Return quantity times price, in whole cents."""
        return cents(self.quantity * self.price)

    def shown(self, place: int) -> dict[str, Any]:
        """Return the line as `InvoiceItemResponse`; money and quantity are strings [spec]."""
        income, cost_of_sale, asset = self.accounts
        return {
            "id": self.id,
            "description": self.description,
            "quantity": f"{self.quantity.normalize():f}",
            "cost": as_text(self.cost),
            "totalCost": as_text(self.cost * self.quantity),
            "budgetCodeId": None,
            "inventoryLocationId": None,
            "inventoryLocation": None,
            "price": f"{self.price:f}",
            "type": self.sku_type,
            "skuName": self.sku_name,
            "skuId": self.sku_id,
            "total": as_text(self.total),
            "inventory": self.inventory,
            "taxable": self.taxable,
            "isChargeable": True,
            "generalLedgerAccount": income.brief() if income else None,
            "costOfSaleAccount": cost_of_sale.brief() if cost_of_sale else None,
            "assetAccount": asset.brief() if asset else None,
            "membershipTypeId": self.membership_type_id,
            "itemGroup": None,
            "displayName": self.display_name,
            "soldHours": 0.0,
            "createdOn": as_wire(self.created_on),
            "modifiedOn": as_wire(self.modified_on),
            "serviceDate": None,
            "order": place,
            "businessUnit": None,
            "createdById": None,
            "displayInAmount": False,
            "importId": None,
            "exportId": None,
            "inventoryStatus": None,
            "addOn": self.add_on,
            "memberPrice": as_text(ZERO),
            "technicianId": self.technician_id,
            "installedEquipmentId": None,
            "estimateItemId": None,
        }


class Invoice(Dated):
    """An invoice, as it is kept; `accounting.py` shows it. Money in US dollars."""

    job_id: int | None
    """None: the invoice of a membership sale."""
    number: str
    customer_id: int
    location_id: int
    business_unit_id: int
    configuration: Literal["JobInvoice", "MembershipInvoice"] = "JobInvoice"
    adjustment_to_id: int | None = None
    """The invoice this one corrects: its amounts are added to that one's by the books, not here."""
    membership_id: int | None = None
    status: PostStatus = "Pending"
    review_status: ReviewStatus = "NeedsReview"
    invoiced_on: datetime
    due_date: datetime | None = None
    tax_zone_id: int | None = None
    tax_set: Decimal | None = None
    """The tax somebody wrote by hand; it stays until it is written again. None: the tax zone decides."""
    summary: str | None = None
    export_id: str | None = None
    assigned_to_id: int | None = None
    type_id: int | None = None
    lines: list[InvoiceLine] = Field(default_factory=list)
    active: bool = True
    paid_on: datetime | None = None

    @property
    def subtotal(self) -> Decimal:
        """Return the sum of the lines."""
        return sum((line.total for line in self.lines), ZERO)

    @property
    def taxable_total(self) -> Decimal:
        """Return the sum of the taxable lines."""
        return sum((line.total for line in self.lines if line.taxable), ZERO)


class PaymentSplit(Part):
    """What part of a payment goes to which invoice."""

    amount: Money
    invoice_id: int
    invoice_number: str


class Payment(Dated):
    """A payment, as it is kept: a record of money received, nothing is charged."""

    type_id: int
    amount: Decimal
    customer_id: int | None
    paid_on: datetime
    splits: list[PaymentSplit]
    memo: str | None = None
    check_number: str | None = None
    auth_code: str | None = None
    export_id: str | None = None
    status: PostStatus = "Pending"
    active: bool = True
