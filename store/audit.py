"""The audit log: every decision and effect, with the rule that fired and who said so. Only ever added to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.tables import AuditRow
from store.session import Store


class Audit:
    """The audit log of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def append(
        self,
        shop: str,
        process: str,
        record: str,
        event: str,
        *,
        actor: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditRow:
        """Note what happened. `detail` is kept as JSON: models, money and times are written as text."""
        return await self._store.run(
            lambda session: self.append_in(session, shop, process, record, event, actor=actor, detail=detail)
        )

    def append_in(
        self,
        session: Session,
        shop: str,
        process: str,
        record: str,
        event: str,
        *,
        actor: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditRow:
        """Note what happened within the caller's transaction: the note stands if and only if the change does."""
        row = AuditRow(
            at=self._now(),
            shop=shop,
            process=process,
            record=record,
            event=event,
            actor=actor,
            detail=to_jsonable_python(dict(detail or {})),
        )
        session.add(row)
        session.flush()
        return row

    async def list(
        self,
        *,
        shop: str | None = None,
        record: str | None = None,
        process: str | None = None,
        event: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AuditRow]:
        """Return the newest entries first, at most `limit`."""
        statement = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)
        wanted = {"shop": shop, "record": record, "process": process, "event": event}
        statement = statement.filter_by(**{name: value for name, value in wanted.items() if value is not None})
        if since is not None:
            statement = statement.where(col(AuditRow.at) >= since)
        return await self._store.read(lambda session: session.scalars(statement).all())
