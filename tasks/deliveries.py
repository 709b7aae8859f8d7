"""Deliveries of long ago are forgotten: what remains of one only makes a repeat harmless, and a repeat comes soon."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from store import Books

KEPT_FOR: Final = timedelta(days=30)
"""Vendors try again for hours, and their portals replay for days. A later repeat costs one reading of its record."""
EVERY: Final = timedelta(days=1)
_CURSOR: Final = "deliveries/forgotten"


async def forget_old_deliveries(books: Books, shop: str, now: datetime) -> int:
    """Forget, once a day, what came more than 30 days ago and was dealt with; return how many."""
    last = await books.cursors.get_time(shop, _CURSOR)
    if last is not None and now - last < EVERY:
        return 0
    forgotten = await books.store_events.prune(now - KEPT_FOR) + await books.hook_events.prune(now - KEPT_FOR)
    await books.cursors.set_time(shop, _CURSOR, now)
    return forgotten
