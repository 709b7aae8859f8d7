"""One shop's house: its settings, the store, and the vendors' clients, opened once and shared by a flow's tasks.

A flow opens it and every task in it opens it again by name: the same clients answer, so that one run fetches
one token per vendor. Nothing is passed between tasks but ids and models.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import TURN_GOOD_FOR_S, Limiter, gated
from connectors.marcone.client import Marcone
from connectors.marcone.distributor import MarconeDistributor
from connectors.ports import JobPlatform, PartsDistributor
from connectors.referral_factory.client import ReferralFactory
from connectors.servicetitan.client import ServiceTitan, usual_pace
from connectors.servicetitan.job_platform import ServiceTitanJobs
from models.connection import Vendor
from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings
from models.settings import HouseSettings
from models.shop import Shop, load_shop
from store import Books
from store.limits import LeasedLimiter, SharedLimiter
from tasks.gate import ShopGate, between

Client = TypeVar("Client")

BURST = 10
"""Calls to a vendor that may follow each other at once; part of `calls_per_minute`, not on top of it."""

JITTER_S = TURN_GOOD_FOR_S + 0.5
"""How late a granted call may reach the vendor: its turn may wait for a transaction, and then it travels."""


class House:
    """Everything a step of one shop's processes works with. A vendor the shop file does not name is asked for in vain.

    A process touches only the vendors it needs: a shop that sells filters online need not have a distributor.
    """

    def __init__(
        self,
        shop: Shop,
        books: Books,
        platform: JobPlatform | SettingsError,
        distributor: PartsDistributor | SettingsError,
        servicetitan: ServiceTitan | SettingsError | None = None,
        store: ContractorCommerce | SettingsError | None = None,
        referral_factory: ReferralFactory | SettingsError | None = None,
    ) -> None:
        """Give each vendor's client, or the error that says what the shop file lacks for it."""
        self.shop = shop
        self.books = books
        self._platform = platform
        self._distributor = distributor
        self._servicetitan = servicetitan
        self._store = store
        self._referral_factory = referral_factory

    @property
    def platform(self) -> JobPlatform:
        """The job platform of the parts loop. Raises SettingsError."""
        return _there(self._platform, "servicetitan")

    @property
    def distributor(self) -> PartsDistributor:
        """The distributor of the parts loop. Raises SettingsError."""
        return _there(self._distributor, "marcone")

    @property
    def servicetitan(self) -> ServiceTitan:
        """The tenant. Raises SettingsError."""
        return _there(self._servicetitan, "servicetitan")

    @property
    def store(self) -> ContractorCommerce:
        """The online store. Raises SettingsError."""
        return _there(self._store, "contractor_commerce")

    @property
    def referral_factory(self) -> ReferralFactory:
        """The referral program. Raises SettingsError."""
        return _there(self._referral_factory, "referral_factory")


def _there(client: Client | SettingsError | None, section: str) -> Client:
    if client is None:
        raise SettingsError(f"There is no [{section}] here.", "docs/shop.example.toml shows every setting.")
    if isinstance(client, SettingsError):
        raise client
    return client


@dataclass
class _Opened:
    loop: asyncio.AbstractEventLoop
    """Held, so that no other loop can have its id."""
    house: House
    stack: AsyncExitStack
    users: int = 0


@dataclass
class _Doors:
    """The houses open in this process, by event loop and shop: a client belongs to the loop it was made in."""

    opened: dict[tuple[int, str], _Opened] = field(default_factory=dict)


_doors = _Doors()


@functools.lru_cache(maxsize=4)
def _books_at(url: str, settle_s: float) -> Books:
    return Books.open(url, settle_s=settle_s)


def open_books() -> Books:
    """Return this installation's books: one connection pool per process."""
    settings = HouseSettings()
    return _books_at(settings.database, settings.settle_s)


def read_settings(shop_name: str) -> Shop:
    """Read a shop's file. Raises SettingsError."""
    return load_shop(shop_name, HouseSettings().shops)


@asynccontextmanager
async def open_house(shop_name: str, *, moves_between: Sequence[Vendor] = ()) -> AsyncIterator[House]:
    """Open the shop's house, or join the one already open in this run. Raises SettingsError.

    `moves_between` names the vendors whose data this run moves: once one of them is disconnected, no call of this run
    goes to the others either, and a call raises DisconnectedError. A vendor that is disconnected is never called.
    """
    key = (id(asyncio.get_running_loop()), shop_name)
    opened = _doors.opened.get(key)
    if opened is None:
        stack = AsyncExitStack()
        house = await _build(read_settings(shop_name), stack)
        opened = _doors.opened[key] = _Opened(asyncio.get_running_loop(), house, stack)
    opened.users += 1
    try:
        with between(moves_between) if moves_between else nullcontext():
            yield opened.house
    finally:
        opened.users -= 1
        if not opened.users:
            if _doors.opened.get(key) is opened:
                del _doors.opened[key]
            await opened.stack.aclose()


@asynccontextmanager
async def open_for_trial(shop: Shop) -> AsyncIterator[House]:
    """Open a house whose clients may call whether the shop is connected or not: `truckroll connect` tries them."""
    async with AsyncExitStack() as stack:
        yield await _build(shop, stack, is_trial=True)


async def _build(shop: Shop, stack: AsyncExitStack, *, is_trial: bool = False) -> House:
    books = open_books()
    way = _Way(books, None if is_trial else ShopGate(books, shop), stack)
    tenant = await _or_why(_servicetitan(shop, way))
    return House(
        shop,
        books,
        await _or_why(_job_platform(shop, tenant)),
        await _or_why(_distributor(shop, way)),
        tenant,
        await _or_why(_store(shop, way)),
        await _or_why(_referral_factory(shop, way)),
    )


@dataclass(frozen=True)
class _Way:
    """What a client needs to be opened."""

    books: Books
    gate: ShopGate | None
    """None: for a trial."""
    stack: AsyncExitStack

    def gated(self, limiter: Limiter, vendor: Vendor) -> Limiter:
        return limiter if self.gate is None else gated(limiter, self.gate.of(vendor))

    def sleep(self, vendor: Vendor) -> Callable[[float], Awaitable[None]]:
        return asyncio.sleep if self.gate is None else self.gate.sleep(vendor)


async def _or_why(opening: Awaitable[Client]) -> Client | SettingsError:
    """Open a vendor, or keep the reason for the process that asks for it."""
    try:
        return await opening
    except SettingsError as error:
        return error


async def _servicetitan(shop: Shop, way: _Way) -> ServiceTitan:
    settings = shop.need_servicetitan()
    limiter = way.gated(usual_pace(settings), "servicetitan")
    return await way.stack.enter_async_context(ServiceTitan.from_settings(settings, limiter=limiter))


async def _store(shop: Shop, way: _Way) -> ContractorCommerce:
    settings = shop.need_contractor_commerce()
    account = f"contractor-commerce/{settings.api_url}/{settings.api_token!r}"
    limiter = _limiter(way, "contractor_commerce", account, settings.calls_per_minute)
    return await way.stack.enter_async_context(ContractorCommerce.from_settings(settings, limiter=limiter))


async def _referral_factory(shop: Shop, way: _Way) -> ReferralFactory:
    settings = shop.need_referral_factory()
    limiter = _program_limiter(way.books, settings, way.sleep("referral_factory"))
    return await way.stack.enter_async_context(
        ReferralFactory.from_settings(settings, limiter=way.gated(limiter, "referral_factory"))
    )


async def forget_overruns(books: Books, shop: Shop) -> None:
    """Let calls to Referral Factory go again after it said too often that they are too many: a person has looked."""
    await _program_limiter(books, shop.need_referral_factory(), asyncio.sleep).forget_overruns()


def _program_limiter(
    books: Books, settings: ReferralFactorySettings, sleep: Callable[[float], Awaitable[None]]
) -> LeasedLimiter:
    account = f"referral-factory/{settings.api_url}/{settings.api_token!r}"
    return LeasedLimiter(books.store, account, settings.calls_per_minute, vendor="Referral Factory", sleep=sleep)


async def _job_platform(shop: Shop, tenant: ServiceTitan | SettingsError) -> JobPlatform:
    if shop.parts.job_platform != "servicetitan":
        raise SettingsError(
            f"Shop {shop.name}: job platform {shop.parts.job_platform} is not built yet.",
            'Set [parts] job_platform = "servicetitan".',
        )
    return ServiceTitanJobs(_there(tenant, "servicetitan"), shop.parts, shop.need_servicetitan().external_data_guid)


async def _distributor(shop: Shop, way: _Way) -> PartsDistributor:
    if shop.parts.distributor != "marcone":
        raise SettingsError(
            f"Shop {shop.name}: distributor {shop.parts.distributor} is not built yet.",
            'Set [parts] distributor = "marcone".',
        )
    settings = shop.need_marcone()
    account = f"marcone/{settings.api_url}/{settings.customer_number}"
    limiter = _limiter(way, "marcone", account, settings.calls_per_minute)
    client = await way.stack.enter_async_context(Marcone.from_settings(settings, limiter=limiter))
    return MarconeDistributor(client, settings)


def _limiter(way: _Way, vendor: Vendor, account: str, per_minute: int) -> Limiter:
    """One allowance for an account, over all processes of this installation."""
    burst = min(BURST, per_minute - 1)
    sleep = way.sleep(vendor)
    return way.gated(SharedLimiter(way.books.store, account, per_minute, burst, jitter_s=JITTER_S, sleep=sleep), vendor)
