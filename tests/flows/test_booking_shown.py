"""The table of a campaign's people in Prefect: made when it is news, and once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows import booking_to_reward as flow
from models.base import utc_now
from tests.flows.referral_run import Program, a_campaign, referral_shop, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]


async def test_the_table_is_made_anew_when_something_changed(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """RF-4: who is where stands in Prefect; a pass in which nothing changed adds no table of 500 lines to it."""
    counter.use(referral_shop(a_campaign()))
    tables: list[list[dict[str, str]]] = []

    async def keep(*, key: str, table: list[dict[str, str]], description: str) -> None:
        assert key.startswith("booking-to-reward-demo")
        assert "Campaign 1001; leads: 1 signed up" in description
        tables.append(table)

    monkeypatch.setattr(flow, "acreate_table_artifact", keep)
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    assert await tables_after_a_pass(tables) == 1
    assert await tables_after_a_pass(tables) == 0
    await program.job_of(lead)
    assert await tables_after_a_pass(tables) == 1
    assert [line["stage"] for line in tables[-1]] == ["job"]
    monkeypatch.setattr(flow, "utc_now", lambda: utc_now() + timedelta(days=1))
    assert [await tables_after_a_pass(tables) for _ in range(2)] == [1, 0]


async def tables_after_a_pass(tables: list[Any]) -> int:
    before = len(tables)
    await run()
    return len(tables) - before
