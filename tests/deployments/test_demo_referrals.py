"""The demo's end of the referrals, checked: a right end passes, and each wrong one fails by name."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployments.demo.play import Play
from deployments.demo.referrals import REFERRER, Referring


def user(number: int, name: str, email: str, *, qualified: bool = False) -> dict[str, Any]:
    return {
        "id": number,
        "campaign_id": 1001,
        "first_name": name,
        "email": email,
        "url": f"https://example.com/{number}",
        "qualified_at": "2026-11-24" if qualified else None,
    }


def right_end() -> dict[str, Any]:
    return {
        "referral_factory": {
            "users": [
                user(1, "Harriet", "Harriet.Colvin@example.com"),
                user(2, "Walt", "walt.brandt@example.com"),
                user(3, "Lena", "lena.marsh@example.com", qualified=True),
                user(4, "Otis", "otis.feld@example.com"),
            ],
            "due_rewards": [{"id": 9, "recipient_id": 1}],
        },
        "servicetitan": {"bookings": [{"id": 71, "name": "Lena Marsh"}, {"id": 72, "name": "Otis Feld"}]},
        "mailbox": [{"campaign_id": 1001, "to": [REFERRER]}, {"campaign_id": 1001, "to": ["lena.marsh@example.com"]}],
    }


def wrong(state: dict[str, Any]) -> list[str]:
    referring = Referring(cast("Play", None), leads={"Lena": 3, "Otis": 4})
    return [check.what for check in referring.checks(state) if not check.ok]


def test_a_right_end_passes() -> None:
    """RF-31, RF-41, RF-44, RF-45: links without mails, a booking each, one qualified, one reward due."""
    assert wrong(right_end()) == []


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        pytest.param(
            lambda state: state["referral_factory"]["users"][1].update(url=""),
            "every synced customer has a link",
            id="a customer without a link",
        ),
        pytest.param(
            lambda state: state["mailbox"].append({"campaign_id": 1001, "to": ["walt.brandt@example.com"]}),
            "no mail to a synced customer",
            id="a synced customer was written to",
        ),
        pytest.param(
            lambda state: state["servicetitan"]["bookings"].append({"id": 73, "name": "Lena Marsh"}),
            "one booking for each friend",
            id="booked twice",
        ),
        pytest.param(
            lambda state: state["referral_factory"]["users"][3].update(qualified_at="2026-11-24"),
            "only the friend whose job was done is qualified",
            id="the dismissed one is qualified",
        ),
        pytest.param(
            lambda state: state["referral_factory"]["due_rewards"].clear(),
            "one reward is due, to who referred",
            id="no reward",
        ),
    ],
)
def test_a_wrong_end_is_told(spoil: Any, what: str) -> None:
    """Each thing that could go wrong fails the one check that names it."""
    state = right_end()
    spoil(state)
    assert wrong(state) == [what]
