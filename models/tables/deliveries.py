"""What vendors send of their own accord."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from models.tables.columns import when


class StoreEventRow(SQLModel, table=True):
    """A delivery of the store that says an order changed. Kept before it is answered; the next pass reads the order."""

    __tablename__ = "store_events"
    __table_args__ = (Index("ix_store_events_waiting", "shop", "handled_at"),)

    shop: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    order_id: str
    kind: str
    received_at: datetime = when()
    handled_at: datetime | None = when(nullable=True)


class HookEventRow(SQLModel, table=True):
    """A delivery of a vendor that says a record changed. Kept before it is answered; the next pass reads the record."""

    __tablename__ = "hook_events"
    __table_args__ = (Index("ix_hook_events_waiting", "shop", "vendor", "handled_at"),)

    shop: str = Field(primary_key=True)
    vendor: str = Field(primary_key=True)
    """The section of the shop file: referral_factory or servicetitan."""
    event_id: str = Field(primary_key=True)
    """The vendor's own, or a digest of what it says where the vendor gives none."""
    kind: str
    record: str
    """What to read: user/ID, code/CODE, booking/ID or job/ID. Never the person's data."""
    campaign_id: int | None = Field(default=None, sa_type=BigInteger)
    received_at: datetime = when()
    handled_at: datetime | None = when(nullable=True)
