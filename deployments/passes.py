"""The last pass of every process, read from Prefect's server over plain HTTP: its own client is slow to import."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from deployments.processes import PROCESSES
from deployments.server import Server


@dataclass(frozen=True)
class Pass:
    """How a process last ran for a shop."""

    process: str
    state: str
    words: str
    at: datetime | None
    flow_run_id: str


async def last_passes(server: Server, shop: str) -> list[Pass]:
    """Return the newest begun run of each scheduled process. Empty when the server does not say."""
    secret = os.environ.get("PREFECT_API_AUTH_STRING", "")
    auth = httpx.BasicAuth(*secret.split(":", 1)) if ":" in secret else None
    async with httpx.AsyncClient(base_url=server.api_url, auth=auth, timeout=10, trust_env=False) as http:
        try:
            found = await asyncio.gather(*(_last(http, shop, process.name) for process in PROCESSES if process.cron))
        except httpx.HTTPError:
            return []
    return [one for one in found if one is not None]


async def _last(http: httpx.AsyncClient, shop: str, process: str) -> Pass | None:
    reply = await http.post(
        "/flow_runs/filter",
        json={
            "sort": "START_TIME_DESC",
            "limit": 1,
            "flow_runs": {
                "tags": {"all_": [f"shop:{shop}", f"process:{process}"]},
                "start_time": {"is_null_": False},
                # Passes left out because one still ran tell nothing.
                "state": {"type": {"not_any_": ["CANCELLED"]}},
                "parent_task_run_id": {"is_null_": True},
            },
        },
    )
    runs: list[dict[str, Any]] = reply.raise_for_status().json()
    if not runs:
        return None
    run = runs[0]
    state = run.get("state") or {}
    at = run.get("start_time")
    return Pass(
        process=process,
        state=str(state.get("name") or ""),
        words=str(state.get("message") or ""),
        at=datetime.fromisoformat(at) if at else None,
        flow_run_id=str(run["id"]),
    )
