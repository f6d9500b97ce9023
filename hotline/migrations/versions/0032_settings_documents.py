"""Settings documents with their versions."""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_DRAFTS = sa.text("state = 'draft'")


def upgrade() -> None:
    op.create_table(
        "settings_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=48), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("saves", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("restores", sa.Integer(), nullable=True),
        sa.Column("published_by", sa.String(length=64), nullable=False),
        sa.Column("published_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("publication", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings_version")),
        sa.UniqueConstraint("kind", "key", "number", name=op.f("uq_settings_version_kind_key_number")),
        sa.UniqueConstraint("publication", name=op.f("uq_settings_version_publication")),
    )
    with op.batch_alter_table("settings_version", schema=None) as batch_op:
        batch_op.create_index(
            "ix_one_draft", ["kind", "key"], unique=True, sqlite_where=_DRAFTS, postgresql_where=_DRAFTS
        )
    op.create_table(
        "settings_follower",
        sa.Column("process", sa.String(length=24), nullable=False),
        sa.Column("publication", sa.Integer(), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("fault", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_settings_follower")),
    )


def downgrade() -> None:
    op.drop_table("settings_follower")
    op.drop_table("settings_version")
