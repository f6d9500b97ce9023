"""On PostgreSQL tickets are found room by room, newest first"""

from alembic import op

from hotline import ticket_words

revision = "0180"
down_revision = "0173"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    made_anew = op.get_bind().exec_driver_sql("SELECT to_regclass('ix_ticket_text_lexemes')").scalar()
    if made_anew is None:  # a database of before
        op.execute("ALTER TABLE ticket_text DROP COLUMN words, DROP COLUMN number_endings")
        for statement in ticket_words.ROOMS:
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """The index stays as it is: migration 0150 makes it so."""
