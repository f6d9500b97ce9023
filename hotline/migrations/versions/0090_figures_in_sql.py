"""Presence entries are found by time, and an operator's by time: what reports add up"""

from alembic import op

revision = "0090"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("operator_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_operator_entry_operator_id"))
        batch_op.create_index("ix_operator_entry_in_turn", ["operator_id", "at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_operator_entry_at"), ["at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("operator_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_operator_entry_at"))
        batch_op.drop_index("ix_operator_entry_in_turn")
        batch_op.create_index(batch_op.f("ix_operator_entry_operator_id"), ["operator_id"], unique=False)
