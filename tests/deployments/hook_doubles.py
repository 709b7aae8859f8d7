"""What the receiver's tests share: Prefect's API as the starter uses it, waiting, and raw requests."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from deployments import children
from deployments.home import Home
from deployments.hooks.starter import Starter
from store import Books
from tasks.prefect_api import PrefectApi


@dataclass
class Prefect:
    """Prefect's API as far as the starter uses it."""

    started: list[dict[str, Any]] = field(default_factory=list)
    state: str = "COMPLETED"
    is_there: bool = True
    serves: bool = True
    hangs: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PrefectApi | None]:
        if self.hangs:
            await asyncio.sleep(60)
        if not self.is_there:
            yield None
            return
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(self._answer), base_url="http://prefect/api"
        ) as http:
            yield PrefectApi(http)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        if path.startswith("/deployments/name/"):
            process = path.split("/")[3]
            assert process in {"order-to-invoice", "booking-to-reward"}
            return httpx.Response(200, json={"id": path.rsplit("/", 1)[1]}) if self.serves else httpx.Response(404)
        if path.endswith("/create_flow_run"):
            self.started.append(json.loads(request.content))
            return httpx.Response(201, json={"id": f"run-{len(self.started)}"})
        assert path.startswith("/flow_runs/run-")
        return httpx.Response(200, json={"state": {"type": self.state, "name": self.state.title()}})


def a_starter(books: Books, prefect: Prefect, *, quiet_s: float = 0.05, again_s: float = 0.2) -> Starter:
    return Starter(books, prefect=prefect.open, quiet_s=quiet_s, again_s=again_s)


async def until(so: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not await so():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.02)


def bare(reply: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return reply.status_code, reply.content, dict(reply.headers)


async def post_raw(
    app: FastAPI,
    path: str,
    headers: list[tuple[bytes, bytes]],
    pieces: list[bytes],
    *,
    method: str = "POST",
    query: bytes = b"",
) -> int:
    """Speak ASGI, so that anything can be sent; return the status."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    answered: list[int] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "surrogatepass"), "query_string": query, "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 8720),
    }  # fmt: skip
    await app(scope, receive, send)
    return answered[0]


@asynccontextmanager
async def working(starter: Starter) -> AsyncIterator[None]:
    task = asyncio.create_task(starter.work())
    yield
    assert not task.done(), "the worker ended"
    task.cancel()


def have_started(prefect: Prefect, number: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return len(prefect.started) >= number

    return look


def start_receiver(home: Home, port: int, *shops: str) -> subprocess.Popen[bytes]:
    """Start a receiver as `truckroll up` does, and wait until it answers."""
    named = [part for shop in shops for part in ("--shop", shop)]
    command = [sys.executable, "-m", "deployments.hooks", "--port", str(port), *named]
    running = children.start(command, env={}, log=home.logs / "hooks.log")
    end = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
        except httpx.TransportError:
            assert time.monotonic() < end, children.tail(home.logs / "hooks.log")
            assert running.poll() is None, children.tail(home.logs / "hooks.log")
            time.sleep(0.1)
        else:
            return running
