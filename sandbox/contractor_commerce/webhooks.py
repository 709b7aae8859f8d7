"""Sending events to the registered addresses, really over HTTP: at least once, not ordered, with retries.

Source: openapi.yaml `/webhook-endpoints`, callback `event`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx

from sandbox.clock import Clock, as_wire
from sandbox.contractor_commerce import STORE_ID

RETRY_AFTER_S = (10, 100, 1000, 3 * 3600, 12 * 3600)
ANSWER_WITHIN_S = 10
FAILED_EVENTS_ALLOWED = 3
LOOK_EVERY_S = 0.05
HELD_AT_MOST_S = 1.0
GONE = 410


class HasSwitches(Protocol):
    """The switches a courier obeys."""

    webhooks_off: bool
    duplicate: bool
    late_s: float
    out_of_order: bool
    wrong_signature: bool
    unsigned: bool


@dataclass
class Endpoint:
    """An address that wants events."""

    id: int
    url: str
    events: list[str]
    secret: str
    created_at: str
    status: str = "active"
    consecutive_failures: int = 0
    updated_at: str = ""

    def shown(self) -> dict[str, Any]:
        """Return `WebhookEndpoint`; never the secret."""
        return {
            "id": self.id,
            "url": self.url,
            "events": self.events,
            "status": self.status,
            "consecutive_failures": self.consecutive_failures,
            "created_at": self.created_at,
            "updated_at": self.updated_at or self.created_at,
        }


@dataclass
class Delivery:
    """One attempt's record; a retry goes on in the same record under a new delivery id in its header."""

    number: int
    id: str
    event: dict[str, Any]
    endpoint: Endpoint
    attempt: int = 0
    response_status: int | None = None
    error: str | None = None
    delivered_at: str | None = None
    next_attempt_at: datetime | None = None

    def shown(self) -> dict[str, Any]:
        """Return `WebhookDelivery`."""
        return {
            "id": self.id,
            "event_id": self.event["id"],
            "endpoint_id": self.endpoint.id,
            "attempt": self.attempt,
            "response_status": self.response_status,
            "error": self.error,
            "delivered_at": self.delivered_at,
            "next_attempt_at": as_wire(self.next_attempt_at) if self.next_attempt_at else None,
        }


@dataclass
class Courier:
    """Knows the endpoints, writes every delivery down, and carries them in the background."""

    clock: Clock
    switches: Callable[[], HasSwitches]
    endpoints: dict[int, Endpoint] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    _held: list[Delivery] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def announce(self, kind: str, what: str, record: dict[str, Any]) -> None:
        """Send one event to every active endpoint that wants it."""
        if self.switches().webhooks_off:
            return
        event = {
            "id": f"evt_{secrets.token_hex(8)}",
            "type": kind,
            "api_version": "v1",
            "store_id": STORE_ID,
            "created_at": as_wire(self.clock.now()),
            "data": {"object": what, what: record},
        }
        for endpoint in self.endpoints.values():
            if endpoint.status == "active" and kind in endpoint.events:
                self._queue(event, endpoint)
                if self.switches().duplicate:
                    self._queue(event, endpoint)

    def redeliver(self, old: Delivery) -> Delivery:
        """Send an event once more: same event id, new delivery id."""
        again = self._note(old.event, old.endpoint)
        self._start(self._carry(again))
        return again

    def stop(self) -> None:
        """Carry nothing more."""
        for task in self._tasks:
            task.cancel()

    def _note(self, event: dict[str, Any], endpoint: Endpoint) -> Delivery:
        delivery = Delivery(next(self._numbers), _new_delivery_id(), event, endpoint)
        self.deliveries[delivery.id] = delivery
        return delivery

    def _queue(self, event: dict[str, Any], endpoint: Endpoint) -> None:
        delivery = self._note(event, endpoint)
        if not self.switches().out_of_order:
            self._start(self._carry(delivery))
        elif self._held and self._held[0].event["id"] != event["id"]:
            older, self._held = self._held, []
            self._start(self._carry_all([delivery, *older]))
        else:
            self._held.append(delivery)
            self._start(self._let_go(delivery))

    async def _let_go(self, delivery: Delivery) -> None:
        await asyncio.sleep(HELD_AT_MOST_S)
        if delivery in self._held:
            self._held.remove(delivery)
            await self._carry(delivery)

    async def _carry_all(self, deliveries: list[Delivery]) -> None:
        for one in deliveries:
            await self._carry(one)

    async def _carry(self, delivery: Delivery) -> None:
        """Try until it is taken, the retries are spent, or the endpoint wants no more."""
        await self._wait_until(self.clock.now() + timedelta(seconds=self.switches().late_s))
        for wait_s in (*RETRY_AFTER_S, None):
            if delivery.endpoint.status != "active" or delivery.endpoint.id not in self.endpoints:
                return
            asked_wait_s = await self._attempt(delivery)
            if delivery.delivered_at is not None or delivery.endpoint.status != "active":
                return
            if wait_s is None:
                break
            delivery.next_attempt_at = self.clock.now() + timedelta(seconds=max(wait_s, asked_wait_s))
            await self._wait_until(delivery.next_attempt_at)
            delivery.next_attempt_at = None
        self._count_failure(delivery.endpoint)

    async def _attempt(self, delivery: Delivery) -> float:
        """Post once. Return how many seconds the receiver asked to wait (Retry-After of a 429)."""
        delivery.attempt += 1
        body = as_bytes(delivery.event)
        headers = self._headers(delivery, body)
        try:
            async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as http:
                reply = await http.post(delivery.endpoint.url, content=body, headers=headers)
        except httpx.HTTPError as failed:
            delivery.response_status, delivery.error = None, type(failed).__name__
            return 0
        delivery.response_status, delivery.error = reply.status_code, None
        if reply.is_success:
            delivery.delivered_at = as_wire(self.clock.now())
            delivery.endpoint.consecutive_failures = 0
        elif reply.status_code == GONE:
            delivery.endpoint.status, delivery.endpoint.updated_at = "disabled", as_wire(self.clock.now())
        wait = reply.headers.get("retry-after", "")
        return float(wait) if reply.status_code == 429 and wait.isdigit() else 0

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ContractorCommerce-Webhooks/1.0",
            "X-Concom-Event": delivery.event["type"],
            "X-Concom-Event-Id": delivery.event["id"],
            "X-Concom-Delivery-Id": delivery.id if delivery.attempt == 1 else _new_delivery_id(),
            "X-Concom-Attempt": str(delivery.attempt),
        }
        if not self.switches().unsigned:
            key = "not the secret" if self.switches().wrong_signature else delivery.endpoint.secret
            headers["Signature"] = signature_of(key, body)
        return headers

    def _count_failure(self, endpoint: Endpoint) -> None:
        endpoint.consecutive_failures += 1
        endpoint.updated_at = as_wire(self.clock.now())
        if endpoint.consecutive_failures >= FAILED_EVENTS_ALLOWED:
            endpoint.status = "disabled"

    async def _wait_until(self, moment: datetime) -> None:
        # The sandbox's clock can be moved by hand, so one long sleep would miss it.
        while self.clock.now() < moment:  # noqa: ASYNC110 - the clock is no event
            await asyncio.sleep(LOOK_EVERY_S)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def as_bytes(event: dict[str, Any]) -> bytes:
    """Return the body as the sender writes it: slashes and non-ASCII escaped, so only the raw bytes verify."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def signature_of(secret: str, body: bytes) -> str:
    """Return lower-case hex HMAC-SHA256 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _new_delivery_id() -> str:
    return f"dlv_{secrets.token_hex(8)}"
