"""The runner: takes runs as they come, ends without cutting passes short, and mends what a killed one left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from deployments import children
from deployments.demo.prefect_runs import PrefectRuns
from deployments.home import Home, client_environment
from deployments.serve import READY
from deployments.server import find_or_start, stop_server
from deployments.supervisor import Child

pytestmark = pytest.mark.slow

SECRETS = ("ST_APP_KEY", "ST_CLIENT_ID", "ST_CLIENT_SECRET", "MARCONE_CLIENT_ID", "MARCONE_CLIENT_SECRET")


@pytest.fixture
def api(home: Home) -> Iterator[httpx.Client]:
    """Run a Prefect server; its API."""
    server = find_or_start(home, say=lambda _words: None)
    with httpx.Client(base_url=server.api_url, timeout=30, trust_env=False) as client:
        yield client
    stop_server(home)


@pytest.fixture
def runner(home: Home, api: httpx.Client) -> Iterator[Child]:
    """Serve the demo shop, whose vendors are not there."""
    env = {**client_environment(home, str(api.base_url).rstrip("/")), **dict.fromkeys(SECRETS, "x")}
    child = Child("the runner", [sys.executable, "-m", "deployments.serve"], home.logs / "serve.log", env=env)
    start(child)
    yield child
    if child.mark:
        children.stop(child.mark, patience_s=60)


def start(child: Child) -> None:
    already = child.log.read_text().count(READY) if child.log.exists() else 0
    child.start()
    until(lambda: child.log.read_text().count(READY) > already, 120)


def until(so: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.1)


def create(api: httpx.Client, deployment: str) -> str:
    # The demo's client repeats what the server was too busy for; its own idempotency key keeps that one run.
    return PrefectRuns(str(api.base_url)).create(deployment)


def run_of(api: httpx.Client, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/flow_runs/{run_id}").raise_for_status().json()
    return found


def test_a_pass_whose_runner_was_killed_is_closed_and_the_next_one_runs(api: httpx.Client, runner: Child) -> None:
    # The vendors are not there, so a look for diagnoses keeps trying for a while: time to kill it.
    first = create(api, "diagnosis-watch/demo")
    until(lambda: run_of(api, first)["state_type"] == "RUNNING", 60)
    assert runner.process is not None
    family = [runner.process.pid, *(one.pid for one in psutil.Process(runner.process.pid).children(recursive=True))]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    runner.process.wait()
    assert run_of(api, first)["state_type"] == "RUNNING"

    start(runner)
    assert run_of(api, first)["state_type"] == "CRASHED"
    second = create(api, "diagnosis-watch/demo")
    until(lambda: run_of(api, second)["state_type"] == "RUNNING", 60)


def test_told_to_stop_it_lets_a_pass_finish_and_pauses_the_schedules(api: httpx.Client, runner: Child) -> None:
    run = create(api, "reconcile/demo")
    until(lambda: run_of(api, run)["state_type"] in {"PENDING", "RUNNING"}, 60)
    assert runner.process is not None
    runner.process.send_signal(signal.SIGTERM)
    assert runner.process.wait(60) == 0
    assert run_of(api, run)["state_type"] == "COMPLETED"
    assert api.get("/deployments/name/reconcile/demo").json()["paused"] is True

    start(runner)
    assert api.get("/deployments/name/reconcile/demo").json()["paused"] is False
