"""The few calls to Prefect's own API that people's answers need, over plain HTTP.

Prefect's client takes two seconds to import; approving a part on the command line should not. Rejections are
HTTP 200 with status REJECT or ABORT in the body (PREFECT.md 1.5), so the body is what counts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

_OK = 200
_CREATED = 201
_NOT_FOUND = 404
_CONFLICT = 409
_BUSY = 503


@dataclass(frozen=True)
class RunState:
    """What a flow run is doing."""

    type: str
    name: str
    since: datetime | None
    keyset: dict[str, str] | None
    """The keys of the form a suspended run waits for."""

    @property
    def is_suspended(self) -> bool:
        """Waiting for a person."""
        return self.type == "PAUSED"

    @property
    def is_over(self) -> bool:
        """Ended, in whatever way."""
        return self.type in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    @property
    def is_resuming(self) -> bool:
        """Answered, and waiting for a worker to take it up."""
        return self.type == "SCHEDULED" and self.name == "Resuming"


class _PatientTransport(httpx.AsyncHTTPTransport):
    """Repeats what Prefect's server was too busy for: on SQLite it answers 503 while its database is locked."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; on 503 wait a little and send again. Everything sent here may be repeated."""
        for pause_s in (0.2, 0.5, 1.0, 2.0):
            reply = await super().handle_async_request(request)
            if reply.status_code != _BUSY:
                return reply
            await reply.aclose()
            await asyncio.sleep(pause_s)
        return await super().handle_async_request(request)


class PrefectApi:
    """A small client of one Prefect server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def read_state(self, flow_run_id: str) -> RunState | None:
        """Return the run's state, or None when the server does not know the run."""
        reply = await self._http.get(f"/flow_runs/{flow_run_id}")
        if reply.status_code == _NOT_FOUND:
            return None
        state = reply.raise_for_status().json().get("state") or {}
        details = state.get("state_details") or {}
        since = state.get("timestamp")
        return RunState(
            type=state.get("type", ""),
            name=state.get("name", ""),
            since=datetime.fromisoformat(since) if since else None,
            keyset=details.get("run_input_keyset"),
        )

    async def resume(self, flow_run_id: str, run_input: dict[str, Any]) -> str:
        """Resume a suspended run. Returns "" when it was accepted, else the server's reason."""
        reply = await self._http.post(f"/flow_runs/{flow_run_id}/resume", json={"run_input": run_input})
        if reply.status_code not in {_OK, _CREATED}:
            return f"{reply.status_code}: {reply.text[:200]}"
        body = reply.json()
        if body.get("status") == "ACCEPT":
            return ""
        return str((body.get("details") or {}).get("reason") or body.get("status"))

    async def has_input(self, flow_run_id: str, key: str) -> bool:
        """Tell whether something is stored under the key for the run."""
        reply = await self._http.get(f"/flow_runs/{flow_run_id}/input/{key}")
        return reply.status_code == _OK

    async def store_input(self, flow_run_id: str, key: str, value: str) -> None:
        """Store text under the key for the run; something already there stays."""
        reply = await self._http.post(f"/flow_runs/{flow_run_id}/input", json={"key": key, "value": value})
        if reply.status_code != _CONFLICT:
            reply.raise_for_status()

    async def find_deployment(self, name: str) -> str | None:
        """Return the id of deployment "flow/deployment", or None."""
        reply = await self._http.get(f"/deployments/name/{name}")
        if reply.status_code == _NOT_FOUND:
            return None
        return str(reply.raise_for_status().json()["id"])

    async def start_run(
        self, deployment_id: str, *, name: str, parameters: dict[str, Any], idempotency_key: str, tags: list[str]
    ) -> str:
        """Create a run of a deployment; the same idempotency key gives the same run. Returns its id."""
        reply = await self._http.post(
            f"/deployments/{deployment_id}/create_flow_run",
            json={"name": name, "parameters": parameters, "idempotency_key": idempotency_key, "tags": tags},
        )
        return str(reply.raise_for_status().json()["id"])

    async def rename_run(self, flow_run_id: str, name: str, tags: list[str]) -> None:
        """Give the run a name and tags that say where it stands."""
        reply = await self._http.patch(f"/flow_runs/{flow_run_id}", json={"name": name, "tags": tags})
        reply.raise_for_status()


@asynccontextmanager
async def prefect_api() -> AsyncIterator[PrefectApi | None]:
    """Open the server of PREFECT_API_URL; None when there is none, or it does not answer."""
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        yield None
        return
    auth = os.environ.get("PREFECT_API_AUTH_STRING", "")
    basic = httpx.BasicAuth(*auth.split(":", 1)) if ":" in auth else None
    transport = _PatientTransport()
    async with httpx.AsyncClient(base_url=url.rstrip("/"), auth=basic, timeout=20, transport=transport) as http:
        try:
            (await http.get("/health")).raise_for_status()
        except httpx.HTTPError:
            yield None
        else:
            yield PrefectApi(http)
