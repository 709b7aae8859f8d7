"""Store orders: orders and events of the online store, the contact index, the tenant's lists, a second kind of question."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("approvals", sa.Column("kind", sa.String(), nullable=False, server_default="part"))
    op.create_table(
        "store_orders",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("order", sa.JSON(), nullable=False),
        sa.Column("basket", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("stage_words", sa.Text(), nullable=False),
        sa.Column("settled_version", sa.Integer(), nullable=True),
        sa.Column("written", sa.JSON(), nullable=True),
        sa.Column("ignored", sa.String(), nullable=False),
        sa.Column("is_cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("refund_asked", sa.String(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("location", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", sa.String(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("settings_version", sa.String(), nullable=False),
        sa.Column("ordered_at", _WHEN, nullable=False),
        sa.Column("changed_at", _WHEN, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("shop", "order_id"),
        sa.UniqueConstraint("request_id"),
    )
    op.create_index("ix_store_orders_due", "store_orders", ["shop", "stage", "ordered_at"])
    op.create_index("ix_store_orders_ordered", "store_orders", ["shop", "ordered_at"])
    op.create_index("ix_store_orders_basket", "store_orders", ["shop", "basket", "ordered_at"])
    op.create_table(
        "store_events",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("handled_at", _WHEN, nullable=True),
        sa.PrimaryKeyConstraint("shop", "event_id"),
    )
    op.create_index("ix_store_events_waiting", "store_events", ["shop", "handled_at"])
    op.create_table(
        "contact_index",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "source"),
    )
    op.create_index("ix_contact_index_customer", "contact_index", ["shop", "customer"])
    op.create_table(
        "contact_keys",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "key", "source"),
    )
    op.create_index("ix_contact_keys_source", "contact_keys", ["shop", "source"])
    op.create_table(
        "tenant_lists",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("read_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("shop"),
    )


def downgrade() -> None:
    for table in ("tenant_lists", "contact_keys", "contact_index", "store_events", "store_orders"):
        op.drop_table(table)
    op.drop_column("approvals", "kind")
