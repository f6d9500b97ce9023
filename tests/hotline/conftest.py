"""Each test that asks for `database` runs on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hotline.database import make_engine
from hotline.journal import Journal
from hotline.record import Record
from hotline.settings import settings
from tests import migrated
from tests.postgres import postgres

__all__ = ["postgres"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation's own folders, with no Redis."""
    monkeypatch.setenv("HOTLINE_VAR", str(tmp_path))
    monkeypatch.setenv("HOTLINE_RECORDINGS", str(tmp_path / "recordings"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)],
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated database."""
    if request.param == "postgresql":
        made: str = request.getfixturevalue("postgres").database()
        return made
    return migrated.at(tmp_path / "hotline.db")


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Record]]:
    """Makes a Record of a named process, on the test's `database` unless told otherwise."""
    made: list[Record] = []

    def make(process: str = "test", within_s: float = 10.0, on: Engine | None = None) -> Record:
        engine = on or request.getfixturevalue("database")
        record = Record(engine, Journal(tmp_path / "journal", process), process, within_s)
        made.append(record)
        return record

    yield make
    for record in made:
        record.close()
