"""Leases: one worker at a time on one thing, and no longer than it lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.errors import BusyError
from models.tables import LeaseRow
from store.owner import Owner, is_dead
from store.session import Store
from store.sql import changed, insert_new
from store.waiting import renewed


@dataclass
class Lease:
    """A lease in hand. `is_lost` turns true when it could not be renewed in time and another worker took it."""

    keys: tuple[str, ...]
    token: str
    is_lost: bool = False


class _TakenError(Exception):
    """Another live worker holds one of the keys: the transaction that found out leaves no trace."""


class Leases:
    """The leases of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    @asynccontextmanager
    async def hold(self, *keys: str, ttl_s: float = 60, wait_s: float = 0) -> AsyncIterator[Lease]:
        """Hold `keys`, all or none of them, for the block; renewed in the background, and free again at the end.

        A worker that died on this machine is replaced at once, one elsewhere after its `ttl_s` seconds.
        Raises: BusyError when another live worker still holds one of them after `wait_s` seconds.
        """
        lease = Lease(tuple(sorted(set(keys))), Owner.current().claim())
        await self._take_patiently(lease, timedelta(seconds=ttl_s), wait_s)

        async def renew() -> bool:
            until = self._now() + timedelta(seconds=ttl_s)
            statement = update(LeaseRow).where(*_is(lease)).values(expires_at=until)
            lease.is_lost = await self._store.run(lambda session: changed(session, statement)) < len(lease.keys)
            return not lease.is_lost

        try:
            async with renewed(renew, ttl_s=ttl_s):
                yield lease
        finally:
            await self._store.run(lambda session: _free(session, lease))

    async def _take_patiently(self, lease: Lease, ttl: timedelta, wait_s: float) -> None:
        clock = asyncio.get_running_loop().time
        until, pause_s = clock() + wait_s, 0.02
        while not await self._take(lease, ttl):
            if clock() >= until:
                raise BusyError(f"{' and '.join(lease.keys)} is being worked on.", "It is picked up again by itself.")
            await asyncio.sleep(min(pause_s, until - clock()))
            pause_s = min(pause_s * 1.5, 0.5)

    async def _take(self, lease: Lease, ttl: timedelta) -> bool:
        def take(session: Session) -> bool:
            until = self._now() + ttl
            fresh = [{"key": key, "owner": lease.token, "expires_at": until} for key in lease.keys]
            if insert_new(session, LeaseRow, fresh) == len(fresh):
                return True
            rows = session.scalars(
                select(LeaseRow).where(col(LeaseRow.key).in_(lease.keys)).order_by(col(LeaseRow.key)).with_for_update()
            ).all()
            others = [row for row in rows if row.owner != lease.token]
            if len(rows) < len(lease.keys) or any(self._is_held(row) for row in others):
                raise _TakenError
            for row in others:
                row.owner, row.expires_at = lease.token, until
            return True

        def give_back(taken: Future[bool]) -> None:
            if not taken.cancelled() and taken.exception() is None and taken.result():
                self._store.submit(lambda session: _free(session, lease))

        handed_over = self._store.submit(take)
        try:
            return await asyncio.shield(asyncio.wrap_future(handed_over))
        except _TakenError:
            return False
        except asyncio.CancelledError:
            handed_over.add_done_callback(give_back)
            raise

    def _is_held(self, row: LeaseRow) -> bool:
        return row.expires_at > self._now() and not is_dead(row.owner)


def _is(lease: Lease) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (col(LeaseRow.key).in_(lease.keys), col(LeaseRow.owner) == lease.token)


def _free(session: Session, lease: Lease) -> None:
    changed(session, delete(LeaseRow).where(*_is(lease)))
