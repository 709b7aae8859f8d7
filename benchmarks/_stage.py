"""What the benchmarks share: a sandbox of their own, a fresh home, and a command whose process is measured."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

SECRETS = {
    "ST_APP_KEY": "sandbox-app-key",
    "ST_CLIENT_ID": "sandbox-client",
    "ST_CLIENT_SECRET": "sandbox-secret",
    "MARCONE_CLIENT_ID": "sandbox-marcone",
    "MARCONE_CLIENT_SECRET": "sandbox-marcone-secret",
    "CC_TOKEN": "sandbox-cc-token",
    "CC_WEBHOOK_SECRET": "sandbox-cc-hooks",
}
TRUCKROLL = [sys.executable, "-m", "deployments"]
_WATCHER = (
    "import json,resource,subprocess,sys;"
    "done=subprocess.run(sys.argv[1:],capture_output=True,text=True);"
    "sys.stderr.write(done.stderr[-2000:] if done.returncode else '');"
    "used=resource.getrusage(resource.RUSAGE_CHILDREN);"
    "print(json.dumps({'report':json.loads(done.stdout.splitlines()[-1]),"
    "'peak_mb':used.ru_maxrss/1024,'cpu_s':used.ru_utime+used.ru_stime}))"
)


@dataclass
class Stage:
    """A running sandbox, and a home that knows it as the shop "demo"."""

    http: httpx.Client
    home: Path
    shops: Path
    env: dict[str, str]
    sandbox: int
    """Its process."""

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run a command of `truckroll` in a process of its own: its report, its peak memory and its CPU time."""
        done = subprocess.run(
            [sys.executable, "-c", _WATCHER, *TRUCKROLL, *arguments],
            env=self.env,
            check=True,
            stdout=subprocess.PIPE,  # what it says on its way out with an error is shown
            text=True,
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def cpu_s(self) -> tuple[float, float]:
        """Return what the home's Prefect server and the sandbox have used of the processor so far, in seconds."""
        record = self.home / "server.json"
        server = int(json.loads(record.read_text(encoding="utf-8"))["pid"]) if record.exists() else None
        return _used_s(server), _used_s(self.sandbox)

    def calls(self) -> list[dict[str, Any]]:
        """Return every call the sandbox's vendors got."""
        return list(self.http.get("/_sandbox/requests").json()["requests"])


@contextmanager
def stage() -> Iterator[Stage]:
    """Start a sandbox on a free port, and give it a fresh home; both are gone at the end."""
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        home, shops = Path(scratch) / "home", Path(scratch) / "shops"
        home.mkdir()
        _write_shop(shops, port)
        env = {**os.environ, **SECRETS, "TRUCKROLL_HOME": str(home), "TRUCKROLL_SHOPS": str(shops)}
        env.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "sandbox", "--port", str(port), "--smtp-port", "0"]
        sandbox = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                _wait_for(http)
                yield Stage(http, home, shops, env, sandbox.pid)
        finally:
            subprocess.run([*TRUCKROLL, "down"], env=env, check=False, capture_output=True)
            sandbox.terminate()
            sandbox.wait()


def _used_s(number: int | None) -> float:
    if number is None:
        return 0.0
    main = psutil.Process(number)
    times = [one.cpu_times() for one in (main, *main.children(recursive=True))]
    return sum(float(one.user + one.system) for one in times)


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_shop(folder: Path, port: int) -> None:
    text = (Path(__file__).resolve().parent.parent / "docs" / "shop.example.toml").read_text(encoding="utf-8")
    folder.mkdir(parents=True)
    (folder / "demo.toml").write_text(re.sub(r"127\.0\.0\.1:8700", f"127.0.0.1:{port}", text), encoding="utf-8")


def _wait_for(http: httpx.Client) -> None:
    for _ in range(150):
        try:
            http.get("/_sandbox/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The sandbox did not start.")
