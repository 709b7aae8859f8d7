"""The store's records. An order is kept as the JSON it is answered as, so that nothing is lost on the way."""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field

from sandbox.clock import Clock, as_wire
from sandbox.contractor_commerce.webhooks import Courier
from sandbox.errors import RefusedError
from sandbox.strict import PeopleBody

Json = dict[str, Any]


class Switches(PeopleBody):
    """How the store behaves; `POST /_sandbox/contractor-commerce/switches` changes it."""

    webhooks_off: bool = False
    """No event is sent, as in a store without webhooks."""
    duplicate: bool = False
    """Every event is delivered twice, with the same event id."""
    late_s: float = Field(0, ge=0)
    """Seconds, by the sandbox's clock, that a delivery waits."""
    out_of_order: bool = False
    """An event waits for the next one, which is sent before it; none within a second: it goes alone."""
    wrong_signature: bool = False
    unsigned: bool = False
    """No `Signature` header: the token in the address is all there is."""
    calls_per_minute: int | None = Field(None, ge=1)
    """More calls in a minute are answered 429."""
    forbidden: list[str] = Field(default_factory=list)
    """First words of paths, such as `orders`, that the key may not read: 403."""


@dataclass
class Store:
    """All records by id."""

    clock: Clock
    orders: dict[int, Json] = field(default_factory=dict)
    products: dict[int, Json] = field(default_factory=dict)
    services: dict[int, Json] = field(default_factory=dict)
    subscriptions: dict[int, Json] = field(default_factory=dict)
    leads: dict[int, Json] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)
    calls: deque[datetime] = field(default_factory=deque)
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    """Cursors of another epoch are stale."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(300_001))

    def __post_init__(self) -> None:
        self.courier = Courier(self.clock, lambda: self.switches)

    def new_id(self) -> int:
        """Return an id never used before."""
        return next(self._ids)

    def now(self) -> str:
        """Return the sandbox's present as the store writes it."""
        return as_wire(self.clock.now())

    def order(self, order_id: int) -> Json:
        """Return the order.

        Raises: RefusedError 404.
        """
        return found(self.orders, order_id, "Order")

    def item(self, sku: str) -> tuple[str, Json]:
        """Return ("product" or "service", the item) of this SKU.

        Raises: RefusedError 400, listing the SKUs there are.
        """
        for kind, items in (("product", self.products), ("service", self.services)):
            for one in items.values():
                if one["sku"] == sku:
                    return kind, one
        known = ", ".join(one["sku"] for one in (*self.products.values(), *self.services.values()))
        raise RefusedError(400, f"The store sells no {sku}. There are: {known}.")

    def changed(self, order: Json, event: str) -> Json:
        """Bump version and time of an order, keep it, and tell the endpoints."""
        order["version"] += 1
        order["updated_at"] = self.now()
        return self.keep(order, event)

    def keep(self, order: Json, event: str) -> Json:
        """Keep the order unless a newer version is here already, and send the event either way."""
        before = self.orders.get(order["id"])
        if before is None or order["version"] >= before["version"]:
            self.orders[order["id"]] = order
        self.tell(event, "order", order)
        return order

    def tell(self, event: str, what: str, record: Json) -> None:
        """Send an event with the record as it is now."""
        self.courier.announce(event, what, deepcopy(record))

    def state(self) -> Json:
        """Return everything as JSON, for the people's side; never a secret."""
        return {
            "orders": list(self.orders.values()),
            "products": list(self.products.values()),
            "services": list(self.services.values()),
            "subscriptions": list(self.subscriptions.values()),
            "leads": list(self.leads.values()),
            "webhook_endpoints": [one.shown() for one in self.courier.endpoints.values()],
            "webhook_deliveries": [one.shown() for one in self.courier.deliveries.values()],
            "switches": self.switches.model_dump(),
        }


def found(records: dict[int, Json], record_id: int, what: str) -> Json:
    """Return the record.

    Raises: RefusedError 404.
    """
    if record_id not in records:
        raise RefusedError(404, f"{what} {record_id} was not found.")
    return records[record_id]


def place_of(record: Json) -> tuple[datetime, int]:
    """Return where the record stands in update order."""
    return moment_of(record["updated_at"]), record["id"]


def moment_of(text: str) -> datetime:
    """Read a time of a record."""
    return datetime.fromisoformat(text)
