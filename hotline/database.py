"""The database: engine, declarative base, UTC times, and `transaction()`."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError
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


KEPT_IN_LOG_PAGES = 4_000
"""16 MB of SQLite's log, which only a worker that is down leaves to a process of calls: it would wait for the disk in a call."""


def make_engine(url: str, *, busy_s: float = 0.15) -> Engine:
    """An engine whose statements give up on a lock after `busy_s`: the call outranks the record."""
    if url.startswith("sqlite"):
        # The connection used last has its pages in memory.
        engine = create_engine(
            url, connect_args={"timeout": busy_s, "check_same_thread": False}, pool_use_lifo=True
        )

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves, see _begin
            pages = f"wal_autocheckpoint={KEPT_IN_LOG_PAGES}"
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", pages):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            # IMMEDIATE: a reader that later writes would otherwise fail at once with "locked", without waiting.
            immediate = connection.get_execution_options().get("writes", True)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

        return engine
    # Short statements do not pay for being compiled: jit made a month's report twice as slow. What is asked for lies in memory or on a disk
    # without heads: at the price of heads, a day's report read every call there ever was (13 times as long).
    options = f"-c lock_timeout={int(busy_s * 1000)} -c statement_timeout={int(busy_s * 1000 * 20)} -c jit=off -c random_page_cost=1.1"
    # A server that vanished from the network is noticed after 5 s, not after the kernel's quarter of an hour.
    patience = {"connect_timeout": 2, "tcp_user_timeout": 5000, "keepalives_idle": 5, "options": options}
    return create_engine(url, pool_pre_ping=True, pool_timeout=2, connect_args=patience)


def take_in(on: Engine) -> int:
    """Take SQLite's log into its file, for the worker, once a second; pages of the log that are in the file now.

    The disk is waited for meanwhile (50 to 200 ms under load), by nobody else: readers and writers go on.
    """
    if on.dialect.name != "sqlite":
        return 0
    connection = on.raw_connection()
    try:
        _, _, taken = connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(taken)
    finally:
        connection.close()


ROOM_S = 0.25


def leave_room(on: Engine, took_s: float) -> None:
    """After one of many writes in a row: on SQLite as much time as it took, for others.

    Whoever waits there for the write lock looks for it ten times a second only, and would never find it free.
    """
    if on.dialect.name == "sqlite":
        time.sleep(min(took_s, ROOM_S))


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
    """A statement compiled once for each database and given to its driver: a fraction of the usual work.

    Values are handed in by the columns' or bindparams' names. It runs in the transaction that its connection has begun.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self._statement, self._names = statement, names
        self._made: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, whose rows are as the driver gives them. Raises SQLAlchemyError."""
        made = self._made.get(connection.dialect.name) or self._compiled(connection.dialect)
        return made.execute(connection, "execute", made.ready(values))

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """An INSERT of each of the rows."""
        made = self._made.get(connection.dialect.name) or self._compiled(connection.dialect)
        if made.positional:
            for _ in made.of_many(connection, rows):
                pass
        elif rows:
            made.execute(connection, "executemany", [made.ready(row) for row in rows])

    def returned(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """An INSERT … RETURNING one column of each of the rows: what came back, as the driver gives it."""
        made = self._made.get(connection.dialect.name) or self._compiled(connection.dialect)
        if made.positional:
            return [row[0] for cursor in made.of_many(connection, rows) for row in cursor.fetchall()]
        found = (made.execute(connection, "execute", made.ready(row)).fetchone() for row in rows)
        return [row[0] for row in found if row is not None]

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Its rows with each column's own type."""
        made = self._made.get(connection.dialect.name) or self._compiled(connection.dialect)
        cursor = made.execute(connection, "execute", made.ready(values))
        if made.results is None:
            made.results = tuple(
                column._cached_result_processor(connection.dialect, told[1])
                for column, told in zip(made.columns, cursor.description, strict=True)
            )
        processes = made.results
        return [
            tuple(process(value) if process else value for process, value in zip(processes, row, strict=True))
            for row in cursor.fetchall()
        ]

    def _compiled(self, dialect: Dialect) -> "_Compiled":
        compiled: Any = self._statement.compile(  # type: ignore[attr-defined]  # every statement of Core can be compiled
            dialect=dialect, column_keys=list(self._names) or None
        )
        names = compiled.positiontup or list(compiled.binds)
        fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        processors = compiled._bind_processors
        made = self._made[dialect.name] = _Compiled(
            str(compiled),
            tuple((name, processors.get(name)) for name in names),
            bool(compiled.positiontup),
            fixed,
            tuple(column.type for column in compiled._result_columns),
        )
        return made


_Process = Callable[[Any], Any] | None
_INSERT = re.compile(r"(INSERT .* VALUES )(\([?, ]*\))( .*)?", re.DOTALL)
ROWS_AT_ONCE = 16


@dataclass
class _Compiled:
    sql: str
    binds: tuple[tuple[str, _Process], ...]
    positional: bool
    fixed: Mapping[str, Any]
    """Values that stand in the statement itself."""
    columns: tuple[Any, ...]
    """The types of what it returns."""
    results: tuple[_Process, ...] | None = None
    """Their readers, known from the first answer on."""
    _of_many: dict[int, str] = field(default_factory=dict)
    """The statement for so many rows."""

    def ready(self, values: Mapping[str, Any]) -> Any:
        given = [
            process(value) if process else value
            for process, value in (
                (process, values[name] if name in values else self.fixed[name])
                for name, process in self.binds
            )
        ]
        return given if self.positional else dict(zip((name for name, _ in self.binds), given, strict=True))

    def of_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
        """SQLite's INSERT of several rows at once, its cursors; each statement costs its index of words a flush.

        A power of two at a time, so that there are few statements to prepare.
        """
        left = [self.ready(row) for row in rows]
        while left:
            many = min(1 << (len(left).bit_length() - 1), ROWS_AT_ONCE)
            sql = self._of_many.get(many)
            if sql is None:
                head, row, tail = _INSERT.fullmatch(self.sql).groups(default="")  # type: ignore[union-attr]  # an INSERT
                sql = self._of_many[many] = f"{head}{', '.join([row] * many)}{tail}"
            yield self.execute(connection, "execute", [value for row in left[:many] for value in row], sql)
            del left[:many]

    def execute(self, connection: Connection, how: str, given: Any, sql: str = "") -> Any:
        cursor = connection.connection.cursor()
        driver: Any = connection.dialect.loaded_dbapi
        try:
            getattr(cursor, how)(sql or self.sql, given)
        except driver.Error as error:
            raise DBAPIError.instance(
                self.sql, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
            ) from error
        return cursor
