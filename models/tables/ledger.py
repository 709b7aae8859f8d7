"""What every process keeps: its writes, its turn, how far it is, what waits for a person, what was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.tables.columns import json, text, when


class EffectRow(SQLModel, table=True):
    """One external write: intended, done, or of unknown outcome. DESIGN section 3."""

    __tablename__ = "effects"

    key: str = Field(primary_key=True)
    status: str = Field(index=True)
    """attempting | ready (intended, nothing written yet) | done | unresolved"""
    reference: str = text()
    """What the write returned: an id, or JSON."""
    owner: str = ""
    """Who holds the lease: host, process, its start time, and a token of this one claim. Empty: nobody."""
    lease_expires_at: datetime = when()
    attempts: int = 0
    created_at: datetime = when()
    updated_at: datetime = when()


class LeaseRow(SQLModel, table=True):
    """Somebody is working on this; another worker waits or gives way."""

    __tablename__ = "leases"

    key: str = Field(primary_key=True)
    owner: str
    expires_at: datetime = when()


class RateLimitRow(SQLModel, table=True):
    """One vendor credential's allowance, shared by every process that uses it. store/limits.py."""

    __tablename__ = "rate_limits"

    key: str = Field(primary_key=True)
    tat: float
    """Seconds since 1970 at which all calls granted so far have been paid for, at the steady rate."""


class CursorRow(SQLModel, table=True):
    """How far a reading of a vendor's changes has come. Moves only past records that are done or held."""

    __tablename__ = "cursors"

    shop: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = text()
    updated_at: datetime = when()


class HeldRow(SQLModel, table=True):
    """A record that cannot go on until a person looks."""

    __tablename__ = "held"
    __table_args__ = (UniqueConstraint("shop", "process", "record"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    process: str
    record: str
    field: str = ""
    reason: str = text()
    fix: str = text()
    since: datetime = when()
    times: int = 1
    """How often it was held since it was last released."""
    released_at: datetime | None = when(nullable=True)
    """None while held. Set by `held retry`, or when the record went through."""


class AuditRow(SQLModel, table=True):
    """One decision or effect: what was read, which rule fired, what was written, who said so."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_shop_record", "shop", "record"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = when(index=True)
    shop: str
    process: str
    record: str
    event: str
    """A short word: found, matched, asked, answered, ordered, published, told, eta-changed, held, ..."""
    actor: str = ""
    """The person, or the flow run."""
    detail: dict[str, Any] = json()
