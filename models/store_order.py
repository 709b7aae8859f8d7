"""Orders of the online store, in our words. Source: contracts/contractor_commerce/openapi.yaml, which is inferred.

Money is in the order's currency, to the cent. Text is as the buyer typed it.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from models.base import DomainModel


class LineKind(StrEnum):
    """What was sold. Products and services have settings of their own (OI-19)."""

    PRODUCT = "product"
    SERVICE = "service"
    MEMBERSHIP = "membership"
    UNKNOWN = "unknown"
    """The store names a kind that is not in the contract: the order is held, not guessed at (OI-70)."""


class Purchase(StrEnum):
    """One-time, or a charge of a subscription (OI-3)."""

    ONE_TIME = "one_time"
    SUBSCRIPTION = "subscription"


class OrderState(StrEnum):
    """Where the order stands in the store."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    CANCELED = "cancelled"


class PaymentState(StrEnum):
    """Whether the store has the money. Orders wait for payment (OI-69)."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"


class Buyer(DomainModel):
    """Who bought, as typed: mixed case, stray blanks, any phone punctuation (OI-8, OI-16)."""

    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    email: str = ""
    phone: str = ""
    phone_alternate: str = ""


class PlaceTyped(DomainModel):
    """An address as the buyer typed it; nothing in it is checked yet."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


class Window(DomainModel):
    """The arrival window the buyer chose, UTC."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime
    timezone: str = ""
    label: str = ""


class StoreLine(DomainModel):
    """One line of the order. `total` = quantity x unit_price - discount_total, before tax."""

    id: str
    kind: LineKind
    sku: str = ""
    name: str
    description: str = ""
    quantity: int
    unit_price: Decimal
    discount_total: Decimal
    tax_total: Decimal
    total: Decimal
    is_taxable: bool = False
    purchase: Purchase
    membership_type_id: int | None = None
    sale_task_id: int | None = None
    product_id: str = ""
    service_id: str = ""


class Discount(DomainModel):
    """A discount on the whole order, or on its shipping."""

    code: str = ""
    kind: str
    amount: Decimal


class StorePayment(DomainModel):
    """Money the store collected, outside ServiceTitan (OI-63)."""

    id: str
    method: str
    amount: Decimal
    status: str
    processed_at: AwareDatetime | None = None
    reference: str = ""


class StoreRefund(DomainModel):
    """Money the store gave back."""

    id: str
    amount: Decimal
    reason: str = ""
    created_at: AwareDatetime


class TermsAccepted(DomainModel):
    """A document the buyer agreed to before paying; memberships need one (OI-66)."""

    document: str
    version: str = ""
    accepted_at: AwareDatetime


class StoreOrder(DomainModel):
    """One order at one version. `grand_total` = subtotal - discount_total + shipping_total + tax_total."""

    id: str
    number: str
    store_id: str
    version: int
    """Grows with every change: an older one that arrives late is ignored (OI-67)."""
    is_test: bool = False
    state: OrderState
    payment_state: PaymentState
    currency: str
    buyer: Buyer
    service_address: PlaceTyped
    billing_address: PlaceTyped | None = None
    shipping_address: PlaceTyped | None = None
    requested_window: Window | None = None
    subscription_id: str = ""
    subscription_sequence: int | None = None
    """1 for the first charge, then one more per renewal."""
    lines: tuple[StoreLine, ...]
    discounts: tuple[Discount, ...] = ()
    subtotal: Decimal
    discount_total: Decimal
    shipping_total: Decimal
    tax_total: Decimal
    grand_total: Decimal
    refunded_total: Decimal = Decimal(0)
    payments: tuple[StorePayment, ...] = ()
    refunds: tuple[StoreRefund, ...] = ()
    terms: tuple[TermsAccepted, ...] = ()
    note: str = ""
    created_at: AwareDatetime
    updated_at: AwareDatetime
    paid_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    canceled_at: AwareDatetime | None = None
    cancel_reason: str = ""


class UnreadableOrder(DomainModel):
    """An order the store sent in a form we cannot read: it is held, and the others go on."""

    id: str = ""
    """Empty when not even that could be read."""
    number: str = ""
    version: int | None = None
    updated_at: AwareDatetime | None = None
    why: str
    """The faulty fields, never their values."""


class StoreOrders(DomainModel):
    """One page of orders in update order, and how far it is complete."""

    orders: tuple[StoreOrder, ...]
    unreadable: tuple[UnreadableOrder, ...] = ()
    as_of: AwareDatetime | None = None
    """Safe as the next `updated_since`; ties at that moment come again."""
