"""The shape of an order that is pushed whole. Source: openapi.yaml `Order`; other fields are kept as sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Money = Annotated[str, Field(pattern=r"^-?\d{1,9}\.\d{2}$")]


class Form(BaseModel):
    """A piece of an order."""

    model_config = ConfigDict(extra="allow")


class BuyerForm(Form):
    """Source: openapi.yaml `Customer`."""

    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None


class LineForm(Form):
    """Source: openapi.yaml `LineItem`."""

    id: int
    kind: Literal["product", "service", "membership"]
    name: str
    quantity: Annotated[int, Field(ge=1)]
    unit_price: Money
    discount_total: Money
    taxable: bool
    tax_total: Money
    total: Money
    purchase_type: Literal["one_time", "subscription"]


class WindowForm(Form):
    """Source: openapi.yaml `ArrivalWindow`."""

    start: AwareDatetime
    end: AwareDatetime
    timezone: str


class OrderForm(Form):
    """Source: openapi.yaml `Order`, its required fields. Whether the sums add up is not looked at."""

    id: int
    number: str
    store_id: int
    version: Annotated[int, Field(ge=1)]
    order_type: Literal["product", "service", "mixed"]
    purchase_type: Literal["one_time", "subscription", "mixed"]
    status: Literal["pending", "processing", "completed", "cancelled"]
    payment_status: Literal["pending", "authorized", "paid", "partially_refunded", "refunded", "voided", "failed"]
    currency: Literal["USD", "CAD"]
    customer: BuyerForm
    service_address: dict[str, Any]
    requested_window: WindowForm | None = None
    line_items: Annotated[list[LineForm], Field(min_length=1)]
    subtotal: Money
    discount_total: Money
    shipping_total: Money
    tax_total: Money
    grand_total: Money
    refunded_total: Money
    created_at: AwareDatetime
    updated_at: AwareDatetime
