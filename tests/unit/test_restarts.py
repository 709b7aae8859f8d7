"""How soon a run that ended is followed by another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from decisions.restarts import next_restart, restarts_in_vain

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("history", "after_minutes"),
    [
        pytest.param([], None, id="the first one: at once"),
        pytest.param(["failed", "found"], None, id="its own run failed: at once"),
        pytest.param(["restarted", "found"], 5, id="one in vain: 5 minutes"),
        pytest.param(["failed", "restarted", "failed", "restarted", "found"], 15, id="two in vain: 15 minutes"),
        pytest.param(["restarted"] * 3, 60, id="three in vain: an hour"),
        pytest.param(["restarted"] * 40, 60, id="and then every hour"),
        pytest.param(["restarted", "approved", "restarted", "restarted"], 5, id="a step forward begins anew"),
        pytest.param(["retried", "restarted", "restarted"], None, id="a person tried again: at once"),
        pytest.param(["restarted", "awaiting approval", "restarted"], 15, id="the same stage once more is no step"),
    ],
)
def test_restarts_become_rarer_while_nothing_moves(history: list[str], after_minutes: int | None) -> None:
    """PL-59: a run that keeps failing neither floods the vendors and the page, nor is it forgotten."""
    newest = NOON
    told = [(event, newest - timedelta(minutes=place)) for place, event in enumerate(history)]
    restarts = restarts_in_vain(told, "awaiting approval")
    expected = None if after_minutes is None else restarts[0] + timedelta(minutes=after_minutes)
    assert next_restart(restarts) == expected
