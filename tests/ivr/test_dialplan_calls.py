"""Asterisk's own list of calls: read once, over restarts and rotations, with nothing lost."""

import csv
import io
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from asterisk_conf import CDR_COLUMNS
from hotline import events as e
from hotline import ledger
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import make_engine, reading
from hotline.journal import Journal
from hotline.recalls import Recall
from hotline.record import Record
from ivr import dialplan_calls
from ivr.dialplan_calls import DialplanCalls
from ivr.kept_recordings import KeptRecordings
from tests import migrated


class House:
    """The list, and who imports it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.path, self._folder, self.engine = folder / "hotline.csv", folder, engine
        self.record = Record(engine, Journal(folder / "journal", "dialplan"), "dialplan", 10.0)

    def importer(self) -> DialplanCalls:
        place = self._folder / "place"
        return DialplanCalls(self.engine, self.record, self.path, CDR_COLUMNS, place)

    def line(self, n: int, **more: str) -> str:
        """What Asterisk writes of the nth caller, who met a desk, or something else."""
        now = time.time() - 60
        values = {
            "hotline": "binhphuoc", "trunk": "vnpt", "called": "1022", "caller": f"09120000{n:02d}", "acuity": "ORANGE",
            "served_by": "dialplan", "uniqueid": f"n1-1700000000.{n}", "start": f"{now}", "answer": f"{now}",
            "end": f"{now + 9}", "disposition": "ANSWERED", "lastapp": "Queue", "dstchannel": "PJSIP/101-1",
        }  # fmt: skip
        values |= more
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values.get(name, "") for name in CDR_COLUMNS)
        return text.getvalue()

    def written(self, *numbers: int, path: Path | None = None) -> None:
        with (path or self.path).open("a") as file:
            file.writelines(map(self.line, numbers))

    def call(self, call_id: str) -> Call:
        with reading(self.engine) as session:
            return session.get_one(Call, call_id)

    def recall(self, call_id: str) -> Recall:
        with reading(self.engine) as session:
            return session.get_one(Recall, f"r-{call_id}")

    def told(self) -> list[int]:
        with reading(self.engine) as session:
            return sorted(int(i.rpartition(".")[2]) for i in session.scalars(select(Call.id)))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(dialplan_calls, "ROTATED_AT_BYTES", 200)
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url)
    made = House(tmp_path, engine)
    yield made
    made.record.close()
    engine.dispose()


def test_a_long_list_is_rotated_and_a_line_written_late_into_the_old_one_is_told(house: House) -> None:
    house.written(1, 2)
    importer = house.importer()
    assert importer.look() == 2
    old = house.path.with_name("hotline.csv.1")
    assert old.exists()
    assert not house.path.exists()
    house.written(3, path=old)
    house.written(4)
    assert importer.look() == 2
    assert house.told() == [1, 2, 3, 4]


def test_who_met_a_full_trunk_is_on_record_as_lost_and_owed_a_call_within_the_time_of_yellow(
    house: House, tmp_path: Path
) -> None:
    refused = {"answer": "0", "served_by": "full", "disposition": "BUSY", "dstchannel": "", "acuity": ""}
    house.path.write_text(house.line(7, **refused))
    assert house.importer().look() == 1
    call, recall = house.call("n1-1700000000.7"), house.recall("n1-1700000000.7")
    assert (call.end_reason, call.acuity, call.ticket_id) == ("no_channel", "YELLOW", f"t-{call.id}")
    assert (recall.why, recall.acuity, recall.number) == ("lost", "YELLOW", "+84912000007")
    assert call.ended_at is not None
    assert (recall.due_at - call.ended_at).total_seconds() == Acuity.YELLOW.callback_within_s
    with reading(house.engine) as session:
        later = e.now() + timedelta(days=1)
        assert list(ledger.verify(session, tmp_path, later)) == [], "no recording is missed"
    assert KeptRecordings(house.engine, house.record, tmp_path, "n1").look() == 0
    with reading(house.engine) as session:
        assert list(ledger.verify(session, tmp_path, later)) == []


@pytest.mark.parametrize(("triaged", "reason", "owed"), [("1", "abandoned", 1), ("", "too_short", 0)])
def test_who_pressed_a_key_and_hangs_up_at_once_is_lost_and_who_said_nothing_is_not(
    house: House, triaged: str, reason: str, owed: int
) -> None:
    now = time.time() - 60
    soon = {"start": f"{now}", "answer": f"{now}", "end": f"{now + 2}", "dstchannel": "", "lastapp": "Queue"}
    house.path.write_text(house.line(7, **soon, triaged=triaged))
    assert house.importer().look() == 1
    assert house.call("n1-1700000000.7").end_reason == reason
    with reading(house.engine) as session:
        assert len(session.scalars(select(Recall)).all()) == owed


def test_what_a_dead_process_left_in_its_spool_is_waited_for(house: House, tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    spool = tmp_path / f"calls.{child.pid}.7f00.spool"
    spool.write_bytes(b'{"event": "CallAnswered"}\n\0')
    house.written(1)
    importer = house.importer()
    assert importer.look() == 0, "it may tell that a human answered"
    spool.unlink()  # the next process has adopted it
    assert importer.look() == 1


def test_a_worker_that_ends_at_the_rotation_loses_nothing(house: House) -> None:
    house.written(1, 2)
    assert house.importer().look() == 2
    house.written(3, path=house.path.with_name("hotline.csv.1"))
    house.written(4)
    assert house.importer().look() == 2
    assert house.importer().look() == 0
    assert house.told() == [1, 2, 3, 4]


def test_a_list_with_calls_that_are_not_told_yet_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialplan_calls, "GRACE_S", 1000.0)
    house.written(1, 2, 3)
    assert house.importer().look() == 0
    assert house.path.exists()
    monkeypatch.undo()
    assert house.importer().look() == 3


def test_only_some_old_lists_are_kept(house: House) -> None:
    importer = house.importer()
    for n in range(dialplan_calls.ROTATED_KEPT + 2):
        house.written(2 * n, 2 * n + 1)
        assert importer.look() == 2
    kept = sorted(file.name for file in house.path.parent.glob("hotline.csv.*"))
    assert kept == [f"hotline.csv.{n}" for n in range(1, dialplan_calls.ROTATED_KEPT + 1)]
    assert len(house.told()) == 2 * (dialplan_calls.ROTATED_KEPT + 2)


def test_a_caller_whom_the_dialplan_alone_served_is_owed_no_recall_any_more(house: House) -> None:
    before = e.now() - timedelta(minutes=5)
    lost = e.RecallDue(
        at=before, call_id="n1-1600000000.1", hotline="binhphuoc", number="+84912000001", acuity="RED", why="lost",
        due_at=before,
    )  # fmt: skip
    house.record.write(lost)
    house.written(1)
    assert house.importer().look() == 1
    assert house.recall(lost.call_id).state == "done"
