"""The gate of a shop: every call to a vendor asks it, so that disconnecting stops a pass that is under way (RF-67).

What it knows is read from the store at most twice a second, so it costs a comparison, and the last call goes out less
than a second after somebody disconnected, on whatever machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from connectors.limits import Gate
from decisions.connections import how_to_open, why_shut
from models.connection import NAMES, Connection, Vendor
from models.errors import DisconnectedError
from models.shop import Shop
from store import Books

GOOD_FOR_S: Final = 0.5
"""How long a reading of the connections is believed."""

_between: ContextVar[tuple[Vendor, ...]] = ContextVar("between", default=())


@contextmanager
def between(vendors: Sequence[Vendor]) -> Iterator[None]:
    """Say between which vendors this run moves data: with one disconnected, the others are not called either."""
    before = _between.set(tuple(vendors))
    try:
        yield
    finally:
        _between.reset(before)


class ShopGate:
    """The connections of one shop, as its clients ask for them."""

    def __init__(
        self, books: Books, shop: Shop, *, good_for_s: float = GOOD_FOR_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`good_for_s`: how long a reading is believed; `clock` counts seconds."""
        self._books = books
        self._shop = shop
        self._good_for_s = good_for_s
        self._clock = clock
        self._read_at: float | None = None
        self._shut: Mapping[Vendor, str] = {}
        self._one_reads = asyncio.Lock()

    def of(self, vendor: Vendor) -> Gate:
        """Return what this vendor's client asks before each call. It raises DisconnectedError."""

        async def ask() -> None:
            if self._is_stale():
                await self._look()
            if self._shut:
                self._refuse(vendor)

        return ask

    def sleep(self, vendor: Vendor) -> Callable[[float], Awaitable[None]]:
        """Return a sleep for the vendor's limiter that wakes up when the vendor is disconnected meanwhile."""
        ask = self.of(vendor)

        async def sleep(seconds: float) -> None:
            until = time.monotonic() + seconds
            while (rest_s := until - time.monotonic()) > 0:
                await asyncio.sleep(min(rest_s, self._good_for_s))
                if rest_s > self._good_for_s:
                    await ask()

        return sleep

    def _is_stale(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= self._good_for_s

    async def _look(self) -> None:
        async with self._one_reads:
            if not self._is_stale():
                return
            now = self._clock()  # before the reading: what changes meanwhile counts from then on
            kept = await self._books.connections.of(self._shop.name)
            self._shut = {vendor: why for vendor, one in kept.items() if (why := shut(self._shop, vendor, one))}
            self._read_at = now

    def _refuse(self, vendor: Vendor) -> None:
        for one in (vendor, *_between.get()):
            if one in self._shut:
                raise disconnected(self._shop.name, one, self._shut[one])


def shut(shop: Shop, vendor: Vendor, kept: Connection | None) -> str:
    """Say why nothing may be sent to a vendor of this shop; empty: it may."""
    tenant = shop.servicetitan.tenant_id if vendor == "servicetitan" and shop.servicetitan else None
    return why_shut(vendor, shop.name, kept, tenant)


def disconnected(shop: str, vendor: Vendor, why: str) -> DisconnectedError:
    """Return the error of a call that may not go out."""
    return DisconnectedError(why, how_to_open(vendor, shop), NAMES[vendor])


async def why_still(books: Books, shop: Shop, vendors: Sequence[Vendor]) -> DisconnectedError | None:
    """Return why no data may move between these vendors now; None: it may. A vendor the file lacks is not asked for."""
    kept = await books.connections.of(shop.name)
    for vendor in vendors:
        why = shut(shop, vendor, kept.get(vendor))
        if why:
            return disconnected(shop.name, vendor, why)
    return None
