"""Following bookings against the sandbox: what a reading costs when much changed at once, and nothing since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.base import utc_now
from models.booking import ReferralStage
from models.referral import ReferralUser, UserKind
from tasks import referral_follow
from tests.flows.referral_run import PROVIDER, Program, a_campaign, referral_shop
from tests.tasks.conftest import Counter

MANY = 450
"""Three pages of ServiceTitan's."""

LEAD = ReferralUser(
    id=90002, campaign_id=1001, code="ABCDEFGH", url="https://x.example.com/ABCDEFGH", email="lee@example.com",
    kind=UserKind.LEAD, referrer_id=90001,
)  # fmt: skip


async def books_a_lead(counter: Counter) -> int:
    """Let somebody be booked, and many bookings of the same provider change after it; returns the booking."""
    counter.use(referral_shop(a_campaign()))
    await counter.books.referred.take_in("demo", [(LEAD, LEAD.email)])
    made = await counter.tell("/servicetitan/bookings", provider=PROVIDER, external_ids=[LEAD.code], email=LEAD.email)
    [booking] = made["booking_ids"]
    await counter.books.referred.update(
        "demo", LEAD.id, stage=ReferralStage.BOOKED, booking=booking, booking_status="New", external_id=LEAD.code
    )
    await counter.tell("/servicetitan/bookings", provider=PROVIDER, count=MANY)
    await counter.calls()
    return int(booking)


async def pages(counter: Counter) -> int:
    """Follow the bookings; return how many pages that took."""
    await counter.calls()
    await referral_follow.follow_bookings.fn("demo")
    return len(await counter.calls())


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr(referral_follow, "utc_now", lambda: utc_now() + by)


async def test_many_changes_at_once_are_not_read_again_for_ever(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-42: read again while something may still come to light, once more after that, and then no more."""
    booking = await books_a_lead(counter)
    assert [await pages(counter) for _ in range(3)] == [3, 3, 3]
    later(monkeypatch, referral_follow.OVERLAP + timedelta(seconds=1))
    assert [await pages(counter) for _ in range(3)] == [3, 1, 1]
    await Program(counter).convert(booking)
    await pages(counter)
    row = await counter.books.referred.get("demo", LEAD.id)
    assert row is not None
    assert (row.stage, row.booking_status, len(row.jobs)) == ("job", "Converted", 1)


async def test_a_change_moves_the_mark_and_what_is_before_it_is_read_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-42: after a change the overlap counts anew: what is shown late is before the new mark, too."""
    booking = await books_a_lead(counter)
    await pages(counter)
    later(monkeypatch, referral_follow.OVERLAP + timedelta(seconds=1))
    assert [await pages(counter) for _ in range(2)] == [3, 1]
    await counter.tell(f"/servicetitan/bookings/{booking}/accept")
    await pages(counter)
    assert [await pages(counter) for _ in range(2)] == [3, 3]


async def test_a_booking_that_is_read_again_costs_no_look_at_the_books(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-42: only what our books do not have is looked at."""
    booking = await books_a_lead(counter)
    looked: list[int] = []
    keep = referral_follow.keep_booking

    async def noting(house: object, user_id: int, shown: object) -> None:
        looked.append(user_id)
        await keep(house, user_id, shown)  # type: ignore[arg-type]

    monkeypatch.setattr(referral_follow, "keep_booking", noting)
    await pages(counter)
    assert looked == []
    await counter.tell(f"/servicetitan/bookings/{booking}/dismiss")
    await pages(counter)
    await pages(counter)
    assert looked == [LEAD.id]
