"""Recalls: one debt for each person, who dials it and until when, how often they were lost"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

OWED = sa.text("state IN ('due', 'dialling')")


def upgrade() -> None:
    moment = hotline.database.Moment(timezone=True)
    with op.batch_alter_table("recall", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.String(length=80), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("redials", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("waits_since", moment, nullable=True))
        batch_op.add_column(sa.Column("dial_id", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("dial_until", moment, nullable=True))
        batch_op.add_column(sa.Column("alarmed_as", sa.String(length=96), nullable=False, server_default=""))
    # Debts of before stay apart: which of them are one person's is not known here.
    op.execute("UPDATE recall SET person = id, waits_since = made_at")
    op.execute("UPDATE recall SET state = 'due' WHERE state = 'dialling'")
    with op.batch_alter_table("recall", schema=None) as batch_op:
        batch_op.alter_column("person", server_default=None)
        batch_op.alter_column("redials", server_default=None)
        batch_op.alter_column("dial_id", server_default=None)
        batch_op.alter_column("alarmed_as", server_default=None)
        batch_op.alter_column("waits_since", existing_type=moment, nullable=False)
    op.create_index(
        "uq_recall_owed", "recall", ["person", "state"], unique=True, sqlite_where=OWED, postgresql_where=OWED
    )


def downgrade() -> None:
    op.drop_index("uq_recall_owed", table_name="recall")
    with op.batch_alter_table("recall", schema=None) as batch_op:
        for name in ("alarmed_as", "dial_until", "dial_id", "waits_since", "redials", "person"):
            batch_op.drop_column(name)
