"""Referral links: who has one in which campaign, and which customers changed since a sync last looked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "contact_changes",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "customer"),
    )
    op.create_index("ix_contact_changes_seq", "contact_changes", ["shop", "seq", "customer"])
    # What is indexed already is as good as changed; and it lacks what a sync needs, so the feeds are read once more.
    op.execute("INSERT INTO contact_changes (shop, customer, seq) SELECT DISTINCT shop, customer, 1 FROM contact_index")
    op.execute(
        "DELETE FROM cursors WHERE name IN "
        "('servicetitan/contact-index/customers', 'servicetitan/contact-index/contacts')"
    )
    op.create_table(
        "referral_users",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("was_there", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("shop", "campaign_id", "email_key"),
    )
    op.create_index("ix_referral_users_user", "referral_users", ["shop", "campaign_id", "user_id"])
    op.create_table(
        "referral_customers",
        sa.Column("shop", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("link_written", sa.Text(), nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("shop", "campaign_id", "customer"),
    )
    op.create_index("ix_referral_customers_email", "referral_customers", ["shop", "campaign_id", "email_key"])
    op.create_index("ix_referral_customers_state", "referral_customers", ["shop", "campaign_id", "state", "customer"])


def downgrade() -> None:
    for table in ("referral_customers", "referral_users", "contact_changes"):
        op.drop_table(table)
