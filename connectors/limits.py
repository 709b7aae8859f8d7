"""How fast we may call a vendor. One limiter per credential, shared by every client in the process."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import cache
from typing import Protocol
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter


class Limiter(Protocol):
    """Something that lets a call go when it may."""

    async def acquire(self) -> None:
        """Wait until the next call may go."""
        ...


class Unlimited:
    """No limit."""

    async def acquire(self) -> None:
        """Return at once."""


class Pace:
    """Evenly spaced calls. A bucket with a burst would let twice the rate through in its first second."""

    def __init__(self, calls_per_second: float) -> None:
        """`calls_per_second` is the vendor's, less a margin."""
        self._between_s = 1 / calls_per_second
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncLimiter] = WeakKeyDictionary()

    async def acquire(self) -> None:
        """Wait for the next slot."""
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            self._by_loop[loop] = AsyncLimiter(1, self._between_s)
        await self._by_loop[loop].acquire()


class Window:
    """At most `calls` in any `period_s` seconds, however they fall; a burst is fine, then it waits."""

    def __init__(self, calls: int, period_s: float) -> None:
        """Count calls over a sliding period, in seconds."""
        self._calls = calls
        self._period_s = period_s
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[asyncio.Lock, deque[float]]] = (
            WeakKeyDictionary()
        )

    async def acquire(self) -> None:
        """Wait until the oldest counted call is a full period ago."""
        loop = asyncio.get_running_loop()
        lock, times = self._by_loop.setdefault(loop, (asyncio.Lock(), deque()))
        async with lock:
            while len(times) >= self._calls:
                wait_s = times[0] + self._period_s - loop.time()
                if wait_s <= 0:
                    times.popleft()
                else:
                    await asyncio.sleep(wait_s)
            times.append(loop.time())


@cache
def shared_pace(account: str, calls_per_second: float) -> Pace:
    """Return the one pace of this account in this process (FACTS 7.17: the limit is per app and tenant)."""
    del account  # only tells accounts apart
    return Pace(calls_per_second)


@cache
def shared_window(account: str, calls: int, period_s: float) -> Window:
    """Return the one window of this account in this process."""
    del account
    return Window(calls, period_s)
