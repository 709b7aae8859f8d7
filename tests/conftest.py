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


TOGETHER = {
    "tests/flows/": "prefect",  # each worker would start a Prefect server of its own
    "tests/deployments/": "ports",  # two processes that look for a free port at once may find the same
}
"""Tests that stay with one worker when several share the tests."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together: see `TOGETHER`."""
    for item in items:
        for folder, group in TOGETHER.items():
            if folder in item.nodeid:
                item.add_marker(pytest.mark.xdist_group(group))
