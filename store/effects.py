"""`once`: every external write happens once, whatever fails in between. DESIGN section 3.

Vendors have no idempotency keys, so the ledger remembers: the intent is committed before the write, the result after
it, and what was begun and never ended is looked for before it is written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col

from models.base import utc_now
from models.errors import (
    AmbiguousWriteError,
    BusyError,
    ContractError,
    RejectedError,
    SettingsError,
    TransientError,
    TruckrollError,
    UnauthorizedError,
    UnresolvedError,
)
from models.tables import EffectRow
from store.effect_rows import ATTEMPTING, DONE, UNRESOLVED, Claim, EffectRows, Finished, Mine, NeedsPerson, Taken
from store.owner import Owner
from store.session import Store
from store.waiting import let_settle, renewed

R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)

NOTHING_WRITTEN = (TransientError, RejectedError, UnauthorizedError, SettingsError)
"""Raised by a write, these say that it did not happen."""

MAY_BE_WRITTEN = (AmbiguousWriteError, ContractError)
"""The answer was lost, or came and could not be read."""

MOST_WRITES = 3
"""How often one call of `once` writes, when each answer is lost and looking finds nothing."""


LOOKS = (1, 3, 10)
"""When a write in doubt is looked for, in settling times after it: only what is not there by then is written again."""


@dataclass(frozen=True)
class Codec(Generic[R]):
    """How a write's result is kept as text, and read back."""

    dump: Callable[[R], str]
    load: Callable[[str], R]


TEXT: Codec[str] = Codec(str, str)
ID: Codec[int] = Codec(str, int)


def model_codec(model: type[M]) -> Codec[M]:
    """Keep a pydantic model as JSON."""
    return Codec(lambda made: made.model_dump_json(), model.model_validate_json)


@dataclass(frozen=True)
class _Write(Generic[R]):
    """One call of `once`."""

    key: str
    create: Callable[[], Awaitable[R]]
    find: Callable[[], Awaitable[R | None]] | None
    codec: Codec[R]
    intent: Callable[[Session], None] | None
    token: str
    look_first: bool = False


class Effects:
    """The effect ledger of one store."""

    def __init__(
        self, store: Store, *, lease_s: float = 120, settle_s: float = 1.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        """`lease_s`: after so many seconds without renewal another machine may take over what this one began.

        `settle_s`: pause between a write whose answer was lost and the first look for it, because the vendor may still
        be at work on it; it is looked for up to ten times as long before it is written again.
        """
        self._store = store
        self._lease_s = lease_s
        self._settle_s = settle_s
        self._now = now
        self._rows = EffectRows(timedelta(seconds=lease_s), now)

    @overload
    async def once(
        self,
        key: str,
        *,
        create: Callable[[], Awaitable[str]],
        find: Callable[[], Awaitable[str | None]] | None = None,
        intent: Callable[[Session], None] | None = None,
        wait_s: float = 0,
        look_first: bool = False,
    ) -> str: ...

    @overload
    async def once(
        self,
        key: str,
        *,
        create: Callable[[], Awaitable[R]],
        codec: Codec[R],
        find: Callable[[], Awaitable[R | None]] | None = None,
        intent: Callable[[Session], None] | None = None,
        wait_s: float = 0,
        look_first: bool = False,
    ) -> R: ...

    async def once(
        self,
        key: str,
        *,
        create: Callable[[], Awaitable[Any]],
        codec: Codec[Any] = TEXT,
        find: Callable[[], Awaitable[Any]] | None = None,
        intent: Callable[[Session], None] | None = None,
        wait_s: float = 0,
        look_first: bool = False,
    ) -> Any:
        """Do the write of this key once, ever, and return what it returned, also to every later call.

        `create` writes; do nothing else in it: an error of one's own code there looks like a lost answer.
        `find` looks for the record of an earlier write whose answer was lost, and returns None when it is surely not
        there. Without it such a write is left to a person.
        `intent` changes the database in the transaction that records the intent, and may raise to refuse the write.
        `wait_s`: how long to wait for another worker that is writing the same.
        `look_first`: the record may be there without us: `find` is asked before the first write too.

        Raises: what `create` raised, when nothing was written (the next call tries again) or when the outcome is
        unknown (the next call looks first); UnresolvedError when only a person can tell; BusyError while another
        worker has it; what `intent` raised.
        """
        write = _Write(key, create, find, codec, intent, Owner.current().claim(), look_first)
        claim = await self._claim_patiently(write, wait_s)
        match claim:
            case Finished(reference):
                return codec.load(reference)
            case Mine(in_doubt_since):
                return await self._carry_out(write, in_doubt_since)
            case Taken():
                raise BusyError(f"{key} is being written by another worker.", "It is picked up again by itself.")
            case NeedsPerson():
                raise _unresolved(key)

    async def status(self, key: str) -> EffectRow | None:
        """Return the ledger's row of one effect."""
        return await self._store.read(lambda session: session.get(EffectRow, key))

    async def references(self, keys: Iterable[str]) -> dict[str, str]:
        """Return what the done effects among these keys refer to, by key."""
        statement = select(col(EffectRow.key), col(EffectRow.reference)).where(
            col(EffectRow.key).in_(list(keys)), col(EffectRow.status) == DONE
        )
        return await self._store.read(lambda session: dict(session.execute(statement).tuples().all()))

    async def known(self, shop: str, references: Iterable[str]) -> set[str]:
        """Return those of the references that done effects of the shop have: a record is one write's, not two's."""
        statement = select(col(EffectRow.reference)).where(
            col(EffectRow.reference).in_(list(references)),
            col(EffectRow.status) == DONE,
            col(EffectRow.key).startswith(f"{shop}/", autoescape=True),
        )
        return set(await self._store.read(lambda session: session.scalars(statement).all()))

    def has_begun_in(self, session: AnySession, prefix: str) -> bool:
        """Tell, within the caller's transaction, whether a write whose key begins so was done or may have been."""
        statement = select(col(EffectRow.key)).where(col(EffectRow.key).startswith(prefix, autoescape=True)).limit(1)
        return session.scalars(statement).first() is not None

    async def look_again(self, key: str) -> None:
        """Put a done effect in doubt, because a person says that it is not: the next `once` looks before it writes."""
        await self._store.run(lambda session: self.look_again_in(session, key))

    def look_again_in(self, session: AnySession, key: str) -> None:
        """Put a done effect in doubt within the caller's transaction: see `look_again`."""
        row = session.get(EffectRow, key, with_for_update=True)
        if row is not None and row.status == DONE:
            row.status, row.owner, row.lease_expires_at = ATTEMPTING, "", self._now() - timedelta(seconds=1)

    def resolve_in(self, session: AnySession, key: str, reference: str | None) -> None:
        """Record a person's word on an unresolved effect, within the caller's transaction.

        A reference: it was written, and this is what the vendor calls it. None: it was not written; the row goes,
        so that the write can be done, best under a new key.
        Raises: TruckrollError when the effect is not unresolved.
        """
        row = session.get(EffectRow, key, with_for_update=True)
        if row is None or row.status != UNRESOLVED:
            state = "unknown" if row is None else row.status
            raise TruckrollError(f"{key} is not unresolved but {state}.", "Look at it again: it has moved on.")
        if reference is None:
            session.delete(row)
        else:
            self._rows.finish(session, key, reference)

    async def _claim_patiently(self, write: _Write[R], wait_s: float) -> Claim:
        clock = asyncio.get_running_loop().time
        until, pause_s = clock() + wait_s, 0.02
        while True:
            claim = await self._claim(write)
            if not isinstance(claim, Taken) or clock() >= until:
                return claim
            await asyncio.sleep(min(pause_s, until - clock()))
            pause_s = min(pause_s * 1.5, 0.5)

    async def _claim(self, write: _Write[R]) -> Claim:
        def claim(session: Session) -> Claim:
            can_find = write.find is not None
            return self._rows.claim(session, write.key, write.token, can_find=can_find, intent=write.intent)

        handed_over = self._store.submit(claim)
        try:
            return await asyncio.shield(asyncio.wrap_future(handed_over))
        except asyncio.CancelledError:
            handed_over.add_done_callback(lambda claimed: self._undo(write, claimed))
            raise

    def _undo(self, write: _Write[R], claimed: Future[Claim]) -> None:
        """Give back what was claimed when the task was canceled before its write began: nobody needs to look."""
        if claimed.cancelled() or claimed.exception() is not None or not isinstance(mine := claimed.result(), Mine):
            return

        def undo(session: Session) -> None:
            if mine.in_doubt_since is None:
                self._rows.withdraw(session, write.key, write.token, keep_intent=write.intent is not None)
            else:
                self._rows.let_go(session, write.key, write.token)

        self._store.submit(undo)

    async def _carry_out(self, write: _Write[R], in_doubt_since: datetime | None) -> R:
        async def renew() -> bool:
            return await self._store.run(lambda session: self._rows.renew(session, write.key, write.token))

        try:
            async with renewed(renew, ttl_s=self._lease_s):
                if (
                    write.look_first
                    and in_doubt_since is None
                    and (there := await self._find_theirs(write)) is not None
                ):
                    return await self._finish(write, there)
                return await self._look_and_write(write, in_doubt_since)
        except BaseException:
            # Only if it is still ours and attempting: what is done, withdrawn or unresolved stays so. Handed over
            # before anything can interrupt: it runs to its end even when this task is canceled again.
            await self._store.run(lambda session: self._rows.let_go(session, write.key, write.token))
            raise

    async def _look_and_write(self, write: _Write[R], in_doubt_since: datetime | None) -> R:
        lost: Exception | None = None
        for _ in range(MOST_WRITES):
            if in_doubt_since is not None and write.find is not None:
                found = await self._look_patiently(write.find, in_doubt_since)
                if found is not None:
                    return await self._finish(write, found)
                await self._begin_again(write)
            try:
                made = await write.create()
            except MAY_BE_WRITTEN as error:
                if write.find is None:
                    await self._store.run(lambda session: self._rows.give_up(session, write.key, write.token))
                    raise _unresolved(write.key) from error
                lost, in_doubt_since = error, self._now()
            except NOTHING_WRITTEN:
                if in_doubt_since is None:
                    await self._withdraw(write)
                # Otherwise the earlier write may still come to light: the next call must look again.
                raise
            else:
                return await self._finish(write, made)
        assert lost is not None
        raise lost

    async def _look_patiently(self, find: Callable[[], Awaitable[R | None]], since: datetime) -> R | None:
        """Look for a write in doubt, and again: whoever cut the line, the vendor may be at work on it still."""
        passed_s = (self._now() - since).total_seconds()
        moments_s = [times * self._settle_s for times in LOOKS if times * self._settle_s > passed_s]
        for moment_s in moments_s or [0]:
            await let_settle(since, moment_s, self._now)
            found = await find()
            if found is not None:
                return found
        return None

    async def _find_theirs(self, write: _Write[R]) -> R | None:
        """Look before the first write. Raises: BusyError when that took so long that another worker took over."""
        found = await write.find() if write.find is not None else None
        if found is None:
            await self._begin_again(write, attempts=0)
        return found

    async def _begin_again(self, write: _Write[R], attempts: int = 1) -> None:
        still = await self._store.run(
            lambda session: self._rows.renew(session, write.key, write.token, attempts=attempts)
        )
        if not still:
            raise BusyError(f"{write.key} was taken over by another worker.", "It is picked up again by itself.")

    async def _withdraw(self, write: _Write[R]) -> None:
        keep = write.intent is not None
        await self._store.run(lambda session: self._rows.withdraw(session, write.key, write.token, keep_intent=keep))

    async def _finish(self, write: _Write[R], made: R) -> R:
        reference = write.codec.dump(made)
        kept = await self._store.run(lambda session: self._rows.finish(session, write.key, reference))
        return made if kept == reference else write.codec.load(kept)


def _unresolved(key: str) -> UnresolvedError:
    return UnresolvedError(
        f"{key} may or may not have been written: its answer was lost.",
        "Look in the vendor's own system whether it is there, then say so.",
        key,
    )
