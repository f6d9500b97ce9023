"""The worker keeps each ended call's sound once it is closed, and names the one that never came."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from hotline import events as e
from hotline.database import make_engine, reading, transaction
from hotline.facts import apply_all
from hotline.journal import Journal
from hotline.ledger import LedgerEntry
from hotline.record import Record
from hotline.recordings import Recording, relative_path
from hotline.settings import PROJECT
from ivr.kept_recordings import CLOSED_AFTER_S, KeptRecordings
from tests import migrated
from tests.hotline.facts import arrived, call_id, ended, whole_call


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = migrated.at(tmp_path / "hotline.db")
    made = make_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Iterator[KeptRecordings]:
    record = Record(engine, Journal(tmp_path / "journal", "worker"), "worker", 10.0)
    yield KeptRecordings(engine, record, tmp_path / "recordings", "n1")
    record.close()


def _sound(folder: Path, n: int, age_s: float, size: int = 64_000) -> Path:
    path = folder / relative_path(call_id(n))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    at = time.time() - age_s
    os.utime(path, (at, at))
    return path


def _served(engine: Engine, *facts: e.Event) -> None:
    with transaction(engine) as session:
        apply_all(session, facts)


def _rows(engine: Engine) -> dict[str, Recording]:
    with reading(engine) as session:
        return {row.call_id: row for row in session.scalars(select(Recording))}


def test_a_closed_sound_is_kept_with_its_length_size_and_sum(engine: Engine, kept: KeptRecordings) -> None:
    path = _sound(kept.folder, 1, CLOSED_AFTER_S + 1)
    _served(engine, *whole_call(1))
    assert kept.look() == 1
    row = _rows(engine)[call_id(1)]
    assert (row.length_s, row.size_bytes, row.retention) == (2.0, 64_000, "critical")
    assert row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert kept.folder / row.path == path


def test_a_sound_that_still_grows_waits_until_it_is_closed(engine: Engine, kept: KeptRecordings) -> None:
    path = _sound(kept.folder, 1, 0.0)
    _served(engine, *whole_call(1))
    assert kept.look() == 0
    os.utime(path, (time.time() - 10, time.time() - 10))
    assert kept.look() == 1


def test_a_call_that_goes_on_is_left_alone(engine: Engine, kept: KeptRecordings) -> None:
    _sound(kept.folder, 1, 100.0)
    _served(engine, arrived(1))
    assert kept.look() == 0


@pytest.mark.parametrize("size", [None, 0], ids=["no file", "an empty file"])
def test_a_sound_that_never_came_is_in_the_ledger_after_a_minute(
    size: int | None, engine: Engine, kept: KeptRecordings
) -> None:
    if size is not None:
        _sound(kept.folder, 1, 100.0, size)
    _sound(kept.folder, 2, 100.0, 0)
    _served(engine, arrived(1), ended(1, at=e.now() - timedelta(seconds=61)))
    _served(engine, arrived(2), ended(2, at=e.now() - timedelta(seconds=30)))
    kept.look()
    with reading(engine) as session:
        missing = select(LedgerEntry.subject).where(LedgerEntry.kind == "recording_missing")
        assert session.scalars(missing).all() == [call_id(1)]


def test_a_recall_that_nobody_took_has_no_sound_to_miss(engine: Engine, kept: KeptRecordings) -> None:
    _served(engine, arrived(1, direction="out"), ended(1, "abandoned", at=e.now() - timedelta(seconds=100)))
    kept.look()
    with reading(engine) as session:
        assert session.scalars(select(LedgerEntry.kind)).all() == ["call_opened", "call_closed"]


def test_calls_that_end_later_and_those_of_before_a_restart_are_found(
    engine: Engine, kept: KeptRecordings
) -> None:
    for n in range(3):
        _sound(kept.folder, n, 100.0)
    _served(engine, *whole_call(0))
    assert kept.look() == 1
    _served(engine, *whole_call(1))
    assert kept.look() == 1
    _served(engine, *whole_call(2))
    assert KeptRecordings(engine, kept.record, kept.folder, "n1").look() == 1
    assert kept.look() == 0


@pytest.mark.live
def test_the_worker_keeps_a_recording_and_ends_at_once_when_told(engine: Engine, tmp_path: Path) -> None:
    _sound(tmp_path / "recordings", 1, 100.0)
    _served(engine, *whole_call(1))
    given = {
        "HOTLINE_VAR": str(tmp_path), "HOTLINE_RECORDINGS": str(tmp_path / "recordings"), "PATH": os.environ["PATH"],
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "app.py", "worker"], cwd=PROJECT, env=given, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 20
        while not _rows(engine):
            assert child.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        told_s = time.monotonic()
        assert child.wait(5) == 0
        assert time.monotonic() - told_s < 3
    finally:
        child.kill()
        child.wait()
