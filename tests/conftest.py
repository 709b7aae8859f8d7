"""What every test may use. Prefect's own calls stay on this machine, and nothing is written to the home folder."""

from __future__ import annotations

import os
import tempfile

import pytest

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="truckroll-prefect-"))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_TO_API_BATCH_INTERVAL", "0.2")


@pytest.fixture
def anyio_backend() -> str:
    """Truckroll runs on asyncio."""
    return "asyncio"
