"""Small helpers over SQLAlchemy that read the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

Insert = sqlite.Insert | postgresql.Insert


def table_of(model: type[SQLModel]) -> Table:
    """Return the table behind a model, for statements over many rows at once."""
    return SQLModel.metadata.tables[str(model.__tablename__)]


def insert_into(session: Session, model: type[SQLModel]) -> Insert:
    """Return the database's own insert, which knows `ON CONFLICT`."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table_of(model))
    return postgresql.insert(table_of(model))


def insert_new(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are not there yet; return how many that were."""
    if not rows:
        return 0
    # PostgreSQL tells how many only when asked to keep the number.
    statement = insert_into(session, model).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return _rows(session.connection().execute(statement, list(rows)))


def changed(session: Session, statement: Executable) -> int:
    """Run an update or delete; return the number of rows it touched: 0 says that somebody else was first."""
    return _rows(session.execute(statement, execution_options={"synchronize_session": False}))


def take_turn(session: Session, name: str) -> None:
    """Let one transaction at a time pass for this name; SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))


def changes_for(model: type[SQLModel], changes: Mapping[str, Any], *, fixed: frozenset[str]) -> dict[str, Any]:
    """Return changes of columns as the database keeps them: enums, money and dates as text.

    Raises: TypeError for a name that is no column, or is one of the `fixed` ones.
    """
    columns = table_of(model).columns
    for name in changes:
        if name not in columns or name in fixed:
            raise TypeError(f"{model.__name__}.{name} cannot be changed.")
    return {name: _plain(value) for name, value in changes.items()}


def aware(at: datetime) -> datetime:
    """Return the time itself. Raises ValueError for a naive one, before it can be compared with anything."""
    if at.tzinfo is None:
        raise ValueError("The store takes aware times only.")
    return at


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
