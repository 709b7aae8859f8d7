"""How far the people of a campaign came, as people and as tables read it: without a name or an e-mail."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from decisions.funnel import in_words, standing_of
from models.booking import FollowedJob, Funnel, ReferralStage
from models.referral import UserKind
from models.tables import ReferredRow

LEADS = Funnel(1001, UserKind.LEAD, signed_up=12, booked=11, jobs=7, qualified=5, rewards_due=2, rewards_issued=3)
REFERRERS = Funnel(1001, UserKind.REFERRER, signed_up=4, booked=3, jobs=1)


@pytest.mark.parametrize(
    ("funnel", "words"),
    [
        pytest.param(LEADS, "leads: 12 signed up, 11 booked, 7 became jobs, 5 qualified, 2 rewards due, 3 issued",
                     id="leads"),
        pytest.param(Funnel(1001, UserKind.LEAD, signed_up=1, booked=1, jobs=1, qualified=1, rewards_due=1),
                     "leads: 1 signed up, 1 booked, 1 became a job, 1 qualified, 1 reward due, 0 issued", id="one"),
        pytest.param(REFERRERS, "referrers: 4 signed up, 3 booked, 1 became a job", id="referrers qualify nobody"),
        pytest.param(Funnel(1001, UserKind.LEAD), "leads: 0 signed up, 0 booked, 0 became jobs, 0 qualified, "
                     "0 rewards due, 0 issued", id="nobody"),
        pytest.param(Funnel(1001, UserKind.REFERRER, signed_up=9, booked=4, dismissed=1, held=2, ignored=3),
                     "referrers: 9 signed up, 4 booked, 0 became jobs, 1 dismissed, 2 held, 3 left out",
                     id="who stands aside is told where there is anybody"),
    ],
)  # fmt: skip
def test_a_funnel_in_words(funnel: Funnel, words: str) -> None:
    """RF-42, RF-44, RF-45: each step, and who fell out of it."""
    assert in_words(funnel) == words


def test_every_number_of_a_funnel_is_told() -> None:
    numbers = [one.name for one in fields(Funnel) if one.name not in {"campaign_id", "kind"}]
    full = Funnel(1001, UserKind.LEAD, **{name: 100 + at for at, name in enumerate(numbers)})
    assert [number for number in range(100, 100 + len(numbers)) if str(number) not in in_words(full)] == []


def a_row(**changes: Any) -> ReferredRow:
    told = {
        "shop": "demo",
        "user_id": 8,
        "campaign_id": 1001,
        "kind": UserKind.LEAD.value,
        "email_key": "lee@example.com",
        "person": {"first_name": "Lee", "email": "lee@example.com"},
        "stage": ReferralStage.NEW.value,
        "why": "",
        "jobs": [],
        **changes,
    }
    return ReferredRow(**told)


def test_a_person_who_is_new() -> None:
    """RF-41: by the program's id."""
    assert standing_of(a_row(kind=UserKind.REFERRER.value)) == {
        "person": 8,
        "kind": "referrer",
        "stage": "new",
        "booking": "",
        "booking status": "",
        "job": "",
        "job status": "",
        "qualified": "",
        "reward": "",
        "why": "",
    }


def test_a_lead_that_came_all_the_way() -> None:
    """RF-42, RF-43, RF-44, RF-45: booking, jobs, their statuses, the day it was qualified, and the reward."""
    jobs = [FollowedJob(id=1, number="48213", status="Completed"), FollowedJob(id=2, status="Hold")]
    shown = standing_of(
        a_row(
            stage=ReferralStage.QUALIFIED.value,
            booking=501,
            booking_status="Converted",
            jobs=[one.model_dump(mode="json") for one in jobs],
            qualified_at=datetime(2026, 9, 1, 23, 30, tzinfo=UTC),
            reward="due",
        )
    )
    assert shown == {
        "person": 8,
        "kind": "lead",
        "stage": "qualified",
        "booking": 501,
        "booking status": "Converted",
        "job": "48213, 2",
        "job status": "Completed, Hold",
        "qualified": "2026-09-01",
        "reward": "due",
        "why": "",
    }
    assert not any("Lee" in str(value) or "@" in str(value) for value in shown.values())
