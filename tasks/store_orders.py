"""Taking in what the online store sold: by its list of changes, and by what its deliveries name.

Source: contracts/contractor_commerce/CHECKLIST.md OI-67, OI-73. The cursor moves only past orders that are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime, time

from connectors.contractor_commerce.client import ContractorCommerce
from models.errors import ContractError, NotFoundError
from models.store_order import StoreOrder, StoreOrders, UnreadableOrder
from store.store_orders import TakenIn
from tasks.house import House, open_house
from tasks.step import step

PROCESS = "order-to-invoice"
CURSOR = "contractor_commerce/orders"

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any online order: a store that has none keeps its cursor here."""

_FRESH = {TakenIn.NEW, TakenIn.NEWER}


@step("take in what the store of {shop} sold")
async def take_in_orders(shop: str) -> int:
    """Keep every order that changed since the last pass; return how many are new or newer.

    Orders that share the cursor's moment come again and change nothing. One that cannot be read is held, and the
    others go on. Raises: TransientError, UnauthorizedError.
    """
    async with open_house(shop) as house:
        fresh = 0
        async for page in house.store.orders_since(await _since(house)):
            fresh += await _keep(house, page)
            if page.as_of:
                await house.books.cursors.set_time(shop, CURSOR, page.as_of)
        return fresh


@step("read the orders the store's events name for {shop}")
async def take_in_named_orders(shop: str) -> int:
    """Read each order a delivery named, as the store has it now: what a delivery says of it counts for nothing.

    Returns how many deliveries were looked at. An order the store does not know is left out, and noted.
    """
    async with open_house(shop) as house:
        events = await house.books.store_events.waiting(shop)
        for order_id in dict.fromkeys(event.order_id for event in events):
            await _take_in_one(house, house.store, order_id)
            await house.books.store_events.handled(
                shop, [event.event_id for event in events if event.order_id == order_id]
            )
        return len(events)


def record_of(number: str, order_id: str) -> str:
    """Return what an order is called on the held list and in the audit log: its number, as people know it."""
    return number or f"order {order_id}"


async def _since(house: House) -> datetime:
    known = await house.books.cursors.get_time(house.shop.name, CURSOR)
    if known is not None:
        return known
    first = house.shop.need_contractor_commerce().orders_since
    return datetime.combine(first, time(), house.shop.zone) if first else _BEGINNING


async def _keep(house: House, page: StoreOrders) -> int:
    for unreadable in page.unreadable:
        await _hold_unreadable(house, unreadable)
    taken = await house.books.store_orders.take_in(house.shop.name, page.orders)
    for order in page.orders:
        if taken[order.id] in _FRESH:
            await _is_readable(house, order)
    return sum(outcome in _FRESH for outcome in taken.values())


async def _take_in_one(house: House, store: ContractorCommerce, order_id: str) -> None:
    shop, books = house.shop.name, house.books
    try:
        order = await store.get_order(order_id)
    except NotFoundError:
        await books.audit.append(shop, PROCESS, record_of("", order_id), "unknown", detail={"order": order_id})
        return
    except ContractError as error:
        await _hold_unreadable(house, UnreadableOrder(id=order_id, why=error.message))
        return
    if (await books.store_orders.take_in(shop, [order]))[order.id] in _FRESH:
        await _is_readable(house, order)


async def _hold_unreadable(house: House, order: UnreadableOrder) -> None:
    await house.books.held.hold(
        house.shop.name,
        PROCESS,
        record_of(order.number, order.id),
        reason=f"The store's order {order.number or order.id} cannot be read: {order.why}.",
        fix="Ask the store's support about it, or correct it there: its next version is taken in by itself.",
        field=order.why,
    )


async def _is_readable(house: House, order: StoreOrder) -> None:
    """Take an order off the held list that was held without its number, because not even that could be read."""
    await house.books.held.release(house.shop.name, PROCESS, record_of("", order.id))
