"""Alembic's entry: on the connection the store hands over, or, for a developer, on TRUCKROLL_DATABASE_URL."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlmodel import SQLModel

import models.tables  # noqa: F401 - fills the metadata
from models.settings import HouseSettings


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if isinstance(_given, Connection):
    _migrate(_given)
else:
    with create_engine(HouseSettings().database).begin() as _own:
        _migrate(_own)
