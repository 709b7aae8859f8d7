"""How fast we may call a vendor: what a client asks before each call, and the pace of one process."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol, runtime_checkable

from models.errors import RateLimitedError

TURN_GOOD_FOR_S: Final = 1.0
"""How long after it was granted a turn may be used: as long as a transaction takes, and a little."""


class Limiter(Protocol):
    """Something that lets a call go when it may."""

    async def acquire(self) -> None:
        """Wait until the next call may go."""
        ...


@runtime_checkable
class CountingLimiter(Limiter, Protocol):
    """A limiter that keeps count of the times a vendor said it was too much: some vendors block who does it often."""

    async def overrun(self, asked: RateLimitedError) -> None:
        """Let every caller of this account pause, as the vendor asked. Raises when it was once too often."""
        ...


Gate = Callable[[], Awaitable[None]]
"""Asked right before a call goes out. Raises what keeps it from going."""


class Gated:
    """A limiter behind a gate: who may call is asked before its turn and after it. `VendorHttp` asks once more."""

    def __init__(self, limiter: Limiter, gate: Gate) -> None:
        """Use `gated` to make one."""
        self._limiter = limiter
        self.gate = gate

    async def acquire(self) -> None:
        """Wait until the next call may go. Raises what the gate raises, and what the limiter raises."""
        await self.gate()
        await self._limiter.acquire()
        await self.gate()


class GatedCounting(Gated):
    """The same around a limiter that keeps count."""

    def __init__(self, limiter: CountingLimiter, gate: Gate) -> None:
        """Use `gated` to make one."""
        super().__init__(limiter, gate)
        self._counting = limiter

    async def overrun(self, asked: RateLimitedError) -> None:
        """Let every caller of this account pause: see `CountingLimiter`."""
        await self._counting.overrun(asked)


def gated(limiter: Limiter, gate: Gate) -> Gated:
    """Put a gate before a limiter."""
    return GatedCounting(limiter, gate) if isinstance(limiter, CountingLimiter) else Gated(limiter, gate)


class Unlimited:
    """No limit."""

    async def acquire(self) -> None:
        """Return at once."""


class Pace:
    """Evenly spaced calls. A bucket with a burst would let twice the rate through in its first second.

    Every caller gets its own place on one timeline, so a late waker delays nobody behind it, and the limit is reached.
    A place may be taken up to one interval late: in any stretch of time go at most two calls more than its share.
    """

    def __init__(self, calls_per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`calls_per_second` is the vendor's, less a margin."""
        self._between_s = 1 / calls_per_second
        self._clock = clock
        self._next = -math.inf
        self._taking = threading.Lock()

    async def acquire(self) -> None:
        """Wait for the next place. Callers go in the order they ask, over all event loops of this process."""
        with self._taking:
            place = max(self._next, self._clock() - self._between_s)
            self._next = place + self._between_s
        rest_s = place - self._clock()
        if rest_s > 0:
            await asyncio.sleep(rest_s)


@dataclass
class Turn:
    """Permission for one call, taken before what must not wait: whoever has it calls at once, or not at all."""

    good_for_s: float = TURN_GOOD_FOR_S
    clock: Callable[[], float] = time.monotonic
    _taken_at: float = field(init=False)
    _is_used: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._taken_at = self.clock()

    def use(self) -> bool:
        """Spend it on a call that goes out now. False: it was spent, or went stale, and the call may not go."""
        is_good = not self._is_used and self.clock() - self._taken_at <= self.good_for_s
        self._is_used = True
        return is_good


@cache
def shared_pace(account: str, calls_per_second: float) -> Pace:
    """Return the one pace of this account in this process (FACTS 7.17: the limit is per app and tenant)."""
    del account  # only tells accounts apart
    return Pace(calls_per_second)
