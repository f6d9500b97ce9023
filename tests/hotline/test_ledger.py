"""`verify` proves calls = tickets = recordings, and finds and names whatever was taken away or changed."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from app import app
from hotline import events as e
from hotline import ledger
from hotline.database import reading, transaction
from hotline.facts import apply_all
from hotline.recordings import BYTES_A_SECOND, relative_path
from hotline.settings import settings
from hotline.tickets import Ticket
from tests.hotline.facts import arrived, call_id, ended, whole_call

CALLS = 4


@pytest.fixture
def recordings(place: Path) -> Path:
    return place / "recordings"


@pytest.fixture
def served(database: Engine, recordings: Path) -> Engine:
    """A database with whole calls and their recordings, of two hotlines."""
    with transaction(database) as session:
        for n in range(CALLS):
            apply_all(session, [*whole_call(n), _recorded(n, recordings)])
    with transaction(database) as session:
        other = [arrived(50, hotline="binhduong"), ended(50), _recorded(50, recordings)]
        apply_all(session, other)
    return database


def _recorded(n: int, recordings: Path) -> e.RecordingKept:
    path = recordings / relative_path(call_id(n))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([n]) * BYTES_A_SECOND)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return e.RecordingKept(
        call_id=call_id(n), node="n1", path=str(relative_path(call_id(n))), length_s=1.0,
        size_bytes=BYTES_A_SECOND, sha256=digest,
    )  # fmt: skip


def _faults(database: Engine, recordings: Path) -> list[str]:
    with reading(database) as session:
        return list(ledger.verify(session, recordings, e.now() + timedelta(hours=1)))


def test_a_whole_record_has_no_fault_and_equal_counts(served: Engine, recordings: Path) -> None:
    assert _faults(served, recordings) == []
    with reading(served) as session:
        assert ledger.counts(session) == (5, 5, 5)


ID = call_id(2)
COPIED = ", ".join(c.name for c in Ticket.__table__.columns if c.name not in ("id", "call_id", "number"))
BOOKED = f"ledger_entry WHERE subject = '{ID}' AND kind"
TAMPERED = {
    "a removed ticket": (
        [f"DELETE FROM {table} WHERE ticket_id = 't-{ID}'" for table in ("ticket_entry", "ticket_text")]
        + [f"DELETE FROM ticket WHERE id = 't-{ID}'"],
        f"Ticket t-{ID} of call {ID} was removed.",
    ),
    "a removed call": (
        [f"DELETE FROM call WHERE id = '{ID}'"],
        f"Call {ID} is in the ledger (line 7 of binhphuoc) but its row was removed.",
    ),
    "a removed row of a recording": (
        [f"DELETE FROM recording WHERE call_id = '{ID}'"],
        f"The recording of call {ID} was removed from the table of recordings.",
    ),
    "a changed row of a recording": (
        [f"UPDATE recording SET sha256 = 'f' WHERE call_id = '{ID}'"],
        f"The row of the recording of call {ID} says otherwise than the ledger.",
    ),
    "a changed ledger line": (
        [f"UPDATE {BOOKED.replace('WHERE', 'SET at = at, subject = subject, hash = hash, body = :body WHERE')} = 'call_closed'"],
        f"Line 8 of the ledger of binhphuoc (call {ID}) was changed.",
    ),
    "a changed time in the ledger": (
        [f"UPDATE {BOOKED.replace('WHERE', 'SET at = :at WHERE')} = 'call_closed'"],
        f"Line 8 of the ledger of binhphuoc (call {ID}) was changed.",
    ),
    "a removed ledger line": (
        [f"DELETE FROM {BOOKED} = 'call_closed'"],
        "The ledger of binhphuoc lacks line 8.",
    ),
    "a cut-off tail": (
        ["DELETE FROM ledger_entry WHERE hotline = 'binhphuoc' AND seq > 10"],
        "The ledger of binhphuoc lost its last lines: its head says 12, 10 are there.",
    ),
    "a ledger emptied with its head": (
        ["DELETE FROM ledger_entry", "DELETE FROM ledger_head"],
        f"Call {ID} is not in the ledger.",
    ),
    "a changed number of a caller": (
        [f"UPDATE call SET caller_number = '+84900000000' WHERE id = '{ID}'"],
        f"The caller's number of call {ID} was changed after it was opened.",
    ),
    "an invented call": (
        [f"INSERT INTO ticket (id, call_id, number, {COPIED}) SELECT 't-x', 'x', 99, {COPIED} FROM ticket WHERE id = 't-{ID}'"],
        "Ticket t-x belongs to no call in the ledger.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_found_and_named(what: str, served: Engine, recordings: Path) -> None:
    statements, sentence = TAMPERED[what]
    with transaction(served) as session:
        for statement in statements:
            values = {"body": '{"reason": "served"}', "at": "2020-01-01 00:00:00+00:00"}
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            if served.dialect.name == "postgresql":
                statement = statement.replace(":body", "CAST(:body AS JSON)").replace(
                    ":at", "CAST(:at AS TIMESTAMPTZ)"
                )
            session.execute(text(statement), used)
    assert sentence in _faults(served, recordings)


def test_a_removed_sound_is_found_and_named(served: Engine, recordings: Path) -> None:
    (recordings / relative_path(ID)).unlink()
    assert _faults(served, recordings) == [f"The recording of call {ID} is gone: {relative_path(ID)}."]


def test_one_changed_byte_is_found_and_named(served: Engine, recordings: Path) -> None:
    with (recordings / relative_path(ID)).open("r+b") as file:
        file.seek(12_345)
        file.write(b"\xff")
    assert _faults(served, recordings) == [f"The recording of call {ID} was altered: its SHA-256 differs."]


def test_a_shortened_sound_is_found_and_named(served: Engine, recordings: Path) -> None:
    with (recordings / relative_path(ID)).open("r+b") as file:
        file.truncate(31_998)
    assert _faults(served, recordings) == [f"The recording of call {ID} has 31998 bytes instead of 32000."]


def test_a_call_without_a_recording_is_named_once_it_has_had_its_time(database: Engine, place: Path) -> None:
    with transaction(database) as session:
        apply_all(session, whole_call(1))
    with reading(database) as session:
        assert list(ledger.verify(session, place, e.now())) == []
    assert _faults(database, place) == [f"Call {call_id(1)} has no recording."]


def test_a_recording_that_never_came_is_named(database: Engine, place: Path) -> None:
    with transaction(database) as session:
        missing = e.RecordingMissing(call_id=call_id(1), node="n1", path="x.raw")
        apply_all(session, [*whole_call(1), missing])
    assert _faults(database, place) == [f"The recording of call {call_id(1)} was never found."]


def test_verify_prints_each_fault_and_ends_with_1(
    served: Engine, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hotline import database as module

    monkeypatch.setenv("HOTLINE_DATABASE_URL", served.url.render_as_string(hide_password=False))
    settings.cache_clear()
    module.engine.cache_clear()
    told = CliRunner().invoke(app, ["verify"])
    assert (told.exit_code, told.output.splitlines()[-1]) == (0, "calls = tickets = recordings: 5 = 5 = 5")
    (recordings / relative_path(ID)).unlink()
    told = CliRunner().invoke(app, ["verify"])
    assert told.exit_code == 1
    assert f"The recording of call {ID} is gone: {relative_path(ID)}." in told.output.splitlines()
    module.engine().dispose()
    module.engine.cache_clear()
