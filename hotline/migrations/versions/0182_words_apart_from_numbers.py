"""On SQLite words and numbers have an index each"""

from alembic import op

from hotline import ticket_words

revision = "0182"
down_revision = "0181"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    made_anew = "SELECT 1 FROM sqlite_master WHERE name = 'ticket_numbers'"
    if connection.exec_driver_sql(made_anew).scalar() is None:  # a database of before
        for name in ("added", "removed", "changed"):
            op.execute(f"DROP TRIGGER ticket_text_{name}")
        op.execute("DROP TABLE ticket_words")
        for statement in ticket_words.INDEXES:
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """The indexes stay as they are: migration 0150 makes them so."""
