"""On SQLite an index is touched only by a change of its own columns"""

from alembic import op

from hotline import ticket_words

revision = "0185"
down_revision = "0184"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for statement in ticket_words.INDEXES:
        if "_of_text_changed" in statement:
            name = statement.split()[2]
            op.execute(f"DROP TRIGGER {name}")
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """The triggers of before did the same, at more cost."""
