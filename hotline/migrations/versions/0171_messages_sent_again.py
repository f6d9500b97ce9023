"""Messages that are tried again, and dead letters"""

import sqlalchemy as sa
from alembic import op

revision = "0171"
down_revision = "0170"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        for column in (
            sa.Column("key", sa.String(length=40), server_default="", nullable=False),
            sa.Column("channel", sa.String(length=12), server_default="sms", nullable=False),
            sa.Column("ticket_id", sa.String(length=72), server_default="", nullable=False),
            sa.Column("body", sa.JSON(), server_default="{}", nullable=False),
            sa.Column("round", sa.Integer(), server_default="0", nullable=False),
            sa.Column("fault", sa.String(length=200), server_default="", nullable=False),
            sa.Column("doubtful", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("gateway_id", sa.String(length=80), server_default="", nullable=False),
        ):
            batch_op.add_column(column)
    op.execute("UPDATE text_message SET key = 'before-' || id")
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        batch_op.create_index("uq_text_message_key", ["key"], unique=True)
        batch_op.create_index(batch_op.f("ix_text_message_ticket_id"), ["ticket_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_text_message_ticket_id"))
        batch_op.drop_index("uq_text_message_key")
        for name in ("gateway_id", "doubtful", "fault", "round", "body", "ticket_id", "channel", "key"):
            batch_op.drop_column(name)
