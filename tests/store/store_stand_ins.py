"""A clock, a vendor with a script, and workers that run in processes of their own."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

from models.errors import AmbiguousWriteError
from models.store_order import Buyer, OrderState, PaymentState, PlaceTyped, StoreOrder
from models.tables import LeaseRow
from store import Books, Store
from store.limits import SharedLimiter

ORDER = StoreOrder(
    id="100226",
    number="CC-100226",
    store_id="41",
    version=1,
    state=OrderState.PROCESSING,
    payment_state=PaymentState.PAID,
    currency="USD",
    buyer=Buyer(),
    service_address=PlaceTyped(),
    lines=(),
    subtotal=Decimal(0),
    discount_total=Decimal(0),
    shipping_total=Decimal(0),
    tax_total=Decimal(0),
    grand_total=Decimal(0),
    created_at=datetime(2026, 9, 1, 12, 0, tzinfo=UTC),
    updated_at=datetime(2026, 9, 1, 12, 0, tzinfo=UTC),
)
"""An order of nothing by nobody, for tests that care for neither."""


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


class Vendor:
    """Does what its script says: "ok", "lost" (written, no answer), "nothing" (not written, no answer) or an error."""

    def __init__(self, *script: str | BaseException) -> None:
        self.script = list(script)
        self.records: list[str] = []
        self.posts = 0
        self.looks = 0

    async def create(self) -> str:
        self.posts += 1
        step = self.script.pop(0) if self.script else "ok"
        if isinstance(step, BaseException):
            raise step
        if step != "nothing":
            self.records.append(f"id-{self.posts}")
        if step != "ok":
            raise AmbiguousWriteError("No answer.")
        return self.records[-1]

    async def find(self) -> str | None:
        self.looks += 1
        return self.records[0] if self.records else None


async def holder(books: Books, key: str) -> str | None:
    """Return who a lease is kept for, or None when nobody has it."""
    row = await books.store.read(lambda session: session.get(LeaseRow, key))
    return None if row is None else row.owner


def race(url: str, barrier: Barrier, written: Path, keys: int) -> None:
    """Write every key once, at the same time as another process; each write is a line in the file."""

    async def go() -> None:
        with Books.open(url) as books:
            barrier.wait(30)
            for number in range(keys):

                async def create(number: int = number) -> str:
                    with written.open("a") as lines:
                        lines.write(f"{number} {os.getpid()}\n")
                    await asyncio.sleep(0.005)
                    return f"{number} {os.getpid()}"

                said = await books.effects.once(f"key {number}", create=create, wait_s=20)
                with written.with_suffix(".said").open("a") as lines:
                    lines.write(f"{said}\n")

    asyncio.run(go())


def begin_and_hang(url: str, begun: Path) -> None:
    """Hold a lease and write an effect, and die before its answer: the parent kills this process."""

    async def go() -> None:
        books = Books.open(url)

        async def create() -> str:
            begun.touch()  # noqa: ASYNC240 - a mark for the parent
            await asyncio.sleep(600)
            raise AssertionError("not reached")

        async with books.leases.hold("the job", ttl_s=600):
            await books.effects.once("the order", create=create)

    asyncio.run(go())


def open_store(url: str, barrier: Barrier) -> None:
    """Open a store at the same moment as others do."""
    barrier.wait(30)
    Store.open(url).close()


def use_allowance(url: str, barrier: Barrier, granted: Path, calls: int) -> None:
    """Take calls from a shared allowance, and note the time of each."""

    async def go() -> None:
        with Books.open(url) as books:
            limiter = SharedLimiter(books.store, "vendor", per_minute=1205, burst=5)
            barrier.wait(30)
            for _ in range(calls):
                await limiter.acquire()
                with granted.open("a") as lines:
                    lines.write(f"{time.time()}\n")

    asyncio.run(go())
