"""The database itself: its tables' history, its transactions, its refusals."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlmodel import Session, SQLModel
from store_stand_ins import Clock

import models.tables
from models.errors import SettingsError
from models.tables import CursorRow
from store import Books, Store, migrations
from store.session import _engine


def _our_tables() -> set[str]:
    kinds = vars(models.tables).values()
    return {str(kind.__tablename__) for kind in kinds if isinstance(kind, type) and hasattr(kind, "__table__")}


def test_the_migrations_make_the_tables_of_the_models(new_url: Callable[[bool], str]) -> None:
    ours = _our_tables()
    assert {"effects", "approvals", "part_requests"} <= ours

    def is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
        return kind != "table" or name in ours

    engine = create_engine(new_url(False))
    with engine.begin() as connection:
        migrations.migrate(connection)
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_a_new_store_has_the_tables_its_history_makes(new_url: Callable[[bool], str]) -> None:
    """Name by name and type by type: whether it is new or was brought up to date shows nowhere."""
    by_history = create_engine(new_url(False))
    with by_history.begin() as connection:
        migrations.migrate(connection)
        made = described(connection)
    by_history.dispose()
    store = Store.open(new_url(False))
    with store.engine.connect() as connection:
        assert described(connection) == made
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [migrations.HEAD]
    store.close()


def test_a_store_whose_making_broke_off_is_made_anew(
    new_url: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its tables come in one transaction, with the note how far they are: half a store is none."""
    engine = _engine(new_url(False))

    def dies(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(migrations._VERSION, "create", dies)
        migrations.bring_up_to_date(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    migrations.bring_up_to_date(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [migrations.HEAD]
        assert _our_tables() <= set(inspect(connection).get_table_names())
    engine.dispose()


def described(connection: Connection) -> dict[str, Any]:
    """Return what a database says of its tables; the order of columns means nothing."""
    found = inspect(connection)
    return {
        name: (
            {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in found.get_columns(name)
            },
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((str(one["name"]), one["column_names"], bool(one["unique"])) for one in found.get_indexes(name)),
            sorted(one["column_names"] for one in found.get_unique_constraints(name)),
        )
        for name in sorted(_our_tables())
    }


def test_the_newest_migration_is_the_one_the_store_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_opening_again_changes_nothing_from_any_folder(
    new_url: Callable[[bool], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    url = new_url(False)
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        store = Store.open(url)
        with store.transaction() as session:
            session.add(CursorRow(shop="demo", name=str(number), value="x", updated_at=clock()))
        with store.reading() as session:
            assert session.scalars(text("SELECT count(*) FROM cursors")).one() == number + 1
        store.close()


def test_threads_may_open_a_new_store_at_once(new_url: Callable[[bool], str]) -> None:
    url, errors = new_url(False), []

    def go() -> None:
        try:
            Store.open(url).close()
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/new folder/t.db")
    with store.reading() as session:
        found = {
            name: session.scalars(text(f"PRAGMA {name}")).one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}
    store.close()


def test_sqlite_transactions_that_read_and_then_write_take_turns(tmp_path: Path, clock: Clock) -> None:
    store, errors = Store.open(f"sqlite:///{tmp_path}/t.db"), []
    with store.transaction() as session:
        session.add(CursorRow(shop="demo", name="a", value="0", updated_at=clock()))

    def count() -> None:
        try:
            for _ in range(5):
                with store.transaction() as session:
                    row = session.get_one(CursorRow, ("demo", "a"))
                    time.sleep(0.01)
                    row.value = str(int(row.value) + 1)
        except DBAPIError as error:
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with store.reading() as session:
        assert session.get_one(CursorRow, ("demo", "a")).value == "10"
    store.close()


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "mysql://x@127.0.0.1/x", "postgresql://u:secret@127.0.0.1:1/x", "nonsense"],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)
    assert caught.value.fix


def test_a_transaction_is_all_or_nothing(books: Books, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), books.store.transaction() as session:
        session.add(CursorRow(shop="demo", name="a", value="x", updated_at=clock()))
        session.flush()
        raise ZeroDivisionError
    with books.store.reading() as session:
        assert session.get(CursorRow, ("demo", "a")) is None


def test_a_reading_cannot_write(url: str, clock: Clock) -> None:
    store = Store.open(url)
    with pytest.raises((DBAPIError, InvalidRequestError)), store.reading() as session:
        session.add(CursorRow(shop="demo", name="a", value="x", updated_at=clock()))
        session.flush()
    with store.transaction() as session:  # the same connection writes again afterwards
        session.add(CursorRow(shop="demo", name="a", value="x", updated_at=clock()))
    store.close()


async def test_a_wait_for_a_lock_does_not_stop_the_loop(books: Books, clock: Clock) -> None:
    row = {"shop": "demo", "name": "a", "value": "x", "updated_at": clock()}
    with books.store.transaction() as session:
        session.add(CursorRow(**row))
        session.flush()
        waiting = asyncio.create_task(books.cursors.set("demo", "a", "y"))
        before, beats = time.monotonic(), 0
        while time.monotonic() - before < 0.3:
            await asyncio.sleep(0.01)
            beats += 1
        assert not waiting.done()
        assert beats > 10
    assert await waiting == "y"


async def test_a_transaction_the_database_breaks_off_is_run_again(books: Books, url: str) -> None:
    tries = 0

    def unlucky(session: Session) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            if url.startswith("sqlite"):
                raise DBAPIError("x", None, Exception("database is locked"))
            session.connection().exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$")
        return "done"

    assert await books.store.run(unlucky) == "done"
    assert tries == 3


async def test_other_database_errors_are_not_repeated(books: Books) -> None:
    tries = 0

    def wrong(session: Session) -> None:
        nonlocal tries
        tries += 1
        session.connection().exec_driver_sql("SELECT * FROM no_such_table")

    with pytest.raises(DBAPIError):
        await books.store.run(wrong)
    assert tries == 1


async def test_what_was_handed_over_is_finished_though_its_task_is_gone(books: Books, clock: Clock) -> None:
    begun = threading.Event()

    def slowly(session: Session) -> None:
        begun.set()
        time.sleep(0.2)
        session.add(CursorRow(shop="demo", name="a", value="x", updated_at=clock()))

    task = asyncio.create_task(books.store.run(slowly))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if await books.cursors.get("demo", "a") == "x":
            break
        await asyncio.sleep(0.02)
    assert await books.cursors.get("demo", "a") == "x"


def test_a_store_serves_several_event_loops(books: Books) -> None:
    for number in range(3):
        asyncio.run(books.cursors.set("demo", "a", str(number)))
    assert asyncio.run(books.cursors.get("demo", "a")) == "2"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, but a page of notes that is long enough to be read as a header " * 3)
    with pytest.raises(SettingsError, match="notes"):
        Store.open(f"sqlite:///{path}")
    assert os.path.exists(path)  # noqa: PTH110
