"""`once` for records that may be there without us, and who has claimed a record."""

from __future__ import annotations

import pytest
from store_stand_ins import Vendor

from models.errors import HeldError, RejectedError
from store import Books

KEY = "demo/pricebook/flt-1"


async def test_what_is_there_already_is_found_and_not_written(books: Books) -> None:
    """OI-28."""
    vendor = Vendor()
    vendor.records.append("theirs")
    for _ in range(2):
        assert await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True) == "theirs"
    assert (vendor.posts, vendor.looks) == (0, 1)


async def test_what_is_not_there_is_written_after_one_look(books: Books) -> None:
    """OI-26."""
    vendor = Vendor()
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True) == "id-1"
    assert (vendor.posts, vendor.looks) == (1, 1)


async def test_a_lost_answer_is_looked_for_a_second_time(books: Books) -> None:
    """OI-67."""
    vendor = Vendor("lost")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True) == "id-1"
    assert (vendor.posts, vendor.looks) == (1, 2)


async def test_a_refused_write_leaves_nothing_behind(books: Books) -> None:
    """OI-70: the next call begins anew."""
    vendor = Vendor(RejectedError("No such account."))
    with pytest.raises(RejectedError):
        await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True)
    assert await books.effects.status(KEY) is None
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True) == "id-2"


async def test_a_look_that_is_held_is_repeated_by_the_next_call(books: Books) -> None:
    """OI-70: nothing is written, and nobody is kept waiting for the lease."""
    vendor = Vendor()

    async def switched_off() -> str | None:
        raise HeldError("It is switched off.", "Switch it on.")

    with pytest.raises(HeldError):
        await books.effects.once(KEY, create=vendor.create, find=switched_off, look_first=True)
    assert vendor.posts == 0
    vendor.records.append("theirs")
    assert await books.effects.once(KEY, create=vendor.create, find=vendor.find, look_first=True) == "theirs"


async def test_a_done_write_of_the_shop_has_its_record(books: Books) -> None:
    """OI-67: what another shop has, or what is only begun, is not claimed."""

    async def write(reference: str) -> str:
        return reference

    for key, reference in (("demo/order/1/m", "membership/1"), ("demo2/order/1/m", "membership/2")):
        await books.effects.once(key, create=lambda reference=reference: write(reference))
    await books.effects.once("demo/order/2/m", create=lambda: write("membership/3"), find=lambda: write(""))
    await books.effects.look_again("demo/order/2/m")
    wanted = [f"membership/{at}" for at in range(1, 5)]
    assert await books.effects.known("demo", wanted) == {"membership/1"}
    assert await books.effects.known("demo", []) == set()
