"""Quality: scoring forms, scores, calibrations, coaching notes, calls to score; who listened to a station's leg"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0050"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scoring_form",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kept_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_scoring_form")),
    )
    op.create_table(
        "calibration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("asked_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["operator.id"], name=op.f("fk_calibration_asked_by")),
        sa.ForeignKeyConstraint(["form"], ["scoring_form.digest"], name=op.f("fk_calibration_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration")),
    )
    with op.batch_alter_table("calibration", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calibration_call_id"), ["call_id"], unique=False)

    op.create_table(
        "coaching_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seen_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("acknowledged_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["operator.id"], name=op.f("fk_coaching_note_by_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_coaching_note_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_note")),
    )
    with op.batch_alter_table("coaching_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_coaching_note_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_coaching_note_operator_id"), ["operator_id"], unique=False)

    op.create_table(
        "leg_recording_play",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("leg_id", sa.String(length=96), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["leg_id"], ["leg_recording.leg_id"], name=op.f("fk_leg_recording_play_leg_id")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.id"], name=op.f("fk_leg_recording_play_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leg_recording_play")),
    )
    with op.batch_alter_table("leg_recording_play", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_leg_recording_play_leg_id"), ["leg_id"], unique=False)

    op.create_table(
        "score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("scorer_id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("calibration_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("finished_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("percent", sa.Float(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["form"], ["scoring_form.digest"], name=op.f("fk_score_form")),
        sa.ForeignKeyConstraint(["scorer_id"], ["operator.id"], name=op.f("fk_score_scorer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
        sa.UniqueConstraint(
            "call_id", "scorer_id", "calibration_id", name=op.f("uq_score_call_id_scorer_id_calibration_id")
        ),
    )
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_calibration_id"), ["calibration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_finished_at"), ["finished_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_operator_id"), ["operator_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_scorer_id"), ["scorer_id"], unique=False)

    op.create_table(
        "to_score",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("scorer_id", sa.Integer(), nullable=False),
        sa.Column("chosen_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_to_score_operator_id")),
        sa.ForeignKeyConstraint(["scorer_id"], ["operator.id"], name=op.f("fk_to_score_scorer_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_to_score")),
    )
    with op.batch_alter_table("to_score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_to_score_scorer_id"), ["scorer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_to_score_week"), ["week"], unique=False)

    op.create_table(
        "calibration_seat",
        sa.Column("calibration_id", sa.Integer(), nullable=False),
        sa.Column("scorer_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calibration_id"], ["calibration.id"], name=op.f("fk_calibration_seat_calibration_id")
        ),
        sa.ForeignKeyConstraint(["scorer_id"], ["operator.id"], name=op.f("fk_calibration_seat_scorer_id")),
        sa.PrimaryKeyConstraint("calibration_id", "scorer_id", name=op.f("pk_calibration_seat")),
    )
    with op.batch_alter_table("calibration_seat", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calibration_seat_scorer_id"), ["scorer_id"], unique=False)

    op.create_table(
        "score_answer",
        sa.Column("score_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.String(length=40), nullable=False),
        sa.Column("at", hotline.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["score_id"], ["score.id"], name=op.f("fk_score_answer_score_id")),
        sa.PrimaryKeyConstraint("score_id", "question", name=op.f("pk_score_answer")),
    )


def downgrade() -> None:
    op.drop_table("score_answer")
    with op.batch_alter_table("calibration_seat", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calibration_seat_scorer_id"))

    op.drop_table("calibration_seat")
    with op.batch_alter_table("to_score", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_to_score_week"))
        batch_op.drop_index(batch_op.f("ix_to_score_scorer_id"))

    op.drop_table("to_score")
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_scorer_id"))
        batch_op.drop_index(batch_op.f("ix_score_operator_id"))
        batch_op.drop_index(batch_op.f("ix_score_finished_at"))
        batch_op.drop_index(batch_op.f("ix_score_call_id"))
        batch_op.drop_index(batch_op.f("ix_score_calibration_id"))

    op.drop_table("score")
    with op.batch_alter_table("leg_recording_play", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_leg_recording_play_leg_id"))

    op.drop_table("leg_recording_play")
    with op.batch_alter_table("coaching_note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_coaching_note_operator_id"))
        batch_op.drop_index(batch_op.f("ix_coaching_note_call_id"))

    op.drop_table("coaching_note")
    with op.batch_alter_table("calibration", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calibration_call_id"))

    op.drop_table("calibration")
    op.drop_table("scoring_form")
