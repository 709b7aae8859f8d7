"""One Prefect server, one sandbox and one mail server for the session; a fresh home for every test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.home import QUIET, SERVER_SETTINGS
from sandbox import marcone, servicetitan
from tests.crash import sales
from tests.crash.house import CrashHouse
from tests.crash.steps import READS_BY_POST, STEPS, go_on
from tests.crash.vendors import (
    REPOSITORY,
    MailServer,
    Sandbox,
    running_mail_server,
    running_sandbox,
    wait_for,
)
from tests.ports import free_port

MakeHouse = Callable[[], CrashHouse]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="session")
def prefect_server(base: Path) -> Iterator[str]:
    """Start a Prefect server, and make it everybody's: also of the forkserver, which inherits this environment."""
    port = free_port()
    api_url = f"http://127.0.0.1:{port}/api"
    home = base / "prefect"
    ours = {
        **QUIET,
        **SERVER_SETTINGS,
        "PYTHONPATH": str(REPOSITORY),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_CLIENT_MAX_RETRIES": "10",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
    with pytest.MonkeyPatch.context() as patch, (base / "prefect.log").open("wb") as out:
        for name, value in ours.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for("Prefect's server", lambda: _answers(api_url, process), 300)
            yield api_url
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(api_url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Prefect's server ended"
    try:
        return httpx.get(f"{api_url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def sandbox(base: Path) -> Iterator[Sandbox]:
    with running_sandbox(base / "sandbox.log") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def mail() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def shops(base: Path, sandbox: Sandbox, mail: MailServer) -> Path:
    """The reference shop file, with the addresses of our own vendors."""
    folder = base / "shops"
    folder.mkdir()
    text = (REPOSITORY / "docs" / "shop.example.toml").read_text()
    text = text.replace("http://127.0.0.1:8700", sandbox.url)
    text = re.sub(r"mailto://127\.0\.0\.1:\d+", f"mailto://127.0.0.1:{mail.port}", text)
    # The vendors' pace is no part of these tests.
    text = text.replace("calls_per_minute = 55", "calls_per_minute = 6000")
    (folder / "demo.toml").write_text(text)
    (folder / f"{sales.SHOP}.toml").write_text(sales.shop_file(text))
    return folder


@pytest.fixture(scope="session")
def make_house(base: Path, prefect_server: str, sandbox: Sandbox, mail: MailServer, shops: Path) -> Iterator[MakeHouse]:
    """Open a fresh house beside vendors that have forgotten everything."""
    numbers = count(1)
    houses: list[CrashHouse] = []

    def make() -> CrashHouse:
        for earlier in houses:
            earlier.stop()
        sandbox.reset()
        mail.reset()
        root = base / f"house-{next(numbers)}"
        root.mkdir()
        environment = {
            "TRUCKROLL_HOME": str(root),
            "TRUCKROLL_SETTLE_S": "0.2",  # the stand-ins finish what they began within a second
            "TRUCKROLL_SHOPS": str(shops),
            "TRUCKROLL_DATABASE_URL": "",
            "PREFECT_API_URL": prefect_server,
            "PREFECT_HOME": os.environ["PREFECT_HOME"],
            "ST_APP_KEY": servicetitan.APP_KEY,
            "ST_CLIENT_ID": servicetitan.CLIENT_ID,
            "ST_CLIENT_SECRET": servicetitan.CLIENT_SECRET,
            "MARCONE_CLIENT_ID": marcone.CLIENT_ID,
            "MARCONE_CLIENT_SECRET": marcone.CLIENT_SECRET,
        }
        house = CrashHouse(root, sandbox, mail, environment)
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.stop()
        shutil.rmtree(house.root, ignore_errors=True)


@pytest.fixture
def house(make_house: MakeHouse) -> Iterator[CrashHouse]:
    house = make_house()
    yield house
    house.stop()


@dataclass(frozen=True)
class Undisturbed:
    """A loop that nobody disturbed: what stood everywhere after each pass, and the writes of each, in order."""

    after: dict[str, dict[str, Any]]
    writes: dict[str, list[str]]


@pytest.fixture(scope="session")
def undisturbed(make_house: MakeHouse) -> Undisturbed:
    house = make_house()
    seen = Undisturbed({}, {})
    so_far = 0
    for step in STEPS:
        go_on(house, [step])
        requests = house.sandbox.requests()
        seen.writes[step] = [
            f"{entry['method']} {entry['path']}"
            for entry in requests[so_far:]
            if entry["method"] != "GET" and not entry["path"].endswith(READS_BY_POST)
        ]
        so_far = len(requests)
        seen.after[step] = house.end()
    return seen
