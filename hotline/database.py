"""The database: engine, declarative base, UTC times, and `transaction()`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    create_engine,
    event,
)
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from hotline.settings import PROJECT, settings

# Named constraints, so that migrations can drop them by name on both databases.
NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it naive, so the zone is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was handed to the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def make_engine(url: str, *, busy_s: float = 0.15) -> Engine:
    """An engine whose statements give up on a lock after `busy_s`: the call outranks the record."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": busy_s, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves, see _begin
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            # IMMEDIATE: a reader that later writes would otherwise fail at once with "locked", without waiting.
            immediate = connection.get_execution_options().get("writes", True)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

        return engine
    options = f"-c lock_timeout={int(busy_s * 1000)} -c statement_timeout={int(busy_s * 1000 * 20)}"
    # A server that vanished from the network is noticed after 5 s, not after the kernel's quarter of an hour.
    patience = {"connect_timeout": 2, "tcp_user_timeout": 5000, "keepalives_idle": 5, "options": options}
    return create_engine(url, pool_pre_ping=True, pool_timeout=2, connect_args=patience)


@lru_cache(maxsize=1)
def engine() -> Engine:
    """This process's engine. People's requests may wait 2 s for a lock; calls use `hotline.record`, which may not."""
    return make_engine(settings().database, busy_s=2.0)


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Session]:
    """A session that commits at the end or rolls back on an error; events are published after the commit by `hotline.bus`."""
    with Session(on or engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Session]:
    """A session for reading only: on SQLite it takes no write lock."""
    chosen = (on or engine()).execution_options(writes=False)
    with Session(chosen, expire_on_commit=False) as session:
        yield session


def migrate(url: str | None = None) -> None:
    """Bring the database to the newest revision of hotline/migrations."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(PROJECT / "hotline" / "migrations"))
    target = url or settings().database
    if target.startswith("sqlite:///"):
        Path(target.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    config.attributes["url"] = target
    command.upgrade(config, "head")


class Prepared:
    """A statement compiled once for each database: what every fact needs runs with a fraction of the usual work.

    Values are handed in by the columns' or bindparams' names; what it returns is as the driver gives it.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self._statement, self._names = statement, names
        self._made: dict[str, tuple[str, list[tuple[str, Callable[[Any], Any] | None]], bool]] = {}

    def run(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = self._compiled(connection)
        sql, binds, positional = made
        ready = [(name, process(values[name]) if process else values[name]) for name, process in binds]
        given: Any = tuple(value for _, value in ready) if positional else dict(ready)
        return connection.exec_driver_sql(sql, given)

    def _compiled(
        self, connection: Connection
    ) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]], bool]:
        compiled: Any = self._statement.compile(  # type: ignore[attr-defined]  # every statement of Core can be compiled
            dialect=connection.dialect, column_keys=list(self._names) or None
        )
        names = compiled.positiontup or list(compiled.binds)
        processors = compiled._bind_processors
        return str(compiled), [(name, processors.get(name)) for name in names], bool(compiled.positiontup)
