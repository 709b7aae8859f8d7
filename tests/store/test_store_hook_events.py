"""Deliveries of vendors are kept once, wait for a pass, and are forgotten after a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store_stand_ins import Clock

from models.errors import TruckrollError
from store import Books
from store.hook_events import HookEvents

ST, RF = "servicetitan", "referral_factory"


async def keep(books: Books, event: str, vendor: str = ST, shop: str = "demo", **more: bool) -> bool:
    return await books.hook_events.keep(shop, vendor, event, kind="k", record=f"job/{event}", **more)


async def waiting(books: Books, vendor: str = ST, shop: str = "demo", limit: int = 200) -> list[str]:
    return [row.event_id for row in await books.hook_events.waiting(shop, vendor, limit=limit)]


async def test_a_delivery_waits_with_what_it_names(books: Books, clock: Clock) -> None:
    await books.hook_events.keep("demo", RF, "e1", kind="user.join", record="code/Ab3dE6gH", campaign_id=2**40)
    (row,) = await books.hook_events.waiting("demo", RF)
    assert (row.kind, row.record, row.campaign_id) == ("user.join", "code/Ab3dE6gH", 2**40)
    assert (row.received_at, row.handled_at) == (clock.at, None)


async def test_a_delivery_is_kept_once_and_not_again_after_it_was_dealt_with(books: Books, clock: Clock) -> None:
    assert [await keep(books, "e1") for _ in range(3)] == [True, False, False]
    await books.hook_events.handled("demo", ST, ["e1"])
    clock.forward(days=3)
    assert await keep(books, "e1") is False
    assert await waiting(books) == []


async def test_shops_and_vendors_do_not_share_an_event(books: Books) -> None:
    assert [await keep(books, "e1"), await keep(books, "e1", RF), await keep(books, "e1", shop="other")] == [True] * 3
    await books.hook_events.handled("demo", ST, ["e1"])
    assert (await waiting(books), await waiting(books, RF), await waiting(books, shop="other")) == ([], ["e1"], ["e1"])


async def test_without_ids_the_same_again_is_news_once_a_pass_has_looked(books: Books, clock: Clock) -> None:
    """While it waits it is a repeat; afterwards its one row waits again, so no replay makes the table grow."""
    assert [await keep(books, "digest", RF, is_news_again=True) for _ in range(3)] == [True, False, False]
    await keep(books, "other", RF)
    await books.hook_events.handled("demo", RF, ["digest"])
    clock.forward(minutes=5)
    assert [await keep(books, "digest", RF, is_news_again=True) for _ in range(3)] == [True, False, False]
    rows = await books.hook_events.waiting("demo", RF)
    assert [(row.event_id, row.received_at) for row in rows] == [
        ("other", clock.at - timedelta(minutes=5)),
        ("digest", clock.at),
    ]


async def test_the_oldest_come_first_and_no_more_than_asked_for(books: Books, clock: Clock) -> None:
    for event in ("c", "a", "b"):
        await keep(books, event)
        clock.forward(seconds=1)
    assert await waiting(books) == ["c", "a", "b"]
    assert await waiting(books, limit=2) == ["c", "a"]


async def test_many_are_handled_at_once(books: Books) -> None:
    for n in range(1_200):
        await keep(books, f"e{n}")
    await books.hook_events.handled("demo", ST, (f"e{n}" for n in range(1_199)))
    assert await waiting(books) == ["e1199"]


async def test_a_flood_is_turned_away_and_goes_on_when_there_is_room(books: Books) -> None:
    narrow = HookEvents(books.store, most_waiting=3)

    async def put(event: str, vendor: str = ST) -> bool:
        return await narrow.keep("demo", vendor, event, kind="k", record="job/1")

    assert [await put(f"e{n}") for n in range(3)] == [True] * 3
    with pytest.raises(TruckrollError, match="More than 3 deliveries of servicetitan wait"):
        await put("e3")
    assert await put("e0") is False, "a repeat takes no room"
    assert await put("e3", RF) is True, "another vendor's are not in the way"
    assert await waiting(books) == ["e0", "e1", "e2"], "what was turned away is not there"
    await narrow.handled("demo", ST, ["e1"])
    assert await put("e3") is True


async def test_old_deliveries_are_forgotten_unless_they_still_wait(books: Books, clock: Clock) -> None:
    for event in ("old", "old and waiting", "just in time"):
        if event == "just in time":
            clock.forward(hours=1)
        await keep(books, event)
        await books.store_events.keep("demo", event, order_id="1", kind="order.created")
    await books.hook_events.handled("demo", ST, ["old", "just in time"])
    await books.store_events.handled("demo", ["old", "just in time"])
    assert await books.hook_events.prune(clock.at) == 1
    assert await books.store_events.prune(clock.at) == 1
    assert await waiting(books) == ["old and waiting"]
    assert await keep(books, "just in time") is False
    assert await keep(books, "old") is True
    assert await books.store_events.keep("demo", "just in time", order_id="1", kind="order.created") is False
    assert await books.store_events.keep("demo", "old", order_id="1", kind="order.created") is True


async def test_forgetting_needs_a_time_with_its_zone(books: Books, clock: Clock) -> None:
    for events in (books.hook_events, books.store_events):
        with pytest.raises(ValueError, match="aware"):
            await events.prune(clock.at.replace(tzinfo=None))
