"""A program that said too often that we call too much is called again once a person connected it anew."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import LimitOverrunError, RateLimitedError
from tasks.connecting import connect
from tasks.house import _program_limiter
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]


async def test_connecting_the_program_ends_the_day_without_calls(counter: Counter) -> None:
    """The second overrun ends the calls of every worker for a day; `truckroll connect` lets them go again."""
    settings = counter.house.shop.need_referral_factory()
    limiter = _program_limiter(counter.books, settings, asyncio.sleep)
    await limiter.overrun(RateLimitedError(retry_after_s=0))
    with pytest.raises(LimitOverrunError):
        await limiter.overrun(RateLimitedError())
    with pytest.raises(LimitOverrunError):
        await limiter.acquire()
    await connect(counter.house, "referral_factory", "Dana Whitfield")
    await limiter.acquire()
