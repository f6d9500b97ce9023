"""What operators write down, how they finish a call, and who makes an owed call."""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0010"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_field",
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_field_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "name", name=op.f("pk_ticket_field")),
    )
    op.create_table(
        "second_stage",
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("began_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("acuity", sa.String(length=8), nullable=False),
        sa.Column("script_id", sa.String(length=64), nullable=False),
        sa.Column("script_version", sa.String(length=32), nullable=False),
        sa.Column("script_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_second_stage_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_second_stage")),
    )
    op.create_table(
        "wrap_up",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.String(length=32), nullable=False),
        sa.Column("follow_up_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_wrap_up")),
    )
    with op.batch_alter_table("wrap_up", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wrap_up_ticket_id"), ["ticket_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_wrap_up_operator_id"), ["operator_id"], unique=False)
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_callback_number"), ["callback_number"], unique=False)
    with op.batch_alter_table("recall", schema=None) as batch_op:
        batch_op.add_column(sa.Column("claimed_by", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("claimed_until", hotline.database.Moment(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("recall", schema=None) as batch_op:
        batch_op.drop_column("claimed_until")
        batch_op.drop_column("claimed_by")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_callback_number"))
    op.drop_table("wrap_up")
    op.drop_table("second_stage")
    op.drop_table("ticket_field")
