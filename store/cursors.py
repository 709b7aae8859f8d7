"""Cursors: how far the reading of a vendor's changes has come."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.tables import CursorRow
from store.session import Store
from store.sql import aware, insert_new

_TIME = re.compile(r"\d{4}-\d\d-\d\dT")


class Cursors:
    """The cursors of one store. A value is a time in ISO form, or a vendor's continuation token."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def get(self, shop: str, name: str) -> str | None:
        """Return the cursor's value, or None when nothing was read yet."""
        row = await self._store.read(lambda session: session.get(CursorRow, (shop, name)))
        return None if row is None else row.value

    async def get_time(self, shop: str, name: str) -> datetime | None:
        """Return the cursor as a time, or None when nothing was read yet."""
        value = await self.get(shop, name)
        return None if value is None else datetime.fromisoformat(value)

    async def set(self, shop: str, name: str, value: str, *, force: bool = False) -> str:
        """Move the cursor, and return where it stands now.

        A time never moves backwards, unless forced: a slow worker that ends late must not make the next one read
        everything again. Raises: ValueError for a time without a zone.
        """
        at = _time(value)

        def move(session: Session) -> str:
            fresh = {"shop": shop, "name": name, "value": value, "updated_at": self._now()}
            if insert_new(session, CursorRow, [fresh]):
                return value
            row = session.scalars(
                select(CursorRow).where(col(CursorRow.shop) == shop, col(CursorRow.name) == name).with_for_update()
            ).one()
            kept = _time(row.value)
            if force or at is None or kept is None or at > kept:
                row.value, row.updated_at = value, self._now()
            return row.value

        return await self._store.run(move)

    async def set_time(self, shop: str, name: str, at: datetime, *, force: bool = False) -> datetime:
        """Move the cursor to a time, as `set` does."""
        return datetime.fromisoformat(await self.set(shop, name, aware(at).isoformat(), force=force))


def _time(value: str) -> datetime | None:
    return aware(datetime.fromisoformat(value)) if _TIME.match(value) else None
