"""Outbound webhooks: what the operator set up by hand per campaign, delivered over HTTP. FACTS section 9.

No signature, no retries, and no fixed payload: the operator ticks fields and names them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import httpx

from sandbox.clock import Clock, as_wire

Event = Literal["user.join", "user.qualified", "reward_issued"]

ANSWER_WITHIN_S = 10
LOOK_EVERY_S = 0.05
HELD_AT_MOST_S = 1.0
KEPT = 5_000
"""Deliveries kept for reading."""


class HasSwitches(Protocol):
    """The switches a courier obeys."""

    hooks_off: bool
    hooks_lost: bool
    hooks_twice: bool
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
    _held: list[Delivery] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> int:
        """Return an id for a hook."""
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
                payload = hook.payload(facts())
                for _ in range(2 if self.switches().hooks_twice else 1):
                    self._queue(Delivery(hook, payload, self.clock.now()))

    def stop(self) -> None:
        """Carry nothing more."""
        for task in self._tasks:
            task.cancel()

    def _queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self.switches().hooks_lost:
            delivery.outcome = "lost"
        elif not self.switches().hooks_out_of_order:
            self._start(self._carry([delivery]))
        elif self._held:
            older, self._held = self._held, []
            self._start(self._carry([delivery, *older]))
        else:
            self._held.append(delivery)
            self._start(self._let_go(delivery))

    async def _let_go(self, delivery: Delivery) -> None:
        await asyncio.sleep(HELD_AT_MOST_S)
        if delivery in self._held:
            self._held.remove(delivery)
            await self._carry([delivery])

    async def _carry(self, deliveries: list[Delivery]) -> None:
        until = self.clock.now() + timedelta(seconds=self.switches().hooks_late_s)
        # The sandbox's clock can be moved by hand, so one long sleep would miss it.
        while self.clock.now() < until:  # noqa: ASYNC110 - the clock is no event
            await asyncio.sleep(LOOK_EVERY_S)
        for one in deliveries:
            await _send(one)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _send(delivery: Delivery) -> None:
    hook = delivery.hook
    try:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as http:
            if hook.method == "GET":
                query = {name: "" if value is None else str(value) for name, value in delivery.payload.items()}
                reply = await http.get(hook.url, params=query, headers=hook.headers)
            else:
                reply = await http.post(hook.url, json=delivery.payload, headers=hook.headers)
    except httpx.HTTPError:
        delivery.outcome = "failed"
        return
    delivery.outcome, delivery.status = "sent", reply.status_code
