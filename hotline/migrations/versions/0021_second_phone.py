"""A second phone that rings with an operator's own."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operator_presence") as table:
        table.add_column(sa.Column("second_phone", sa.String(length=32), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("operator_presence") as table:
        table.drop_column("second_phone")
