"""One allowance of vendor calls for every process of this installation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import case
from sqlalchemy.orm import Session

from models.tables import RateLimitRow
from store.session import Store
from store.sql import insert_into, table_of

WINDOW_S = 60.0


class SharedLimiter:
    """At most `per_minute` calls in any 60 seconds, counted together over all processes that share the store.

    A token bucket kept as one number (the generic cell rate algorithm): up to `burst` calls at once after a rest,
    and `per_minute - burst` evenly over the minute, which together never exceed `per_minute`. Calls are granted in
    the order they ask. `jitter_s` leaves room for the time between a call's permission and its arrival.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        per_minute: int,
        burst: int = 1,
        *,
        jitter_s: float = 0.5,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raise ValueError unless `burst` is at least 1 and below `per_minute`."""
        if not 1 <= burst < per_minute:
            raise ValueError(f"A burst of {burst} does not fit into {per_minute} calls per minute.")
        self._store = store
        self._key = key
        self._burst = burst
        self._every_s = (WINDOW_S + jitter_s) / (per_minute - burst)
        self._clock = clock
        self._sleep = sleep

    async def acquire(self, n: int = 1) -> None:
        """Wait until `n` calls may be made now. Raises ValueError when `n` is more than the burst allows."""
        if not 1 <= n <= self._burst:
            raise ValueError(f"{n} calls at once are outside the burst of {self._burst}.")
        asked_at = self._clock()
        paid_at = await self._store.run(lambda session: self._reserve(session, n, asked_at))
        granted_at = paid_at - self._burst * self._every_s
        while (rest_s := granted_at - self._clock()) > 0:
            await self._sleep(rest_s)

    def _reserve(self, session: Session, n: int, asked_at: float) -> float:
        """Add the calls to the queue; return when they, and all before them, are paid for."""
        kept, cost_s = table_of(RateLimitRow).c.tat, n * self._every_s
        insert = insert_into(session, RateLimitRow).values(key=self._key, tat=asked_at + cost_s)
        statement = insert.on_conflict_do_update(
            index_elements=["key"], set_={"tat": case((kept > asked_at, kept), else_=asked_at) + cost_s}
        ).returning(kept)
        return float(session.execute(statement).scalar_one())
