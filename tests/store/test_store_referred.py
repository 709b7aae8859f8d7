"""Referred people in the store: taken in once, changed while they wait, found by their booking and jobs, counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from store_stand_ins import Clock

from models.booking import FOLLOWED, FollowedJob, Funnel, ReferralStage
from models.referral import ReferralUser, UserKind
from models.tables import ReferredRow
from store import Books
from store.referred import jobs_of, person_of

LEAD, REFERRER = UserKind.LEAD, UserKind.REFERRER
BIG = 2**40
"""A number that is too large for 32 bits."""


def person(number: int, campaign: int = 1001, kind: UserKind = LEAD, **changes: Any) -> ReferralUser:
    told = {
        "id": number,
        "campaign_id": campaign,
        "code": f"Qr{number}",
        "url": f"https://acme.example.com/Qr{number}",
        "email": f"lead{number}@example.com",
        "first_name": "Lee",
        "kind": kind,
    }
    return ReferralUser.model_validate({**told, **changes})


async def take_in(books: Books, *people: ReferralUser, shop: str = "demo") -> int:
    return await books.referred.take_in(shop, [(one, one.email.casefold()) for one in people])


async def the_row(books: Books, number: int, shop: str = "demo") -> ReferredRow:
    row = await books.referred.get(shop, number)
    assert row is not None
    return row


async def due(books: Books, **more: Any) -> list[int]:
    return [row.user_id for row in await books.referred.due("demo", **more)]


async def test_a_person_is_taken_in_once(books: Books, clock: Clock) -> None:
    """RF-41: however often the list and the deliveries tell of them, and twice on one page."""
    assert await take_in(books, person(1), person(2), person(1)) == 2
    clock.forward(hours=1)
    assert await take_in(books, person(2), person(3)) == 1
    assert await due(books) == [1, 2, 3]
    row = await the_row(books, 2)
    assert (row.campaign_id, row.kind, row.email_key) == (1001, "person_invited", "lead2@example.com")
    assert (row.stage, row.why, row.booking, row.jobs, row.qualified_at, row.reward) == ("new", "", None, [], None, "")
    assert row.created_at == row.updated_at == clock.at - timedelta(hours=1)
    assert person_of(row) == person(2)


async def test_nobody_at_all_is_taken_in(books: Books) -> None:
    assert await take_in(books) == 0
    assert await due(books) == []


async def test_shops_do_not_share_people(books: Books) -> None:
    assert [await take_in(books, person(1)), await take_in(books, person(1), shop="other")] == [1, 1]
    await books.referred.update("demo", 1, stage=ReferralStage.HELD)
    assert (await the_row(books, 1)).stage == "held"
    assert (await the_row(books, 1, "other")).stage == "new"
    assert await books.referred.get("demo", 2) is None
    assert await books.referred.get("nobody", 1) is None


async def test_everybody_of_a_large_list_is_taken_in(books: Books) -> None:
    """RF-41: more than one statement takes."""
    people = [person(BIG + number) for number in range(1_100)]
    assert await take_in(books, *people) == 1_100
    assert await take_in(books, *people) == 0
    assert len(await books.referred.due("demo", limit=2_000)) == 1_100


@pytest.mark.parametrize("stage", ReferralStage)
async def test_who_waits_is_kept_as_the_program_tells_it_now(books: Books, clock: Clock, stage: ReferralStage) -> None:
    """RF-41, RF-53: what was mended there counts until there is a booking, and sets free whoever was held."""
    await take_in(books, person(1))
    await books.referred.update("demo", 1, stage=stage, why="x")
    clock.forward(hours=1)
    changed = person(1, email="Mended@example.com")
    assert await take_in(books, changed) == 0
    row = await the_row(books, 1)
    counts = stage in {ReferralStage.NEW, ReferralStage.HELD}
    assert (person_of(row) == changed) is counts
    assert row.email_key == ("mended@example.com" if counts else "lead1@example.com")
    assert row.stage == (ReferralStage.NEW if counts else stage)
    assert row.why == ("It was changed in Referral Factory." if stage is ReferralStage.HELD else "x")
    assert row.updated_at == (clock.at if counts else clock.at - timedelta(hours=1))


@pytest.mark.parametrize("stage", [ReferralStage.NEW, ReferralStage.HELD])
async def test_the_same_again_changes_nothing(books: Books, clock: Clock, stage: ReferralStage) -> None:
    """RF-41: who is held waits for a person, and not for the next reading."""
    await take_in(books, person(1))
    before = await books.referred.update("demo", 1, stage=stage, why="x")
    clock.forward(hours=1)
    await take_in(books, person(1))
    row = await the_row(books, 1)
    assert (row.stage, row.why, row.updated_at) == (stage, "x", before.updated_at)


async def test_people_are_booked_in_the_order_they_signed_up_page_by_page(books: Books) -> None:
    await take_in(books, person(3), person(1), person(2), person(4))
    await books.referred.update("demo", 2, stage=ReferralStage.BOOKED, booking=9)
    assert await due(books, limit=2) == [1, 3]
    assert await due(books, after=3, limit=2) == [4]


async def test_a_column_that_is_none_or_fixed_is_refused(books: Books) -> None:
    await take_in(books, person(1))
    for name in ("shop", "user_id", "campaign_id", "created_at", "bookings"):
        with pytest.raises(TypeError, match=name):
            await books.referred.update("demo", 1, **{name: "x"})


async def test_jobs_are_kept_as_they_were_seen(books: Books, clock: Clock) -> None:
    """RF-42, RF-43: with every status, over a restart."""
    await take_in(books, person(1))
    seen = FollowedJob(id=BIG, number="48213", status="Hold", was=("Completed", "Hold"), seen_of=clock.at)
    await books.referred.update("demo", 1, jobs=[seen.model_dump(mode="json")], job=BIG, booking=BIG + 1)
    row = await the_row(books, 1)
    assert jobs_of(row) == (seen,)
    assert (row.job, row.booking) == (BIG, BIG + 1)


async def test_people_are_found_by_booking_or_job_and_never_by_email(books: Books) -> None:
    """RF-D4: only bookings that we made; one who is found by both comes once."""
    await take_in(books, *(person(number) for number in range(1, 5)))
    await take_in(books, person(1), shop="other")
    await books.referred.update("demo", 1, booking=501, job=901)
    await books.referred.update("demo", 2, booking=502)
    await books.referred.update("demo", 3, booking=503, job=903)
    await books.referred.update("other", 1, booking=501, job=901)

    async def found(**records: Any) -> list[int]:
        return [row.user_id for row in await books.referred.of_records("demo", **records)]

    assert await found() == []
    assert await found(bookings=[503, 501, 501, 999]) == [1, 3]
    assert await found(jobs=[903, 999]) == [3]
    assert await found(bookings=[501, 502], jobs=[901, 903]) == [1, 2, 3]
    assert await found(bookings=range(1_200), jobs=range(1_200)) == [1, 2, 3], "more than one statement takes"
    assert await found(bookings=[901], jobs=[501]) == []


async def test_the_followed_are_those_with_a_booking_that_is_open(books: Books, clock: Clock) -> None:
    """RF-42: dismissed ones too; qualified, deleted and left-out ones cost no look."""
    assert await books.referred.oldest_followed("demo") is None
    for number, stage in enumerate(ReferralStage, 1):
        await take_in(books, person(number))
        await books.referred.update("demo", number, stage=stage, booking=500 + number)
        clock.forward(hours=1)
    await take_in(books, person(50))
    await books.referred.update("demo", 50, stage=ReferralStage.BOOKED)  # no booking: killed before it was noted
    stages = [row.stage for row in await books.referred.followed("demo")]
    assert stages == [stage.value for stage in FOLLOWED]
    first = (await books.referred.followed("demo", limit=1))[0]
    assert await books.referred.oldest_followed("demo") == first.created_at
    assert [row.stage for row in await books.referred.followed("demo", after=first.user_id)] == stages[1:]
    assert await books.referred.oldest_followed("other") is None


async def test_who_is_to_be_qualified_and_who_was(books: Books, clock: Clock) -> None:
    """RF-44, RF-D6: once, by what was decided; who is gone is not asked for again."""
    await take_in(books, *(person(number) for number in range(1, 7)))
    for number, stage in ((1, "job"), (2, "job"), (3, "gone"), (4, "booked"), (5, "qualified"), (6, "dismissed")):
        await books.referred.update("demo", number, stage=stage, qualified_by="" if number == 2 else "job 48213")
    await books.referred.update("demo", 5, qualified_at=clock.at)
    assert [row.user_id for row in await books.referred.to_qualify("demo")] == [1, 4, 6]
    assert [row.user_id for row in await books.referred.to_qualify("demo", after=1, limit=1)] == [4]
    assert [row.user_id for row in await books.referred.qualified("demo")] == [5]
    assert await books.referred.qualified("demo", after=5) == []


async def test_rewards_are_read_as_long_as_one_is_not_issued(books: Books, clock: Clock) -> None:
    """RF-45."""
    await take_in(books, person(1), person(2))
    assert await books.referred.has_reward_open("demo") is False, "nobody is qualified"
    await books.referred.update("demo", 1, qualified_at=clock.at)
    assert await books.referred.has_reward_open("demo") is True
    await books.referred.update("demo", 1, reward="due")
    assert await books.referred.has_reward_open("demo") is True
    await books.referred.update("demo", 1, reward="issued")
    assert await books.referred.has_reward_open("demo") is False


@pytest.mark.parametrize(
    ("number", "campaign", "stage", "booking", "is_rival"),
    [
        pytest.param(1, 1002, ReferralStage.NEW, None, True, id="an earlier sign-up that is to be booked"),
        pytest.param(9, 1002, ReferralStage.NEW, None, False, id="a later one waits for this one"),
        pytest.param(1, 1001, ReferralStage.NEW, None, False, id="not of another campaign"),
        pytest.param(1, 1002, ReferralStage.HELD, None, False, id="one that is held makes no claim"),
        pytest.param(1, 1002, ReferralStage.IGNORED, None, False, id="nor one that is left out"),
        pytest.param(1, 1002, ReferralStage.GONE, None, False, id="nor one that is gone"),
        pytest.param(1, 1002, ReferralStage.BOOKED, 501, True, id="one that is booked"),
        pytest.param(9, 1002, ReferralStage.BOOKED, 501, True, id="also when it signed up later"),
        pytest.param(9, 1002, ReferralStage.DISMISSED, 501, True, id="a dismissed booking may come back"),
        pytest.param(9, 1002, ReferralStage.GONE, 501, True, id="a booking stays though the person is gone"),
        pytest.param(9, 1002, ReferralStage.QUALIFIED, 501, True, id="one that was won"),
    ],
)
async def test_two_campaigns_do_not_both_book_one_email(
    books: Books, number: int, campaign: int, stage: ReferralStage, booking: int | None, *, is_rival: bool
) -> None:
    """RF-41, RF-46: one of them is asked about, and it is always the same one."""
    email = "lee@example.com"
    await take_in(books, person(5, email=email), person(number, campaign, email=email), person(2, 1003))
    await take_in(books, person(3, 1002, email=email), shop="other")
    await books.referred.update("demo", number, stage=stage, booking=booking)
    rival = await books.referred.rival(await the_row(books, 5))
    assert (rival and rival.user_id) == (number if is_rival else None)


async def test_an_external_id_is_one_persons(books: Books) -> None:
    """RF-41, RF-D4: a booking under it would be taken for another person's."""
    await take_in(books, person(1), person(2), person(3, 1002))
    await take_in(books, person(9), shop="other")
    await books.referred.update("demo", 3, external_id="Ref-1", stage=ReferralStage.QUALIFIED)
    await books.referred.update("other", 9, external_id="Ref-2")

    async def other(number: int, external_id: str) -> int | None:
        row = await the_row(books, number)
        found = await books.store.run(lambda session: books.referred.with_external_id_in(session, row, external_id))
        return found.user_id if found else None

    assert await other(1, "Ref-1") == 3
    assert await other(3, "Ref-1") is None, "its own"
    assert await other(1, "Ref-2") is None, "another shop's"
    assert await other(1, "ref-1") is None


async def test_who_is_held_is_found_in_the_callers_transaction(books: Books) -> None:
    await take_in(books, person(1), person(2))
    await books.referred.update("demo", 2, stage=ReferralStage.HELD)

    async def held(number: int) -> bool:
        return await books.store.run(lambda session: books.referred.held_in(session, "demo", number) is not None)

    assert [await held(number) for number in (1, 2, 3)] == [False, True, False]


async def test_people_are_shown_by_campaign_page_by_page_or_the_newest_first(books: Books) -> None:
    await take_in(books, *(person(number, 1001 + number % 2) for number in range(1, 7)))

    async def page(**more: Any) -> list[int]:
        return [row.user_id for row in await books.referred.page("demo", **more)]

    assert await page() == [1, 2, 3, 4, 5, 6]
    assert await page(campaign_id=1001, limit=2) == [2, 4]
    assert await page(campaign_id=1001, after=4) == [6]
    assert await page(newest=True, limit=3) == [6, 5, 4]
    assert await page(campaign_id=1002, newest=True, limit=2) == [5, 3]


async def test_a_funnel_counts_each_step_a_person_has_reached(books: Books, clock: Clock) -> None:
    """RF-42, RF-44, RF-45: by campaign, and leads apart from referrers."""
    assert await books.referred.funnels("demo") == ()
    await take_in(books, *(person(number) for number in range(1, 10)))
    await take_in(books, person(20, kind=REFERRER), person(21, kind=REFERRER), person(30, 1002))
    await take_in(books, person(1), shop="other")
    changes: dict[int, dict[str, Any]] = {
        2: {"stage": "held"},
        3: {"stage": "ignored"},
        4: {"stage": "booked", "booking": 504},
        5: {"stage": "dismissed", "booking": 505},
        6: {"stage": "job", "booking": 506, "job": 906},
        7: {"stage": "qualified", "booking": 507, "job": 907, "qualified_at": clock.at, "reward": "due"},
        8: {"stage": "qualified", "booking": 508, "job": 908, "qualified_at": clock.at, "reward": "issued"},
        9: {"stage": "gone"},
        20: {"stage": "job", "booking": 520, "job": 920},
    }
    for number, change in changes.items():
        await books.referred.update("demo", number, **change)
    leads = Funnel(1001, LEAD.value, signed_up=9, booked=5, jobs=3, qualified=2, rewards_due=1, rewards_issued=1,
                   held=1, ignored=1, dismissed=1)  # fmt: skip
    referrers = Funnel(1001, REFERRER.value, signed_up=2, booked=1, jobs=1)
    assert await books.referred.funnels("demo") == (leads, referrers, Funnel(1002, LEAD.value, signed_up=1))
    assert await books.referred.funnels("other") == (Funnel(1001, LEAD.value, signed_up=1),)
