"""What is kept of a ServiceTitan tenant: its people and its drop-downs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from models.tables.columns import json, when


class ContactIndexRow(SQLModel, table=True):
    """One customer, contact or location of the tenant, as its feed last told: what a buyer is looked up in."""

    __tablename__ = "contact_index"
    __table_args__ = (Index("ix_contact_index_customer", "shop", "customer"),)

    shop: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    """customer/ID, contact/ID, location/ID or location/contact-ID."""
    customer: int = Field(sa_type=BigInteger)
    record: dict[str, Any] = json()
    is_active: bool = True


class ContactKeyRow(SQLModel, table=True):
    """A key a buyer can be found by, and where it stands. Keys are folded: decisions/people.py."""

    __tablename__ = "contact_keys"
    __table_args__ = (Index("ix_contact_keys_source", "shop", "source"),)

    shop: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    customer: int = Field(sa_type=BigInteger)


class ContactChangeRow(SQLModel, table=True):
    """When a customer, or a contact of it, last changed in the contact index: what a sync goes through."""

    __tablename__ = "contact_changes"
    __table_args__ = (Index("ix_contact_changes_seq", "shop", "seq", "customer"),)

    shop: str = Field(primary_key=True)
    customer: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    """Counts the shop's transactions that changed something: a later one has the higher number."""


class TenantListsRow(SQLModel, table=True):
    """A tenant's drop-downs as last read."""

    __tablename__ = "tenant_lists"

    shop: str = Field(primary_key=True)
    lists: dict[str, Any] = json()
    """TenantLists."""
    read_at: datetime = when()
