"""The database hangs, is locked, or its writer is killed: the call goes on, and every fact is there afterwards."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from hotline import events as e
from hotline.calls import Call
from hotline.database import make_engine, reading
from hotline.facts import Told
from hotline.journal import Journal
from hotline.ledger import verify
from hotline.record import Record
from hotline.tickets import Ticket, TicketEntry
from tests import migrated
from tests.hotline.facts import arrived, call_id, ended, triaged, whole_call
from tests.postgres import Server

Writer = Callable[..., Record]
WITHIN_S = 0.15
SPARE_S = 0.15
"""The tests' machine is busy; a write alone needs under 50 ms more than its limit."""


def _written_meanwhile(record: Record, calls: int) -> list[float]:
    """How long each write took, in seconds."""
    took = []
    for n in range(calls):
        for fact in whole_call(n):
            began = time.monotonic()
            record.write(fact)
            took.append(time.monotonic() - began)
    return took


def _all_there(database: Engine, record_of: Path, calls: int) -> None:
    until = time.monotonic() + 15
    journal = Journal(record_of, "test")
    while journal and time.monotonic() < until:
        time.sleep(0.05)
    assert not journal
    wanted = [
        "call_arrived", "call_triaged", "call_queued", "leg_dialled", "call_answered", "leg_ended", "call_ended",
    ]  # fmt: skip
    with reading(database) as session:
        for n in range(calls):
            kinds = select(TicketEntry.kind).where(TicketEntry.ticket_id == f"t-{call_id(n)}")
            assert session.scalars(kinds.order_by(TicketEntry.id)).all() == wanted
        assert session.scalar(select(func.count()).select_from(Told)) == 7 * calls
        assert sorted(session.scalars(select(Ticket.number))) == list(range(1, calls + 1))


def test_a_forked_child_is_told_to_make_its_own_record(writer: Writer, database: Engine) -> None:
    record = writer()
    child = os.fork()
    if child == 0:  # its threads are those of the parent, which keep nothing here
        try:
            record.tell(arrived(1))
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert record.write(arrived(1))


def test_a_locked_sqlite_holds_no_call_up_and_loses_no_fact(place: Path, writer: Writer) -> None:
    url = migrated.at(place / "hotline.db")
    engine = make_engine(url, busy_s=WITHIN_S)
    record = writer(within_s=WITHIN_S, on=engine)
    other = sqlite3.connect(place / "hotline.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    took = _written_meanwhile(record, 6)
    time.sleep(max(0.0, 10.0 - (time.monotonic() - began)))
    other.execute("ROLLBACK")
    other.close()
    assert max(took) < WITHIN_S + SPARE_S
    _all_there(engine, place / "journal", 6)
    engine.dispose()


@pytest.mark.live
def test_a_hung_postgresql_holds_no_call_up_and_loses_no_fact(
    place: Path, writer: Writer, postgres: Server
) -> None:
    engine = make_engine(postgres.database(), busy_s=WITHIN_S)
    record = writer(within_s=WITHIN_S, on=engine)
    postgres.signal_all(signal.SIGSTOP)
    try:
        began = time.monotonic()
        took = _written_meanwhile(record, 6)
        time.sleep(max(0.0, 10.0 - (time.monotonic() - began)))
    finally:
        postgres.signal_all(signal.SIGCONT)
    assert max(took) < WITHIN_S + SPARE_S
    _all_there(engine, place / "journal", 6)
    engine.dispose()


def test_facts_of_a_killed_process_are_there_after_its_restart(place: Path, database: Engine) -> None:
    """Killed after its facts went to the journal, and again in the middle of the replay."""
    journal = Journal(place / "journal", "test")
    journal.append(*whole_call(0), *whole_call(1))
    with journal.take():  # the replay began, and its process died: the facts lie aside
        pass
    journal.append(*whole_call(2))
    with journal.path.open("a") as file:
        file.write('{"event": "CallEnd')  # and a power cut tore the last line
    record = Record(database, Journal(place / "journal", "test"), "test", 10.0)
    record.write(arrived(3))
    record.close()
    assert not journal
    with reading(database) as session:
        assert sorted(session.scalars(select(Call.id))) == [call_id(n) for n in range(4)]
        assert session.scalar(select(func.count()).select_from(Told)) == 22


PROCESS = """
import sys, os, signal
from pathlib import Path
from hotline.database import make_engine
from hotline.journal import Journal
from hotline.record import Record
from tests.hotline.facts import whole_call
record = Record(make_engine(sys.argv[1], busy_s=0.15), Journal(Path(sys.argv[2]), "test"), "test", 0.15)
for n in range(3):
    for fact in whole_call(n):
        record.write(fact)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_the_database_is_locked_loses_nothing(place: Path, writer: Writer) -> None:
    url = migrated.at(place / "hotline.db")
    other = sqlite3.connect(place / "hotline.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    words = [sys.executable, "-c", PROCESS, url, str(place / "journal")]
    told = subprocess.run(words, cwd=Path(__file__).parents[2], timeout=60, capture_output=True, check=False)
    assert told.returncode == -signal.SIGKILL, told.stderr.decode()
    other.execute("ROLLBACK")
    other.close()
    engine = make_engine(url)
    writer(on=engine)  # the restart
    _all_there(engine, place / "journal", 3)
    engine.dispose()


def test_processes_that_write_at_once_give_no_number_twice(database_url: str, place: Path) -> None:
    """As the AGI server, the calls process and the worker do, to calls of their own and to shared ones."""
    engines = [make_engine(database_url, busy_s=10.0) for _ in range(3)]
    records = [
        Record(engine, Journal(place / "journal", f"p{n}"), f"p{n}", 30.0) for n, engine in enumerate(engines)
    ]

    def tell(process: int) -> None:
        for n in range(12):
            own = 100 * (process + 1) + n
            futures = [records[process].tell(fact) for fact in whole_call(own)]
            shared = arrived(n) if process == 0 else triaged(n) if process == 1 else ended(n)
            futures.append(records[process].tell(shared))
            for future in futures:
                future.result(30)

    threads = [threading.Thread(target=tell, args=(process,)) for process in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for record in records:
        record.close()
    with reading(engines[0]) as session:
        numbers = sorted(session.scalars(select(Ticket.number).where(Ticket.hotline == "binhphuoc")))
        states = dict(session.execute(select(Call.id, Call.state)).tuples().all())
        faults = [fault for fault in verify(session, place, e.now()) if "recording" not in fault]
    for engine in engines:
        engine.dispose()
    assert numbers == list(range(1, 49))
    assert set(states.values()) == {"ended"}
    assert len(states) == 48
    assert faults == []


def test_a_full_disk_and_a_locked_database_still_let_the_call_go_on(
    place: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(f"sqlite:///{place / 'absent' / 'hotline.db'}", busy_s=WITHIN_S)
    record = writer(within_s=WITHIN_S, on=engine)

    monkeypatch.setattr(record, "_journal", _FullJournal(place / "journal"))
    took_s = []
    for n in range(3):  # a machine may have a slow moment: the call is held up only when every try is slow
        began = time.monotonic()
        assert not record.write(arrived(n))
        took_s.append(time.monotonic() - began)
    assert min(took_s) < 1.5
    engine.dispose()


class _FullJournal(Journal):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "full")

    def append(self, *events: e.Event) -> None:
        raise OSError(28, "No space left on device")
