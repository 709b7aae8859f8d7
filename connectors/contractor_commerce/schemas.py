"""The store's records as they travel, and how each becomes a record in our words.

Source of every field: contracts/contractor_commerce/openapi.yaml [inferred]; fields an order can do without have
defaults. Money travels as a decimal string and is refused where it is not whole cents: it has been rounded somewhere.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from connectors.wire import UtcTime, VendorModel
from models.store_order import (
    Buyer,
    Discount,
    LineKind,
    OrderState,
    PaymentState,
    PlaceTyped,
    Purchase,
    StoreLine,
    StoreOrder,
    StorePayment,
    StoreRefund,
    TermsAccepted,
    Window,
)

_CENT: Final = Decimal("0.01")


def _cents(value: Any) -> Decimal:
    """Read an amount to the cent. A binary fraction, or part of a cent, is refused: which cent was meant is lost."""
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise ValueError("money travels as a decimal string")  # noqa: TRY004 - pydantic reports ValueError by field
    try:
        amount = Decimal(value)
        exact = amount.quantize(_CENT)
    except InvalidOperation:
        raise ValueError("no amount of money") from None
    if exact != amount:
        raise ValueError("not whole cents")
    return exact


Money = Annotated[Decimal, BeforeValidator(_cents)]
"""An amount in the order's currency, two places."""


class StoreModel(VendorModel):
    """A record of the store: snake_case on the wire, null the same as absent, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=None)

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        # Half an emoji, or a NUL, can stand in JSON but in no database: shown as U+FFFD rather than holding the order.
        if not isinstance(value, str):
            return value
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class WireBuyer(StoreModel):
    """openapi.yaml `Customer`, as typed by the buyer."""

    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    email: str = ""
    phone: str = ""
    phone_alternate: str = ""

    def read(self) -> Buyer:
        """Return the buyer in our words."""
        return Buyer(**self.model_dump())


class WireAddress(StoreModel):
    """openapi.yaml `Address`, as typed by the buyer."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""

    def read(self) -> PlaceTyped:
        """Return the address in our words."""
        return PlaceTyped(**self.model_dump())


class WireWindow(StoreModel):
    """openapi.yaml `ArrivalWindow`."""

    start: UtcTime
    end: UtcTime
    timezone: str = ""
    label: str = ""

    def read(self) -> Window:
        """Return the window in our words."""
        return Window(starts_at=self.start, ends_at=self.end, timezone=self.timezone, label=self.label)


class WireLink(StoreModel):
    """openapi.yaml `ServiceTitanAttributes`: what ties a service to a membership. The vendor has more of them."""

    membership_type_id: int | None = None
    sale_task_id: int | None = None


class WireLine(StoreModel):
    """openapi.yaml `LineItem`."""

    id: str
    kind: LineKind
    product_id: str = ""
    service_id: str = ""
    sku: str = ""
    name: str
    description: str = ""
    quantity: int
    unit_price: Money
    discount_total: Money
    taxable: bool = False
    tax_total: Money
    total: Money
    purchase_type: Purchase
    servicetitan: WireLink = WireLink()

    def read(self) -> StoreLine:
        """Return the line in our words."""
        return StoreLine(
            id=self.id,
            kind=self.kind,
            product_id=self.product_id,
            service_id=self.service_id,
            sku=self.sku,
            name=self.name,
            description=self.description,
            quantity=self.quantity,
            unit_price=self.unit_price,
            discount_total=self.discount_total,
            tax_total=self.tax_total,
            total=self.total,
            is_taxable=self.taxable,
            purchase=self.purchase_type,
            membership_type_id=self.servicetitan.membership_type_id,
            sale_task_id=self.servicetitan.sale_task_id,
        )


class WireSubscription(StoreModel):
    """openapi.yaml `SubscriptionRef`."""

    id: str
    sequence: int | None = None


class WireDiscount(StoreModel):
    """openapi.yaml `Discount`."""

    code: str = ""
    type: str
    amount: Money

    def read(self) -> Discount:
        """Return the discount in our words."""
        return Discount(code=self.code, kind=self.type, amount=self.amount)


class WirePayment(StoreModel):
    """openapi.yaml `Payment`."""

    id: str
    method: str
    amount: Money
    status: str
    processed_at: UtcTime | None = None
    reference: str = ""

    def read(self) -> StorePayment:
        """Return the payment in our words."""
        return StorePayment(**self.model_dump())


class WireRefund(StoreModel):
    """openapi.yaml `Refund`, without its lines."""

    id: str
    amount: Money
    reason: str = ""
    created_at: UtcTime

    def read(self) -> StoreRefund:
        """Return the refund in our words."""
        return StoreRefund(**self.model_dump())


class WireTerms(StoreModel):
    """openapi.yaml `TermsAcceptance`."""

    document: str
    version: str = ""
    accepted_at: UtcTime

    def read(self) -> TermsAccepted:
        """Return the acceptance in our words."""
        return TermsAccepted(**self.model_dump())


class WireOrder(StoreModel):
    """openapi.yaml `Order`."""

    id: str
    number: str
    store_id: str
    version: int
    test: bool = False
    status: OrderState
    payment_status: PaymentState
    currency: str
    customer: WireBuyer = WireBuyer()
    service_address: WireAddress = WireAddress()
    billing_address: WireAddress | None = None
    shipping_address: WireAddress | None = None
    requested_window: WireWindow | None = None
    subscription: WireSubscription | None = None
    line_items: tuple[WireLine, ...] = Field(min_length=1)
    discounts: tuple[WireDiscount, ...] = ()
    subtotal: Money
    discount_total: Money
    shipping_total: Money
    tax_total: Money
    grand_total: Money
    refunded_total: Money = Decimal("0.00")
    payments: tuple[WirePayment, ...] = ()
    refunds: tuple[WireRefund, ...] = ()
    terms: tuple[WireTerms, ...] = ()
    customer_note: str = ""
    created_at: UtcTime
    updated_at: UtcTime
    paid_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    cancelled_at: UtcTime | None = None
    cancel_reason: str = ""

    def read(self) -> StoreOrder:
        """Return the order in our words."""
        return StoreOrder(
            id=self.id,
            number=self.number,
            store_id=self.store_id,
            version=self.version,
            is_test=self.test,
            state=self.status,
            payment_state=self.payment_status,
            currency=self.currency,
            buyer=self.customer.read(),
            service_address=self.service_address.read(),
            billing_address=self.billing_address.read() if self.billing_address else None,
            shipping_address=self.shipping_address.read() if self.shipping_address else None,
            requested_window=self.requested_window.read() if self.requested_window else None,
            subscription_id=self.subscription.id if self.subscription else "",
            subscription_sequence=self.subscription.sequence if self.subscription else None,
            lines=tuple(line.read() for line in self.line_items),
            discounts=tuple(discount.read() for discount in self.discounts),
            subtotal=self.subtotal,
            discount_total=self.discount_total,
            shipping_total=self.shipping_total,
            tax_total=self.tax_total,
            grand_total=self.grand_total,
            refunded_total=self.refunded_total,
            payments=tuple(payment.read() for payment in self.payments),
            refunds=tuple(refund.read() for refund in self.refunds),
            terms=tuple(one.read() for one in self.terms),
            note=self.customer_note,
            created_at=self.created_at,
            updated_at=self.updated_at,
            paid_at=self.paid_at,
            completed_at=self.completed_at,
            canceled_at=self.cancelled_at,
            cancel_reason=self.cancel_reason,
        )


class OrderStub(StoreModel):
    """As much of an order as is needed to name it when the rest cannot be read."""

    id: str
    number: str = ""
    version: int | None = None
    updated_at: UtcTime | None = None


class PageMeta(StoreModel):
    """openapi.yaml `CursorMeta`."""

    next_cursor: str = ""
    as_of: UtcTime | None = None


class OrderPage(StoreModel):
    """openapi.yaml `OrderPage`. Its orders are read one by one: one bad order does not spoil the page."""

    data: tuple[dict[str, Any], ...]
    meta: PageMeta


class OrderEnvelope(StoreModel):
    """openapi.yaml `OrderEnvelope`."""

    data: WireOrder


class EventData(StoreModel):
    """What an event is about. openapi.yaml `WebhookEvent.data`."""

    object: str = ""
    order: dict[str, Any] | None = None


class Event(StoreModel):
    """openapi.yaml `WebhookEvent`."""

    id: str = Field(min_length=1)
    type: str
    created_at: UtcTime | None = None
    data: EventData = EventData()
