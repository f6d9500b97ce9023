"""On SQLite a ticket's changed reason leaves its numbers alone, and what is empty is not indexed"""

from alembic import op

from hotline import ticket_words

revision = "0187"
down_revision = "0186"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        ticket_words.renew_triggers(connection)


def downgrade() -> None:
    """The triggers of before did the same, at more cost."""
