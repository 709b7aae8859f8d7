"""Who holds a lease, so that the work of a process that died is taken over at once."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

_SAME_START_S = 2.0
"""Start times are read to the second; the same pid is not given out again that fast."""


@dataclass(frozen=True)
class Owner:
    """A process, named so that another one on the same machine can tell whether it still runs."""

    host: str
    boot: str
    pids: str
    """The space its pid counts in: containers may share host name and boot, not this."""
    pid: int
    started_s: float
    """Seconds from boot to its start: unmoved when the clock is set."""

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        return _owner_of(os.getpid())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read what `str(owner)` or `claim()` wrote; None when it is something else."""
        try:
            host, boot, pids, pid, started_s = text.split()[:5]
            return cls(host, boot, pids, int(pid), float(started_s))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host} {self.boot} {self.pids} {self.pid} {self.started_s:.2f}"

    def claim(self) -> str:
        """Return the owner's text with a fresh token: two tasks of one process do not share a lease."""
        return f"{self} {secrets.token_hex(6)}"

    def is_on_this_machine(self) -> bool:
        """Tell whether its pid means something to this process."""
        here = Owner.current()
        return (self.host, self.boot, self.pids) == (here.host, here.boot, here.pids)


def is_dead(owner_text: str) -> bool:
    """Tell whether the owner surely no longer runs: it was on this very machine, and its process is gone.

    False for one elsewhere, or when this cannot be told: then the lease's own end decides.
    """
    owner = Owner.parse(owner_text)
    if owner is None or not owner.is_on_this_machine():
        return False
    try:
        process = psutil.Process(owner.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(_since_boot_s(process) - owner.started_s) > _SAME_START_S
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@lru_cache(maxsize=2)  # by pid: a forked child is somebody else
def _owner_of(pid: int) -> Owner:
    host = "-".join(socket.gethostname().split()) or "unnamed"
    return Owner(host, _boot(), _pid_space(), pid, round(_since_boot_s(psutil.Process(pid)), 2))


def _since_boot_s(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"boot-{psutil.boot_time():.0f}"


def _pid_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "-"
