"""mSupply's requests and answers. Source: contracts/marcone/marcone-contract.yaml, marks as there.

Answers of unproven shape (related parts, order status) are kept as they come and read in `readings.py`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from connectors.wire import RequestModel, VendorModel


class LookupRequest(RequestModel):
    """`PartLookupRequest` [documented]."""

    cust_no: int
    part_number: str
    make: str = ""
    lookup_type: Literal["Default", "ByZipCode"] = "Default"
    tnt_ship_to_zip: str = ""


class ShippingMethodsRequest(RequestModel):
    """Body of `POST /orders/getshippingmethods` [observed-in-client, D2]."""

    cust_no: int
    warehouse_number: str


class ShipTo(RequestModel):
    """`Address` [documented]."""

    name: str
    address1: str
    address2: str
    city: str
    state: str
    zip: str


class OrderLine(RequestModel):
    """`OrderItem` [documented]. Each line names its branch, or the home branch is taken (FACTS 7)."""

    make: str
    part_number: str
    quantity: int
    reference: str
    warehouse_number: str


class PurchaseOrderRequest(RequestModel):
    """`PurchaseOrderRequest` [documented]."""

    cust_no: int
    po_number: str
    warehouse_number: str
    shipping_method: str
    ship_to: ShipTo
    purchase_order_items: tuple[OrderLine, ...]


class OrderStatusRequest(RequestModel):
    """`OrderStatusRequest` [observed-in-client]: one number, as text."""

    cust_no: int
    lookup_type: Literal["ByOrderNumber"]
    order_number: str


class TrackRequest(RequestModel):
    """Body of `POST /orders/trackpackage` [observed-in-client]."""

    cust_no: int
    tracking_number: str


class Inventory(VendorModel):
    """Stock at one branch."""

    warehouse_number: str = ""
    warehouse_name: str = ""
    quantity_available: int = 0
    time_in_transit_days: int | None = None


class PartResult(VendorModel):
    """One part a number names. `price` is this account's net cost; `dealer` and `retail` are not ours (FACTS 5)."""

    make: str
    part_number: str
    description: str = ""
    price: Decimal | None = None
    list_price: Decimal | None = Field(default=None, alias="list")
    core_cost: Decimal | None = None
    is_discontinued: bool = False
    is_drop_ship_only: bool = False
    is_haz_mat: bool = False
    is_oversize: bool = False
    inventory: tuple[Inventory, ...] = ()
    sub_parts: tuple[Any, ...] = ()
    cross_reference_parts: tuple[Any, ...] = ()


class LookupAnswer(VendorModel):
    """`PartLookupResponse`."""

    transaction_id: str = ""
    part_results: tuple[PartResult, ...] = ()
    error_message: str = ""


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str | int) else value


class PurchaseOrderAnswer(VendorModel):
    """`PurchaseOrderResponse` [documented]. `success` is left out on purpose: it lies (D6).

    Only the order numbers decide, so nothing else in the answer may make it unreadable.
    """

    transaction_id: Any = ""
    order_numbers: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = None
    substitutions: Any = ()
    error_message: Any = ""
    reason: Any = ""
    message: Any = ""
    error: Any = ""
    error_code: Any = ""
    status: Any = ""


class ShippingMethod(VendorModel):
    """One method; purchase orders take the name, not the id (D5)."""

    shipping_method_name: str = ""


class ShippingMethodsAnswer(VendorModel):
    """`ShippingMethodsResponse` [observed-in-client]."""

    shipping_methods: tuple[ShippingMethod, ...] = ()


class TrackEvent(VendorModel):
    """One scan."""

    date_time: str = ""
    description: str = ""
    city: str = ""
    state: str = ""


class TrackAnswer(VendorModel):
    """`TrackPackageResponse` [observed-in-client]."""

    events: tuple[TrackEvent, ...] = ()
