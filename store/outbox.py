"""What has to be told of an event: written in the event's own transaction, told afterwards, once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.outgoing import Outgoing
from models.tables import OutboxRow, PartRequestRow
from store.session import Store
from store.sql import insert_new


class Outbox:
    """The tellings of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, session: Session, request: PartRequestRow, outgoing: Outgoing, now: datetime) -> None:
        """Note what has to be told, inside the event's transaction. The same key again adds nothing."""
        row = OutboxRow(
            shop=request.shop,
            request_id=request.id,
            job=request.job,
            job_number=request.job_number,
            key=f"{request.shop}/{outgoing.key}",
            outgoing=outgoing.model_dump(mode="json"),
            created_at=now,
        )
        insert_new(session, OutboxRow, [row.model_dump(exclude={"id"})])

    async def waiting(self, shop: str, request_id: str | None = None) -> list[OutboxRow]:
        """Return what is not told yet, oldest first."""

        def read(session: Session) -> list[OutboxRow]:
            query = select(OutboxRow).where(col(OutboxRow.shop) == shop, col(OutboxRow.told_at).is_(None))
            if request_id is not None:
                query = query.where(col(OutboxRow.request_id) == request_id)
            return list(session.scalars(query.order_by(col(OutboxRow.id))))

        return await self._store.read(read)

    @staticmethod
    def again_in(session: Session, key: str) -> OutboxRow | None:
        """Let an event be told again, within the caller's transaction; None when there is no such event."""
        row = session.scalar(select(OutboxRow).where(col(OutboxRow.key) == key))
        if row is not None:
            row.told_at = None
        return row

    async def told(self, row_id: int, now: datetime) -> None:
        """Note that it was told, or that it cannot be."""

        def write(session: Session) -> None:
            row = session.get(OutboxRow, row_id)
            if row is not None:
                row.told_at = now
                session.add(row)

        await self._store.run(write)
