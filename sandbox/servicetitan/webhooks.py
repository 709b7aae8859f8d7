"""ServiceTitan's webhooks: one CloudEvent per change, signed, retried, delivered over HTTP. Source: FACTS 1.7.

Which address hears which event is set up by hand in the developer portal. There is no event for a new booking [spec].
A change of several records, or several changes of one within a request, is told as the records stand at its end.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from sandbox.clock import Clock, as_wire
from sandbox.courier import Carrier, Manner, call
from sandbox.servicetitan import TENANT
from sandbox.servicetitan.booking_records import Booking
from sandbox.servicetitan.records import Appointment, Dated, Job

EventType = Literal[
    "tn.crm.booking-updated",
    "tn.jpm.job-scheduled",
    "tn.jpm.job-updated",
    "tn.jpm.job-completed",
    "tn.jpm.job-appointment-updated",
]
RETRY_AFTER_S: Final = (10, 30, 60, 300)
KEPT: Final = 5_000
"""Deliveries kept for reading."""
TENANT_NAME: Final = "Cahaba Appliance Repair"
NOT_TOLD: Final = frozenset({"summary", "customFields"})
"""Of a job and of a booking: events carry neither, nor external data [spec]."""


class HasSwitches(Protocol):
    """The switches a courier obeys."""

    hooks_off: bool
    hooks_lost: bool
    hooks_times: int
    hooks_late_s: float
    hooks_out_of_order: bool
    hooks_wrong_signature: bool


@dataclass
class Subscription:
    """An address that wants events. Header name and encoding are in no vendor's text: what public clients use."""

    id: int
    url: str
    types: list[EventType]
    key: str | None
    header: str
    encoding: Literal["hex", "base64"]
    content_type: str

    def shown(self) -> dict[str, Any]:
        """Return it as people read it; never the key."""
        return {
            "id": self.id,
            "url": self.url,
            "types": self.types,
            "signed": self.key is not None,
            "header": self.header,
            "encoding": self.encoding,
            "content_type": self.content_type,
        }


@dataclass
class Delivery:
    """One event on its way to one address, with all its attempts."""

    number: int
    subscription: Subscription
    event: dict[str, Any]
    at: datetime
    attempts: int = 0
    status: int | None = None
    next_attempt_at: datetime | None = None
    outcome: Literal["waiting", "lost", "sent", "failed"] = "waiting"

    def shown(self) -> dict[str, Any]:
        """Return the delivery as people read it."""
        return {
            "number": self.number,
            "webhook_id": self.subscription.id,
            "at": as_wire(self.at),
            "outcome": self.outcome,
            "attempts": self.attempts,
            "status": self.status,
            "next_attempt_at": as_wire(self.next_attempt_at) if self.next_attempt_at else None,
            "event": self.event,
        }


@dataclass
class TitanCourier:
    """Knows who wants what, writes every delivery down, and carries them in the background."""

    clock: Clock
    switches: Callable[[], HasSwitches]
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=KEPT))
    _changed: dict[tuple[EventType, int], Dated] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._carrier = Carrier(self.clock, self._manner, self._send, lambda one: one.event["userassignedid"])

    def new_id(self) -> int:
        """Return an id for a subscription, or a number for a delivery."""
        return next(self._numbers)

    def changed(self, record: Dated) -> None:
        """Note that a record has changed; whoever wants to know is told when this request is done."""
        if not self.subscriptions:
            return
        if isinstance(record, Job):
            self.happened("tn.jpm.job-updated", record)
        elif isinstance(record, Booking):
            self.happened("tn.crm.booking-updated", record)
        elif isinstance(record, Appointment):
            self.happened("tn.jpm.job-appointment-updated", record)

    def happened(self, kind: EventType, record: Dated) -> None:
        """Note an event."""
        if not self.subscriptions or self.switches().hooks_off:
            return
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._tell)
        self._changed[kind, record.id] = record

    def replay(self, delivery: Delivery) -> Delivery:
        """Send an event once more, by hand: the same occurrence, another delivery."""
        again = Delivery(self.new_id(), delivery.subscription, delivery.event, self.clock.now())
        self.deliveries.append(again)
        self._carrier.take(again)
        return again

    def stop(self) -> None:
        """Carry nothing more."""
        self._changed.clear()
        self._carrier.stop()

    def _manner(self) -> Manner:
        switches = self.switches()
        return Manner(switches.hooks_late_s, switches.hooks_out_of_order)

    def _tell(self) -> None:
        happened, self._changed = self._changed, {}
        for (kind, number), record in happened.items():
            # A new job is scheduled, not also updated [inferred].
            if kind == "tn.jpm.job-updated" and ("tn.jpm.job-scheduled", number) in happened:
                continue
            wanting = [one for one in self.subscriptions.values() if kind in one.types]
            event = self._event(kind, record) if wanting else {}
            for one in wanting:
                for _ in range(self.switches().hooks_times):
                    self._queue(Delivery(self.new_id(), one, event, self.clock.now()))

    def _event(self, kind: EventType, record: Dated) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "type": kind,
            "time": as_wire(self.clock.now()),
            "source": "https://webhooks.servicetitan.io",
            "userassignedid": str(uuid.uuid4()),
            "datacontenttype": "application/json",
            "data": {**_payload(record), "tenantId": TENANT, "tenantName": TENANT_NAME},
        }

    def _queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self.switches().hooks_lost:
            delivery.outcome = "lost"
        else:
            self._carrier.take(delivery)

    async def _send(self, delivery: Delivery) -> None:
        """Try until it is taken, the attempts are spent, or nobody wants it any more."""
        for wait_s in (*RETRY_AFTER_S, None):
            if delivery.subscription.id not in self.subscriptions:
                delivery.outcome = "failed"
                return
            await self._attempt(delivery)
            if delivery.status is not None and 200 <= delivery.status < 300:
                delivery.outcome = "sent"
                return
            if wait_s is not None:
                delivery.next_attempt_at = self.clock.now() + timedelta(seconds=wait_s)
                await self._carrier.wait_until(delivery.next_attempt_at)
                delivery.next_attempt_at = None
        delivery.outcome = "failed"

    async def _attempt(self, delivery: Delivery) -> None:
        delivery.attempts += 1
        # `id` may differ from attempt to attempt; `userassignedid` never does [spec].
        body = as_bytes(delivery.event | {"id": str(uuid.uuid4())})
        headers = {"Content-Type": delivery.subscription.content_type, "User-Agent": "ServiceTitan-Webhooks/2.0"}
        key = delivery.subscription.key
        if key is not None:
            used = f"not {key}" if self.switches().hooks_wrong_signature else key
            headers[delivery.subscription.header] = signature_of(used, body, delivery.subscription.encoding)
        delivery.status = await call("POST", delivery.subscription.url, content=body, headers=headers)


def as_bytes(event: dict[str, Any]) -> bytes:
    """Return the body as the sender writes it: slashes and non-ASCII escaped, so only the raw bytes verify."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def signature_of(key: str, body: bytes, encoding: Literal["hex", "base64"]) -> str:
    """Return the HMAC-SHA256 of the raw body."""
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def _payload(record: Dated) -> dict[str, Any]:
    if isinstance(record, Booking):
        return {"booking": _told(record.wire_with_active())}
    if isinstance(record, Appointment):
        return {"appointment": record.wire()}
    return {"job": _told(record.wire())}


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in NOT_TOLD}
