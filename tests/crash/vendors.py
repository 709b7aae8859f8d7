"""The other side: a sandbox process, and a mail server whose mails can be made to hang."""

from __future__ import annotations

import asyncio
import email
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from pathlib import Path
from typing import Any, Literal

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
STALL_S = 90.0
Stall = Literal["stall_before", "stall_after"]


def wait_for(what: str, look: Callable[[], bool], seconds: float = STALL_S) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.03)


@dataclass
class Sandbox:
    """The vendors, and what people do there."""

    url: str
    http: httpx.Client

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.http.post(path, json=body or {}).raise_for_status().json()

    def reset(self) -> None:
        self.post("/reset", {"seed": "demo"})

    def diagnose(self, job: str, part_number: str, quantity: int = 1) -> None:
        self.post(f"/servicetitan/jobs/{job}/diagnose", {"part_number": part_number, "quantity": quantity})

    def arm(self, match: str, kind: str, skip: int = 0) -> None:
        """Let a fault strike the next write that fits, once."""
        self.post("/faults", {"match": match, "kind": kind, "times": 1, "skip": skip})

    def is_stalling(self) -> bool:
        return any(fault["stalling"] for fault in self.get("/faults")["faults"])

    def has_struck(self) -> bool:
        return any(fault["fired"] for fault in self.get("/faults")["faults"])

    def clear_faults(self) -> None:
        self.http.delete("/faults").raise_for_status()

    def state(self) -> Any:
        return self.get("/state")

    def job(self, number: str) -> Any:
        return next(job for job in self.state()["servicetitan"]["jobs"] if job["jobNumber"] == number)

    def orders(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = self.state()["marcone"]["orders"]
        return orders

    def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self.get("/requests")["requests"]
        return requests

    def ship_all(self) -> None:
        for order in self.orders():
            self.post(f"/marcone/orders/{order['number']}/ship")

    def deliver_all(self) -> None:
        for order in self.orders():
            self.post(f"/marcone/orders/{order['number']}/deliver")


@contextmanager
def running_sandbox(log: Path) -> Iterator[Sandbox]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--smtp-port", "0", "--seed", "demo"]
    with log.open("wb") as out, httpx.Client(base_url=f"{url}/_sandbox", timeout=20, trust_env=False) as http:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for("the sandbox", lambda: _answers(http, process))
            yield Sandbox(url, http)
        finally:
            process.kill()
            process.wait()


def _answers(http: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the sandbox ended"
    try:
        return http.get("/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@dataclass
class Mail:
    """A mail that was received."""

    to: tuple[str, ...]
    subject: str


@dataclass
class MailServer:
    """Takes mails over real SMTP. A stall strikes the next mail whose subject holds the words."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    stall: tuple[Stall, str] | None = None
    stalling: bool = False

    def reset(self) -> None:
        self.mails.clear()
        self.stall, self.stalling = None, False

    def arm(self, kind: Stall, words: str) -> None:
        self.stall = (kind, words)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        message = email.message_from_bytes(raw, policy=policy.default)
        mail = Mail(tuple(envelope.rcpt_tos), str(message["subject"] or ""))
        kind = ""
        if self.stall is not None and self.stall[1] in mail.subject.casefold():
            kind, self.stall = self.stall[0], None
        if kind == "stall_before":
            await self._hang()  # ended by the death of the sender: the mail is never kept
        self.mails.append(mail)
        if kind == "stall_after":
            await self._hang()
        return "250 Message accepted"

    async def _hang(self) -> None:
        self.stalling = True
        try:
            await asyncio.sleep(STALL_S * 2)
        finally:
            self.stalling = False


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    server = MailServer(port=free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
