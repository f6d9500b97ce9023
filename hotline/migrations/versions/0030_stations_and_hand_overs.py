"""Health stations with their duty roster, hand-overs with their tries, recordings of stations' legs"""

import sqlalchemy as sa
from alembic import op

import hotline.database

revision = "0030"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leg_recording",
        sa.Column("leg_id", sa.String(length=96), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=8), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("length_s", sa.Float(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kept_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("leg_id", name=op.f("pk_leg_recording")),
    )
    with op.batch_alter_table("leg_recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_leg_recording_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_leg_recording_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "station",
        sa.Column("key", sa.String(length=48), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("units", sa.JSON(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("neighbours", sa.JSON(), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_station")),
    )
    with op.batch_alter_table("station", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_hotline"), ["hotline"], unique=False)

    op.create_table(
        "transfer",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.String(length=72), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=80), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("asked_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("rung_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("accepted_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("handed_over_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("ended_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("changed_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    with op.batch_alter_table("transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transfer_asked_at"), ["asked_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_transfer_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_transfer_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_transfer_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "duty_shift",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station_key", sa.String(length=48), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("days", sa.JSON(), nullable=False),
        sa.Column("begins", sa.String(length=5), nullable=False),
        sa.Column("ends", sa.String(length=5), nullable=False),
        sa.ForeignKeyConstraint(["station_key"], ["station.key"], name=op.f("fk_duty_shift_station_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_shift")),
    )
    with op.batch_alter_table("duty_shift", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_shift_station_key"), ["station_key"], unique=False)

    op.create_table(
        "transfer_try",
        sa.Column("leg_id", sa.String(length=96), nullable=False),
        sa.Column("transfer_id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("rung_at", hotline.database.Moment(timezone=True), nullable=False),
        sa.Column("answered_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.Column("ended_at", hotline.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_try_transfer_id")),
        sa.PrimaryKeyConstraint("leg_id", name=op.f("pk_transfer_try")),
    )
    with op.batch_alter_table("transfer_try", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transfer_try_transfer_id"), ["transfer_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("transfer_try", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transfer_try_transfer_id"))

    op.drop_table("transfer_try")
    with op.batch_alter_table("duty_shift", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duty_shift_station_key"))

    op.drop_table("duty_shift")
    with op.batch_alter_table("transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transfer_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_transfer_state"))
        batch_op.drop_index(batch_op.f("ix_transfer_call_id"))
        batch_op.drop_index(batch_op.f("ix_transfer_asked_at"))

    op.drop_table("transfer")
    with op.batch_alter_table("station", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_station_hotline"))

    op.drop_table("station")
    with op.batch_alter_table("leg_recording", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_leg_recording_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_leg_recording_call_id"))

    op.drop_table("leg_recording")
