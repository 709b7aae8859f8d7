"""Reading a campaign's list: who signs up and who is deleted meanwhile, in whatever order the program shows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.referral_factory.client import ReferralFactory
from models.errors import TransientError
from models.referral import ReferralUser, UnreadableUser, UserKind, UserPage
from store import Books
from tasks import house as house_module
from tasks import referred_people
from tasks.house import House
from tasks.referred_people import take_in_campaign
from tests.flows.referral_run import a_campaign, referral_shop
from tests.tasks.conftest import NO_PARTS

PAGE = 3
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@dataclass
class Change:
    """Somebody signs up, and somebody is deleted: by their place in the list, as long as it is that long."""

    joins: int = 0
    leave: tuple[int, ...] = ()


@dataclass
class Program:
    """A campaign's list, in pages of three. Between two pages something may happen."""

    is_newest_first: bool = False
    people: list[int] = field(default_factory=list)
    last: int = 0
    between: list[Change] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    stops_after: int | None = None
    """Pages after which it does not answer any more."""

    def happen(self, change: Change) -> None:
        gone = {self.people[place] for place in change.leave if place < len(self.people)}
        self.people = [one for one in self.people if one not in gone]
        for _ in range(change.joins):
            self.last += 1
            self.people.append(self.last)

    async def search_users(self, campaign_id: int, *, first_page: int = 1) -> AsyncIterator[UserPage]:
        number, has_next = first_page, True
        while has_next:
            rows = sorted(self.people, reverse=self.is_newest_first)
            self.asked.append(number)
            some = rows[(number - 1) * PAGE : number * PAGE]
            yield UserPage(
                users=tuple(lead(one, campaign_id) for one in some if one not in self.unreadable),
                unreadable=tuple(UnreadableUser(id=one, why="url") for one in some if one in self.unreadable),
            )
            if self.stops_after is not None and number - first_page + 1 >= self.stops_after:
                raise TransientError("The program is away.")
            has_next = number * PAGE < len(rows)
            number += 1
            if self.between:
                self.happen(self.between.pop(0))


def lead(number: int, campaign_id: int) -> ReferralUser:
    return ReferralUser(
        id=number,
        campaign_id=campaign_id,
        code=f"Qr{number:06d}",
        url=f"https://acme.example.com/Qr{number:06d}",
        email=f"lead{number}@example.com",
        first_name="Lee",
        kind=UserKind.LEAD,
        referrer_id=1,
        signed_up_on=date(2026, 9, 1),
    )


@dataclass
class Desk:
    """A shop whose books are kept, and a program with one campaign after the other."""

    books: Books
    runner: asyncio.Runner
    now: datetime = NOW
    campaign: int = 1000
    program: Program = field(default_factory=Program)

    def open(self, program: Program) -> None:
        """Begin with another campaign, whose people have ids of their own."""
        self.campaign, self.program, self.now = self.campaign + 1, program, NOW
        program.last = self.campaign * 1000

    def take_in(self) -> set[int]:
        """Take in who signed up; return everybody who was, ever."""
        self.runner.run(take_in_campaign.fn("demo", self.campaign))
        return {row.user_id for row in self.rows()}

    def rows(self) -> list[Any]:
        return list(self.runner.run(self.books.referred.page("demo", campaign_id=self.campaign, limit=10_000)))

    def house(self) -> House:
        shop = referral_shop(a_campaign(self.campaign))
        return House(shop, self.books, NO_PARTS, NO_PARTS, referral_factory=cast("ReferralFactory", self.program))


@contextmanager
def a_desk(folder: Path) -> Iterator[Desk]:
    with (
        Books.open(f"sqlite:///{folder / 'truckroll.db'}", settle_s=0) as books,
        asyncio.Runner() as runner,
        pytest.MonkeyPatch.context() as patch,
    ):
        desk = Desk(books, runner)

        async def build(*_: object) -> House:
            return desk.house()

        patch.setattr(house_module, "_build", build)
        patch.setattr(house_module, "read_settings", lambda _: desk.house().shop)
        patch.setattr(referred_people, "utc_now", lambda: desk.now)
        yield desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with a_desk(tmp_path_factory.mktemp("sign-ups")) as opened:
        yield opened


CHANGES = st.builds(Change, joins=st.integers(0, 5), leave=st.lists(st.integers(0, 12), max_size=4).map(tuple))
JOINS = st.builds(Change, joins=st.integers(0, 4))
orders = pytest.mark.parametrize("is_newest_first", [False, True], ids=["the oldest first", "the newest first"])


@orders
@settings(max_examples=25, deadline=None)
@given(changes=st.lists(CHANGES, max_size=7))
def test_whoever_is_there_when_a_pass_begins_is_taken_in(
    desk: Desk, changes: list[Change], *, is_newest_first: bool
) -> None:
    """RF-41: whoever came or was deleted since the last pass, without reading the whole list again."""
    program = Program(is_newest_first)
    desk.open(program)
    for change in changes:
        program.happen(change)
        assert desk.take_in() >= set(program.people)


@orders
@settings(max_examples=25, deadline=None)
@given(passes=st.lists(st.lists(JOINS, max_size=5), min_size=1, max_size=4), first=st.integers(0, 8))
def test_whoever_signs_up_during_a_reading_hides_nobody(
    desk: Desk, passes: list[list[Change]], first: int, *, is_newest_first: bool
) -> None:
    """RF-41: rows shift between two pages; the next pass has whoever came during this one."""
    program = Program(is_newest_first)
    desk.open(program)
    program.happen(Change(joins=first))
    for between in passes:
        there, program.between = set(program.people), list(between)
        assert desk.take_in() >= there
    program.between = []
    assert desk.take_in() >= set(program.people)


@orders
@settings(max_examples=25, deadline=None)
@given(passes=st.lists(st.lists(CHANGES, max_size=5), min_size=1, max_size=4), first=st.integers(0, 12))
def test_whom_a_deletion_hid_is_found_by_the_next_days_reading(
    desk: Desk, passes: list[list[Change]], first: int, *, is_newest_first: bool
) -> None:
    """RF-41: what was deleted between two pages pulls somebody over the edge; once a day the whole list is read."""
    program = Program(is_newest_first)
    desk.open(program)
    program.happen(Change(joins=first))
    for between in passes:
        program.between = list(between)
        desk.take_in()
    program.between = []
    desk.now += timedelta(days=1)
    assert desk.take_in() >= set(program.people)


@orders
@settings(max_examples=25, deadline=None)
@given(changes=st.lists(CHANGES, min_size=2, max_size=5), stops=st.lists(st.integers(1, 4), min_size=5, max_size=5))
def test_a_reading_that_ended_early_is_made_up_for(
    desk: Desk, changes: list[Change], stops: list[int], *, is_newest_first: bool
) -> None:
    """RF-41: the program is away after some pages; what was not read is read by the next pass."""
    program = Program(is_newest_first)
    desk.open(program)
    for change, pages in zip(changes, stops, strict=False):
        program.happen(change)
        program.stops_after = pages
        with suppress(TransientError):
            desk.take_in()
    program.stops_after = None
    assert desk.take_in() >= set(program.people)


@orders
def test_a_pass_reads_only_the_page_where_new_people_are(desk: Desk, *, is_newest_first: bool) -> None:
    """RF-41: a campaign of many people costs one call; the whole list is read once a day."""
    program = Program(is_newest_first)
    desk.open(program)
    program.happen(Change(joins=31))
    desk.take_in()
    assert program.asked == list(range(1, 12)), "the first reading is of everybody"

    def pages() -> list[int]:
        program.asked.clear()
        desk.take_in()
        return list(program.asked)

    assert pages() == ([1] if is_newest_first else [11])
    program.happen(Change(joins=4))
    assert pages() == ([1, 2, 3] if is_newest_first else [11, 12]), "as far as there are new ones"
    program.happen(Change(joins=1, leave=(0, 1, 2, 3)))
    assert pages() == ([1, 2] if is_newest_first else [12, *range(1, 12)]), "the edge is lost: all is read"
    assert pages() == ([1] if is_newest_first else [11])
    desk.now += timedelta(days=1)
    assert pages() == list(range(1, 12))
    assert pages() == ([1] if is_newest_first else [11])


@orders
def test_one_who_cannot_be_read_is_told_and_taken_in_later(desk: Desk, *, is_newest_first: bool) -> None:
    """RF-41: bad rows hide nobody, and are not forgotten."""
    program = Program(is_newest_first)
    desk.open(program)
    program.happen(Change(joins=5))
    one, two, three, four, five = program.people
    program.unreadable = {two, five}
    taken = desk.runner.run(take_in_campaign.fn("demo", desk.campaign))
    assert {person.id for person in taken.unreadable} == {two, five}
    assert (taken.new, taken.read) == (3, {one, three, four})
    program.unreadable.clear()
    desk.now += timedelta(days=1)
    assert desk.take_in() == set(program.people)
