"""The kinds of column that the tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time: refuses naive ones on the way in, and gives aware ones back on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Raise `ValueError` for a naive time; write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("The store takes aware times only.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def when(*, nullable: bool = False, index: bool = False) -> Any:
    """Return a column for a moment."""
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=nullable, index=index))


def json(*, nullable: bool = False) -> Any:
    """Return a column for what a validated model says as JSON. Money in it is text."""
    return Field(default=None, sa_column=Column(JSON(), nullable=nullable))


def text(default: str = "") -> Any:
    """Return a column for text of any length."""
    return Field(default=default, sa_column=Column(Text(), nullable=False))
