"""Orders of the online store: the newest version of each, and how far it is in ServiceTitan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from models.base import utc_now
from models.errors import TruckrollError
from models.order_sync import DUE, OrderStage
from models.store_order import StoreOrder
from models.tables import StoreEventRow, StoreOrderPrintRow, StoreOrderRow
from store.session import Store
from store.sql import aware, changed, changes_for, insert_new

_FIXED = frozenset({"shop", "order_id", "request_id", "created_at"})


Fingerprints = Callable[[StoreOrder], Collection[str]]
"""Digests of an order, of which one bought twice shares one with its repetition."""


class TakenIn(StrEnum):
    """What became of a version that came from the store."""

    NEW = "new"
    NEWER = "newer"
    SAME = "same"
    OLDER = "older"


class StoreOrders:
    """The store orders of one database."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def take_in(
        self, shop: str, orders: Iterable[StoreOrder], *, fingerprints: Fingerprints
    ) -> dict[str, TakenIn]:
        """Keep each order's newest version, all in one transaction; an older one changes nothing (OI-67).

        A newer version is decided anew, whatever became of the one before. Returns the outcome by order id.
        """
        taken = [(order, fingerprints(order)) for order in orders]
        return await self._store.run(
            lambda session: {order.id: self._take(session, shop, order, prints) for order, prints in taken}
        )

    def _take(self, session: Session, shop: str, order: StoreOrder, prints: Collection[str]) -> TakenIn:
        if insert_new(session, StoreOrderRow, [_new_row(shop, order, self._now())]):
            _print(session, shop, order.id, prints)
            return TakenIn.NEW
        row = locked_order(session, shop, order.id)
        if order.version <= row.version:
            return TakenIn.SAME if order.version == row.version else TakenIn.OLDER
        row.version, row.order, row.number = order.version, order.model_dump(mode="json"), order.number
        _print(session, shop, order.id, prints)
        row.stage, row.stage_words = OrderStage.NEW.value, f"Version {order.version} came from the store."
        row.ordered_at, row.changed_at, row.updated_at = order.created_at, order.updated_at, self._now()
        session.flush()
        return TakenIn.NEWER

    async def get(self, shop: str, order_id: str) -> StoreOrderRow | None:
        """Return one order."""
        return await self._store.read(lambda session: session.get(StoreOrderRow, (shop, order_id)))

    async def by_number(self, shop: str, number: str) -> StoreOrderRow | None:
        """Return the order people call by this number; the newest, should the store have given it twice."""
        statement = (
            select(StoreOrderRow)
            .where(col(StoreOrderRow.shop) == shop, col(StoreOrderRow.number) == number)
            .order_by(col(StoreOrderRow.ordered_at).desc())
            .limit(1)
        )
        return await self._store.read(lambda session: session.scalars(statement).one_or_none())

    async def by_request(self, request_id: str) -> StoreOrderRow | None:
        """Return the order a question refers to."""
        statement = select(StoreOrderRow).where(col(StoreOrderRow.request_id) == request_id)
        return await self._store.read(lambda session: session.scalars(statement).one_or_none())

    async def due(
        self, shop: str, *, after: tuple[datetime, str] | None = None, limit: int = 100
    ) -> Sequence[StoreOrderRow]:
        """Return a page of orders to be decided or written, in the order they were placed.

        `after` is when the last one of the page before was placed, and its id.
        """
        statement = select(StoreOrderRow).where(
            col(StoreOrderRow.shop) == shop, col(StoreOrderRow.stage).in_([stage.value for stage in DUE])
        )
        if after is not None:
            placed, order_id = after
            later = (col(StoreOrderRow.ordered_at) == placed) & (col(StoreOrderRow.order_id) > order_id)
            statement = statement.where((col(StoreOrderRow.ordered_at) > placed) | later)
        statement = statement.order_by(col(StoreOrderRow.ordered_at), col(StoreOrderRow.order_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def list(
        self, shop: str, *, stages: Iterable[OrderStage] | None = None, limit: int | None = None
    ) -> Sequence[StoreOrderRow]:
        """Return the orders of a shop, the newest first."""
        statement = select(StoreOrderRow).where(col(StoreOrderRow.shop) == shop)
        if stages is not None:
            statement = statement.where(col(StoreOrderRow.stage).in_([stage.value for stage in stages]))
        statement = statement.order_by(col(StoreOrderRow.ordered_at).desc(), col(StoreOrderRow.order_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def stages(self, shop: str) -> dict[str, int]:
        """Count the orders by stage."""
        statement = (
            select(col(StoreOrderRow.stage), func.count())
            .where(col(StoreOrderRow.shop) == shop)
            .group_by(col(StoreOrderRow.stage))
        )
        rows = await self._store.read(lambda session: session.execute(statement).all())
        return {row[0]: row[1] for row in rows}

    async def placed_between(self, shop: str, since: datetime, until: datetime) -> Sequence[StoreOrderRow]:
        """Return the orders placed from `since` to before `until`, the oldest first."""
        statement = (
            select(StoreOrderRow)
            .where(
                col(StoreOrderRow.shop) == shop,
                col(StoreOrderRow.ordered_at) >= since,
                col(StoreOrderRow.ordered_at) < until,
            )
            .order_by(col(StoreOrderRow.ordered_at), col(StoreOrderRow.order_id))
        )
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def with_alike(
        self, shop: str, order_id: str, before: timedelta
    ) -> tuple[StoreOrderRow | None, Sequence[StoreOrderRow]]:
        """Return an order, and those that share a fingerprint with it and were placed at most `before` before it."""

        def read(session: Session) -> tuple[StoreOrderRow | None, Sequence[StoreOrderRow]]:
            row = session.get(StoreOrderRow, (shop, order_id))
            if row is None:
                return None, ()
            mine, theirs = aliased(StoreOrderPrintRow), aliased(StoreOrderPrintRow)
            alike = (
                select(col(theirs.order_id))
                .join(mine, (col(mine.shop) == theirs.shop) & (col(mine.fingerprint) == theirs.fingerprint))
                .where(col(mine.shop) == shop, col(mine.order_id) == order_id, col(theirs.order_id) != order_id)
            )
            statement = select(StoreOrderRow).where(
                col(StoreOrderRow.shop) == shop,
                col(StoreOrderRow.order_id).in_(alike),
                col(StoreOrderRow.ordered_at) >= row.ordered_at - before,
                col(StoreOrderRow.ordered_at) <= row.ordered_at,
            )
            return row, session.scalars(statement).all()

        return await self._store.read(read)

    async def update(self, shop: str, order_id: str, *, version: int | None = None, **changes: Any) -> StoreOrderRow:
        """Change columns, and return the fresh row. `version`: see `update_in`."""
        return await self._store.run(
            lambda session: self.update_in(session, shop, order_id, version=version, **changes)
        )

    def update_in(
        self, session: Session, shop: str, order_id: str, *, version: int | None = None, **changes: Any
    ) -> StoreOrderRow:
        """Change columns within the caller's transaction. Raises TypeError for a column that is not there, or is fixed.

        `version` is the version the caller worked on: when a newer one came in meanwhile, `stage` and `stage_words`
        stay as they are, so that the newer one is decided.
        """
        values = changes_for(StoreOrderRow, changes, fixed=_FIXED)
        row = locked_order(session, shop, order_id)
        if version is not None and row.version != version:
            values = {name: value for name, value in values.items() if name not in {"stage", "stage_words"}}
        for name, value in {"updated_at": self._now(), **values}.items():
            setattr(row, name, value)
        session.flush()
        return row

    async def retry(self, shop: str, number: str) -> bool:
        """Let a held order be decided anew. False when it is not held."""

        def free(session: Session) -> bool:
            statement = (
                update(StoreOrderRow)
                .where(
                    col(StoreOrderRow.shop) == shop,
                    col(StoreOrderRow.number) == number,
                    col(StoreOrderRow.stage) == OrderStage.HELD.value,
                )
                .values(stage=OrderStage.NEW.value, stage_words="Set free to be tried again.", updated_at=self._now())
            )
            return bool(changed(session, statement))

        return await self._store.run(free)


class StoreEvents:
    """Deliveries of the store, kept until a pass has read the order they name (OI-73)."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def keep(self, shop: str, event_id: str, *, order_id: str, kind: str) -> bool:
        """Keep a delivery. False when this event was delivered before."""
        fresh = {
            "shop": shop,
            "event_id": event_id,
            "order_id": order_id,
            "kind": kind,
            "received_at": self._now(),
            "handled_at": None,
        }
        return bool(await self._store.run(lambda session: insert_new(session, StoreEventRow, [fresh])))

    async def waiting(self, shop: str, *, limit: int = 200) -> Sequence[StoreEventRow]:
        """Return the deliveries no pass has looked at, the oldest first."""
        statement = (
            select(StoreEventRow)
            .where(col(StoreEventRow.shop) == shop, col(StoreEventRow.handled_at).is_(None))
            .order_by(col(StoreEventRow.received_at), col(StoreEventRow.event_id))
            .limit(limit)
        )
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def handled(self, shop: str, event_ids: Iterable[str]) -> None:
        """Note that the orders these deliveries name were read."""
        statement = (
            update(StoreEventRow)
            .where(col(StoreEventRow.shop) == shop, col(StoreEventRow.event_id).in_(list(event_ids)))
            .values(handled_at=self._now())
        )
        await self._store.run(lambda session: changed(session, statement))

    async def prune(self, older_than: datetime) -> int:
        """Forget what came before this moment and was dealt with; return how many. What waits stays."""
        statement = delete(StoreEventRow).where(
            col(StoreEventRow.received_at) < aware(older_than), col(StoreEventRow.handled_at).is_not(None)
        )
        return await self._store.run(lambda session: changed(session, statement))


def locked_order(session: Session, shop: str, order_id: str) -> StoreOrderRow:
    """Read an order and keep others from changing it. Raises TruckrollError when it is not there."""
    row = session.get(StoreOrderRow, (shop, order_id), with_for_update=True, populate_existing=True)
    if row is None:
        raise TruckrollError(f"There is no store order {order_id}.", "Run order-to-invoice first.")
    return row


def _print(session: Session, shop: str, order_id: str, prints: Collection[str]) -> None:
    """Keep the order's fingerprints in the place of those of the version before."""
    its = (col(StoreOrderPrintRow.shop) == shop, col(StoreOrderPrintRow.order_id) == order_id)
    changed(session, delete(StoreOrderPrintRow).where(*its))
    rows = [{"shop": shop, "fingerprint": one, "order_id": order_id} for one in sorted(prints)]
    insert_new(session, StoreOrderPrintRow, rows)


def _new_row(shop: str, order: StoreOrder, now: datetime) -> dict[str, Any]:
    return StoreOrderRow(
        shop=shop,
        order_id=order.id,
        number=order.number or order.id,
        request_id=f"{shop}/order/{order.id}",
        version=order.version,
        order=order.model_dump(mode="json"),
        stage=OrderStage.NEW.value,
        warnings=[],
        parts=[],
        ordered_at=order.created_at,
        changed_at=order.updated_at,
        created_at=now,
        updated_at=now,
    ).model_dump()
