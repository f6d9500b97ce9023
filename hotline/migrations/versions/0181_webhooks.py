"""Webhooks of agencies' own systems"""

import sqlalchemy as sa
from alembic import op

from hotline.database import Moment

revision = "0181"
down_revision = "0180"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agency_webhook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agency_key", sa.String(length=48), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", Moment(timezone=True), nullable=True),
        sa.Column("paused_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agency_key"], ["agency.key"], name=op.f("fk_agency_webhook_agency_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_webhook")),
    )
    op.create_index(op.f("ix_agency_webhook_agency_key"), "agency_webhook", ["agency_key"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", Moment(timezone=True), nullable=False),
        sa.Column("sent_at", Moment(timezone=True), nullable=True),
        sa.Column("fault", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["agency_webhook.id"], name=op.f("fk_webhook_delivery_webhook_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(op.f("ix_webhook_delivery_webhook_id"), "webhook_delivery", ["webhook_id"])
    op.create_index("ix_webhook_delivery_state_next_try_at", "webhook_delivery", ["state", "next_try_at"])


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("agency_webhook")
