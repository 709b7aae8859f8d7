"""Taking in what the online store sold: by its list of changes, and by what its deliveries name.

Source: contracts/contractor_commerce/CHECKLIST.md OI-67, OI-73. The cursor moves only past orders that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

from decisions.order_intake import fingerprints
from models.base import utc_now
from models.errors import ContractError, NotFoundError
from models.store_order import StoreOrder, StoreOrders, UnreadableOrder
from store.store_orders import TakenIn
from tasks.house import House, open_house
from tasks.step import step

PROCESS = "order-to-invoice"
CURSOR = "contractor_commerce/orders"

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any online order: a store that has none keeps its cursor here."""


@dataclass(frozen=True)
class Unread:
    """An order that was held just now because it cannot be read; `why` is for people."""

    record: str
    why: str


@dataclass(frozen=True)
class Named:
    """What the store's deliveries named: how many of them were looked at, and what could not be read."""

    count: int
    unread: tuple[Unread, ...]


_FRESH = {TakenIn.NEW, TakenIn.NEWER}


@step("take in what the store of {shop} sold")
async def take_in_orders(shop: str) -> tuple[Unread, ...]:
    """Keep every order that changed since the last pass; return those that cannot be read, and were not held for it.

    Orders that share the cursor's moment come again and change nothing. One that cannot be read is held, and the
    others go on. An order dated ahead of now does not take the cursor with it, or nothing would be seen until then.
    Raises: TransientError, UnauthorizedError.
    """
    async with open_house(shop) as house:
        unread: list[Unread] = []
        async for page in house.store.orders_since(await _since(house)):
            unread += await _keep(house, page)
            if page.as_of:
                await house.books.cursors.set_time(shop, CURSOR, min(page.as_of, utc_now()))
        return tuple(unread)


@step("read the orders the store's events name for {shop}")
async def take_in_named_orders(shop: str) -> Named:
    """Read each order a delivery named, as the store has it now: what a delivery says of it counts for nothing.

    An order the store does not know is left out, and noted. Raises: TransientError, UnauthorizedError.
    """
    async with open_house(shop) as house:
        events = await house.books.store_events.waiting(shop)
        unread: list[Unread] = []
        for order_id in dict.fromkeys(event.order_id for event in events):
            unread += await _take_in_one(house, order_id)
            await house.books.store_events.handled(
                shop, [event.event_id for event in events if event.order_id == order_id]
            )
        return Named(len(events), tuple(unread))


def record_of(number: str, order_id: str) -> str:
    """Return what an order is called on the held list and in the audit log: its number, as people know it."""
    return number or f"order {order_id}"


async def _since(house: House) -> datetime:
    known = await house.books.cursors.get_time(house.shop.name, CURSOR)
    if known is not None:
        return known
    first = house.shop.need_contractor_commerce().orders_since
    return datetime.combine(first, time(), house.shop.zone) if first else _BEGINNING


async def _keep(house: House, page: StoreOrders) -> list[Unread]:
    unread = [await _hold_unreadable(house, order) for order in page.unreadable]
    taken = await house.books.store_orders.take_in(house.shop.name, page.orders, fingerprints=fingerprints)
    for order in page.orders:
        if taken[order.id] in _FRESH:
            await _is_readable(house, order)
    return [one for one in unread if one is not None]


async def _take_in_one(house: House, order_id: str) -> list[Unread]:
    shop, books = house.shop.name, house.books
    try:
        order = await house.store.get_order(order_id)
    except NotFoundError:
        await books.audit.append(shop, PROCESS, record_of("", order_id), "unknown", detail={"order": order_id})
        return []
    except ContractError as error:
        unread = await _hold_unreadable(house, UnreadableOrder(id=order_id, why=error.message))
        return [unread] if unread else []
    taken = await books.store_orders.take_in(shop, [order], fingerprints=fingerprints)
    if taken[order.id] in _FRESH:
        await _is_readable(house, order)
    return []


async def _hold_unreadable(house: House, order: UnreadableOrder) -> Unread | None:
    """Hold an order that cannot be read; None when it is on the list for the same reason already."""
    record = record_of(order.number, order.id)
    reason = f"The store's order {order.number or order.id} cannot be read: {order.why.rstrip('.')}."
    known = await house.books.held.find(house.shop.name, PROCESS, record)
    if known is not None and known.reason == reason:
        return None
    fix = "Ask the store's support about it, or correct it there: its next version is taken in by itself."
    await house.books.held.hold(house.shop.name, PROCESS, record, reason=reason, fix=fix)
    return Unread(record, f"{reason} {fix}")


async def _is_readable(house: House, order: StoreOrder) -> None:
    """Take an order off the held list that was held without its number, because not even that could be read."""
    await house.books.held.release(house.shop.name, PROCESS, record_of("", order.id))
