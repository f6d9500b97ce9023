"""An order keeps the times that it was issued with"""

import sqlalchemy as sa
from alembic import op

revision = "0170"
down_revision = "0160"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("team_order", sa.Column("times", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("team_order", "times")
