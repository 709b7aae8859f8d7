"""Flows under Prefect's own test harness, with the vendors in memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import settings
from prefect.testing.utilities import prefect_test_harness

from models.shop import Shop, parse_shop
from store import Books
from tasks import house as house_module
from tasks.house import House
from tests.flows.fakes import FakeJobs, FakeMarcone, a_candidate, a_job

QUIET = {
    settings.PREFECT_LOGGING_TO_API_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_FOREMAN_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED: False,
    settings.PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
}
"""The harness's server keeps its tables in SQLite, where writers wait for each other: what no test looks at is off."""


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    with (
        pytest.MonkeyPatch.context() as patch,
        settings.temporary_settings(QUIET),
        prefect_test_harness(server_startup_timeout=120),
    ):
        # Prefect opens a client a step, and each would read the certificates anew: a sixth of the time.
        patch.setattr("httpx._transports.default.create_ssl_context", functools.cache(httpx.create_ssl_context))
        yield


def shop_settings(**parts: Any) -> Shop:
    return parse_shop(
        {
            "name": "demo",
            "timezone": "America/Chicago",
            "marcone": {
                "api_url": "http://127.0.0.1:9/marcone",
                "client_id": "${MARCONE_CLIENT_ID}",
                "client_secret": "${MARCONE_CLIENT_SECRET}",
                "customer_number": 100200,
            },
            "parts": parts,
        },
        "demo.toml",
    )


@dataclass
class World:
    """The house with its vendors in memory."""

    house: House
    jobs: FakeJobs
    marcone: FakeMarcone
    letters: list[tuple[tuple[str, ...], str, str]]

    @property
    def books(self) -> Books:
        return self.house.books


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give an open shop whose Marcone sells one drain pump."""
    books = Books.open(f"sqlite:///{tmp_path / 'truckroll.db'}", settle_s=0)
    jobs = FakeJobs(jobs={"48213": a_job()})
    marcone = FakeMarcone(parts={"WPW10348269": (a_candidate(),)})
    letters: list[tuple[tuple[str, ...], str, str]] = []
    made = World(House(shop_settings(), books, jobs, marcone), jobs, marcone, letters)

    async def build(*_: object) -> House:
        return made.house

    async def send(addresses: list[str], *, title: str, body: str) -> None:
        letters.append((tuple(addresses), title, body))

    monkeypatch.setattr(house_module, "_build", build)
    monkeypatch.setattr(house_module, "read_settings", lambda name: made.house.shop)
    monkeypatch.setattr("tasks.telling.send_message", send)
    yield made
    books.close()
