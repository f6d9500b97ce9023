"""Since when a call is on hold."""

import sqlalchemy as sa
from alembic import op

from hotline.database import Moment

revision = "0080"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("call") as table:
        table.add_column(sa.Column("held_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("call") as table:
        table.drop_column("held_at")
