"""The database: opened, brought up to date, and used in transactions of milliseconds.

Sessions are synchronous and run in the store's own few threads, so that waiting for a lock never blocks the event
loop, and never starves the threads other libraries use for name look-ups. A transaction once handed over runs to its
end, also when the task that asked for it is canceled.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from models.errors import SettingsError
from store.migrations import bring_up_to_date

T = TypeVar("T")

BUSY_TIMEOUT_S = 30
"""How long SQLite waits for another process's transaction."""

_TRIES = 6
_THREADS = 8
_PG_TRY_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: PostgreSQL asks to run the transaction again."""


class Store:
    """One database, shared by every process of this installation."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = sessionmaker(engine, class_=Session, expire_on_commit=False)
        reader = engine.execution_options(read_only=True, postgresql_readonly=engine.dialect.name == "postgresql")
        self._reading = sessionmaker(reader, class_=Session, expire_on_commit=False)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")
        # SQLite has one writer at a time. Several threads of ours would only wait for each other's lock, in steps of
        # milliseconds, where one goes from transaction to transaction.
        is_sqlite = engine.dialect.name == "sqlite"
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="store-writer") if is_sqlite else self._threads

    @classmethod
    def open(cls, url: str) -> Store:
        """Open the database and bring its tables up to date; two processes may do so at once.

        Raises: SettingsError when the URL cannot be used, or the database cannot be reached.
        """
        engine = _engine(url)
        try:
            bring_up_to_date(engine)
        except DBAPIError as error:
            engine.dispose()
            raise SettingsError(
                f"The database at {engine.url.render_as_string()} cannot be used: {_first_line(error)}",
                "Check TRUCKROLL_DATABASE_URL, and that the database runs.",
            ) from error
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose changes are committed at the end, or none of them. Blocks: not for the event loop."""
        with self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that may only read; on SQLite it waits for no writer."""
        with self._reading.begin() as session:
            yield session

    async def run(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in one transaction, in a thread. It may run several times, so it touches the database only."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(fn)))

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in a thread, in a transaction that only reads."""
        return await asyncio.shield(asyncio.wrap_future(self._threads.submit(self._repeat, fn, self.reading)))

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Hand `fn` over to a thread, as `run` does, without waiting for it."""
        return self._writers.submit(self._repeat, fn, self.transaction)

    def close(self) -> None:
        """Finish what was handed over, then close every connection."""
        self._writers.shutdown(wait=True)
        self._threads.shutdown(wait=True)
        self.engine.dispose()

    @staticmethod
    def _repeat(fn: Callable[[Session], T], session_of: Callable[[], Any]) -> T:
        for attempt in range(1, _TRIES + 1):
            try:
                with session_of() as session:
                    return fn(session)
            except DBAPIError as error:
                if attempt == _TRIES or not _may_try_again(error):
                    raise
            time.sleep(random.uniform(0.5, 1.5) * 0.02 * 2**attempt)  # noqa: S311 - spreads rivals, keeps no secret
        raise AssertionError("unreachable")


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError:  # its text repeats the URL, and with it a password
        raise SettingsError("The database URL cannot be read.", "Check TRUCKROLL_DATABASE_URL.") from None
    if address.get_backend_name() == "sqlite":
        if not address.database or address.database == ":memory:":
            raise SettingsError("The store needs a database file.", "Use sqlite:///path/to/truckroll.db.")
        Path(address.database).absolute().parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_size=_THREADS, max_overflow=8)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if address.get_backend_name() == "postgresql":
        if address.get_driver_name() != "psycopg":
            address = address.set(drivername="postgresql+psycopg")
        return create_engine(address, pool_pre_ping=True, pool_size=_THREADS, max_overflow=8)
    raise SettingsError(
        f"The store cannot use a {address.get_backend_name()} database.",
        "Use sqlite:///path/to/truckroll.db or postgresql+psycopg://user@host/name.",
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own: _begin_sqlite does.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins by reading and writes later can be refused half-way whatever the busy timeout;
    # one that begins as a writer waits its turn at the door.
    reads = bool(connection.get_execution_options().get("read_only"))
    if connection.info.get("reads") is not reads:
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reads else 'OFF'}")
        connection.info["reads"] = reads
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _may_try_again(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _PG_TRY_AGAIN
    words = str(error.orig)
    return "database is locked" in words or "database table is locked" in words


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
