"""Processes this installation starts: recognised again later, and stopped without leaving any behind."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAME_START_S = 2.0
"""A start time is read to the second; the same pid is not given out again that fast."""

TAIL_LINES = 20


@dataclass(frozen=True)
class Mark:
    """A process by pid and start time: a pid alone may by now be somebody else's."""

    pid: int
    started: float
    """Seconds since 1970."""

    @classmethod
    def of(cls, pid: int) -> Mark:
        """Mark a running process. Raises `psutil.NoSuchProcess`."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the process, or None when it is gone."""
        try:
            found = psutil.Process(self.pid)
            if found.status() == psutil.STATUS_ZOMBIE:
                return None
            return found if abs(found.create_time() - self.started) < _SAME_START_S else None
        except psutil.NoSuchProcess:
            return None

    @property
    def is_alive(self) -> bool:
        """Tell whether that very process still runs."""
        return self.process() is not None


def start(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C reaches it only through us; its words go to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own commands only
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
        )


def stop(mark: Mark, *, patience_s: float = 15) -> bool:
    """Ask the process to end, then make it, with everything it started. False when it was gone already."""
    process = mark.process()
    if process is None:
        return False
    family = [process]
    with suppress(psutil.Error):
        family += process.children(recursive=True)
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    _, alive = psutil.wait_procs([process], timeout=patience_s)
    for left in (*alive, *(one for one in family[1:] if one.is_running())):
        with suppress(psutil.NoSuchProcess):
            left.kill()
    psutil.wait_procs(family, timeout=5)
    return True


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(wanted: int) -> int:
    """Return the wanted port, or another free one when it is taken."""
    if is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, or nothing."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
