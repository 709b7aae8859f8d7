"""The tenant's lists as last read: one per shop, the latest reading wins, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from models.tenant import Gone, Offered, OfferedWindow, TenantLists
from store import Books

READ = datetime(2026, 11, 2, 4, 30, tzinfo=UTC)


def lists(hours: int = 0, *names: str) -> TenantLists:
    return TenantLists(
        read_at=READ + timedelta(hours=hours),
        campaigns=tuple(Offered(id=at, name=name) for at, name in enumerate(names, start=1)),
        arrival_windows=(OfferedWindow.model_validate({"starts": "08:00", "ends": "12:00"}),),
        gone=(Gone(kind="campaigns", id=9, name="Old", seen_at=READ),),
    )


async def put(books: Books, shop: str, read: TenantLists) -> bool:
    return await books.store.run(lambda session: books.tenant_lists.put_in(session, shop, read))


async def get(books: Books, shop: str) -> TenantLists | None:
    return await books.store.run(lambda session: books.tenant_lists.locked(session, shop))


async def test_what_is_kept_reads_back_the_same(books: Books) -> None:
    """OI-25."""
    assert await get(books, "demo") is None
    await put(books, "demo", lists(0, "Contractor Commerce", "Zoë 🏠"))
    assert await get(books, "demo") == lists(0, "Contractor Commerce", "Zoë 🏠")
    assert await get(books, "other") is None


async def test_the_latest_reading_stays_whoever_comes_last(books: Books) -> None:
    await put(books, "demo", lists(1, "new"))
    await put(books, "demo", lists(0, "old"))
    assert await get(books, "demo") == lists(1, "new")
    await asyncio.gather(*(put(books, "demo", lists(hours, f"at {hours}")) for hours in (4, 2, 9, 3)))
    assert await get(books, "demo") == lists(9, "at 9")
