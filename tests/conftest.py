"""What every test may use. Nothing is written to the home folder."""

from __future__ import annotations

import os
import tempfile

import pytest

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="truckroll-prefect-"))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


@pytest.fixture
def anyio_backend() -> str:
    """Truckroll runs on asyncio."""
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the flows' tests together when several workers share the tests: each worker would start a Prefect server."""
    for item in items:
        if "tests/flows/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("prefect"))
