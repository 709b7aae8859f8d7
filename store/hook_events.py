"""Deliveries of the referral program and of ServiceTitan, kept until a pass has read the record they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.errors import TruckrollError
from models.tables import HookEventRow
from store.session import Store
from store.sql import aware, changed, insert_new

MOST_WAITING: Final = 20_000
"""Deliveries of one shop and vendor that may wait: no flood fills the disk. The poll finds what they would tell."""
_AT_ONCE: Final = 500
"""Values in one statement: SQLite's older builds take no more than 999."""


class HookEvents:
    """The deliveries of one database. docs/adr/0016-more-vendors-send-word.md."""

    def __init__(
        self, store: Store, *, most_waiting: int = MOST_WAITING, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._now = now

    async def keep(
        self,
        shop: str,
        vendor: str,
        event_id: str,
        *,
        kind: str,
        record: str,
        campaign_id: int | None = None,
        is_news_again: bool = False,
    ) -> bool:
        """Keep a delivery. False when it was delivered before, and so adds nothing.

        `is_news_again`: the id is a digest of what is said, so that the same said after a pass has read the record may
        well be news: its row waits once more. While it waits it is a repeat like any other.
        Raises: TruckrollError when too many wait.
        """
        fresh = {
            "shop": shop,
            "vendor": vendor,
            "event_id": event_id,
            "kind": kind,
            "record": record,
            "campaign_id": campaign_id,
            "received_at": self._now(),
            "handled_at": None,
        }
        one = (
            col(HookEventRow.shop) == shop,
            col(HookEventRow.vendor) == vendor,
            col(HookEventRow.event_id) == event_id,
        )
        again = (
            update(HookEventRow)
            .where(*one, col(HookEventRow.handled_at).is_not(None))
            .values(handled_at=None, received_at=fresh["received_at"])
        )
        too_many = (
            select(col(HookEventRow.event_id))
            .where(
                col(HookEventRow.shop) == shop,
                col(HookEventRow.vendor) == vendor,
                col(HookEventRow.handled_at).is_(None),
            )
            .offset(self._most_waiting)
            .limit(1)
        )

        def put(session: Session) -> bool:
            is_news = bool(insert_new(session, HookEventRow, [fresh]))
            if not is_news and is_news_again:
                is_news = bool(changed(session, again))
            if is_news and session.scalars(too_many).one_or_none() is not None:
                raise TruckrollError(
                    f"More than {self._most_waiting} deliveries of {vendor} wait.",
                    "Look whether booking-to-reward is served, and who knows the shop's secret.",
                )
            return is_news

        return await self._store.run(put)

    async def waiting(self, shop: str, vendor: str, *, limit: int = 200) -> Sequence[HookEventRow]:
        """Return the deliveries no pass has looked at, the oldest first."""
        statement = (
            select(HookEventRow)
            .where(
                col(HookEventRow.shop) == shop,
                col(HookEventRow.vendor) == vendor,
                col(HookEventRow.handled_at).is_(None),
            )
            .order_by(col(HookEventRow.received_at), col(HookEventRow.event_id))
            .limit(limit)
        )
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def handled(self, shop: str, vendor: str, event_ids: Iterable[str]) -> None:
        """Note that the records these deliveries name were read."""
        named = list(event_ids)

        def note(session: Session) -> None:
            for start in range(0, len(named), _AT_ONCE):
                statement = (
                    update(HookEventRow)
                    .where(
                        col(HookEventRow.shop) == shop,
                        col(HookEventRow.vendor) == vendor,
                        col(HookEventRow.event_id).in_(named[start : start + _AT_ONCE]),
                    )
                    .values(handled_at=self._now())
                )
                changed(session, statement)

        await self._store.run(note)

    async def prune(self, older_than: datetime) -> int:
        """Forget what came before this moment and was dealt with; return how many. What waits stays."""
        statement = delete(HookEventRow).where(
            col(HookEventRow.received_at) < aware(older_than), col(HookEventRow.handled_at).is_not(None)
        )
        return await self._store.run(lambda session: changed(session, statement))
