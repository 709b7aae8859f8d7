"""Deliveries of long ago are forgotten once a day, those of orders and those of bookings alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from store import Books
from tasks.deliveries import EVERY, KEPT_FOR, forget_old_deliveries


async def test_what_was_dealt_with_a_month_ago_is_forgotten_once_a_day(tmp_path: Path) -> None:
    now = [datetime(2026, 9, 1, tzinfo=UTC)]

    async def both(event: str) -> list[bool]:
        kept = [
            await books.store_events.keep("demo", event, order_id="1", kind="order.created"),
            await books.hook_events.keep("demo", "servicetitan", event, kind="tn.jpm.job-updated", record="job/1"),
        ]
        await books.store_events.handled("demo", [event])
        await books.hook_events.handled("demo", "servicetitan", [event])
        return kept

    with Books.open(f"sqlite:///{tmp_path / 'books.db'}", now=lambda: now[0]) as books:
        assert await both("first") == [True, True]
        now[0] += timedelta(hours=1)
        assert await both("second") == [True, True]
        now[0] = datetime(2026, 9, 1, tzinfo=UTC) + KEPT_FOR + timedelta(minutes=1)
        assert await forget_old_deliveries(books, "demo", now[0]) == 2
        assert await both("first") == [True, True]
        assert await both("second") == [False, False]
        now[0] += timedelta(hours=2)
        assert await forget_old_deliveries(books, "demo", now[0]) == 0, "not yet a day later"
        now[0] += EVERY
        assert await forget_old_deliveries(books, "demo", now[0]) == 2
