"""Outbound webhooks: what the operator set up by hand per campaign, delivered over HTTP. FACTS section 9.

No signature, no retries, and no fixed payload: the operator ticks fields and names them.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from sandbox.clock import Clock, as_wire
from sandbox.courier import Carrier, Manner, call

Event = Literal["user.join", "user.qualified", "reward_issued"]

KEPT = 5_000
"""Deliveries kept for reading."""


class HasSwitches(Protocol):
    """The switches a courier obeys."""

    hooks_off: bool
    hooks_lost: bool
    hooks_twice: bool
    hooks_times: int
    hooks_late_s: float
    hooks_out_of_order: bool


@dataclass
class Hook:
    """One hook of a campaign."""

    id: int
    campaign_id: int
    name: str
    url: str
    event: Event
    method: Literal["POST", "GET"]
    sources: list[str]
    headers: dict[str, str]
    fields: dict[str, str]
    """Our field, and what the operator calls it."""
    constants: dict[str, str]

    def payload(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return the ticked fields under the operator's names, with the constants."""
        return {theirs: facts.get(ours) for ours, theirs in self.fields.items()} | self.constants

    def shown(self) -> dict[str, Any]:
        """Return the hook as people read it; of the headers, which may carry a secret, only the names."""
        return {
            "id": self.id,
            "campaign_id": self.campaign_id,
            "name": self.name,
            "url": self.url,
            "event": self.event,
            "method": self.method,
            "sources": self.sources,
            "headers": list(self.headers),
            "fields": self.fields,
            "constants": self.constants,
        }


@dataclass
class Delivery:
    """One attempt; there is no second."""

    hook: Hook
    payload: dict[str, Any]
    at: datetime
    number: int
    """Of the event; its copies carry the same."""
    status: int | None = None
    outcome: Literal["waiting", "lost", "sent", "failed"] = "waiting"

    def shown(self) -> dict[str, Any]:
        """Return the delivery as people read it."""
        return {
            "hook_id": self.hook.id,
            "event": self.hook.event,
            "at": as_wire(self.at),
            "outcome": self.outcome,
            "status": self.status,
            "payload": self.payload,
        }


@dataclass
class Courier:
    """Knows the hooks, writes every delivery down, and carries them in the background."""

    clock: Clock
    switches: Callable[[], HasSwitches]
    hooks: dict[int, Hook] = field(default_factory=dict)
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=KEPT))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._carrier = Carrier(self.clock, self._manner, _send, lambda one: one.number)

    def new_id(self) -> int:
        """Return an id for a hook, or for an event."""
        return next(self._numbers)

    def forget(self, campaign_id: int) -> None:
        """Take the campaign's hooks away."""
        self.hooks = {key: one for key, one in self.hooks.items() if one.campaign_id != campaign_id}

    def announce(self, event: Event, campaign_id: int, source: str, facts: Callable[[], dict[str, Any]]) -> None:
        """Fire the campaign's hooks for this event and this source of people. `facts` is asked only when one fires."""
        if not self.hooks or self.switches().hooks_off:
            return
        for hook in self.hooks.values():
            if hook.event == event and hook.campaign_id == campaign_id and source in hook.sources:
                payload, number = hook.payload(facts()), self.new_id()
                for _ in range(max(self.switches().hooks_times, 2 if self.switches().hooks_twice else 1)):
                    self._queue(Delivery(hook, payload, self.clock.now(), number))

    def stop(self) -> None:
        """Carry nothing more."""
        self._carrier.stop()

    def _manner(self) -> Manner:
        switches = self.switches()
        return Manner(switches.hooks_late_s, switches.hooks_out_of_order)

    def _queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self.switches().hooks_lost:
            delivery.outcome = "lost"
        else:
            self._carrier.take(delivery)


async def _send(delivery: Delivery) -> None:
    hook = delivery.hook
    if hook.method == "GET":
        query = {name: "" if value is None else str(value) for name, value in delivery.payload.items()}
        delivery.status = await call("GET", hook.url, params=query, headers=hook.headers)
    else:
        delivery.status = await call("POST", hook.url, json=delivery.payload, headers=hook.headers)
    delivery.outcome = "failed" if delivery.status is None else "sent"
