"""A sandbox to talk to: in this process, or as a real server on a real port."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from sandbox.app import MailPort, SandboxApp, create_app

TENANT = "/tenant/1234567"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Shop:
    """Both vendors and the people's side, through one HTTP client with living tokens."""

    http: httpx.AsyncClient
    app: SandboxApp
    titan_token: str = ""
    marcone_token: str = ""

    async def log_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        self.titan_token = (await self.http.post("/servicetitan/connect/token", data=form)).json()["access_token"]
        reply = await self.http.post(
            "/marcone/AccessToken",
            data={"grant_type": "client_credentials"},
            auth=("sandbox-marcone", "sandbox-marcone-secret"),
        )
        self.marcone_token = reply.json()["access_token"]

    async def st(self, method: str, base: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.titan_token}", "ST-App-Key": "sandbox-app-key"}
        url = f"/servicetitan/{base}/v2{TENANT}{path}"
        return await self.http.request(method, url, headers=headers | kwargs.pop("headers", {}), **kwargs)

    async def marcone(self, path: str, body: Any, method: str = "POST") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.marcone_token}"}
        return await self.http.request(method, f"/marcone{path}", headers=headers, json=body)

    async def people(self, path: str, body: Any = None, method: str = "POST") -> Any:
        reply = await self.http.request(method, f"/_sandbox{path}", json={} if body is None else body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def state(self) -> Any:
        return (await self.http.get("/_sandbox/state")).json()

    async def job(self, number: str = "48213") -> Any:
        return next(job for job in (await self.state())["servicetitan"]["jobs"] if job["jobNumber"] == number)

    async def order(self, **changes: Any) -> httpx.Response:
        return await self.marcone("/orders/purchaseorder", purchase(**changes))


def purchase(**changes: Any) -> dict[str, Any]:
    """A purchase order of one drain pump from Birmingham; `lines` and header fields may be replaced."""
    lines = changes.pop("lines", None) or [line()]
    body: dict[str, Any] = {
        "custNo": 100200,
        "poNumber": "JOB-48213-1",
        "shippingMethod": "FedEx Ground",
        "shipTo": {
            "name": "Marian Oakes",
            "address1": "412 Cahaba Trace",
            "address2": "",
            "city": "Birmingham",
            "state": "AL",
            "zip": "35209",
        },
        "purchaseOrderItems": lines,
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def line(number: str = "WPW10348269", make: str = "WPL", quantity: int = 1, warehouse: str = "601") -> dict[str, Any]:
    return {
        "make": make,
        "partNumber": number,
        "quantity": quantity,
        "reference": "48213",
        "warehouseNumber": warehouse,
    }


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    app = create_app("demo")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as http:
        shop = Shop(http, app)
        await shop.log_in()
        yield shop


@dataclass
class Server:
    """A sandbox served by uvicorn in a thread."""

    url: str
    smtp_port: int


@pytest.fixture
def server() -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as spare:
        smtp_port = spare.getsockname()[1]
    app = create_app("demo", MailPort("127.0.0.1", smtp_port))
    uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(
        target=lambda: asyncio.run(uvicorn_server.serve(sockets=[listener])), name="sandbox", daemon=True
    )
    thread.start()
    until = time.monotonic() + 10
    while not uvicorn_server.started:
        assert time.monotonic() < until, "the sandbox did not start"
        time.sleep(0.01)
    yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", smtp_port)
    uvicorn_server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
async def live(server: Server) -> AsyncIterator[Shop]:
    """The same conversation over a real socket."""
    async with httpx.AsyncClient(base_url=server.url, timeout=10) as http:
        shop = Shop(http, create_app("empty"))
        await shop.log_in()
        yield shop
