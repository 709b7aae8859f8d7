"""The settings pass: every name found or held, released by itself, and shown as a table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.running import run_process
from flows.settings_refresh import settings_refresh
from models.errors import TransientError
from models.report import RunReport
from tasks import tenant_lists
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

CAMPAIGN = "contractor_commerce.products.campaign"


async def refresh() -> tuple[str, RunReport]:
    state = await settings_refresh("demo", return_state=True)
    report = await state.aresult(raise_on_failure=False)
    assert isinstance(report, RunReport)
    return state.name or "", report


def outcomes(report: RunReport) -> dict[str, str]:
    return {item.id: item.outcome for item in report.items}


async def held(counter: Counter) -> list[str]:
    return [row.record for row in await counter.books.held.list("demo", process="settings")]


async def table() -> list[dict[str, Any]]:
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["settings-refresh-demo"]))
        artifacts = await client.read_artifacts(artifact_filter=wanted)
    newest = max(artifacts, key=lambda one: str(one.created))
    assert isinstance(newest.data, str)
    rows: list[dict[str, Any]] = json.loads(newest.data)
    return rows


async def test_every_chosen_setting_is_one_row_of_the_pass(counter: Counter) -> None:
    """OI-22, OI-51."""
    name, report = await refresh()
    assert name == "Completed"
    assert set(outcomes(report).values()) == {"found"}
    assert {CAMPAIGN, "contractor_commerce.services.technician", "contractor_commerce.payment_type"} <= set(
        outcomes(report)
    )
    assert await held(counter) == []
    shown = {row["record"]: row for row in await table()}
    assert shown[CAMPAIGN]["why"] == "Contractor Commerce (id 1202)"


async def test_a_missing_setting_is_held_and_released_once_it_is_back(counter: Counter) -> None:
    """OI-25, OI-70: with the reason and the fix."""
    await refresh()
    await counter.tell("/servicetitan/settings", kind="campaign", name="Contractor Commerce", active=False)
    for _ in range(2):
        _, report = await refresh()
        assert outcomes(report)[CAMPAIGN] == "held"
    assert report.counts()["failed"] == 0
    row = await counter.books.held.find("demo", "settings", CAMPAIGN)
    assert row is not None
    assert "is switched off" in row.reason
    assert "Switch it on again" in row.fix
    await counter.tell("/servicetitan/settings", kind="campaign", name="Contractor Commerce", active=True)
    await refresh()
    assert await held(counter) == []


async def test_what_is_no_longer_asked_for_is_off_the_list(counter: Counter) -> None:
    """OI-20, OI-50: a kind that was switched off needs nothing."""
    counter.use(a_shop(products={"campaign": "Nowhere"}, services={"job_type": "Nothing"}))
    await refresh()
    assert await held(counter) == [CAMPAIGN, "contractor_commerce.services.job_type"]
    counter.use(a_shop(products={"campaign": "Nowhere", "enabled": False}))
    await refresh()
    assert await held(counter) == []


async def test_a_tenant_that_is_away_is_told_and_changes_nothing(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OI-25: what was held stays held."""
    counter.use(a_shop(products={"campaign": "Nowhere"}))
    await refresh()

    async def away(*_: object) -> None:
        raise TransientError("ServiceTitan does not answer.", "It is tried again.", "ServiceTitan")

    monkeypatch.setattr(tenant_lists, "read_lists", away)
    monkeypatch.setattr(tenant_lists.read_choices, "retries", 0)
    name, report = await refresh()
    assert (name, outcomes(report)) == ("Failed", {"ServiceTitan": "failed"})
    assert await held(counter) == [CAMPAIGN]


async def test_a_shop_without_a_store_has_nothing_to_look_up(counter: Counter) -> None:
    """OI-1."""
    counter.use(counter.house.shop.model_copy(update={"contractor_commerce": None}))
    report = await run_process("settings-refresh", "demo")
    assert outcomes(report) == {"contractor_commerce": "skipped"}
