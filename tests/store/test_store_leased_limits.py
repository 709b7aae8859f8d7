"""A limit shared by many processes, reserved in batches: never over it, nearly all of it, and stopped in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import LimitOverrunError, RateLimitedError
from store import Books
from store.limits import LeasedLimiter
from store.session import Store


class Seconds:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


Opening = Callable[..., LeasedLimiter]


@pytest.fixture
def open_limiter(books: Books, seconds: Seconds) -> Opening:
    """Open the limiter as one more process would."""

    def open_one(per_minute: int = 600, **given: Any) -> LeasedLimiter:
        return LeasedLimiter(
            books.store, "rf", per_minute, vendor="Referral Factory", clock=seconds, sleep=seconds.sleep, **given
        )

    return open_one


def most_in_a_minute(times: list[float]) -> int:
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


async def take(limiter: LeasedLimiter, calls: int, seconds: Seconds, granted: list[float]) -> None:
    async def one() -> None:
        await limiter.acquire()
        granted.append(seconds.at)

    await asyncio.gather(*(one() for _ in range(calls)))


async def test_nearly_all_of_the_limit_is_used_and_none_over_it(
    open_limiter: Opening, seconds: Seconds, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """600 calls a minute: at least 98% of them, with one transaction for ten."""
    writes = 0
    run = books.store.run

    async def counted(fn: Any) -> Any:
        nonlocal writes
        writes += 1
        return await run(fn)

    monkeypatch.setattr(books.store, "run", counted)
    granted: list[float] = []
    await take(open_limiter(), 1500, seconds, granted)
    assert most_in_a_minute(granted) <= 600
    assert 1500 / (granted[-1] - granted[0]) >= 0.98 * 10
    assert writes <= 151


async def test_the_calls_of_two_processes_never_share_a_place(open_limiter: Opening, seconds: Seconds) -> None:
    granted: list[float] = []
    workers = [open_limiter(120), open_limiter(120), open_limiter(120)]
    for _ in range(40):
        for worker in workers:
            await take(worker, 3, seconds, granted)
    assert most_in_a_minute(granted) <= 120


async def test_the_places_of_a_dead_process_are_lost_and_not_used_twice(
    open_limiter: Opening, seconds: Seconds
) -> None:
    dead, alive = open_limiter(), open_limiter()
    dead._waiting = 9  # nine more calls wait in it
    began, granted = seconds.at, list[float]()
    await dead.acquire()
    await take(alive, 1, seconds, granted)
    assert granted[0] - began >= 10 * 60 / 600, "behind its ten places, not in them"


async def test_a_place_that_went_by_is_not_used_later(open_limiter: Opening, seconds: Seconds) -> None:
    """Ten places kept over a rest would come on top of the calls of another minute."""
    idle, busy = open_limiter(), open_limiter()
    granted: list[float] = []
    await take(idle, 1, seconds, granted)
    idle._waiting = 9
    await take(idle, 1, seconds, granted)
    idle._waiting = 0
    await take(busy, 600, seconds, granted)
    await take(idle, 9, seconds, granted)
    assert most_in_a_minute(granted) <= 600


@given(
    per_minute=st.integers(2, 150),
    asks=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 20), st.integers(1, 12), st.floats(0, 0.4)), max_size=25),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_pattern_of_asking_gets_more(
    sqlite_template: Any, tmp_path_factory: Any, per_minute: int, asks: list[tuple[int, float, int, float]]
) -> None:
    """Three processes; a call reaches the vendor up to half of `jitter_s` after it left."""
    path = tmp_path_factory.mktemp("leased") / "t.db"
    path.write_bytes(sqlite_template.read_bytes())
    store, seconds, arrived = Store.open(f"sqlite:///{path}"), Seconds(), list[float]()
    workers = [LeasedLimiter(store, "rf", per_minute, clock=seconds, sleep=seconds.sleep) for _ in range(3)]
    for worker, rest_s, calls, way_s in asks:
        seconds.at += rest_s
        granted: list[float] = []
        await take(workers[worker], calls, seconds, granted)
        arrived += [at + way_s for at in granted]
    store.close()
    assert not arrived or most_in_a_minute(arrived) <= per_minute


@pytest.mark.parametrize(("wish", "pause_s"), [(None, 60), (7.0, 7), (110.0, 110)], ids=["no wish", "short", "long"])
async def test_a_429_pauses_every_process(
    open_limiter: Opening, seconds: Seconds, wish: float | None, pause_s: float
) -> None:
    told, other = open_limiter(), open_limiter()
    began = seconds.at
    await told.overrun(RateLimitedError(retry_after_s=wish))
    await told.overrun(RateLimitedError(retry_after_s=wish))  # a call that was under way: the same overrun
    await other.acquire()
    assert seconds.at - began >= pause_s
    await told.acquire()


async def test_reserved_places_are_given_up_when_another_process_is_told_to_pause(
    books: Books, open_limiter: Opening, seconds: Seconds
) -> None:
    told = open_limiter()
    began: list[float] = []

    async def sleep(rest_s: float) -> None:
        if not began:
            began.append(seconds.at)
            await told.overrun(RateLimitedError(retry_after_s=30))
        seconds.at += rest_s

    other = LeasedLimiter(books.store, "rf", 600, clock=seconds, sleep=sleep)
    for _ in range(30):
        await books.store.run(told._reserve)
    granted: list[float] = []
    await take(other, 10, seconds, granted)
    assert granted[0] - began[0] >= 30


async def test_a_pause_too_long_to_wait_out_is_told(open_limiter: Opening, seconds: Seconds) -> None:
    limiter = open_limiter()
    await limiter.overrun(RateLimitedError(retry_after_s=3600))
    with pytest.raises(RateLimitedError, match="asked for a pause until 1970-01-12 14:46 UTC") as caught:
        await limiter.acquire()
    assert type(caught.value) is RateLimitedError
    assert caught.value.retry_after_s == 3600
    seconds.at += 3601
    await limiter.acquire()


async def test_the_second_overrun_ends_it_for_every_process_and_names_the_rule(
    open_limiter: Opening, seconds: Seconds
) -> None:
    """More than three overruns block the address for days: two are enough for us."""
    told, other = open_limiter(), open_limiter()
    await told.overrun(RateLimitedError(retry_after_s=1))
    seconds.at += 3600
    await other.acquire()
    with pytest.raises(LimitOverrunError, match="blocks an address that goes over more than three times"):
        await other.overrun(RateLimitedError(retry_after_s=1))
    with pytest.raises(LimitOverrunError):
        await told.overrun(RateLimitedError())  # one that was under way
    for limiter in (told, other, open_limiter()):
        with pytest.raises(LimitOverrunError, match="calls_per_minute") as ended:
            await limiter.acquire()
        assert "`truckroll connect`" in ended.value.fix, "and what lets calls go again"
    seconds.at += 24 * 3600 + 1
    await told.acquire()
    await told.overrun(RateLimitedError(retry_after_s=1))  # counts as a first again
    await told.acquire()


async def test_a_day_apart_each_is_the_first(open_limiter: Opening, seconds: Seconds) -> None:
    limiter = open_limiter()
    for _ in range(3):
        await limiter.overrun(RateLimitedError(retry_after_s=1))
        seconds.at += 24 * 3600 + 1
    await limiter.acquire()


async def test_a_person_lets_calls_go_again(open_limiter: Opening) -> None:
    limiter = open_limiter()
    await limiter.overrun(RateLimitedError(retry_after_s=0))
    with pytest.raises(LimitOverrunError):
        await limiter.overrun(RateLimitedError())
    await limiter.forget_overruns()
    await limiter.acquire()


async def test_one_call_a_minute_cannot_be_spaced(books: Books) -> None:
    with pytest.raises(ValueError, match="spaced"):
        LeasedLimiter(books.store, "rf", 1)
