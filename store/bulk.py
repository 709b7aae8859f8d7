"""Many rows in one statement: they travel as one JSON text, which the database takes apart itself.

A row costs a few microseconds here where `executemany` takes tens, and while the database works other threads run:
row by row the two would wait for each other. A first contact sync writes a dozen rows a customer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import JSON, Select, String, TextClause, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from store.sql import insert_into, table_of

_PG_REFUSES: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""What PostgreSQL takes in no JSON that it takes apart: a zero, and half an emoji."""

Row = Sequence[Any]
"""Values of the columns, in their order: text, numbers, booleans, None, and what a JSON column holds."""


def write_rows(
    session: Session,
    model: type[SQLModel],
    columns: Sequence[str],
    rows: Collection[Row],
    *,
    fixed: Mapping[str, Any],
    key: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """Insert rows; where the key is there already, change the columns of `update`, or leave the row as it is.

    `fixed` are values that every row has, times too. Two rows must not have one key, unless nothing is updated.
    """
    if not rows:
        return
    dialect, rows_ = session.get_bind().dialect.name, as_text(rows)
    if dialect != "sqlite" and _PG_REFUSES.search(rows_):
        _write_each(session, model, columns, rows, fixed=fixed, key=key, update=update)
        return
    statement = _statement(dialect, model, tuple(columns), tuple(fixed), tuple(key), tuple(update))
    session.connection().execute(statement, {**fixed, "rows_": rows_})


def _write_each(
    session: Session,
    model: type[SQLModel],
    columns: Sequence[str],
    rows: Collection[Row],
    *,
    fixed: Mapping[str, Any],
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    insert = insert_into(session, model)
    told = {name: insert.excluded[name] for name in update}
    statement = (
        insert.on_conflict_do_update(index_elements=list(key), set_=told) if told else insert.on_conflict_do_nothing()
    )
    session.connection().execute(statement, [{**fixed, **dict(zip(columns, row, strict=True))} for row in rows])


def among(session: Session, column: Any, values: Collection[str] | Collection[int]) -> Any:
    """Return the condition that a column has one of these values, as many as there are."""
    rows = bindparam(None, as_text(list(values)), String, unique=True)
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(select(func.json_each(rows).table_valued("value").c.value))
    return column.in_(select(cast(func.jsonb_array_elements_text(cast(rows, JSONB)).column_valued(), column.type)))


def read_rows(session: Session, statement: Select[Any]) -> list[list[Any]]:
    """Run a select and return its rows in no certain order, as lists of what JSON has.

    Truth is 0 and 1 on SQLite.
    """
    columns = statement.subquery().c
    if session.get_bind().dialect.name == "sqlite":
        row = func.json_array(*(func.json(one) if isinstance(one.type, JSON) else one for one in columns))
        written = select(func.json_group_array(row, type_=String))
    else:
        written = select(cast(func.json_agg(func.json_build_array(*columns)), String))
    found = session.connection().execute(written).scalar_one()
    return [] if found is None else from_text(found)


def from_text(rows: str) -> list[list[Any]]:
    """Read JSON as `as_text` writes it."""
    read: list[list[Any]]
    try:
        read = orjson.loads(rows)
    except ValueError:
        read = json.loads(rows)
    return read


def as_text(rows: Collection[Any]) -> str:
    """Write values as JSON; half an emoji, which is no text, stays half."""
    try:
        return orjson.dumps(rows).decode()
    except TypeError:
        return json.dumps(rows)


@lru_cache(maxsize=64)
def _statement(
    dialect: str,
    model: type[SQLModel],
    columns: tuple[str, ...],
    fixed: tuple[str, ...],
    key: tuple[str, ...],
    update: tuple[str, ...],
) -> TextClause:
    table = table_of(model)
    values = [f":{name}" for name in fixed]
    if dialect == "sqlite":
        values += [f"json_extract(value, '$[{at}]')" for at in range(len(columns))]
        source = "json_each(:rows_) WHERE true"  # without a condition ON CONFLICT reads as a join's
    else:
        values += [_of_postgresql(table.c[name].type, at) for at, name in enumerate(columns)]
        source = "json_array_elements(CAST(:rows_ AS json)) AS each_row(value)"
    told = ", ".join(f"{name} = excluded.{name}" for name in update)
    action = f"DO UPDATE SET {told}" if update else "DO NOTHING"
    names = ", ".join((*fixed, *columns))
    written = f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {source}"  # noqa: S608  our names
    return text(f"{written} ON CONFLICT ({', '.join(key)}) {action}").bindparams(
        *(bindparam(name, type_=table.c[name].type) for name in fixed), bindparam("rows_", type_=String())
    )


def _of_postgresql(kind: Any, at: int) -> str:
    if isinstance(kind, JSON):
        return f"value -> {at}"
    return f"CAST(value ->> {at} AS {kind.compile(dialect=_postgresql())})"


@lru_cache(maxsize=1)
def _postgresql() -> Dialect:
    from sqlalchemy.dialects.postgresql import psycopg  # noqa: PLC0415  not needed on SQLite

    dialect: Dialect = psycopg.dialect()  # type: ignore[no-untyped-call]
    return dialect
