"""A contact sync under the vendor's limit, minute by minute in time that passes only when everybody waits.

The vendor is as strict as it can be: it counts every call in any 60 seconds, and answers late as it was measured (of
40 calls, 3 took more than 25 seconds). Clients, limiter and store are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from connectors.referral_factory.client import ReferralFactory
from decisions.referral_sync import decide_sync
from models.contact_sync import Call, Create, Draft, DraftEmail
from models.errors import LimitOverrunError, SettingsError
from store import Books
from store.limits import LeasedLimiter
from tasks.house import House
from tasks.referral_calls import ReferralCalls
from tests.tasks.conftest import a_shop

T = TypeVar("T")

LIMIT = 600
CAMPAIGN = 1001
NOT_HERE = SettingsError("Not in this shop.", "")


class Hours(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anybody works, and jumps to whoever wakes up next."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_000_000.0

    def time(self) -> float:
        return self.at

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.at = max(self.at, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class Program(httpx.AsyncBaseTransport):
    """Referral Factory with its limit in any 60 seconds, and its late answers."""

    def __init__(self, clock: Callable[[], float], *, retry_after: bool) -> None:
        self._clock = clock
        self._retry_after = retry_after
        self._chance = random.Random(8)
        self._window = deque[float]()
        self.arrived: list[float] = []
        self.too_much: list[float] = []
        self.people = Counter[str]()

    def count(self, at: float) -> bool:
        """Count a call, whoever made it; False: it is one too many."""
        while self._window and self._window[0] <= at - 60:
            self._window.popleft()
        if len(self._window) >= LIMIT:
            return False
        self._window.append(at)
        return True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._chance.uniform(0.01, 0.3))
        now = self._clock()
        self.arrived.append(now)
        if not self.count(now):
            self.too_much.append(now)
            wait_s = int(self._window[0] + 60 - now) + 1
            headers = {"Retry-After": str(wait_s)} if self._retry_after else {}
            return httpx.Response(429, json={"code": 429, "message": "Too Many Attempts."}, headers=headers)
        person = json.loads(request.content)
        self.people[person["email"]] += 1
        is_late = self._chance.random() < 3 / 40
        await asyncio.sleep(self._chance.uniform(25, 30) if is_late else self._chance.uniform(0.1, 0.9))
        number = self.people.total()
        user = {
            **{name: person[name] for name in ("campaign_id", "email", "first_name")},
            "id": number,
            "code": f"c{number}",
            "url": f"https://cahaba.example.com/c{number}",
            "type": "person_referring",
            "referrer_id": None,
        }
        return httpx.Response(201, json={"data": user})


@pytest.fixture
def hours() -> Iterator[Hours]:
    loop = Hours()
    yield loop
    loop.close()


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    """The store, working while time stands still: other threads know nothing of it."""
    books = Books.open(f"sqlite:///{tmp_path / 'pace.db'}", settle_s=0)

    async def run(work: Callable[[Any], T]) -> T:
        with books.store.transaction() as session:
            return work(session)

    monkeypatch.setattr(books.store, "run", run)
    monkeypatch.setattr(books.store, "read", run)
    yield books
    books.close()


class Worker:
    """One process that syncs: its own client and limiter, over the store of all."""

    def __init__(self, hours: Hours, books: Books, program: Program) -> None:
        shop = a_shop()
        limiter = LeasedLimiter(books.store, "rf", LIMIT, clock=hours.time, vendor="Referral Factory")
        self.client = ReferralFactory.from_settings(shop.need_referral_factory(), limiter=limiter, transport=program)
        house = House(shop, books, NOT_HERE, NOT_HERE, NOT_HERE, NOT_HERE, self.client)
        self.books, self.calls = books, ReferralCalls(house, CAMPAIGN)

    async def sync(self, pages: Iterable[list[Draft]]) -> None:
        async with self.client:
            for page in pages:
                await self.calls.take(await self._begin(page))
            await self.calls.drain()

    async def _begin(self, page: list[Draft]) -> list[Call]:
        decisions = await self.books.referrals.begin("demo", CAMPAIGN, page, decide_sync, run="this")
        return [one for one in decisions if isinstance(one, Create)]


def people(first: int, pages: int, size: int = 300) -> list[list[Draft]]:
    numbers = range(first, first + pages * size)
    drafts = [Draft(one, "Ada", (DraftEmail(f"ada.{one}@example.com", f"ada.{one}@example.com"),)) for one in numbers]
    return [drafts[at : at + size] for at in range(0, len(drafts), size)]


def most_in_a_minute(times: list[float]) -> int:
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def passes(hours: Hours, *work: Coroutine[Any, Any, None]) -> None:
    async def together() -> None:
        await asyncio.gather(*work)

    asyncio.set_event_loop(hours)
    hours.run_until_complete(together())


def test_one_worker_uses_the_limit_and_never_goes_over_it(hours: Hours, books: Books) -> None:
    """Three minutes, several pages, late answers at the end of each: at least 98% of 600 a minute, and no 429."""
    program = Program(hours.time, retry_after=True)
    passes(hours, Worker(hours, books, program).sync(people(1, pages=6)))
    assert program.too_much == []
    assert most_in_a_minute(program.arrived) <= LIMIT
    assert len(program.arrived) / (max(program.arrived) - min(program.arrived)) >= 0.98 * LIMIT / 60
    assert len(program.people) == 6 * 300
    assert set(program.people.values()) == {1}


def test_two_workers_of_one_token_share_its_limit(hours: Hours, books: Books) -> None:
    """Together as much as one alone: at least 98%, and no 429; neither waits for the other's end."""
    program = Program(hours.time, retry_after=False)
    workers = [Worker(hours, books, program) for _ in range(2)]
    passes(hours, *(worker.sync(people(1 + 10_000 * at, pages=3)) for at, worker in enumerate(workers)))
    assert program.too_much == []
    assert most_in_a_minute(program.arrived) <= LIMIT
    assert len(program.arrived) / (max(program.arrived) - min(program.arrived)) >= 0.98 * LIMIT / 60
    middle = (max(program.arrived) - min(program.arrived)) / 2 + min(program.arrived)
    assert sum(at < middle for at in program.arrived) == pytest.approx(len(program.arrived) / 2, rel=0.05)


@pytest.mark.parametrize("retry_after", [True, False], ids=["Retry-After", "no Retry-After"])
def test_a_stranger_on_the_token_costs_one_pause_and_nobody(hours: Hours, books: Books, *, retry_after: bool) -> None:
    """Somebody else used up the minute: all pause as long as asked, or a minute, go on gently, and nobody is missing."""
    program = Program(hours.time, retry_after=retry_after)

    async def stranger() -> None:
        await asyncio.sleep(20)
        for _ in range(LIMIT):
            program.count(hours.time())

    workers = [Worker(hours, books, program) for _ in range(2)]
    passes(hours, stranger(), *(worker.sync(people(1 + 10_000 * at, pages=2)) for at, worker in enumerate(workers)))
    assert program.too_much
    assert max(program.too_much) - min(program.too_much) < 1, "calls that were under way, and no more after them"
    resumed = min(at for at in program.arrived if at > max(program.too_much))
    assert 10 <= resumed - max(program.too_much) <= 64
    assert len(program.people) == 2 * 2 * 300
    assert set(program.people.values()) == {1}


def test_a_stranger_who_stays_stops_us_before_the_vendor_blocks_us(hours: Hours, books: Books) -> None:
    """More than three overruns block the address for days: after the second nothing is sent any more."""
    program = Program(hours.time, retry_after=True)

    async def stranger() -> None:
        while hours.time() < 1_000_600:
            await asyncio.sleep(0.2)
            program.count(hours.time())

    async def sync() -> None:
        with pytest.raises(LimitOverrunError):
            await Worker(hours, books, program).sync(people(1, pages=6))

    passes(hours, stranger(), sync())
    waves = sorted(program.too_much)
    apart = [later - earlier for earlier, later in pairwise(waves) if later - earlier > 2]
    assert len(apart) == 1, "two overruns, and each once"
    assert max(program.arrived) < max(waves) + 2
