"""Invoices, payments and accounts. Source: accounting-v2 [spec]; FACTS 2.8 and section 6.

Money is US dollars: text on invoice and payment reads, a number on writes, Decimal here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pydantic import Field, RootModel

from connectors.wire import RequestModel, SentTime, VendorModel

ZERO: Final = Decimal(0)


class InvoiceItem(VendorModel):
    """`Accounting.V2.InvoiceItemResponse`."""

    id: int
    type: str = ""
    sku_id: int | None = None
    sku_name: str = ""
    description: str = ""
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    cost: Decimal = ZERO
    total: Decimal = ZERO
    taxable: bool = False


class JobOfInvoice(VendorModel):
    """`Accounting.V2.JobResponse`."""

    id: int
    number: str = ""


class Invoice(VendorModel):
    """`Accounting.V2.InvoiceResponse`."""

    id: int
    number: str = Field(default="", alias="referenceNumber")
    sync_status: str = ""
    """Pending, Posted or Exported: what is no longer Pending is closed to us."""
    sub_total: Decimal = ZERO
    sales_tax: Decimal = ZERO
    total: Decimal
    balance: Decimal = ZERO
    tax_zone_id: int | None = None
    summary: str = ""
    export_id: str = ""
    active: bool = True
    adjustment_to_id: int | None = None
    """Of an adjustment invoice: the invoice it adjusts."""
    job: JobOfInvoice | None = None
    items: tuple[InvoiceItem, ...] = ()


class InvoiceLine(RequestModel):
    """`Accounting.V2.InvoiceItemUpdateRequest`: with `id` that line is changed, without one a line is added [inferred].

    `description` is shown as HTML: give it through `as_html`. The line's tax follows its SKU and the tax zone.
    """

    id: int | None = None
    sku_id: int | None = None
    description: str
    quantity: Decimal
    unit_price: Decimal | None = None
    cost: Decimal | None = None
    technician_id: int | None = None
    skip_updating_membership_prices: bool | None = None


class InvoicePatch(RequestModel):
    """`Accounting.V2.InvoiceUpdateRequest`."""

    tax: Decimal | None = None
    tax_zone_id: int | None = None
    summary: str | None = None
    export_id: str | None = None


class NewAdjustment(RequestModel):
    """`Accounting.V2.AdjustmentInvoiceCreateRequest`. `summary` is HTML: give it through `as_html`.

    `tax` is sent, zero too: else ServiceTitan might reckon one on the lines [inferred].
    """

    adjustment_to_id: int
    items: tuple[InvoiceLine, ...]
    tax: Decimal
    summary: str | None = None


class CreatedInvoice(RootModel[int]):
    """The answer to a new adjustment invoice: its id, and nothing else."""


class PaymentSplit(RequestModel):
    """`Accounting.V2.PaymentSplitApiModel`: how much of a payment goes to which invoice."""

    invoice_id: int
    amount: Decimal


class NewPayment(RequestModel):
    """`Accounting.V2.PaymentCreateRequest`. It records money; nothing is charged."""

    type_id: int
    amount: Decimal
    paid_on: SentTime
    splits: tuple[PaymentSplit, ...]
    customer_id: int | None = None
    memo: str | None = None
    check_number: str | None = None
    auth_code: str | None = None
    export_id: str | None = None


class CreatedPayment(VendorModel):
    """`Accounting.V2.PaymentResponse`."""

    id: int
    type_id: int


class PaymentApplied(VendorModel):
    """`Accounting.V2.PaymentAppliedResponse`."""

    invoice_id: int = Field(alias="appliedTo")
    amount: Decimal = Field(default=ZERO, alias="appliedAmount")


class Payment(VendorModel):
    """`Accounting.V2.DetailedPaymentResponse`; `total` and `typeId` are texts on the wire."""

    id: int
    type_id: int | None = None
    type: str = ""
    total: Decimal = ZERO
    unapplied_amount: Decimal = ZERO
    memo: str = ""
    reference_number: str = ""
    active: bool = True
    refunded_payment_id: int | None = None
    applied_to: tuple[PaymentApplied, ...] = ()


class GlAccount(VendorModel):
    """`Accounting.V2.GlAccountExtendedResponse`."""

    id: int
    name: str = ""
    number: str = ""
    type: str = ""
    subtype: str = ""
    default_account_type: str = ""
    """The class of the account, such as Inventory, which makes what is booked on it inventory."""
    active: bool = True


class PaymentType(VendorModel):
    """`Accounting.V2.PaymentTypeResponse`. It does not say whether it is active, nor whether it counts as cash."""

    id: int
    name: str = ""
