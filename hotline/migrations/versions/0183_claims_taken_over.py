"""Claims that were taken over"""

import sqlalchemy as sa
from alembic import op

revision = "0183"
down_revision = "0182"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ticket_claim") as batch_op:
        batch_op.add_column(sa.Column("taken_from", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reason", sa.String(length=200), nullable=False, server_default=""))
        batch_op.create_index(op.f("ix_ticket_claim_taken_from"), ["taken_from"])


def downgrade() -> None:
    with op.batch_alter_table("ticket_claim") as batch_op:
        batch_op.drop_index(op.f("ix_ticket_claim_taken_from"))
        batch_op.drop_column("reason")
        batch_op.drop_column("taken_from")
