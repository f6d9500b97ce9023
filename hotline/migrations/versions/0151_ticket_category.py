"""What a ticket is about"""

import sqlalchemy as sa
from alembic import op

revision = "0151"
down_revision = "0150"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("category", sa.String(length=32), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("ticket", "category")
