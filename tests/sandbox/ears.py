"""A receiver of webhooks on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anyio


@dataclass
class Heard:
    """One request."""

    body: bytes
    headers: dict[str, str]
    """Names in lower case."""


@dataclass
class Ear:
    """What came in; the next answers may be told, 200 otherwise."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def until(self, count: int) -> list[Heard]:
        """Wait until so many requests came in."""
        with anyio.fail_after(20):
            while len(self.heard) < count:  # noqa: ASYNC110 - they are heard in another thread
                await anyio.sleep(0.01)
        return self.heard


@contextmanager
def listening() -> Iterator[Ear]:
    """Listen while the block runs."""
    ear = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status = ear.answers.pop(0) if ear.answers else 200
            ear.heard.append(Heard(body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True).start()
    ear.url = f"http://127.0.0.1:{server.server_port}/hooks/servicetitan"
    yield ear
    server.shutdown()
    server.server_close()
