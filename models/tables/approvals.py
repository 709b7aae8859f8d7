"""Questions put to people, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.tables.columns import json, text, when


class ApprovalRow(SQLModel, table=True):
    """One question and its answer. The truth about the gate; Prefect only shows it. DESIGN section 5."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("request_id", "revision"),
        Index("ix_approvals_shop_status", "shop", "status"),
    )

    id: str = Field(primary_key=True)
    kind: str = Field(default="part", sa_column_kwargs={"server_default": "part"})
    """part: may this part be ordered? | order_change: what becomes of a written order that changed in the store?"""
    shop: str
    request_id: str
    """The part request, or the store order: `store_orders.request_id`."""
    revision: int
    job: str
    job_number: str
    status: str
    """See models/approval.py, ApprovalStatus."""
    offer: dict[str, Any] = json()
    question: str = text()
    """The question in Markdown, as it was shown."""
    approvers: list[str] = json()
    """Names that may answer; empty means anyone."""
    nonce: str
    asked_at: datetime = when()
    expires_at: datetime = when(index=True)
    reminded: int = 0
    """How many reminders have gone out."""
    flow_run_id: str = ""
    form_key: str = ""
    """The key of the Prefect form that shows this question."""
    form_schema: str = text()
    """The form's JSON schema, to mend a run whose form was never stored (PREFECT.md 1.4)."""
    decision: str = ""
    decided_by: str = ""
    decided_via: str = ""
    decided_at: datetime | None = when(nullable=True)
    note: str = text()
    terms: dict[str, Any] | None = json(nullable=True)
    digest: str = ""
    closed_because: str = text()
    """Why it expired or became void."""
    consumed_at: datetime | None = when(nullable=True)
    po_number: str = ""
    """The one order it was consumed for."""
