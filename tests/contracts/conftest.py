"""The connectors with every vendor call recorded and answered from memory."""

from __future__ import annotations

from tests.connectors.conftest import (  # noqa: F401  the same clients and vendors
    _no_backoff,
    _secrets,
    anyio_backend,
    cc_settings,
    marcone,
    marcone_settings,
    pauses,
    rf,
    rf_settings,
    st,
    st_settings,
    store,
    vendors,
)
