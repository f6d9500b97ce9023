"""Orders to teams"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0110"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("about", sa.String(length=88), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("sent_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_message")),
    )
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_text_message_about"), ["about"], unique=False)
        batch_op.create_index(batch_op.f("ix_text_message_state"), ["state"], unique=False)

    op.create_table(
        "team_order",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("acuity", sa.String(length=8), nullable=False),
        sa.Column("unit_code", sa.String(length=8), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=500), nullable=False),
        sa.Column("due_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(length=64), nullable=False),
        sa.Column("issued_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("centre", sa.String(length=48), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_team_order_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_order")),
    )
    with op.batch_alter_table("team_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_team_order_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_team_order_hotline"), ["hotline"], unique=False)
        batch_op.create_index(batch_op.f("ix_team_order_issued_at"), ["issued_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_team_order_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_team_order_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "assignment",
        sa.Column("id", sa.String(length=88), nullable=False),
        sa.Column("order_id", sa.String(length=80), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("team", sa.String(length=48), nullable=False),
        sa.Column("team_name", sa.String(length=160), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("instead_of", sa.String(length=88), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("next_place", sa.Integer(), nullable=False),
        sa.Column("next_call_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("dial_id", sa.String(length=64), nullable=False),
        sa.Column("dialled", sa.String(length=40), nullable=False),
        sa.Column("dial_until", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("answer_by", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("sent_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("accepted_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.String(length=160), nullable=False),
        sa.Column("accepted_means", sa.String(length=16), nullable=False),
        sa.Column("changed_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("ended_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["team_order.id"], name=op.f("fk_assignment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_next_call_at"), ["next_call_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_team"), ["team"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_ticket_id"), ["ticket_id"], unique=False)
        batch_op.create_index(
            "uq_assignment_dialled",
            ["dialled"],
            unique=True,
            sqlite_where=sa.text("dialled != ''"),
            postgresql_where=sa.text("dialled != ''"),
        )

    op.create_table(
        "order_approval",
        sa.Column("id", sa.String(length=88), nullable=False),
        sa.Column("order_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("centre", sa.String(length=48), nullable=False),
        sa.Column("centre_name", sa.String(length=160), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("due_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("said", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["team_order.id"], name=op.f("fk_order_approval_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_approval")),
    )
    with op.batch_alter_table("order_approval", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_approval_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_approval_state"), ["state"], unique=False)

    op.create_table(
        "order_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("assignment_id", sa.String(length=88), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("made_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("expires_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("used_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_order_link_assignment_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_order_link")),
    )
    with op.batch_alter_table("order_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_link_assignment_id"), ["assignment_id"], unique=False)

    op.create_table(
        "order_photo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.String(length=88), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("path", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_order_photo_assignment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_photo")),
    )
    with op.batch_alter_table("order_photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_photo_assignment_id"), ["assignment_id"], unique=False)

    op.create_table(
        "order_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.String(length=88), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("means", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_order_step_assignment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_step")),
    )
    with op.batch_alter_table("order_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_step_assignment_id"), ["assignment_id"], unique=False)

    op.create_table(
        "order_try",
        sa.Column("dial_id", sa.String(length=64), nullable=False),
        sa.Column("assignment_id", sa.String(length=88), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("rung_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("answered_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("ended_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_order_try_assignment_id")
        ),
        sa.PrimaryKeyConstraint("dial_id", name=op.f("pk_order_try")),
    )
    with op.batch_alter_table("order_try", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_try_assignment_id"), ["assignment_id"], unique=False)

    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.add_column(sa.Column("agency", sa.String(length=48), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.drop_column("agency")

    with op.batch_alter_table("order_try", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_try_assignment_id"))

    op.drop_table("order_try")
    with op.batch_alter_table("order_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_step_assignment_id"))

    op.drop_table("order_step")
    with op.batch_alter_table("order_photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_photo_assignment_id"))

    op.drop_table("order_photo")
    with op.batch_alter_table("order_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_link_assignment_id"))

    op.drop_table("order_link")
    with op.batch_alter_table("order_approval", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_approval_state"))
        batch_op.drop_index(batch_op.f("ix_order_approval_order_id"))

    op.drop_table("order_approval")
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_assignment_dialled",
            sqlite_where=sa.text("dialled != ''"),
            postgresql_where=sa.text("dialled != ''"),
        )
        batch_op.drop_index(batch_op.f("ix_assignment_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_assignment_team"))
        batch_op.drop_index(batch_op.f("ix_assignment_state"))
        batch_op.drop_index(batch_op.f("ix_assignment_order_id"))
        batch_op.drop_index(batch_op.f("ix_assignment_next_call_at"))

    op.drop_table("assignment")
    with op.batch_alter_table("team_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_team_order_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_team_order_state"))
        batch_op.drop_index(batch_op.f("ix_team_order_issued_at"))
        batch_op.drop_index(batch_op.f("ix_team_order_hotline"))
        batch_op.drop_index(batch_op.f("ix_team_order_due_at"))

    op.drop_table("team_order")
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_text_message_state"))
        batch_op.drop_index(batch_op.f("ix_text_message_about"))

    op.drop_table("text_message")
