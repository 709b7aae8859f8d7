"""The Prefect server of a home: started once, found again, shared by two calls, stopped with everything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prefect.settings.models.root import Settings
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from deployments import children
from deployments.children import Mark
from deployments.home import QUIET, SERVER_SETTINGS, Home, client_environment, server_environment
from deployments.server import Server, find_or_start, recorded, stop_server, use_server
from models.errors import SettingsError

REPOSITORY = Path(__file__).parents[2]


class Healthy(BaseHTTPRequestHandler):
    """Answers as a Prefect server's health check does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def healthy() -> Iterator[str]:
    """Serve a health check; give its API address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def names_of(model: type[BaseSettings]) -> set[str]:
    """Return every environment variable Prefect's settings read."""
    found = set()
    prefix = str(model.model_config.get("env_prefix", "PREFECT_"))
    for name, setting in model.model_fields.items():
        if isinstance(setting.annotation, type) and issubclass(setting.annotation, BaseSettings):
            found |= names_of(setting.annotation)
        found.add(f"{prefix}{name}".upper())
        if isinstance(setting.validation_alias, AliasChoices):
            found |= {alias.upper() for alias in setting.validation_alias.choices if isinstance(alias, str)}
    return found


def test_every_prefect_setting_we_set_is_one_prefect_reads(home: Home) -> None:
    ours = {*QUIET, *SERVER_SETTINGS, *client_environment(home, "http://x/api"), *server_environment(home, 4200)}
    # Loggers' levels are no settings: Prefect's logging takes any PREFECT_LOGGING_LOGGERS_NAME_LEVEL.
    named = {name for name in ours if name.startswith("PREFECT_") and "_LOGGING_LOGGERS_" not in name}
    unknown = named - names_of(Settings)
    assert unknown == set()


def test_the_page_asks_the_port_the_server_has(home: Home) -> None:
    assert server_environment(home, 4711)["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4711/api"


def test_a_named_server_is_used_and_none_is_started(home: Home, healthy: str) -> None:
    os.environ["PREFECT_API_URL"] = healthy
    server = use_server(home, say=pytest.fail)
    assert server == Server(healthy)
    assert not home.server_record.exists()
    assert os.environ["PREFECT_HOME"] == str(home.prefect)


def test_a_named_server_that_is_not_there_is_a_wrong_setting(home: Home) -> None:
    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    with pytest.raises(SettingsError, match="no Prefect server answers there"):
        find_or_start(home, say=pytest.fail)


def test_another_process_under_the_same_pid_is_not_ours(home: Home, healthy: str) -> None:
    home.make()
    mine = Mark.of(os.getpid())
    written = Server(healthy, mine.pid, mine.started)
    home.server_record.write_text(_as_json(written), encoding="utf-8")
    assert recorded(home) == written
    home.server_record.write_text(_as_json(Server(healthy, mine.pid, mine.started - 60)), encoding="utf-8")
    assert recorded(home) is None


@pytest.mark.parametrize("written", ["", "{", "{}", '{"api_url": 1}'], ids=["empty", "cut off", "nothing", "half"])
def test_a_record_nobody_can_read_is_no_record(home: Home, written: str) -> None:
    home.make().server_record.write_text(written, encoding="utf-8")
    assert recorded(home) is None


def test_a_port_in_use_is_left_alone() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert children.free_port(port) != port
    assert children.free_port(port) == port


def test_a_process_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    script = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('up', flush=True); time.sleep(60)"
    log = tmp_path / "log"
    process = children.start([sys.executable, "-c", script], env={}, log=log)
    _until(lambda: "up" in children.tail(log))
    mark = Mark.of(process.pid)
    grandchildren = [Mark.of(one.pid) for one in mark.process().children()]  # type: ignore[union-attr]
    assert len(grandchildren) == 1
    assert children.stop(mark) is True
    assert not mark.is_alive
    assert not any(one.is_alive for one in grandchildren)
    assert children.stop(mark) is False


@pytest.mark.slow
def test_two_calls_at_once_start_one_server_and_a_third_finds_it(home: Home) -> None:
    script = (
        "import sys; from deployments.home import Home; from deployments.server import use_server; "
        "print(use_server(Home.current(), say=lambda words: print(words, file=sys.stderr)).api_url)"
    )
    try:
        calls = [
            subprocess.Popen(
                [sys.executable, "-c", script],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=dict(os.environ),
            )
            for _ in range(2)
        ]
        answers = [call.communicate(timeout=300) for call in calls]
        addresses = {out.strip() for out, _ in answers}
        assert len(addresses) == 1, answers
        assert sum("Starting Prefect's server" in err for _, err in answers) == 1
        said: list[str] = []
        assert find_or_start(home, say=said.append).api_url in addresses
        assert said == []
    finally:
        stopped = stop_server(home)
    assert stopped is not None
    assert stopped.mark is not None
    assert not stopped.mark.is_alive
    assert recorded(home) is None


def _as_json(server: Server) -> str:
    import json

    return json.dumps({field.name: getattr(server, field.name) for field in fields(server)})


def _until(true: object, seconds: float = 20) -> None:
    import time

    until = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.05)
