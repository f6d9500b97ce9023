"""The operator's own spoken note of a hand-over."""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("transfer") as table:
        table.add_column(sa.Column("note", sa.String(length=8), server_default="", nullable=False))
        table.add_column(sa.Column("note_s", sa.Float(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("transfer") as table:
        table.drop_column("note_s")
        table.drop_column("note")
