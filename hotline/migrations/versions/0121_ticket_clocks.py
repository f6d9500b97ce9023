"""A ticket's clock, and how far the entries have been read for it"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0121"
down_revision = "0130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = hotline.database.Moment(timezone=True)
    op.create_table(
        "ticket_clock",
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("paused_until", moment, nullable=True),
        sa.Column("pause_reason", sa.String(length=200), nullable=False),
        sa.Column("sounded", sa.Integer(), nullable=False),
        sa.Column("told_to", sa.String(length=80), nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.Column("told_at", moment, nullable=True),
        sa.Column("told_due_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_clock")),
    )
    with op.batch_alter_table("ticket_clock", schema=None) as batch_op:
        for name in ("hotline", "due_at", "sounded"):
            batch_op.create_index(batch_op.f(f"ix_ticket_clock_{name}"), [name], unique=False)
    op.create_table(
        "clock_follower",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_follower")),
    )


def downgrade() -> None:
    op.drop_table("clock_follower")
    op.drop_table("ticket_clock")
