"""How good a browser's network was in a call."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("leg") as table:
        table.add_column(sa.Column("quality", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("leg") as table:
        table.drop_column("quality")
