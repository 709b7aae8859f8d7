"""What vendors' webhooks have in common here: carried in the background, late, swapped, and only to this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import httpx

from sandbox.clock import Clock
from sandbox.errors import RefusedError

ANSWER_WITHIN_S: Final = 10
LOOK_EVERY_S: Final = 0.05
HELD_AT_MOST_S: Final = 1.0
HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Manner:
    """How deliveries are carried just now."""

    late_s: float = 0
    """By the sandbox's clock."""
    out_of_order: bool = False
    """One waits for the next, which is sent before it; none within a second: it goes alone."""


@dataclass
class Carrier(Generic[Item]):
    """Carries deliveries in the background. `occasion` tells copies of one event from another event."""

    clock: Clock
    manner: Callable[[], Manner]
    send: Callable[[Item], Awaitable[None]]
    occasion: Callable[[Item], Hashable]
    _held: list[Item] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, item: Item) -> None:
        """Carry it, as the manner of now says."""
        if not self.manner().out_of_order:
            self._start(self._carry([item]))
        elif self._held and self.occasion(self._held[0]) != self.occasion(item):
            older, self._held = self._held, []
            self._start(self._carry([item, *older]))
        else:
            self._held.append(item)
            self._start(self._let_go(item))

    def stop(self) -> None:
        """Carry nothing more."""
        self._held.clear()
        for task in self._tasks:
            task.cancel()

    async def wait_until(self, moment: datetime) -> None:
        """Wait for a moment of the sandbox's clock."""
        # The clock can be moved by hand, so one long sleep would miss it.
        while self.clock.now() < moment:  # noqa: ASYNC110 - the clock is no event
            await asyncio.sleep(LOOK_EVERY_S)

    async def _let_go(self, item: Item) -> None:
        await asyncio.sleep(HELD_AT_MOST_S)
        if any(one is item for one in self._held):
            self._held = [one for one in self._held if one is not item]
            await self._carry([item])

    async def _carry(self, items: list[Item]) -> None:
        await self.wait_until(self.clock.now() + timedelta(seconds=self.manner().late_s))
        for one in items:
            await self.send(one)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def check_here(url: str) -> None:
    """Refuse an address that is not on this machine: nothing leaves it. Raises RefusedError 400."""
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or address.hostname not in HERE:
        raise RefusedError(400, "The sandbox delivers only to its own machine.", {"url": ["not on this machine"]})


async def call(method: str, url: str, *, headers: Mapping[str, str], **parts: Any) -> int | None:
    """Send once and return the status; None when nobody answered in time."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=_tls()) as http:
            return (await http.request(method, url, headers=headers, **parts)).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


@cache
def _tls() -> ssl.SSLContext:
    # A context of its own for each of thousands of deliveries would take longer than sending them.
    return ssl.create_default_context()
