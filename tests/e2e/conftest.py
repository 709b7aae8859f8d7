"""A whole running demo: server, runner, sandbox; and a browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REPOSITORY = Path(__file__).parents[2]
READY_S = 240.0


@dataclass(frozen=True)
class RunningDemo:
    """A demo in a process of its own, waiting for answers."""

    home: Path
    """The demo's own home, below the one it was given."""
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """What `truckroll demo` tells people to set in another terminal."""
        return {"TRUCKROLL_HOME": str(self.home), "TRUCKROLL_SHOPS": str(self.home / "shops")}

    @property
    def server(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "server.json").read_text(encoding="utf-8"))
        return found

    @property
    def children(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = json.loads((self.home / "up.json").read_text(encoding="utf-8"))["children"]
        return found

    def sandbox(self) -> dict[str, Any]:
        """Return everything that is in the sandbox."""
        shop = (self.home / "shops" / "demo.toml").read_text(encoding="utf-8")
        address = next(
            line.split('"')[1] for line in shop.splitlines() if line.startswith("api_url") and "marcone" in line
        )
        state: dict[str, Any] = httpx.get(address.replace("/marcone", "/_sandbox/state"), timeout=20).json()
        return state

    def orders(self, part_number: str) -> list[dict[str, Any]]:
        """Return Marcone's orders of a part."""
        orders = self.sandbox()["marcone"]["orders"]
        return [order for order in orders if any(line["part_number"] == part_number for line in order["lines"])]

    def truckroll(self, *arguments: str) -> dict[str, Any]:
        """Run a command as a person in another terminal would; return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments, "--json"],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return said

    def question(self, job: str) -> dict[str, Any]:
        """Return the open question of a job."""
        questions = self.truckroll("approvals", "list")["approvals"]
        return next(question for question in questions if question["job"] == job)

    def run_state(self, run_id: str) -> str:
        try:
            reply = httpx.get(f"{self.server['api_url']}/flow_runs/{run_id}", timeout=20)
            return str(reply.raise_for_status().json()["state"]["type"])
        except httpx.HTTPError:
            return ""


def until(so: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"Waited {seconds:.0f} s in vain for {what}."
        time.sleep(0.3)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Start the demo, wait until three questions are put, stop it with Ctrl-C, and see that nothing is left."""
    home = tmp_path_factory.mktemp("demo")
    said = home / "demo.out"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "demo"],
            cwd=REPOSITORY,
            env={**environment, "TRUCKROLL_HOME": str(home)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = RunningDemo(home / "demo", process)
    try:
        until(lambda: "stays up" in said.read_text() or process.poll() is not None, READY_S, "the demo")
        assert process.poll() is None, said.read_text()
        yield running
    finally:
        pids = [int(mark["pid"]) for mark in running.children.values()] if process.poll() is None else []
        process.send_signal(signal.SIGINT)
        process.wait(90)
    assert process.returncode == 0, said.read_text()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a browser's page."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_BROWSER)
        yield browser.new_page(viewport={"width": 1400, "height": 1300})
        browser.close()
