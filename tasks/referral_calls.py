"""The calls of a contact sync: many under way at once, results kept as they come, across the pages of one sync.

A page hands its calls over and need not wait for the last answers, of which some take half a minute (FACTS section 8):
the vendor's limit is used all the time. Who has a call under way is `pending` in the store, and looked for by the next
sync if nobody kept the answer (DESIGN section 3).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from connectors.referral_factory.client import ReferralFactory
from decisions.referral_sync import TAKEN_FIX, TAKEN_WHY
from models.contact_sync import (
    Absent,
    Adopt,
    Call,
    Create,
    Gone,
    Linked,
    Look,
    NotSent,
    Outcome,
    Refused,
    Taken,
    Update,
)
from models.errors import AmbiguousWriteError, ContractError, NotFoundError, VendorError
from models.referral import Created, RefusedUser, UserChange
from tasks.house import House

IN_FLIGHT = 128
"""Calls under way at once. At 10 a second, of which 3 in 40 take 25 seconds, 30 are open at any time (FACTS section 8).
The vendor's limit bounds them."""

KEPT_EVERY = 100
"""Results kept together, more where they come fast: after a kill they are looked for."""

KEPT_AT_MOST_EVERY_S = 0.25
"""Without a limit hundreds of results come in that time, and each keeping is a transaction."""


@dataclass
class ReferralCalls:
    """The calls of one sync, in the order they were handed over."""

    house: House
    campaign_id: int
    made: dict[str, int] = field(default_factory=dict)
    """What came of calls since `counted`."""
    _waiting: deque[Call] = field(default_factory=deque)
    _workers: set[asyncio.Task[None]] = field(default_factory=set)
    _all_taken: asyncio.Event = field(default_factory=asyncio.Event)
    _outcomes: list[Outcome] = field(default_factory=list)
    _is_keeping: bool = False
    _keep_from: float = 0.0
    """When results may be kept again, on the monotonic clock."""
    _stopped_by: Exception | None = None

    async def take(self, calls: Iterable[Call]) -> None:
        """Make these calls; return when the last of them is under way. Raises what stops everybody, as `drain` does."""
        self._waiting.extend(calls)
        if self._waiting:
            self._all_taken.clear()
            for _ in range(min(IN_FLIGHT - len(self._workers), len(self._waiting))):
                self._workers.add(asyncio.create_task(self._work()))
            await self._all_taken.wait()
        if self._stopped_by is not None:
            await self.drain()

    async def drain(self) -> None:
        """Wait until every call is answered, and its result kept. Raises what stops everybody: no more was sent."""
        if self._workers:
            await asyncio.wait(set(self._workers))
        await self._keep()
        if self._stopped_by is not None:
            error, self._stopped_by = self._stopped_by, None
            raise error

    @property
    def is_open(self) -> bool:
        """Calls are under way."""
        return bool(self._workers)

    def counted(self) -> dict[str, int]:
        """Return what came of calls since the last time."""
        made, self.made = self.made, {}
        return made

    def cancel(self) -> None:
        """Give up the calls under way: nobody will know what came of them but by looking."""
        self._waiting.clear()
        for worker in self._workers:
            worker.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                call = self._waiting.popleft()
                if not self._waiting:
                    self._all_taken.set()
                await self._make(call)
                if len(self._outcomes) >= KEPT_EVERY and not self._is_keeping and time.monotonic() >= self._keep_from:
                    await self._keep()
        except Exception as error:  # noqa: BLE001  the store's, or a fault of ours: whoever waits for us must hear of it
            self._stopped_by = error
            self._waiting.clear()
        finally:
            # Here and not when the task is over: nobody may count on a worker that takes no more calls.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if not self._waiting:
                self._all_taken.set()

    async def _make(self, call: Call) -> None:
        if self._stopped_by is not None:
            self._outcomes.append(NotSent(call))
            return
        try:
            outcome = await _answer(self.house.referral_factory, self.campaign_id, call)
        except (AmbiguousWriteError, ContractError):
            self._count("unknown")  # it stays pending
        except VendorError as error:
            self._stopped_by = error
            self._outcomes.append(NotSent(call))
        else:
            self._outcomes.append(outcome)
            self._count(_kind(outcome))

    def _count(self, kind: str) -> None:
        if kind:
            self.made[kind] = self.made.get(kind, 0) + 1

    async def _keep(self) -> None:
        kept, self._outcomes = self._outcomes, []
        self._is_keeping, self._keep_from = True, time.monotonic() + KEPT_AT_MOST_EVERY_S
        try:
            await self.house.books.referrals.finish(self.house.shop.name, self.campaign_id, kept)
        finally:
            self._is_keeping = False


def _kind(outcome: Outcome) -> str:
    match outcome:
        case Linked(Update()):
            return "changed"
        case Linked(_, _, was_there):
            return "adopted" if was_there else "created"
        case Refused() | Taken():
            return "refused"
        case _:
            return ""


@dataclass
class _Open:
    calls: ReferralCalls
    users: int = 0


_open: dict[tuple[int, str], _Open] = {}
"""The syncs under way in this process, by event loop and run."""


@asynccontextmanager
async def referral_calls(house: House, campaign_id: int, run: str) -> AsyncIterator[ReferralCalls]:
    """Open the calls of a sync, or join those that its flow has opened. `run` names the sync, unlike any other.

    The first to open a sync lets the next one look for what an earlier sync left unanswered; the last to leave it
    waits for the answers.
    """
    key = (id(asyncio.get_running_loop()), run)
    opened = _open.get(key)
    if opened is None:
        await house.books.referrals.take_up(house.shop.name, campaign_id, run)
        opened = _open.setdefault(key, _Open(ReferralCalls(house, campaign_id)))
    opened.users += 1
    try:
        yield opened.calls
    except asyncio.CancelledError:
        opened.calls.cancel()
        raise
    finally:
        opened.users -= 1
        if not opened.users:
            del _open[key]
            await opened.calls.drain()


async def _answer(program: ReferralFactory, campaign_id: int, call: Call) -> Outcome:
    """Make one call and say what came of it. Nobody is notified: the connector never asks for it (RF-31)."""
    match call:
        case Create(draft):
            return _made(call, await program.create_referrer(draft.new_referrer(campaign_id)))
        case Adopt(draft):
            found = await program.find_user(campaign_id, draft.email)
            if found is not None:
                return Linked(call, found, was_there=True)
            return _made(call, await program.create_referrer(draft.new_referrer(campaign_id)))
        case Look(_, _, email):
            found = await program.find_user(campaign_id, email)
            return Linked(call, found, was_there=True) if found is not None else Absent(call)
        case Update(draft, user_id):
            change = UserChange(first_name=draft.first_name, email=draft.email, meta=draft.meta or None)
            try:
                changed = await program.update_user(user_id, change)
            except NotFoundError:
                return Gone(call)
            if isinstance(changed, RefusedUser):
                return Taken(call, TAKEN_WHY, TAKEN_FIX) if changed.is_taken else Refused(call, changed.why)
            return Linked(call, changed)


def _made(call: Create | Adopt, answer: Created | RefusedUser) -> Outcome:
    if isinstance(answer, RefusedUser):
        return Refused(call, answer.why)
    return Linked(call, answer.user, was_there=answer.was_there)
