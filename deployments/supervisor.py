"""Keeping this home's processes running in the foreground, and stopping everything it started, in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

from filelock import FileLock
from filelock import Timeout as LockTimeout

from deployments import children
from deployments.children import Mark
from deployments.home import Home
from deployments.server import Server, answers, find_or_start, own_server, recorded, stop_server
from deployments.talk import MISUSED
from models.errors import SettingsError, TruckrollError

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
STEADY_S = 60.0
"""A process that ran this long was well: the next crash waits the shortest time again."""

_LOOK_S = 0.25


@dataclass
class Child:
    """One background process, and how its last starts went."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 15.0
    """How long it may take to end when asked."""
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S
    again_at: float | None = None

    def start(self) -> None:
        """Start it."""
        self.process = children.start(self.command, env=self.env, log=self.log)
        self.began, self.again_at = time.monotonic(), None

    @property
    def mark(self) -> Mark | None:
        """Its process, while it runs."""
        if self.process is None or self.process.poll() is not None:
            return None
        return Mark.of(self.process.pid)


class Supervisor:
    """What `up` and `demo` keep running. One per home."""

    def __init__(self, home: Home, *, say: Callable[[str], None]) -> None:
        self.home = home.make()
        self.say = say
        self.children: list[Child] = []
        self.server: Server | None = None
        self.owns_server = False
        self.is_told_to_stop = False
        self._lock = FileLock(f"{home.up_record}.lock")

    def __enter__(self) -> Self:
        """Take this home. Raises TruckrollError when another supervisor has it."""
        try:
            self._lock.acquire(timeout=0)
        except LockTimeout as error:
            raise TruckrollError(
                f"Another `truckroll up` or `demo` already runs in {self.home.root}.",
                "Stop it with Ctrl-C where it runs, or with `truckroll down`.",
            ) from error
        for name in stop_leftovers(self.home):
            self.say(f"Stopped {name}, left over from an earlier `truckroll up`.")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told)
        self._record()
        return self

    def __exit__(self, *_raised: object) -> None:
        """Stop everything started here, the newest first, then the server."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in reversed(self.children):
            mark = child.mark
            if mark is not None:
                self.say(f"Stopping {child.name} ...")
                children.stop(mark, patience_s=child.patience_s)
        if self.owns_server and stop_server(self.home):
            self.say("Stopped Prefect's server.")
        self.home.up_record.unlink(missing_ok=True)
        self._lock.release()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def use_server(self, port: int | None = None) -> Server:
        """Find or start the Prefect server. One started here is stopped here."""
        before = recorded(self.home)
        # Again after a crash: PREFECT_API_URL may by then be set, to the server that is gone.
        find = own_server if self.owns_server else find_or_start
        self.server = find(self.home, say=self.say, port=port)
        self.owns_server = self.owns_server or (self.server.mark is not None and before is None)
        self._record()
        return self.server

    def add(self, child: Child) -> Child:
        """Start a process and keep it running."""
        child.start()
        self.children.append(child)
        self._record()
        return child

    def watch(self) -> None:
        """Look once: start again what ended, when its time has come. Raises SettingsError when it never will do."""
        self._watch_server()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._ended(child)

    def keep(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep everything running until told to stop, or until `until` says so."""
        while not self.is_told_to_stop and not until():
            self.watch()
            time.sleep(_LOOK_S)

    def _ended(self, child: Child) -> None:
        code = child.process.returncode if child.process else 0
        now = time.monotonic()
        if child.again_at is None:
            if code == MISUSED:
                raise SettingsError(f"{child.name} cannot run: {children.tail(child.log, 4)}", f"See {child.log}.")
            if now - child.began > STEADY_S:
                child.backoff_s = FIRST_BACKOFF_S
            child.again_at = now + child.backoff_s
            self.say(f"{child.name} ended (code {code}); starting it again in {child.backoff_s:.0f} s. See {child.log}")
            child.backoff_s = min(child.backoff_s * 2, LONGEST_BACKOFF_S)
        elif now >= child.again_at:
            child.start()
            self._record()

    def _watch_server(self) -> None:
        server = self.server
        if server is None or server.mark is None or server.mark.is_alive:
            return
        port = int(server.ui_url.rsplit(":", 1)[1])
        self.say("Prefect's server ended; starting it again.")
        again = self.use_server(port)
        if again.api_url != server.api_url:
            for child in self.children:
                if "PREFECT_API_URL" in child.env:
                    child.env = {**child.env, "PREFECT_API_URL": again.api_url}
                    if child.mark:
                        children.stop(child.mark, patience_s=child.patience_s)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self.is_told_to_stop = True

    def _record(self) -> None:
        marks = {child.name: asdict(mark) for child in self.children if (mark := child.mark)}
        written = {"supervisor": asdict(Mark.of(os.getpid())), "children": marks, "owns_server": self.owns_server}
        self.home.up_record.write_text(json.dumps(written), encoding="utf-8")


def standing(home: Home) -> Mark | None:
    """Return the supervisor that runs in this home, or None."""
    written = _read(home)
    if not written:
        return None
    mark = Mark(**written["supervisor"])
    return mark if mark.is_alive else None


def stop_leftovers(home: Home) -> list[str]:
    """Stop what a supervisor that died left running (not the server). Returns the names of what was stopped."""
    stopped = [name for name, mark in _read(home).get("children", {}).items() if children.stop(Mark(**mark))]
    home.up_record.unlink(missing_ok=True)
    return stopped


def bring_down(home: Home, *, say: Callable[[str], None]) -> bool:
    """Stop the supervisor of this home, what it left, and the server this home started. False: nothing ran."""
    found = False
    supervisor = standing(home)
    if supervisor is not None:
        say("Stopping `truckroll up` ...")
        found = children.stop(supervisor, patience_s=90)
    for name in stop_leftovers(home):
        say(f"Stopped {name}.")
        found = True
    server = stop_server(home)
    if server is not None:
        say(f"Stopped Prefect's server at {server.ui_url}.")
        found = True
    return found


def wait_for_http(url: str, child: Child, seconds: float) -> None:
    """Wait until something answers at `url`. Raises TruckrollError with the log's place when it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answers(url):
            return
        if child.mark is None:
            break
        time.sleep(0.1)
    raise TruckrollError(f"{child.name} did not come up: {children.tail(child.log, 3)}", f"See {child.log}.")


def _read(home: Home) -> dict[str, Any]:
    try:
        written: dict[str, Any] = json.loads(home.up_record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return written
