"""Tokens of agencies' own systems"""

import sqlalchemy as sa
from alembic import op

from hotline.database import Moment

revision = "0160"
down_revision = "0151"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agency_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("agency_key", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["agency_key"], ["agency.key"], name=op.f("fk_agency_token_agency_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_agency_token_token_hash")),
    )
    with op.batch_alter_table("agency_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agency_token_agency_key"), ["agency_key"], unique=False)


def downgrade() -> None:
    op.drop_table("agency_token")
