"""What every test may use. Nothing is written to the home folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine

from store import migrations, session

# A busy machine is no failure: how long an example takes is measured in benchmarks/, not here.
settings.register_profile("truckroll", deadline=None)
settings.load_profile("truckroll")

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="truckroll-prefect-"))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


@pytest.fixture(scope="session", autouse=True)
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin each new SQLite file as a copy of one that went through every migration: a tenth of a second, 2,000 times.

    What a file that is there already needs, and other databases, goes the long way.
    """
    migrated = tmp_path_factory.mktemp("tables") / "migrated.db"

    def bring_up_to_date(engine: Engine) -> None:
        new = engine.url.database
        if engine.dialect.name == "sqlite" and new and not Path(new).exists():
            shutil.copyfile(migrated, new)
        migrations.bring_up_to_date(engine)

    migrated_engine = create_engine(f"sqlite:///{migrated}")
    migrations.bring_up_to_date(migrated_engine)
    migrated_engine.dispose()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "bring_up_to_date", bring_up_to_date)
        yield


@pytest.fixture
def anyio_backend() -> str:
    """Truckroll runs on asyncio."""
    return "asyncio"


ONE_PREFECT = (
    "sample",
    "settings",
    "order_passes",
    "order_to_invoice",
    "contact_sync",
    "memberships",
    "booking_making",
    "booking_season",
)
"""Words in the names of the flows' tests that go to one worker; the others go to another, with its own Prefect server."""


def _group(test: str) -> str:
    """Return the tests that this one stays with when several workers share them; empty: none."""
    if "tests/flows/" in test:
        return "prefect-1" if any(f"test_{word}" in test for word in ONE_PREFECT) else "prefect-2"
    # They start processes of the whole application: on two cores one at a time.
    return "processes" if "tests/deployments/" in test else ""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a server or ports."""
    for item in items:
        if group := _group(item.nodeid):
            item.add_marker(pytest.mark.xdist_group(group))
