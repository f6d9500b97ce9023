"""The worker keeps the sound of each station's leg that was answered, and only once."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from hotline import events as e
from hotline.database import make_engine, reading, transaction
from hotline.facts import apply_all
from hotline.journal import Journal
from hotline.ledger import LedgerEntry, verify
from hotline.record import Record
from hotline.recordings import LegRecording, leg_path, relative_path
from hotline.tickets import TicketEntry
from ivr.kept_leg_recordings import KeptLegRecordings
from tests import migrated
from tests.hotline.facts import arrived, call_id, ended
from tests.hotline.order_scene import Scene

CALL, TRANSFER = call_id(1), f"x-{call_id(1)}-1"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = migrated.at(tmp_path / "hotline.db")
    made = make_engine(url)
    yield made
    made.dispose()


def _tried(leg: str, *states: str) -> list[e.Event]:
    facts: list[e.Event] = [
        e.LegDialled(call_id=CALL, leg_id=leg, node="n1", role="chain", endpoint="PJSIP/1@trunk-vnpt")
    ]
    facts += [
        e.StationTried(
            call_id=CALL, transfer_id=TRANSFER, leg_id=leg, name="Trạm", number="1", place=0, state=state
        )
        for state in states
    ]  # fmt: skip
    return [*facts, e.LegEnded(call_id=CALL, leg_id=leg, outcome="answered")]


def test_an_answered_leg_is_kept_with_its_hash_and_linked_to_the_call_and_its_ticket(
    engine: Engine, tmp_path: Path
) -> None:
    facts = [
        arrived(1), e.TransferAsked(call_id=CALL, transfer_id=TRANSFER, kind="warm", state="ringing"),
        *_tried("chain-1", "ringing", "no_answer"), *_tried("chain-2", "ringing", "briefing", "accepted"), ended(1),
    ]  # fmt: skip
    with transaction(engine) as session:
        apply_all(session, facts)
    path = tmp_path / "recordings" / leg_path(CALL, "chain-2")
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(64_000))
    os.utime(path, (time.time() - 10,) * 2)
    record = Record(engine, Journal(tmp_path / "journal", "worker"), "worker", 10.0)
    legs = KeptLegRecordings(engine, record, tmp_path / "recordings", "n1")
    assert [legs.look(), legs.look()] == [1, 0]
    record.close()
    with reading(engine) as session:
        (row,) = session.scalars(select(LegRecording))
        assert (row.leg_id, row.call_id, row.ticket_id) == ("chain-2", CALL, f"t-{CALL}")
        assert row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row.length_s == 2.0
        lines = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "leg_recorded")).all()
        assert [line.subject for line in lines] == ["chain-2"]
        kinds = set(session.scalars(select(TicketEntry.kind)))
        assert {"transfer_asked", "station_tried", "leg_recording_kept"} <= kinds
        assert [f for f in verify(session, tmp_path / "recordings", e.now()) if "chain" in f] == []
        path.write_bytes(b"x" * 64_000)
        (fault,) = (f for f in verify(session, tmp_path / "recordings", e.now()) if "chain" in f)
        assert "was altered" in fault


def test_a_call_to_a_team_is_kept_with_its_hash_on_the_ticket_it_is_about(
    engine: Engine, tmp_path: Path
) -> None:
    scene = Scene(engine, at=e.now())
    order_id = scene.issue("xa")
    dialled, unanswered = "n1-1700000500.7000001", "n1-1700000501.7000002"
    with transaction(engine) as session:
        for dial_id, states in (
            (dialled, ("ringing", "asked", "declined")),
            (unanswered, ("ringing", "busy")),
        ):
            for state in states:
                told = e.OrderTried(
                    order_id=order_id, assignment_id=f"{order_id}.1", dial_id=dial_id, place=0, name="Đội xã", state=state
                )  # fmt: skip
                apply_all(session, [told])
    path = tmp_path / "recordings" / relative_path(dialled)
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(96_000))
    os.utime(path, (time.time() - 10,) * 2)
    record = Record(engine, Journal(tmp_path / "journal", "worker"), "worker", 10.0)
    legs = KeptLegRecordings(engine, record, tmp_path / "recordings", "n1")
    assert [legs.look(), legs.look()] == [1, 0]
    record.close()
    with transaction(engine) as session:
        (row,) = session.scalars(select(LegRecording))
        assert (row.leg_id, row.ticket_id, row.length_s) == (dialled, scene.ticket_id, 3.0)
        assert "leg_recording_kept" in set(session.scalars(select(TicketEntry.kind)))
        about = [f for f in verify(session, tmp_path / "recordings", e.now()) if dialled in f]
        assert about == []
        session.delete(row)
        session.flush()
        (fault,) = (f for f in verify(session, tmp_path / "recordings", e.now()) if dialled in f)
        assert "was removed" in fault
