"""Parts, from diagnosis to arrival, and what has to be told of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.tables.columns import json, text, when


class PartRequestRow(SQLModel, table=True):
    """One diagnosed part on one job, from diagnosis to arrival."""

    __tablename__ = "part_requests"
    __table_args__ = (
        UniqueConstraint("shop", "source_key"),
        UniqueConstraint("shop", "job", "ordinal"),
        Index("ix_part_requests_shop_stage", "shop", "stage"),
    )

    id: str = Field(primary_key=True)
    shop: str
    job: str
    job_number: str
    ordinal: int
    """Counts the requests of one job from 1; part of the PO number."""
    source_key: str
    diagnosis: dict[str, Any] = json()
    """The DiagnosedPart as read."""
    stage: str
    """See models/request.py, Stage."""
    stage_words: str = text()
    """For people: why it is there."""
    revision: int = 0
    """The number of questions asked so far."""
    board_revision: int = 0
    flow_run_id: str = ""
    part_number: str = ""
    """What was ordered, or is on offer."""
    make: str = ""
    description: str = text()
    quantity: int = 0
    unit_price: str = ""
    branch: str = ""
    po_number: str = ""
    eta: str = ""
    """ISO date, or empty."""
    eta_basis: str = ""
    line_state: str = ""
    """Where the order stands, its parts combined: models/part.py, LineState."""
    told: str = text()
    """A digest of what job and customer were last told; equal means there is nothing to tell (PL-33)."""
    changes: int = 0
    """How often they were told something new since the order."""
    customer_name: str = text()
    technicians: list[str] = json()
    technician_emails: list[str] = json()
    substituted_by: str = ""
    """The part the distributor ships instead, once people were told of it."""
    created_at: datetime = when()
    updated_at: datetime = when()


class PartOrderRow(SQLModel, table=True):
    """One order number of the distributor. A purchase order that was split has several."""

    __tablename__ = "part_orders"
    __table_args__ = (
        UniqueConstraint("shop", "order_number"),
        Index("ix_part_orders_shop_open", "shop", "is_open", "next_look_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    request_id: str = Field(index=True)
    order_number: str
    po_number: str
    branch: str = ""
    ordered_on: str = ""
    """ISO date in the shop's zone."""
    transit_days: int | None = None
    state: str
    """See models/part.py, LineState."""
    words: str = text()
    eta: str = ""
    eta_basis: str = ""
    tracking: list[str] = json()
    invoice_number: str = ""
    is_open: bool = True
    looks: int = 0
    looked_at: datetime | None = when(nullable=True)
    next_look_at: datetime = when()


class OutboxRow(SQLModel, table=True):
    """What has to be told of an event. Written in the event's own transaction, so no crash can lose it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_shop_told", "shop", "told_at"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    request_id: str = Field(index=True)
    job: str
    job_number: str
    key: str = Field(unique=True)
    outgoing: dict[str, Any] = json()
    """See models/outgoing.py, Outgoing."""
    created_at: datetime = when()
    told_at: datetime | None = when(nullable=True)
