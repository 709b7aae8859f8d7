"""The tables' history: one file a change, applied in order when the store is opened. A new store begins at its end.

A new revision: `alembic -c store/alembic.ini revision --autogenerate -m "what changed"`, read it, then set `HEAD`.
"""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, text
from sqlmodel import SQLModel

import models.tables  # noqa: F401 - fills the metadata

HEAD = "0007"
"""The newest revision. Kept here so that opening an up-to-date store costs one query; a test compares it."""

_ADVISORY_LOCK = 7_283_640_012
"""An arbitrary number, this application's own, for PostgreSQL's advisory lock."""

_LOCK_WAIT_S = 120

_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps how far a database is, as it makes it."""


def bring_up_to_date(engine: Engine) -> None:
    """Apply what is missing. Safe when two processes do so at once: one works, the other waits and finds it done."""
    if engine.dialect.name == "sqlite":
        with FileLock(f"{engine.url.database}.lock", timeout=_LOCK_WAIT_S):
            with engine.connect() as connection:
                if _is_current(connection):
                    return
            _write_ahead(engine)
            with engine.begin() as connection:
                _make_or_migrate(connection)
        return
    with engine.connect() as connection:
        if _is_current(connection):
            return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _make_or_migrate(connection)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]


def _write_ahead(engine: Engine) -> None:
    # Stays with the file. Outside a transaction, hence on the driver's connection.
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _make_or_migrate(connection: Connection) -> None:
    """An empty database gets its tables as they are today: half a second less than going through their history."""
    if inspect(connection).get_table_names():
        migrate(connection)
        return
    SQLModel.metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=HEAD))


def migrate(connection: Connection) -> None:
    """Apply the changes a database lacks, one after the other."""
    from alembic import command  # noqa: PLC0415 - costs 0.2 s, needed once per change of the tables
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, "head")
