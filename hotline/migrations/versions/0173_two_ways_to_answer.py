"""Articles, questions to agencies, and who works a ticket"""

import sqlalchemy as sa
from alembic import op

from hotline import article_words
from hotline.database import Moment

revision = "0173"
down_revision = "0172"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title_words", sa.Text(), nullable=False),
        sa.Column("text_words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
        sa.UniqueConstraint("key", name=op.f("uq_article_key")),
    )
    op.create_index(op.f("ix_article_category"), "article", ["category"])
    article_words.install(op.get_bind())

    op.create_table(
        "referral",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("acuity", sa.String(length=8), nullable=False),
        sa.Column("unit_code", sa.String(length=8), nullable=False),
        sa.Column("unit_on", sa.Date(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", Moment(timezone=True), nullable=False),
        sa.Column("due_at", Moment(timezone=True), nullable=False),
        sa.Column("assembled", sa.Text(), nullable=False),
        sa.Column("assembled_by", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_referral_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral")),
    )
    for name in ("ticket_id", "hotline", "state", "asked_at"):
        op.create_index(op.f(f"ix_referral_{name}"), "referral", [name])

    op.create_table(
        "referral_part",
        sa.Column("id", sa.String(length=88), nullable=False),
        sa.Column("referral_id", sa.String(length=80), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("agency", sa.String(length=48), nullable=False),
        sa.Column("agency_name", sa.String(length=160), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("instead_of", sa.String(length=88), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("asked_at", Moment(timezone=True), nullable=False),
        sa.Column("due_at", Moment(timezone=True), nullable=False),
        sa.Column("warned_at", Moment(timezone=True), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("said_by", sa.String(length=160), nullable=False),
        sa.Column("means", sa.String(length=16), nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_referral_part_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_part")),
    )
    for name in ("referral_id", "ticket_id", "agency", "state"):
        op.create_index(op.f(f"ix_referral_part_{name}"), "referral_part", [name])

    op.create_table(
        "referral_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("part_id", sa.String(length=88), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("used_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["part_id"], ["referral_part.id"], name=op.f("fk_referral_link_part_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_referral_link")),
    )
    op.create_index(op.f("ix_referral_link_part_id"), "referral_link", ["part_id"])

    op.create_table(
        "ticket_claim",
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("claimed_at", Moment(timezone=True), nullable=False),
        sa.Column("beat_at", Moment(timezone=True), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_claim_ticket_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_ticket_claim_operator_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_claim")),
    )
    op.create_index(op.f("ix_ticket_claim_operator_id"), "ticket_claim", ["operator_id"])


def downgrade() -> None:
    for name in ("ticket_claim", "referral_link", "referral_part", "referral"):
        op.drop_table(name)
    article_words.remove(op.get_bind())
    op.drop_table("article")
