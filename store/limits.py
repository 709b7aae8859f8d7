"""One allowance of vendor calls for every process of this installation."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import case, delete, select
from sqlalchemy.orm import Session

from models.errors import LimitOverrunError, RateLimitedError
from models.tables import RateLimitRow
from store.session import Store
from store.sql import insert_into, table_of

WINDOW_S = 60.0

PAUSE_S = 60.0
"""How long everybody pauses after a 429 that names no time: the rest of any window."""
LONGEST_PAUSE_S = 120.0
"""A longer pause is not waited out by a call: it is refused, and the schedule comes again."""
OVERRUNS_KEPT_S = 24 * 3600.0
"""Two overruns within this time end the calls for this time: the vendor blocks an address after its fourth."""
MOST_AT_ONCE = 1000
"""Places a process reserves together at most: a transaction for so many calls costs nothing any more."""
LOOK_EVERY_S = 1.0
"""How often a process that holds reserved places looks whether another one was told to pause."""


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
        return _queue(session, self._key, n * self._every_s, asked_at)


class LeasedLimiter:
    """At most `per_minute` calls in any 60 seconds over all processes, with one transaction for many calls.

    All calls stand on one timeline, evenly spaced. A process reserves as many places as calls wait in it, and where
    calls are quick, a tenth of a second's worth at least; never more than a second's. It lets each call go at its own
    place. A place not used in time is lost, also when its process dies: nobody gets it twice. Of `jitter_s` half is
    for a call that leaves late, half for its way to the vendor. An allowance of millions a minute costs next to
    nothing, and `inf` lifts the limit.

    A 429 pauses every process (`overrun`), and for a minute after that they go half as fast; the second within a day
    ends the calls for a day. One object serves one event loop; the clocks of several machines must agree to a fraction
    of `jitter_s`.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        per_minute: float,
        *,
        vendor: str = "The vendor",
        jitter_s: float = 0.8,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raise ValueError unless `per_minute` is at least 2. `vendor` is named in errors."""
        if per_minute < 2:  # noqa: PLR2004
            raise ValueError(f"{per_minute:g} calls per minute cannot be spaced evenly.")
        self._store = store
        self._key = key
        self._paused, self._first, self._second = (f"{key}/{what}" for what in ("paused", "overrun-1", "overrun-2"))
        self._per_minute = per_minute
        self._vendor = vendor
        self._every_s = (WINDOW_S + jitter_s) / (per_minute - 1)
        self._late_s = jitter_s / 2
        self._most = max(1, round(min(per_minute / WINDOW_S, MOST_AT_ONCE)))
        self._least = min(self._most, max(1, int(min(per_minute / WINDOW_S, 10 * MOST_AT_ONCE) / 10)))
        self._clock = clock
        self._sleep = sleep
        self._in_line = asyncio.Lock()
        self._waiting = 0
        self._places: deque[float] = deque()
        self._looked_at = 0.0

    async def acquire(self) -> None:
        """Wait until one call may go. Calls of one process go in the order they ask.

        Raises: RateLimitedError in a pause that is too long to wait out; LimitOverrunError after the second overrun.
        """
        if not self._in_line.locked() and self._take_at_once():
            return
        self._waiting += 1
        try:
            async with self._in_line:
                while not await self._take_place():
                    pass
        finally:
            self._waiting -= 1

    async def overrun(self, asked: RateLimitedError) -> None:
        """Pause every process after a 429, as long as it asked or a minute. Raises LimitOverrunError the second time.

        Answers that come while the pause lasts belong to the same overrun.
        """
        self._places.clear()
        pause_s = PAUSE_S if asked.retry_after_s is None else asked.retry_after_s
        if await self._store.run(lambda session: self._count(session, pause_s)):
            raise self._ended(OVERRUNS_KEPT_S)

    async def forget_overruns(self) -> None:
        """Let calls go again at once: a person has found out who called too much."""
        rows = table_of(RateLimitRow)
        theirs = rows.c.key.in_([self._paused, self._first, self._second])
        await self._store.run(lambda session: session.execute(delete(rows).where(theirs)))

    def _take_at_once(self) -> bool:
        """Take a place of ours that has come and is not too late for; nobody may be waiting for it."""
        now = self._clock()
        if not self._places or now - self._looked_at > LOOK_EVERY_S:
            return False
        if not 0 <= now - self._places[0] <= self._late_s:
            return False
        self._places.popleft()
        return True

    async def _take_place(self) -> bool:
        """Wait for the next place of ours; False when it went by, or was taken back meanwhile."""
        if not self._places:
            self._places.extend(await self._store.run(self._reserve))
            self._looked_at = self._clock()
        place = self._places[0]
        while (rest_s := place - self._clock()) > 0:
            await self._sleep(rest_s)
        if self._clock() - self._looked_at > LOOK_EVERY_S:
            self._looked_at = self._clock()
            if await self._store.read(self._is_paused):
                self._places.clear()
        if not self._places or self._places[0] != place:
            return False
        self._places.popleft()
        return self._clock() - place <= self._late_s

    def _reserve(self, session: Session) -> list[float]:
        now = self._clock()  # here, where it is our turn to write, and not before
        marks = self._marks(session)
        pause_s = marks.get(self._paused, 0.0) - now
        if pause_s > LONGEST_PAUSE_S:
            raise self._ended(pause_s) if self._is_ended(marks, now) else self._away(pause_s)
        # Whoever used the minute up with us is still in it: half as fast until it is over.
        every_s = self._every_s * (2 if pause_s > -WINDOW_S else 1)
        count = min(max(self._waiting, self._least), self._most)
        end = _queue(session, self._key, count * every_s, max(now, now + pause_s))
        return [end - left * every_s for left in range(count, 0, -1)]

    def _is_paused(self, session: Session) -> bool:
        return self._marks(session).get(self._paused, 0.0) > self._clock()

    def _count(self, session: Session, pause_s: float) -> bool:
        """Write an overrun down; return whether it ends the calls."""
        now = self._clock()
        # Writing first makes two processes come one after the other here, on PostgreSQL too.
        _queue(session, self._key, 0.0, now)
        marks = self._marks(session)
        paused_until = marks.get(self._paused, 0.0)
        if paused_until <= now:  # else a call that was under way: the same overrun
            is_second = now - marks.get(self._first, 0.0) <= OVERRUNS_KEPT_S
            _mark(session, self._second if is_second else self._first, now)
            pause_s = OVERRUNS_KEPT_S if is_second else pause_s
        _mark(session, self._paused, max(paused_until, now + pause_s))
        return self._is_ended(self._marks(session), now)

    def _is_ended(self, marks: Mapping[str, float], now: float) -> bool:
        return now - marks.get(self._second, 0.0) <= OVERRUNS_KEPT_S

    def _marks(self, session: Session) -> dict[str, float]:
        rows = table_of(RateLimitRow).c
        wanted = select(rows.key, rows.tat).where(rows.key.in_([self._paused, self._first, self._second]))
        return {key: float(at) for key, at in session.execute(wanted)}

    def _away(self, pause_s: float) -> RateLimitedError:
        return RateLimitedError(
            f"{self._vendor} asked for a pause until {self._moment(pause_s)}; nothing was sent.",
            "Truckroll goes on by itself after that.",
            self._vendor,
            retry_after_s=pause_s,
        )

    def _ended(self, pause_s: float) -> LimitOverrunError:
        return LimitOverrunError(
            f"{self._vendor} said twice within a day that more calls came from this token than it allows; Truckroll "
            f"sends {self._per_minute:g} a minute at most. It blocks an address that goes over more than three times, "
            f"for days: nothing more is sent until {self._moment(pause_s)}.",
            "Find what else uses this token or this address, or lower calls_per_minute in the shop file; then "
            "`truckroll connect` of this vendor lets calls go again at once.",
            self._vendor,
            retry_after_s=pause_s,
        )

    def _moment(self, pause_s: float) -> str:
        return datetime.fromtimestamp(self._clock() + pause_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _queue(session: Session, key: str, cost_s: float, asked_at: float) -> float:
    """Add calls to the queue; return when they, and all before them, are paid for."""
    kept = table_of(RateLimitRow).c.tat
    insert = insert_into(session, RateLimitRow).values(key=key, tat=asked_at + cost_s)
    statement = insert.on_conflict_do_update(
        index_elements=["key"], set_={"tat": case((kept > asked_at, kept), else_=asked_at) + cost_s}
    ).returning(kept)
    return float(session.execute(statement).scalar_one())


def _mark(session: Session, key: str, at: float) -> None:
    """Keep a moment beside the queue it belongs to."""
    insert = insert_into(session, RateLimitRow).values(key=key, tat=at)
    session.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"tat": at}))
