"""`held retry` of a referred person: booked anew by the next pass, also where another campaign has the e-mail."""

from __future__ import annotations

from typing import Any

import pytest

from models.booking import ReferralStage
from models.errors import TruckrollError
from models.referral import ReferralUser, UserKind
from models.tables import HeldRow, ReferredRow
from tasks.held import retry
from tasks.referred_people import PROCESS, person_in, record_of
from tests.tasks.conftest import Counter


async def a_lead(counter: Counter, number: int = 8, **changes: Any) -> ReferredRow:
    """Take somebody in."""
    user = ReferralUser(
        id=number,
        campaign_id=1001,
        code=f"Qr{number}",
        url=f"https://acme.example.com/Qr{number}",
        email="lee@example.com",
        kind=UserKind.LEAD,
    )
    await counter.books.referred.take_in("demo", [(user, user.email)])
    return await counter.books.referred.update("demo", number, **changes)


async def held(counter: Counter, record: str) -> HeldRow:
    return await counter.books.held.hold("demo", PROCESS, record, reason="The person has no name.", fix="Enter it.")


async def again(counter: Counter, row: HeldRow) -> str:
    assert row.id is not None
    return await retry(counter.books, row.id)


async def listed(counter: Counter) -> list[str]:
    return [row.record for row in await counter.books.held.list("demo", process=PROCESS)]


async def audited(counter: Counter, number: int) -> list[str]:
    return [entry.event for entry in await counter.books.audit.list(shop="demo", record=record_of(number))]


async def test_a_held_lead_is_booked_by_the_next_pass(counter: Counter) -> None:
    """RF-41, RF-46: a person has looked, also at the same e-mail in another campaign."""
    await a_lead(counter, stage=ReferralStage.HELD, why="The person has no name.")
    await a_lead(counter, 9, stage=ReferralStage.HELD)
    words = await again(counter, await held(counter, record_of(8)))
    assert words == "person 8 is tried again by the next pass."
    row = await counter.books.referred.get("demo", 8)
    assert row is not None
    assert (row.stage, row.why, row.is_confirmed) == ("new", "Set free to be tried again.", True)
    assert [one.user_id for one in await counter.books.referred.due("demo")] == [8], "and nobody else"
    assert await listed(counter) == []
    assert await audited(counter, 8) == ["retried"]


async def test_a_lead_that_is_retried_twice_is_refused_the_second_time(counter: Counter) -> None:
    """RF-41."""
    await a_lead(counter, stage=ReferralStage.HELD)
    row = await held(counter, record_of(8))
    await again(counter, row)
    with pytest.raises(TruckrollError, match="Nothing is held under"):
        await again(counter, row)
    assert await audited(counter, 8) == ["retried"]


async def test_a_booking_that_could_not_be_looked_at_stays_on_the_list(counter: Counter) -> None:
    """RF-42, RF-43: each pass looks again by the list; off it, what has changed would never be seen."""
    await a_lead(counter, stage=ReferralStage.BOOKED, booking=501)
    words = await again(counter, await held(counter, "person 8, its booking"))
    assert (
        words == "person 8, its booking: it is looked at again with each pass, and is off the list once that succeeds."
    )
    assert await listed(counter) == ["person 8, its booking"]


@pytest.mark.parametrize("stage", [stage for stage in ReferralStage if stage is not ReferralStage.HELD])
async def test_one_who_is_not_held_any_more_is_left_as_it_is(counter: Counter, stage: ReferralStage) -> None:
    """RF-D6: what is booked or qualified is not booked again by taking an old entry off the list."""
    before = await a_lead(counter, stage=stage, booking=501)
    assert await again(counter, await held(counter, record_of(8))) == "person 8 is off the list."
    row = await counter.books.referred.get("demo", 8)
    assert row is not None
    assert (row.stage, row.booking, row.is_confirmed, row.updated_at) == (stage, 501, False, before.updated_at)
    assert await audited(counter, 8) == []


@pytest.mark.parametrize(
    "record",
    ["booking provider", "campaign 1001", "map of campaign 1001", "changed bookings",
     "person 8, fields of job 901", "a person without an id", "person 999"],
)  # fmt: skip
async def test_what_is_held_and_is_no_waiting_person_comes_off_the_list(counter: Counter, record: str) -> None:
    """RF-S6: the next pass looks again, and holds it again where it still is so."""
    await a_lead(counter, stage=ReferralStage.HELD)
    assert await again(counter, await held(counter, record)) == f"{record} is off the list."
    assert await listed(counter) == []
    row = await counter.books.referred.get("demo", 8)
    assert row is not None
    assert row.stage == "held"


@pytest.mark.parametrize(
    ("record", "user_id"),
    [
        ("person 12", 12),
        ("lead 12", 12),
        ("campaign 12", None),
        ("person 12, its booking", None),
        ("person", None),
        ("a person without an id", None),
    ],
)
def test_a_record_is_a_person_also_by_its_old_name(record: str, user_id: int | None) -> None:
    assert person_in(record) == user_id
