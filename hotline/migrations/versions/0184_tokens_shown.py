"""Who made and ended a token or a webhook, and when a token was last used"""

import sqlalchemy as sa
from alembic import op

from hotline.database import Moment

revision = "0184"
down_revision = "0183"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("made_by", "ended_by"):
        op.add_column(
            "agency_token", sa.Column(column, sa.String(length=80), nullable=False, server_default="")
        )
    op.add_column("agency_token", sa.Column("used_at", Moment(timezone=True), nullable=True))
    op.add_column(
        "agency_webhook", sa.Column("ended_by", sa.String(length=80), nullable=False, server_default="")
    )


def downgrade() -> None:
    for table, column in (
        ("agency_webhook", "ended_by"), ("agency_token", "used_at"), ("agency_token", "ended_by"), ("agency_token", "made_by"),
    ):  # fmt: skip
        with op.batch_alter_table(table) as changed:
            changed.drop_column(column)
