"""Where each shop's connections stand. Kept beside the cursors; every step is in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.connection import Connection, Moved, Vendor
from models.tables import CursorRow
from store.audit import Audit
from store.session import Store
from store.sql import insert_into, take_turn

PROCESS: Final = "connection"
"""What the audit log calls these steps."""

_PREFIX: Final = "connection/"


class Connections:
    """The connections of one store. A shop that never ran `connect` has none."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._audit = Audit(store, now=now)
        self._now = now

    async def of(self, shop: str) -> dict[Vendor, Connection]:
        """Return what is kept of a shop's connections, by vendor."""
        names = {f"{_PREFIX}{vendor}": vendor for vendor in get_args(Vendor)}
        wanted = select(CursorRow).where(col(CursorRow.shop) == shop, col(CursorRow.name).in_(list(names)))

        def read(session: Session) -> dict[Vendor, Connection]:
            return {names[row.name]: Connection.of(row.value) for row in session.scalars(wanted)}

        return await self._store.read(read)

    async def get(self, shop: str, vendor: Vendor) -> Connection | None:
        """Return one connection, or None when nobody ran `connect` or `disconnect`."""
        return (await self.of(shop)).get(vendor)

    async def change(
        self, shop: str, vendor: Vendor, decide: Callable[[Connection | None], Sequence[Moved]], *, by: str
    ) -> Sequence[Moved]:
        """Take the steps `decide` asks for, each with its entry in the audit log, all or none; return them.

        `decide` is given what is kept, while nobody else can change it. Raises what `decide` raises: nothing changes.
        """

        def take(session: Session) -> Sequence[Moved]:
            take_turn(session, f"{shop}/{_PREFIX}{vendor}")
            row = session.get(CursorRow, (shop, f"{_PREFIX}{vendor}"))
            steps = decide(None if row is None else Connection.of(row.value))
            for step in steps:
                detail = {"state": step.connection.state.value, **step.detail}
                self._audit.append_in(session, shop, PROCESS, vendor, step.event, actor=by, detail=detail)
            if steps:
                fresh = {"value": steps[-1].connection.text(), "updated_at": self._now()}
                insert = insert_into(session, CursorRow).values(shop=shop, name=f"{_PREFIX}{vendor}", **fresh)
                session.execute(insert.on_conflict_do_update(index_elements=["shop", "name"], set_=fresh))
            return steps

        return await self._store.run(take)
