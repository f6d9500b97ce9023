"""People: usual phones, a password to be changed, sessions that outlive a switching off to a talk's end, entries of changes"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_person_entry_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_entry")),
    )
    with op.batch_alter_table("person_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_entry_operator_id"), ["operator_id"], unique=False)
    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone", sa.String(length=32), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("second_phone", sa.String(length=32), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("sessions_kept_for", sa.String(length=80), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("operator", schema=None) as batch_op:
        for name in ("must_change_password", "sessions_kept_for", "second_phone", "phone"):
            batch_op.drop_column(name)
    with op.batch_alter_table("person_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_entry_operator_id"))
    op.drop_table("person_entry")
