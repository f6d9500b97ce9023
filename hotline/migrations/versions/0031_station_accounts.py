"""Accounts of health stations, and whose number a try rang."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operator") as table:
        table.add_column(sa.Column("station", sa.String(length=48), server_default="", nullable=False))
    with op.batch_alter_table("transfer_try") as table:
        table.add_column(sa.Column("station", sa.String(length=48), server_default="", nullable=False))
        table.create_index(op.f("ix_transfer_try_station"), ["station"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("transfer_try") as table:
        table.drop_index(op.f("ix_transfer_try_station"))
        table.drop_column("station")
    with op.batch_alter_table("operator") as table:
        table.drop_column("station")
