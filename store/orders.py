"""Part orders: the distributor's order numbers, and how far each has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.errors import TruckrollError
from models.part import LineState
from models.tables import PartOrderRow
from store.session import Store
from store.sql import aware, changes_for, insert_new

_FIXED = frozenset({"id", "shop", "request_id", "order_number"})


class Orders:
    """The part orders of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def add(
        self,
        request_id: str,
        *,
        shop: str,
        po_number: str,
        order_numbers: Iterable[str],
        next_look_at: datetime,
        branch: str = "",
        ordered_on: date | None = None,
        transit_days: int | None = None,
        state: LineState = LineState.ACCEPTED,
        words: str = "",
    ) -> Sequence[PartOrderRow]:
        """Follow what was placed: one row per order number; those known already stay as they are.

        `ordered_on` is a date in the shop's zone. Returns all orders of the request.
        """
        return await self._store.run(
            lambda session: self.add_in(
                session,
                request_id,
                shop=shop,
                po_number=po_number,
                order_numbers=order_numbers,
                next_look_at=next_look_at,
                branch=branch,
                ordered_on=ordered_on,
                transit_days=transit_days,
                state=state,
                words=words,
            )
        )

    @staticmethod
    def add_in(
        session: Session,
        request_id: str,
        *,
        shop: str,
        po_number: str,
        order_numbers: Iterable[str],
        next_look_at: datetime,
        branch: str = "",
        ordered_on: date | None = None,
        transit_days: int | None = None,
        state: LineState = LineState.ACCEPTED,
        words: str = "",
    ) -> Sequence[PartOrderRow]:
        """Follow what was placed, within the caller's transaction: see `add`."""
        rows = [
            PartOrderRow(
                shop=shop,
                request_id=request_id,
                order_number=number,
                po_number=po_number,
                branch=branch,
                ordered_on=ordered_on.isoformat() if ordered_on else "",
                transit_days=transit_days,
                state=state.value,
                words=words,
                tracking=[],
                next_look_at=aware(next_look_at),
            ).model_dump(exclude={"id"})
            for number in order_numbers
        ]
        insert_new(session, PartOrderRow, rows)
        return _of_request(session, request_id)

    async def for_request(self, request_id: str) -> Sequence[PartOrderRow]:
        """Return the orders of one request, the first placed first."""
        return await self._store.read(lambda session: _of_request(session, request_id))

    async def list_open(self, shop: str | None = None, *, due_before: datetime | None = None) -> Sequence[PartOrderRow]:
        """Return the orders still followed, and due for a look before a time; the longest due first."""
        statement = select(PartOrderRow).where(col(PartOrderRow.is_open).is_(True))
        if shop is not None:
            statement = statement.where(col(PartOrderRow.shop) == shop)
        if due_before is not None:
            statement = statement.where(col(PartOrderRow.next_look_at) <= due_before)
        statement = statement.order_by(col(PartOrderRow.next_look_at), col(PartOrderRow.id))
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def update(self, order_id: int, **changes: Any) -> PartOrderRow:
        """Change columns, and return the fresh row. Raises TypeError for a column that is not there, or is fixed."""
        return await self._store.run(lambda session: self.update_in(session, order_id, **changes))

    @staticmethod
    def update_in(session: Session, order_id: int, **changes: Any) -> PartOrderRow:
        """Change columns within the caller's transaction: see `update`."""
        values = changes_for(PartOrderRow, changes, fixed=_FIXED)
        row = session.get(PartOrderRow, order_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise TruckrollError(f"There is no part order {order_id}.", "See `truckroll status`.")
        for name, value in values.items():
            setattr(row, name, value)
        session.flush()
        return row


def _of_request(session: Session, request_id: str) -> Sequence[PartOrderRow]:
    statement = select(PartOrderRow).where(col(PartOrderRow.request_id) == request_id).order_by(col(PartOrderRow.id))
    return session.scalars(statement).all()
