"""The contract's sample orders, delivered one after the other, each followed by a pass: what each pass did is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import TokenStore
from flows.running import run_process
from models.errors import SettingsError
from models.report import RunItem
from models.shop import Shop, parse_shop
from sandbox.app import create_app
from store import Books
from tasks import held as held_tasks
from tasks import house as house_module
from tasks.house import House
from tests import samples

ADDRESS = "http://127.0.0.1:8700"
SHOP = "samples"
NUMBERS = range(1, samples.COUNT + 1)
RETRIED = 40
"""The sample that is held for want of arrival windows, and retried once they are there."""

_NO_PARTS = SettingsError("This shop orders no parts.", "Add [marcone].")


@dataclass
class Passed:
    """What one delivery and the pass after it did."""

    n: int
    order: dict[str, Any]
    expect: dict[str, Any]
    items: list[RunItem]
    calls: list[str]
    before: dict[str, Any]
    """What was in ServiceTitan before the pass, as the sandbox keeps it."""
    after: dict[str, Any]
    held: dict[str, tuple[str, str]]
    """What is on the held list, by record: reason and fix."""
    questions: list[dict[str, Any]]
    """What a person is asked."""

    @property
    def number(self) -> str:
        return str(self.order["number"])

    @property
    def item(self) -> RunItem | None:
        """What the pass reported of this order; None when it did not touch it."""
        return next((item for item in self.items if item.id == self.number), None)

    def new(self, records: str) -> list[dict[str, Any]]:
        """Return the records of ServiceTitan that the pass made."""
        known = {row["id"] for row in self.before[records]}
        return [row for row in self.after[records] if row["id"] not in known]


@dataclass
class Delivered:
    """All samples, delivered in the order of their numbers."""

    passes: dict[int, Passed]
    retried: Passed
    """The pass after arrival windows were configured, and what was held for them was retried."""
    again: Passed
    """The pass after every sample had been delivered once more."""
    directory: samples.Directory


@dataclass
class Desk:
    """A shop with the samples' settings, beside a sandbox that has their customers."""

    house: House
    people: httpx.AsyncClient
    directory: samples.Directory
    seen: int = 0

    @property
    def books(self) -> Books:
        return self.house.books

    async def titan(self) -> dict[str, Any]:
        """Return everything in ServiceTitan."""
        return dict((await self.people.get("/_sandbox/state")).json()["servicetitan"])

    async def calls(self) -> list[str]:
        """Return the vendor calls since the last time, without those for tokens."""
        rows = (await self.people.get("/_sandbox/requests")).json()["requests"]
        fresh = [f"{row['method']} {row['path']}" for row in rows[self.seen :]]
        self.seen = len(rows)
        return [call for call in fresh if "connect/token" not in call]

    async def deliver(self, n: int, time: str = "first") -> None:
        """Let the store have the sample, and tell of it: some come after later ones, which a poll would not show."""
        order = await samples.deliver(self.people, n)
        event = f"delivery-{n}-{time}"
        await self.books.store_events.keep(SHOP, event, order_id=str(order["id"]), kind="order.updated")

    async def run(self, n: int) -> Passed:
        """Run a pass and keep what it did."""
        row = samples.sample(n)
        before = await self.titan()
        await self.calls()
        report = await run_process("order-to-invoice", SHOP)
        return Passed(
            n=n,
            order=row["order"],
            expect=row["expect"],
            items=report.items,
            calls=await self.calls(),
            before=before,
            after=await self.titan(),
            held={one.record: (one.reason, one.fix) for one in await self.books.held.list(SHOP)},
            questions=[one.model_dump() for one in await self.books.approvals.list(SHOP)],
        )

    async def retry(self, number: str) -> None:
        """Set a held order free, as `truckroll held retry` does."""
        [held] = [one for one in await self.books.held.list(SHOP) if one.record == number]
        await held_tasks.retry(self.books, held.id or 0)


@asynccontextmanager
async def open_desk(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Open the samples' shop in this process. Nothing of the samples is in the store yet."""
    network = httpx.ASGITransport(app=create_app(seed="empty"))
    shop: Shop = parse_shop(samples.sample_shop(ADDRESS, SHOP), f"{SHOP}.toml")
    async with AsyncExitStack() as stack:
        books = stack.enter_context(Books.open(f"sqlite:///{folder / 'truckroll.db'}", settle_s=0))
        people = await stack.enter_async_context(httpx.AsyncClient(transport=network, base_url=ADDRESS))
        await samples.open_tenant(people)
        directory = await samples.load_directory(people)
        tenant = await stack.enter_async_context(
            ServiceTitan.from_settings(
                shop.need_servicetitan(), limiter=Unlimited(), transport=network, tokens=TokenStore()
            )
        )
        store = await stack.enter_async_context(
            ContractorCommerce.from_settings(shop.need_contractor_commerce(), limiter=Unlimited(), transport=network)
        )
        house = House(shop, books, _NO_PARTS, _NO_PARTS, tenant, store)

        async def build(*_: object) -> House:
            return house

        patch.setattr(house_module, "_build", build)
        patch.setattr(house_module, "read_settings", lambda name: house.shop)
        yield Desk(house, people, directory)


async def deliver_all(folder: Path) -> Delivered:
    """Deliver every sample in the order of the numbers, a pass after each; then mend what the last one lacked."""
    with pytest.MonkeyPatch.context() as patch:
        async with open_desk(folder, patch) as desk:
            passes = {}
            for n in NUMBERS:
                await desk.deliver(n)
                passes[n] = await desk.run(n)
            await samples.set_windows(desk.people, samples.sample_file()["settings"]["servicetitan_arrival_windows"])
            await desk.retry(passes[RETRIED].number)
            retried = await desk.run(RETRIED)
            for n in NUMBERS:
                await desk.deliver(n, "again")
            return Delivered(passes, retried, await desk.run(RETRIED), desk.directory)
