"""Fingerprints of store orders, by which one bought twice is found; the digest of the cart alone goes.

Orders taken in before have none: they are not compared with what comes later. The comparison reaches back a quarter of
an hour, and flags.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_order_prints",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "fingerprint", "order_id"),
    )
    op.create_index("ix_store_order_prints_order", "store_order_prints", ["shop", "order_id"])
    op.drop_index("ix_store_orders_basket", "store_orders")
    with op.batch_alter_table("store_orders") as table:
        table.drop_column("basket")


def downgrade() -> None:
    with op.batch_alter_table("store_orders") as table:
        table.add_column(sa.Column("basket", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_store_orders_basket", "store_orders", ["shop", "basket", "ordered_at"])
    op.drop_table("store_order_prints")
