"""The edge of the vendors: every request is written down here, and faults strike here, also on the bare connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.clock import as_wire
from sandbox.errors import RefusedError, Wording
from sandbox.faults import Fault, FaultBody
from sandbox.journal import Entry
from sandbox.world import World


class Edge:
    """Wraps the whole application. Only the vendors' prefixes are logged and may suffer faults."""

    def __init__(self, app: ASGIApp, world: World, vendors: Sequence[tuple[str, Wording]]) -> None:
        self.app = app
        self.world = world
        self.vendors = vendors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the request down, let a fault strike it, or pass it on."""
        wording = next((word for prefix, word in self.vendors if scope.get("path", "").startswith(prefix + "/")), None)
        if scope["type"] != "http" or wording is None:
            await self.app(scope, receive, send)
            return
        call = _Call(scope, receive, send)
        body = await call.read_body()
        if body is None:  # the client left before it had sent its request
            return
        world = self.world
        method, path = scope["method"], scope["path"]
        query = scope["query_string"].decode("latin-1")
        entry = world.journal.note(as_wire(world.clock.now()), method, path, query, body)
        call.entry = entry
        fault = world.faults.strike(method, path)
        if fault is None:
            await self.app(scope, call.receive, call.send)
        else:
            entry.fault = fault.rule.kind
            await self._suffer(fault, call, wording)

    async def _suffer(self, fault: Fault, call: _Call, wording: Wording) -> None:
        match fault.rule.kind:
            case "status" | "rate_limit":
                call.entry.did_work = False
                await call.answer(_refusal(fault.rule, wording))
            case "drop_before":
                call.entry.did_work = False
                await call.cut()
            case "lost_answer":
                await self.app(call.scope, call.receive, call.swallow)
                await call.cut()
            case "delay":
                await asyncio.sleep(fault.rule.seconds)
                await self.app(call.scope, call.receive, call.send)
            case "stall_before":
                # A client killed while it waits must leave no trace: the work is done only for one still there.
                call.entry.did_work = False
                if await call.hang(fault):
                    call.entry.did_work = True
                    await self.app(call.scope, call.receive, call.send)
            case "stall_after":
                await self.app(call.scope, call.receive, call.swallow)
                if await call.hang(fault):
                    await call.replay()


def _refusal(rule: FaultBody, wording: Wording) -> JSONResponse:
    """Return the vendor's answer of a `status` or `rate_limit` fault."""
    if rule.kind == "status":
        return wording(RefusedError(rule.status, "Unknown error; retry again later."))
    wait = 1 if rule.retry_after is None else rule.retry_after
    refusal = wording(RefusedError(429, f"Rate limit is exceeded. Try again in {wait} seconds."))
    if rule.retry_after is not None:
        refusal.headers["Retry-After"] = str(rule.retry_after)
    return refusal


class _Call:
    """One request: its body can be read again, its answer held back, its connection cut."""

    entry: Entry

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._body: bytes | None = b""
        self._gone: asyncio.Task[None] | None = None
        self._held: list[Message] = []

    async def read_body(self) -> bytes | None:
        """Return the whole body, or None when the client hung up before sending it."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._body = b"".join(chunks)
                return self._body

    async def receive(self) -> Message:
        """Give the application the body once more, then the client's leaving."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(self._client_gone())
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass the answer on, noting its status."""
        if message["type"] == "http.response.start":
            self.entry.status = message["status"]
        await self._send(message)

    async def swallow(self, message: Message) -> None:
        """Keep the answer back."""
        self._held.append(message)

    async def replay(self) -> None:
        """Send the answer that was kept back."""
        for message in self._held:
            await self.send(message)

    async def answer(self, response: ASGIApp) -> None:
        """Send this answer instead of the application's."""
        await response(self.scope, self.receive, self.send)

    async def hang(self, fault: Fault) -> bool:
        """Wait until the fault is cleared (True) or the client has gone (False)."""
        fault.stalling += 1
        cleared = asyncio.ensure_future(fault.cleared.wait())
        gone = self._client_gone()
        try:
            await asyncio.wait({cleared, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            fault.stalling -= 1
            cleared.cancel()
        return not gone.done()

    async def cut(self) -> None:
        """Cut the connection without a byte of answer.

        uvicorn shows the connection only through the cycle object that `send` belongs to. Without a connection (a
        test calls the application directly) the caller gets the error a cut connection gives.
        """
        transport: Any = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionResetError("The sandbox cut the connection.")
        transport.abort()
        await asyncio.shield(self._client_gone())  # so that uvicorn does not answer 500 on our behalf

    def _client_gone(self) -> asyncio.Task[None]:
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._wait_for_disconnect())
        return self._gone

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def is_stranger(scope: Scope) -> bool:
    """Tell whether the caller sits on another machine."""
    client = scope.get("client")
    return client is not None and client[0] not in {"127.0.0.1", "::1"}
