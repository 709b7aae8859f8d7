"""Leases and the shared allowance of calls."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from sqlmodel import col
from store_stand_ins import Clock, holder

from models.errors import BusyError
from models.tables import LeaseRow
from store import Books
from store.leases import Leases
from store.limits import SharedLimiter
from store.owner import Owner


async def test_one_holds_and_the_other_gives_way(books: Books) -> None:
    async with books.leases.hold("job 1"):
        with pytest.raises(BusyError):
            async with books.leases.hold("job 1"):
                pytest.fail("two hold one lease")
        async with books.leases.hold("job 2"):
            pass
    async with books.leases.hold("job 1"):
        assert await holder(books, "job 1") is not None
    assert await holder(books, "job 1") is None


async def test_several_are_held_together_or_not_at_all(books: Books) -> None:
    async with books.leases.hold("e-mail", "phone") as lease:
        assert lease.keys == ("e-mail", "phone")
        for keys in (("phone", "address"), ("address", "e-mail"), ("phone",)):
            with pytest.raises(BusyError):
                async with books.leases.hold(*keys):
                    pytest.fail("two hold one lease")
        assert await holder(books, "address") is None
        async with books.leases.hold("address"):
            pass
    async with books.leases.hold("phone", "address", "e-mail"):
        assert await holder(books, "address") is not None
    assert await holder(books, "phone") is None


async def test_those_that_share_keys_take_turns_whatever_their_order(books: Books) -> None:
    holding: set[str] = set()

    async def work(*keys: str) -> None:
        async with books.leases.hold(*keys, wait_s=30):
            assert not holding & set(keys)
            holding.update(keys)
            await asyncio.sleep(0.01)
            holding.difference_update(keys)

    await asyncio.gather(*(work(*pair) for pair in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a",), ()]))


async def test_a_key_whose_holder_is_gone_is_taken_over_with_a_free_one(books: Books, clock: Clock) -> None:
    elsewhere = Owner("another-host", "b", "p", 1, 1.0).claim()
    row = LeaseRow(key="left", owner=elsewhere, expires_at=clock() + timedelta(seconds=1))
    await books.store.run(lambda session: session.add(row))
    with pytest.raises(BusyError):
        async with books.leases.hold("free", "left"):
            pytest.fail("taken too early")
    assert await holder(books, "free") is None
    clock.forward(seconds=2)
    async with books.leases.hold("free", "left"):
        assert await holder(books, "left") not in {None, elsewhere}


async def test_the_other_may_wait(books: Books) -> None:
    order: list[str] = []

    async def second() -> None:
        async with books.leases.hold("job", wait_s=10):
            order.append("second")

    async with books.leases.hold("job"):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        order.append("first")
    await waiting
    assert order == ["first", "second"]


async def test_it_is_free_again_after_an_error(books: Books) -> None:
    with pytest.raises(ZeroDivisionError):
        async with books.leases.hold("job"):
            raise ZeroDivisionError
    async with books.leases.hold("job"):
        pass


async def test_it_is_renewed_while_it_is_held(books: Books) -> None:
    leases = Leases(books.store)  # on the real clock
    async with leases.hold("job", ttl_s=0.6) as lease:
        for _ in range(6):
            await asyncio.sleep(0.2)
            with pytest.raises(BusyError):
                async with leases.hold("job"):
                    pytest.fail("taken from a live worker")
        assert not lease.is_lost


async def test_a_lost_lease_says_so_and_is_not_freed_under_the_next_holder(books: Books, clock: Clock) -> None:
    thief = Owner("elsewhere", "b", "p", 1, 1.0).claim()
    until = clock() + timedelta(seconds=60)
    async with books.leases.hold("job", ttl_s=0.3) as lease:
        steal = update(LeaseRow).where(col(LeaseRow.key) == "job").values(owner=thief, expires_at=until)
        await books.store.run(lambda session: session.connection().execute(steal))
        for _ in range(100):
            if lease.is_lost:
                break
            await asyncio.sleep(0.05)
        assert lease.is_lost
    assert await holder(books, "job") == thief


async def test_a_holder_elsewhere_keeps_it_until_it_ends(books: Books, clock: Clock) -> None:
    elsewhere = Owner("another-host", "b", "p", 1, 1.0).claim()
    row = LeaseRow(key="job", owner=elsewhere, expires_at=clock() + timedelta(seconds=60))
    await books.store.run(lambda session: session.add(row))
    clock.forward(seconds=59)
    with pytest.raises(BusyError):
        async with books.leases.hold("job"):
            pytest.fail("taken too early")
    clock.forward(seconds=1)
    async with books.leases.hold("job"):
        pass


class _Seconds:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def _most_in_a_window(times: list[float]) -> int:
    return max(sum(1 for at in times if start <= at < start + 60) for start in times)


async def test_no_minute_holds_more_calls_than_allowed(books: Books) -> None:
    seconds, granted = _Seconds(), []
    for rest_s in (0.0, 200.0):
        seconds.at += rest_s
        limiter = SharedLimiter(books.store, "vendor", 30, 6, clock=seconds, sleep=seconds.sleep)
        for _ in range(75):
            await limiter.acquire()
            granted.append(seconds.at)
    assert 29 <= _most_in_a_window(granted) <= 30
    assert granted[5] - granted[0] < 0.001, "a burst after a rest"
    assert 69 * 60 / 24 <= granted[74] - granted[0] <= 69 * 61 / 24, "and then the steady rate"


@given(
    per_minute=st.integers(4, 40),
    asks=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 3), st.floats(0, 1.5)), min_size=1, max_size=40),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_pattern_of_asking_gets_more(
    tmp_path_factory: Any, per_minute: int, asks: list[tuple[float, int, float]]
) -> None:
    """A call reaches the vendor up to `jitter_s` after it was granted: its turn may wait, and then it travels."""
    with Books.open(f"sqlite:///{tmp_path_factory.mktemp('limit')}/t.db") as books:
        seconds, arrived = _Seconds(), []
        for rest_s, calls, late_s in asks:
            seconds.at += rest_s
            limiter = SharedLimiter(
                books.store, "vendor", per_minute, 3, jitter_s=1.5, clock=seconds, sleep=seconds.sleep
            )
            await limiter.acquire(calls)
            arrived += [seconds.at + late_s] * calls
        assert _most_in_a_window(arrived) <= per_minute


async def test_allowances_are_kept_apart_by_key(books: Books) -> None:
    seconds = _Seconds()
    for key in ("one", "two"):
        limiter = SharedLimiter(books.store, key, 60, 1, clock=seconds, sleep=seconds.sleep)
        await limiter.acquire()
    assert seconds.at == 1_000_000.0


async def test_an_allowance_that_cannot_be_kept_is_refused(books: Books) -> None:
    for per_minute, burst in ((10, 10), (10, 0)):
        with pytest.raises(ValueError, match="does not fit"):
            SharedLimiter(books.store, "vendor", per_minute, burst)
    with pytest.raises(ValueError, match="outside the burst"):
        await SharedLimiter(books.store, "vendor", 10, 2).acquire(3)
