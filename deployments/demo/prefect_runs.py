"""Prefect's runs, as the demo follows them: a few calls over plain HTTP."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx

from models.errors import TruckrollError

PATIENCE_S = 45.0
_LATER = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE}
"""The server's own wish that the call be repeated: its SQLite was busy, or it is starting."""


class PrefectRuns:
    """A small client of one Prefect server."""

    def __init__(self, api_url: str) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=30, trust_env=False)

    def create(self, deployment: str, parameters: dict[str, Any] | None = None) -> str:
        """Create one run of "flow/deployment", however often the call is repeated. Returns its id."""
        found = self._send("GET", f"/deployments/name/{deployment}").json()
        body = {"parameters": parameters or {}, "idempotency_key": uuid.uuid4().hex}
        return str(self._send("POST", f"/deployments/{found['id']}/create_flow_run", body).json()["id"])

    def state(self, run_id: str) -> tuple[str, str]:
        """Return a run's state, as its type and its words."""
        state = self._send("GET", f"/flow_runs/{run_id}").json().get("state") or {}
        return str(state.get("type") or ""), f"{state.get('name') or ''} {state.get('message') or ''}".strip()

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                reply = self._http.request(method, path, json=body)
                if reply.status_code not in _LATER:
                    return reply.raise_for_status()
                problem: str = f"{reply.status_code}"
            except httpx.TransportError as error:
                problem = type(error).__name__
            except httpx.HTTPStatusError as error:
                raise TruckrollError(
                    f"Prefect's server refused {method} {path}: {error.response.text[:200]}"
                ) from error
            if time.monotonic() > until:
                raise TruckrollError(f"Prefect's server does not answer {method} {path}: {problem}.")
            time.sleep(0.5)
