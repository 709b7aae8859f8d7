"""How one pass goes through the orders that are due: a page at a time, different buyers side by side.

What becomes of one order is flows/order_to_invoice.py's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect.logging import get_run_logger

from decisions.lanes import lanes
from decisions.matching import keys_of
from flows.access import AWAY, how_it_ended, note_away
from models.errors import (
    BusyError,
    ContractError,
    HeldError,
    RejectedError,
    SettingsError,
    TruckrollError,
    UnauthorizedError,
    UnresolvedError,
    VendorError,
)
from models.order_sync import DUE
from models.report import RunItem, RunReport
from models.shop import ContractorCommerceSettings
from models.store_order import StoreOrder
from models.tables import StoreOrderRow
from models.tenant import OrderChoices
from tasks.contact_index import refresh_contact_index
from tasks.house import House
from tasks.order_records import Fresh, hold, order_of, read_fresh
from tasks.tenant_lists import read_choices

AT_ONCE = 16
"""Orders written side by side. The vendor's limit bounds their calls."""

PAGE = 100
"""Orders looked at together: memory does not grow with what waits."""

MOST_FAILURES = 5
"""Orders in a row without an answer, after which the vendor counts as away."""


@dataclass
class Desk:
    """What one pass works with. The tenant's lists and the contact index are read when the first order needs them."""

    house: House
    report: RunReport
    choices: OrderChoices | None = None
    failure: TruckrollError | None = None
    """Why the lists or the index could not be read."""
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    has_new_books: bool = False
    """No pass was finished yet: older books may have written the orders that come now."""
    failures: int = 0
    """Orders one after the other that failed because a vendor did not answer."""
    is_closed: bool = False
    """A vendor is away: what is left waits for the next pass."""
    stopped_by: SettingsError | None = None
    """The shop file is wrong: nothing goes on before a person mends it."""

    @property
    def settings(self) -> ContractorCommerceSettings:
        """The shop's [contractor_commerce]."""
        return self.house.shop.need_contractor_commerce()

    def note_failure(self, error: VendorError) -> None:
        """Close when the vendor is away. One order it cannot cope with is not yet that: the others go on."""
        self.failures += 1
        if isinstance(error, UnauthorizedError) or self.failures >= MOST_FAILURES:
            self.is_closed = True

    async def read(self) -> OrderChoices:
        """Return what the shop chose, as the tenant has it now, with the contact index up to date."""
        async with self.opening:
            if self.failure is not None:
                raise self.failure
            if self.choices is None:
                try:
                    choices = await read_choices(self.house.shop.name)
                    await refresh_contact_index(self.house.shop.name)
                except TruckrollError as error:
                    # Every order would fail on the same: the pass ends, and the next one begins anew.
                    self.is_closed, self.failure = True, error
                    raise
                self.choices = choices
            return self.choices


Decide = Callable[[Desk, Fresh], Awaitable[RunItem]]
"""Does what one order asks for, and says how it ended."""


async def go_through(desk: Desk, decide: Decide) -> None:
    """Have everything that is due decided and written, a page at a time. Raises SettingsError."""
    after: tuple[Any, str] | None = None
    while not desk.is_closed:
        page = await desk.house.books.store_orders.due(desk.house.shop.name, after=after, limit=PAGE)
        if not page:
            return
        after = (page[-1].ordered_at, page[-1].order_id)
        await _go_through(desk, page, decide)


async def _go_through(desk: Desk, page: Sequence[StoreOrderRow], decide: Decide) -> None:
    """One buyer's orders go one after the other, different buyers' side by side. No order stops the others."""
    orders = [(row.number, order_of(row)) for row in page]
    keyed = [(pair, _buyer_keys(pair[1])) for pair in orders]
    places = asyncio.Semaphore(AT_ONCE)

    async def lane(pairs: Sequence[tuple[str, StoreOrder]]) -> None:
        async with places:
            for number, order in pairs:
                if desk.is_closed:
                    return
                try:
                    item = await _follow(desk, number, order, decide)
                    desk.report.items.append(item)
                    get_run_logger().info("%s: %s. %s", item.id, item.outcome, item.reason)
                except SettingsError as error:
                    desk.is_closed, desk.stopped_by = True, error

    async with asyncio.TaskGroup() as group:
        for pairs in lanes(keyed):
            group.create_task(lane(pairs))
    if desk.stopped_by:
        raise desk.stopped_by


def _buyer_keys(order: StoreOrder) -> set[object]:
    keys = keys_of(order.buyer, order.service_address)
    return {*keys.emails, *keys.phones, *((name, keys.place) for name in keys.names if keys.place)}


async def _follow(desk: Desk, number: str, order: StoreOrder, decide: Decide) -> RunItem:
    """Decide one order and do what was decided. Raises SettingsError; nothing an order or a vendor does."""
    house = desk.house
    try:
        async with house.books.leases.hold(f"{house.shop.name}/order/{order.id}", wait_s=5):
            fresh = await read_fresh(house, order.id)
            if fresh is None or fresh.row.stage not in DUE:
                return RunItem(id=number, outcome="skipped", reason="Another run has done it.")
            item = await decide(desk, fresh)
            desk.failures = 0
            return item
    except SettingsError:
        raise
    except BusyError:
        return RunItem(id=number, outcome="skipped", reason="Another run is working on it.")
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        await hold(house, order, error)
        return RunItem(id=number, outcome="held", reason=str(error))
    except TruckrollError as error:
        if isinstance(error, AWAY):
            await note_away(house, error)
            desk.note_failure(error)
        return RunItem(id=number, outcome=how_it_ended(error), reason=f"{error} The next pass goes on with it.")
    except Exception as error:  # noqa: BLE001  one order's surprise must not stop the others: it is logged and reported
        get_run_logger().exception("Order %s stopped on something unforeseen.", number)
        why = f"Unforeseen: {type(error).__name__}. The run's log has it all; the next pass tries again."
        return RunItem(id=number, outcome="failed", reason=why)
