"""Why a customer's link is not in its custom field."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = ("link_refused", "link_why")


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("referral_customers", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("referral_customers") as table:
        for name in _COLUMNS:
            table.drop_column(name)
