"""Held work: what waits for a person, with the reason and the fix. Never lost, never in the way of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.tables import HeldRow
from store.session import Store
from store.sql import changed, insert_into, table_of


class Held:
    """The held list of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def hold(
        self, shop: str, process: str, record: str, *, reason: str, fix: str = "", field: str = ""
    ) -> HeldRow:
        """Hold a record. One that is held already counts up, and keeps the time since when it is held."""
        return await self._store.run(
            lambda session: self.hold_in(session, shop, process, record, reason=reason, fix=fix, field=field)
        )

    def hold_in(
        self, session: Session, shop: str, process: str, record: str, *, reason: str, fix: str = "", field: str = ""
    ) -> HeldRow:
        """Hold a record within the caller's transaction."""
        rows = table_of(HeldRow).c
        is_held = rows.released_at.is_(None)
        insert = insert_into(session, HeldRow).values(
            shop=shop, process=process, record=record, reason=reason, fix=fix, field=field, since=self._now(), times=1
        )
        statement = insert.on_conflict_do_update(
            index_elements=["shop", "process", "record"],
            set_={
                "reason": reason,
                "fix": fix,
                "field": field,
                "times": case((is_held, rows.times + 1), else_=1),
                "since": case((is_held, rows.since), else_=insert.excluded.since),
                "released_at": None,
            },
        ).returning(rows.id)
        held_id = session.execute(statement).scalar_one()
        return session.get_one(HeldRow, held_id, populate_existing=True)

    async def release(self, shop: str, process: str, record: str) -> bool:
        """Take a record off the list, because it went through. False: it was not on it."""
        return await self._store.run(lambda session: self.release_in(session, shop, process, record))

    def release_in(self, session: Session, shop: str, process: str, record: str) -> bool:
        """Take a record off the list within the caller's transaction: see `release`."""
        its_name = (
            col(HeldRow.shop) == shop,
            col(HeldRow.process) == process,
            col(HeldRow.record) == record,
            col(HeldRow.released_at).is_(None),
        )
        statement = update(HeldRow).where(*its_name).values(released_at=self._now())
        return bool(changed(session, statement))

    async def release_by_id(self, held_id: int) -> HeldRow | None:
        """Take a record off the list so that it is tried again; None when it is not on it."""

        def release(session: Session) -> HeldRow | None:
            row = session.get(HeldRow, held_id, with_for_update=True)
            if row is None or row.released_at is not None:
                return None
            row.released_at = self._now()
            return row

        return await self._store.run(release)

    async def get(self, held_id: int) -> HeldRow | None:
        """Return one entry, also a released one."""
        return await self._store.read(lambda session: session.get(HeldRow, held_id))

    async def find(self, shop: str, process: str, record: str) -> HeldRow | None:
        """Return the entry of a record that is held now, or None."""
        statement = select(HeldRow).where(
            col(HeldRow.shop) == shop,
            col(HeldRow.process) == process,
            col(HeldRow.record) == record,
            col(HeldRow.released_at).is_(None),
        )
        return await self._store.read(lambda session: session.scalars(statement).one_or_none())

    async def list(self, shop: str | None = None, *, process: str | None = None) -> Sequence[HeldRow]:
        """Return what is held now, the longest first."""
        statement = select(HeldRow).where(col(HeldRow.released_at).is_(None))
        if shop is not None:
            statement = statement.where(col(HeldRow.shop) == shop)
        if process is not None:
            statement = statement.where(col(HeldRow.process) == process)
        statement = statement.order_by(col(HeldRow.since), col(HeldRow.id))
        return await self._store.read(lambda session: session.scalars(statement).all())
