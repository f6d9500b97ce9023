"""A ticket may go on with an earlier one"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ticket") as batch:
        batch.add_column(sa.Column("continues_id", sa.String(length=72), nullable=False, server_default=""))
        batch.create_index(batch.f("ix_ticket_continues_id"), ["continues_id"])


def downgrade() -> None:
    with op.batch_alter_table("ticket") as batch:
        batch.drop_index(batch.f("ix_ticket_continues_id"))
        batch.drop_column("continues_id")
