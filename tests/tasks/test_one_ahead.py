"""A feed's next page is on its way while one is kept; nothing is lost by it, and nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tasks.contact_index import _one_ahead


async def test_the_next_page_is_asked_for_while_one_is_kept() -> None:
    asked: list[int] = []

    async def pages() -> AsyncIterator[int]:
        for number in range(3):
            asked.append(number)
            yield number

    kept = []
    async for page in _one_ahead(pages()):
        await asyncio.sleep(0)
        assert asked[-1] == min(page + 1, 2)
        kept.append(page)
    assert kept == [0, 1, 2]


async def test_a_page_that_cannot_be_read_costs_none_before_it() -> None:
    async def pages() -> AsyncIterator[int]:
        yield 0
        raise ValueError("the second page")

    kept = []
    with pytest.raises(ValueError, match="the second page"):
        async for page in _one_ahead(pages()):
            await asyncio.sleep(0)
            kept.append(page)
    assert kept == [0]


async def test_who_fails_to_keep_a_page_leaves_no_reading_behind() -> None:
    is_over = asyncio.Event()

    async def pages() -> AsyncIterator[int]:
        yield 0
        try:
            await asyncio.sleep(60)
        finally:
            is_over.set()

    with pytest.raises(ValueError, match="the disk is full"):
        async with aclosing(_one_ahead(pages())) as ahead:
            async for _ in ahead:
                await asyncio.sleep(0)
                raise ValueError("the disk is full")
    assert is_over.is_set()
