"""Runs migrations on the URL that hotline.database.migrate names."""

from alembic import context
from sqlalchemy import NullPool, create_engine

from hotline import tables

with create_engine(context.config.attributes["url"], poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=tables.Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
