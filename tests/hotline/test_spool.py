"""The spool: what was told outlives the process that was told it, and nobody takes it from a process that lives."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.calls import Call
from hotline.database import make_engine, reading
from hotline.journal import Journal
from hotline.record import Record
from hotline.spool import SIZE_BYTES, line_of, orphans
from tests import migrated
from tests.hotline.facts import arrived, call_id, triaged

PROCESS = """
import sys, os, signal
from pathlib import Path
from hotline.database import make_engine
from hotline.journal import Journal
from hotline.record import Record
from tests.hotline.facts import arrived, triaged
record = Record(make_engine(sys.argv[1], busy_s=0.15), Journal(Path(sys.argv[2]), "agi"), "ivr", 0.15)
record.tell(arrived(1))
record.tell(triaged(1))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_its_facts_gather_loses_none(tmp_path: Path) -> None:
    url = migrated.at(tmp_path / "hotline.db")
    folder = tmp_path / "journal"
    words = [sys.executable, "-c", PROCESS, url, str(folder)]
    told = subprocess.run(words, cwd=Path(__file__).parents[2], timeout=60, capture_output=True, check=False)
    assert told.returncode == -signal.SIGKILL, told.stderr.decode()
    engine = make_engine(url)
    record = Record(engine, Journal(folder, "agi"), "ivr", 5.0)  # the restart
    record.write(arrived(2))
    record.close()
    with reading(engine) as session:
        assert session.get_one(Call, call_id(1)).acuity == "RED"
    engine.dispose()
    assert list(folder.glob("*.spool")) == []


def test_a_living_process_keeps_its_spool(tmp_path: Path) -> None:
    spool = Journal(tmp_path, "agi").spool()
    spool.put(line_of(arrived(1)))
    again = Journal(tmp_path, "agi")
    again.adopt()
    assert not again
    spool.close()


def test_what_is_kept_elsewhere_is_not_adopted(tmp_path: Path) -> None:
    spool, lines = Journal(tmp_path, "agi").spool(), [line_of(arrived(n)) for n in range(3)]
    for line in lines:
        spool.put(line)
    spool.settle([])
    spool.put(lines[2])
    assert _left(tmp_path, spool) == lines[2]


def test_a_spool_that_grows_without_an_end_is_written_anew(tmp_path: Path) -> None:
    spool, line = Journal(tmp_path, "agi").spool(), line_of(triaged(1))
    last = line_of(arrived(2))
    for _ in range(SIZE_BYTES // len(line) + 1):
        spool.put(line)
        spool.settle([line])
    spool.put(last)
    assert len(_left(tmp_path, spool)) < SIZE_BYTES / 2


def test_a_disk_that_takes_nothing_stops_no_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Journal(tmp_path, "agi").spool()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    spool.put(line_of(arrived(1)))
    spool.put(line_of(arrived(2)))
    spool.settle([])
    spool.close()


def _left(folder: Path, spool: object) -> bytes:
    """What another process would find after this one's death."""
    file = spool._file  # type: ignore[attr-defined]  # its death is played by giving up the lock
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)
    [(_, lines)] = orphans(folder, "agi")
    return lines
