"""Deadlines: rows that wait for their time, and the beat of whoever does what is due"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0120"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = hotline.database.Moment(timezone=True)
    op.create_table(
        "deadline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=120), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("set_at", moment, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", moment, nullable=True),
        sa.Column("fault", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline")),
        sa.UniqueConstraint("kind", "about", name=op.f("uq_deadline_kind_about")),
    )
    with op.batch_alter_table("deadline", schema=None) as batch_op:
        batch_op.create_index("ix_deadline_in_turn", ["due_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deadline_about"), ["about"], unique=False)
    op.create_table(
        "deadline_beat",
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("jumped_at", moment, nullable=True),
        sa.Column("jumped_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_deadline_beat")),
    )


def downgrade() -> None:
    op.drop_table("deadline_beat")
    with op.batch_alter_table("deadline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deadline_about"))
        batch_op.drop_index("ix_deadline_in_turn")
    op.drop_table("deadline")
