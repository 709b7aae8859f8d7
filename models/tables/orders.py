"""Orders of the online store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.tables.columns import json, text, when


class StoreOrderRow(SQLModel, table=True):
    """One order of the online store, at its newest version, and how far it is in ServiceTitan."""

    __tablename__ = "store_orders"
    __table_args__ = (
        UniqueConstraint("request_id"),
        Index("ix_store_orders_due", "shop", "stage", "ordered_at"),
        Index("ix_store_orders_ordered", "shop", "ordered_at"),
    )

    shop: str = Field(primary_key=True)
    order_id: str = Field(primary_key=True)
    number: str
    """What people call it, such as CC-100234."""
    request_id: str
    """What its questions refer to: shop/order/id."""
    version: int
    order: dict[str, Any] = json()
    """The StoreOrder at this version."""
    stage: str
    """See models/order_sync.py, OrderStage."""
    stage_words: str = text()
    settled_version: int | None = None
    """The newest version that is done with: written, ignored or put to a person."""
    written: dict[str, Any] | None = json(nullable=True)
    """The version whose writing was begun: what later versions are compared with."""
    ignored: str = ""
    """Why the settled version was not written: decisions/order_intake.py, Reason. Empty when it was."""
    is_cancel_asked: bool = False
    """A person was asked what becomes of a canceled order."""
    refund_asked: str = "0"
    """The refunds a person was asked about, in the order's currency."""
    customer: int | None = Field(default=None, sa_type=BigInteger)
    location: int | None = Field(default=None, sa_type=BigInteger)
    matched_by: str = ""
    """The rule that found the customer, or "new"."""
    warnings: list[str] = json()
    parts: list[dict[str, Any]] = json()
    """WrittenPart each: job, invoice and total."""
    settings_version: str = ""
    """Which settings it was written with: OrderChoices.version (OI-72)."""
    ordered_at: datetime = when()
    changed_at: datetime = when()
    created_at: datetime = when()
    updated_at: datetime = when()


class StoreOrderPrintRow(SQLModel, table=True):
    """A fingerprint of a store order at its newest version: orders that may be one bought twice share one (OI-68)."""

    __tablename__ = "store_order_prints"
    __table_args__ = (Index("ix_store_order_prints_order", "shop", "order_id"),)

    shop: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    """See decisions/order_intake.py, `fingerprints`."""
    order_id: str = Field(primary_key=True)
