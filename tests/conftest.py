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
