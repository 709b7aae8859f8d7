"""The Prefect server of this home: found, or started in the background and left for the next call.

PREFECT_API_URL says which server; else the one this home recorded, if it still runs; else one is started. Prefect's
ephemeral mode is no answer: it takes 13 s on every call, and times out on a fresh home (PREFECT.md section 6).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from filelock import FileLock
from filelock import Timeout as LockTimeout

from deployments import children
from deployments.children import Mark
from deployments.home import Home, client_environment, server_environment
from models.errors import SettingsError, TruckrollError

USUAL_PORT = 4200

START_TIMEOUT_S = 300.0
"""A fresh home creates its tables first: 10 s on an idle machine, minutes on a crowded one."""

_LOCK_TIMEOUT_S = START_TIMEOUT_S + 30
_TRIES = 3


@dataclass(frozen=True)
class Server:
    """A Prefect server that answers."""

    api_url: str
    pid: int = 0
    """0: not ours, it was named by PREFECT_API_URL."""
    started: float = 0.0

    @property
    def ui_url(self) -> str:
        """The address a person opens."""
        return self.api_url.removesuffix("/api")

    @property
    def mark(self) -> Mark | None:
        """Its process, when this home started it."""
        return Mark(self.pid, self.started) if self.pid else None

    def run_url(self, flow_run_id: str) -> str:
        """The page of one run."""
        return f"{self.ui_url}/v2/runs/flow-run/{flow_run_id}"


def use_server(home: Home, *, say: Callable[[str], None], port: int | None = None) -> Server:
    """Find or start the server, and make this process and its children its clients.

    Call it before anything imports Prefect, which reads its settings once.
    Raises: SettingsError when PREFECT_API_URL names a server that does not answer; TruckrollError when the one
    started here does not come up.
    """
    before = read_record(home)
    server = find_or_start(home, say=say, port=port)
    if server.mark is not None and server != before:
        say("It stays for the next call; `truckroll down` stops it.")
    os.environ.update(client_environment(home, server.api_url))
    return server


def find_or_start(home: Home, *, say: Callable[[str], None], port: int | None = None) -> Server:
    """Return a server that answers; two calls at once start one. Raises as `use_server` does."""
    named = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    return _named(named) if named else own_server(home, say=say, port=port)


def own_server(home: Home, *, say: Callable[[str], None], port: int | None = None) -> Server:
    """Return this home's own server, whatever PREFECT_API_URL says; started when it does not run."""
    home.make()
    try:
        with FileLock(f"{home.server_record}.lock", timeout=_LOCK_TIMEOUT_S):
            return recorded(home) or _start(home, say, port)
    except LockTimeout as error:
        raise TruckrollError(
            "Another call has been starting Prefect's server for minutes.",
            f"Look into {home.logs / 'server.log'}, then try again.",
        ) from error


def recorded(home: Home) -> Server | None:
    """Return the server this home started, when it still runs and answers."""
    kept = read_record(home)
    if kept is None or kept.mark is None or not kept.mark.is_alive:
        return None
    # It may be busy, or still starting: its process lives, so give it a moment before starting another.
    return kept if _answers_within(kept.api_url, 20.0) else None


def read_record(home: Home) -> Server | None:
    """Return what the home's record says, whether or not it is still so."""
    try:
        written: dict[str, Any] = json.loads(home.server_record.read_text(encoding="utf-8"))
        return Server(str(written["api_url"]), int(written["pid"]), float(written["started"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def stop_server(home: Home) -> Server | None:
    """Stop the server this home started. Returns it, or None when none ran."""
    with FileLock(f"{home.server_record}.lock", timeout=_LOCK_TIMEOUT_S):
        kept = read_record(home)
        was_running = kept is not None and kept.mark is not None and children.stop(kept.mark)
        home.server_record.unlink(missing_ok=True)
        return kept if was_running else None


def server_gone(error: httpx.HTTPError) -> TruckrollError:
    """Say that Prefect's server stopped answering: it alone is spoken to without a connector."""
    return TruckrollError(
        f"Prefect's server stopped answering ({type(error).__name__}).",
        "Repeat the command: nothing is done twice. The server's log is in TRUCKROLL_HOME/logs.",
    )


def answers(api_url: str) -> bool:
    """Tell whether a Prefect server answers there now."""
    try:
        return httpx.get(f"{api_url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _named(api_url: str) -> Server:
    try:
        is_there = _answers_within(api_url, 5.0)
    except httpx.InvalidURL as error:
        raise SettingsError(f"PREFECT_API_URL is no address: {api_url}.", _NAMED_FIX) from error
    if not is_there:
        raise SettingsError(f"PREFECT_API_URL names {api_url}, and no Prefect server answers there.", _NAMED_FIX)
    return Server(api_url)


_NAMED_FIX = "Start that server, correct the address, or unset PREFECT_API_URL to let Truckroll run its own."


def _answers_within(api_url: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not answers(api_url):
        if time.monotonic() >= until:
            return False
        time.sleep(0.25)
    return True


def _start(home: Home, say: Callable[[str], None], port: int | None) -> Server:
    wanted = port or USUAL_PORT
    log = home.logs / "server.log"
    for _ in range(_TRIES):
        chosen = children.free_port(wanted)
        if chosen != wanted:
            say(f"Port {wanted} is in use: Prefect's server takes {chosen}.")
        say(f"Starting Prefect's server at http://127.0.0.1:{chosen} ...")
        server = _start_on(home, chosen)
        if server is not None:
            return server
        if children.is_free(chosen):
            break
        # Somebody took the port between our look and the server's: another one.
    raise TruckrollError(f"Prefect's server did not come up: {children.tail(log, 3)}", f"All its words: {log}.")


def _start_on(home: Home, port: int) -> Server | None:
    process = children.start(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=server_environment(home, port),
        log=home.logs / "server.log",
        cwd=home.root,
    )
    mark = Mark.of(process.pid)
    server = Server(f"http://127.0.0.1:{port}/api", mark.pid, mark.started)
    home.server_record.write_text(json.dumps(asdict(server)), encoding="utf-8")
    until = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < until:
        if answers(server.api_url) and process.poll() is None:
            return server
        time.sleep(0.1)
    children.stop(mark)
    home.server_record.unlink(missing_ok=True)
    return None
