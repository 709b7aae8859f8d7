"""Marcone's state: parts, stock, warehouses, orders, and the switches for readings nobody has confirmed."""

from __future__ import annotations

import itertools
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field

from sandbox.clock import Clock, add_business_days, as_day, as_wire
from sandbox.errors import RefusedError
from sandbox.marcone import TOKEN_LIFE_S
from sandbox.strict import PeopleBody
from sandbox.tokens import TokenDesk

CENT = Decimal("0.01")
PartKey = tuple[str, str]
"""Make and number, both in the vendor's spelling."""

PICKED_AFTER = timedelta(hours=1)
INVOICED_AFTER = timedelta(hours=24)
SHIPS_AT_HOUR_UTC = 18
DROP_SHIP_DAYS = 5


@dataclass
class StockedPart:
    """One part. Prices in US dollars; `price` is this account's net cost and the lowest."""

    make: str
    number: str
    description: str
    price: Decimal
    stock: dict[str, int] = field(default_factory=dict)
    is_discontinued: bool = False
    is_drop_ship_only: bool = False
    is_hazmat: bool = False
    is_oversize: bool = False
    core: Decimal | None = None
    replaced_by: list[PartKey] = field(default_factory=list)

    @property
    def key(self) -> PartKey:
        """Make and number."""
        return self.make, self.number

    @property
    def total(self) -> int:
        """Pieces in all warehouses."""
        return sum(self.stock.values())

    def price_times(self, factor: str) -> Decimal:
        """Return the price times a factor, to the cent: dealer, list and retail are made this way."""
        return (self.price * Decimal(factor)).quantize(CENT, ROUND_HALF_UP)


@dataclass
class OrderLine:
    """One line of an order, at its warehouse."""

    make: str
    part_number: str
    quantity: int
    reference: str
    unit_price: Decimal
    backordered: int = 0


@dataclass
class Order:
    """One order at one warehouse; its status follows from the clock and from what people did to it."""

    number: str
    po_number: str
    warehouse: str
    shipping_method: str
    ship_to: dict[str, str]
    lines: list[OrderLine]
    placed_at: datetime
    picks_from: datetime
    transit_days: int
    is_drop_ship: bool = False
    eta: date | None = None
    tracking: str = ""
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    canceled_at: datetime | None = None

    @property
    def is_backordered(self) -> bool:
        """Tell whether a line waits for stock."""
        return any(line.backordered for line in self.lines)

    def ship_time(self) -> datetime | None:
        """Return when it left, or will leave if nothing changes; None while it waits for stock."""
        if self.shipped_at is not None:
            return self.shipped_at
        if self.is_backordered or self.canceled_at is not None:
            return None
        days = DROP_SHIP_DAYS if self.is_drop_ship else 1
        day = add_business_days(self.picks_from, days)
        return day.replace(hour=SHIPS_AT_HOUR_UTC, minute=0, second=0, microsecond=0)

    def delivery_time(self) -> datetime | None:
        """Return when it arrived, or will arrive."""
        if self.delivered_at is not None:
            return self.delivered_at
        shipped = self.ship_time()
        return None if shipped is None else add_business_days(shipped, self.transit_days)

    def status(self, now: datetime) -> str:
        """Return the status word: Open, PickingAndPacking, Shipped, Invoiced, Backordered or Canceled."""
        if self.canceled_at is not None:
            return "Canceled"
        shipped = self.ship_time()
        if shipped is None:
            return "Backordered"
        if now >= shipped + INVOICED_AFTER:
            return "Invoiced"
        if now >= shipped:
            return "Shipped"
        return "PickingAndPacking" if now >= self.picks_from + PICKED_AFTER else "Open"

    def total(self) -> Decimal:
        """Return the goods' value in US dollars."""
        return sum((line.unit_price * line.quantity for line in self.lines), Decimal(0))


class Switches(PeopleBody):
    """Readings of the contract that nobody has confirmed, and accidents: each can be had either way."""

    success_flag: bool = True
    """False: an order that was placed answers `success: false` (D6)."""
    status_as: Literal["text", "object"] = "text"
    status_wrapper: Literal["orderResults", "orderInformation", "orders"] = "orderResults"
    eta_on: Literal["none", "header", "items"] = "header"
    """Where an ETA that people set is shown."""
    substitute: dict[str, tuple[str, str]] = Field(default_factory=dict)
    """Ships another part than the one ordered: old number to [make, number]."""
    duplicate_po: Literal["second_order", "reject"] = "second_order"
    split: bool = False
    """Splits every order of two pieces or more into two order numbers."""
    token_expiry_s: int = TOKEN_LIFE_S


@dataclass
class Marcone:
    """Everything Marcone knows."""

    clock: Clock
    parts: dict[PartKey, StockedPart] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)
    tokens: TokenDesk = field(default_factory=lambda: TokenDesk(TOKEN_LIFE_S))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(90_000_001))

    def find(self, number: str, make: str | None = None) -> list[StockedPart]:
        """Return the parts of that number, of one make or of all; a brand name is no make."""
        wanted = plain(number)
        return [
            part
            for part in self.parts.values()
            if (make is None or part.make == make) and _same(part, wanted) and wanted
        ]

    def order(self, number: str) -> Order:
        """Return the order.

        Raises: RefusedError 400 when there is none.
        """
        if number not in self.orders:
            raise RefusedError(400, "Order not found.")
        return self.orders[number]

    def new_order_number(self) -> str:
        """Return the next order number."""
        return str(next(self._numbers))

    def state(self) -> dict[str, Any]:
        """Return everything as JSON, for the people's side."""
        now = self.clock.now()
        return {
            "switches": self.switches.model_dump(mode="json"),
            "parts": [_json(asdict(part)) for part in self.parts.values()],
            "orders": [self.order_state(order, now) for order in self.orders.values()],
        }

    def order_state(self, order: Order, now: datetime) -> dict[str, Any]:
        """Return one order with its status now and its dates."""
        ship, delivery = order.ship_time(), order.delivery_time()
        return {
            **_json(asdict(order)),
            "status": order.status(now),
            "ships_at": as_wire(ship) if ship else None,
            "arrives_at": as_wire(delivery) if delivery else None,
            "is_delivered": delivery is not None and now >= delivery,
            "tracking": tracking_of(order) if ship and now >= ship else "",
        }


def plain(number: str) -> str:
    """Return a part number in upper case with letters and digits only: how numbers are compared."""
    return re.sub(r"[^0-9A-Z]", "", number.upper())


def _same(part: StockedPart, wanted: str) -> bool:
    own = plain(part.number)
    # Bosch numbers are typed with and without their leading zeros (FACTS 16).
    return own == wanted or (part.make == "BSH" and own.lstrip("0") == wanted.lstrip("0"))


def tracking_of(order: Order) -> str:
    """Return the tracking number people gave, or one made from the order number in the carrier's form."""
    if order.tracking:
        return order.tracking
    return f"1Z555010{order.number}" if order.shipping_method.startswith("UPS") else f"7755{order.number}"


def transaction_id() -> str:
    """Return a fresh transaction id, as every answer carries one."""
    return secrets.token_hex(6)


def _json(value: Any) -> Any:
    """Turn dates and decimals into JSON."""
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, datetime):
        return as_wire(value)
    if isinstance(value, date):
        return as_day(value)
    return float(value) if isinstance(value, Decimal) else value
