"""Past days of tickets added up; indexes that lists and the command centre's board are read from alone"""

import sqlalchemy as sa
from alembic import op

from hotline.database import Moment

revision = "0186"
down_revision = "0185"
branch_labels = None
depends_on = None
COUNTS = ("received", "solved", "on_time", "late_solved", "overdue", "judged", "under", "over", "handed")


def upgrade() -> None:
    op.create_table(
        "ticket_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("division", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("hotline", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("handed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "division", "key", "hotline", name=op.f("pk_ticket_day")),
    )
    op.create_table(
        "ticket_day_kept",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ticket_day_kept")),
    )
    op.create_index(
        "ix_ticket_listed", "ticket", ["hotline", "state", "acuity", "opened_at", "unit_code", "id"]
    )
    op.create_index(
        "ix_ticket_clock_running", "ticket_clock", ["ticket_id", "stage", "due_at", "paused_until", "owner"]
    )


def downgrade() -> None:
    op.drop_index("ix_ticket_clock_running", "ticket_clock")
    op.drop_index("ix_ticket_listed", "ticket")
    op.drop_table("ticket_day_kept")
    op.drop_table("ticket_day")
