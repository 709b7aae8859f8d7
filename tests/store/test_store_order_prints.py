"""Orders that may be one bought twice are found by their fingerprints, however many others there are (OI-68)."""

from __future__ import annotations

from datetime import timedelta

from store_stand_ins import ORDER

from models.store_order import StoreOrder
from store import Books

SOON = timedelta(minutes=15)


def order(number: int, *, note: str, minutes: int = 0, version: int = 1) -> StoreOrder:
    """An order whose fingerprints are the words of its note."""
    changes = {"id": str(number), "number": f"CC-{number}", "version": version, "note": note}
    return ORDER.model_copy(update={**changes, "created_at": ORDER.created_at + timedelta(minutes=minutes)})


def words(one: StoreOrder) -> list[str]:
    return one.note.split()


async def alike(books: Books, number: int, shop: str = "demo") -> list[str]:
    _, found = await books.store_orders.with_alike(shop, str(number), SOON)
    return sorted(row.number for row in found)


async def test_an_order_that_shares_one_fingerprint_is_found_once(books: Books) -> None:
    """Sharing two of them makes it no other order."""
    orders = [order(1, note="mail phone"), order(2, note="phone mail"), order(3, note="other")]
    await books.store_orders.take_in("demo", orders, fingerprints=words)
    assert await alike(books, 2) == ["CC-1"]
    assert await alike(books, 3) == []


async def test_only_what_was_placed_shortly_before_is_found(books: Books) -> None:
    orders = [order(1, note="mail"), order(2, note="mail", minutes=15), order(3, note="mail", minutes=31)]
    await books.store_orders.take_in("demo", orders, fingerprints=words)
    assert await alike(books, 1) == []
    assert await alike(books, 2) == ["CC-1"]
    assert await alike(books, 3) == []


async def test_an_order_is_compared_at_its_newest_version(books: Books) -> None:
    await books.store_orders.take_in("demo", [order(1, note="mail"), order(2, note="mail")], fingerprints=words)
    await books.store_orders.take_in("demo", [order(1, note="other", version=2)], fingerprints=words)
    assert await alike(books, 2) == []
    await books.store_orders.take_in("demo", [order(1, note="mail", version=1)], fingerprints=words)
    assert await alike(books, 2) == [], "an older version that arrives late changes nothing"


async def test_another_shops_orders_are_not_compared(books: Books) -> None:
    await books.store_orders.take_in("other", [order(1, note="mail")], fingerprints=words)
    await books.store_orders.take_in("demo", [order(2, note="mail")], fingerprints=words)
    assert await alike(books, 2) == []
    assert await books.store_orders.with_alike("demo", "1", SOON) == (None, ())
