"""A document's key may be a prompt's: language, hotline and name."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("settings_version") as table:
        table.alter_column("key", existing_type=sa.String(48), type_=sa.String(140))


def downgrade() -> None:
    with op.batch_alter_table("settings_version") as table:
        table.alter_column("key", existing_type=sa.String(140), type_=sa.String(48))
