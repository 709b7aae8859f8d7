"""Referred people with their bookings, and the deliveries that tell of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "hook_events",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("handled_at", _WHEN, nullable=True),
        sa.PrimaryKeyConstraint("shop", "vendor", "event_id"),
    )
    op.create_index("ix_hook_events_waiting", "hook_events", ["shop", "vendor", "handled_at"])
    op.create_table(
        "referred",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("person", sa.JSON(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("booking", sa.BigInteger(), nullable=True),
        sa.Column("booking_status", sa.String(), nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=True),
        sa.Column("is_existing", sa.Boolean(), nullable=False),
        sa.Column("customers", sa.JSON(), nullable=False),
        sa.Column("jobs", sa.JSON(), nullable=False),
        sa.Column("job_fields", sa.JSON(), nullable=False),
        sa.Column("is_confirmed", sa.Boolean(), nullable=False),
        sa.Column("qualified_at", _WHEN, nullable=True),
        sa.Column("qualified_by", sa.String(), nullable=False),
        sa.Column("reward", sa.String(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("shop", "user_id"),
    )
    op.create_index("ix_referred_stage", "referred", ["shop", "campaign_id", "stage"])
    op.create_index("ix_referred_email", "referred", ["shop", "email_key"])
    op.create_index("ix_referred_booking", "referred", ["shop", "booking"])
    op.create_index("ix_referred_job", "referred", ["shop", "job"])
    op.create_index("ix_referred_external_id", "referred", ["shop", "external_id"])


def downgrade() -> None:
    for table in ("referred", "hook_events"):
        op.drop_table(table)
