"""The demo's account: the carrier's own list against calls, tickets and recordings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from front_door.accounting import COLUMNS, Line, Ours, Witnessed, account, table

NOON = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
CALL = Witnessed("0912345678", "1022", NOON, 21.0, "221")
KEPT = Ours(
    "n1-1.1", "binhphuoc", "+84912345678", NOON + timedelta(seconds=0.3), "RED", 4.2, "op1", 20.8, "BP-1"
)


def faults(lines: list[Line]) -> list[str]:
    return [fault for line in lines for fault in line.faults()]


def test_a_call_with_ticket_and_recording_is_accounted_for() -> None:
    lines = account([CALL], [KEPT])
    assert faults(lines) == []
    assert tuple(lines[0].as_dict()) == COLUMNS
    assert lines[0].as_dict()["keys"] == "221"


def test_a_call_of_the_carrier_that_is_not_here_is_named() -> None:
    assert faults(account([CALL], [])) == ["The carrier's call from 0912345678 at 05:00:00 is not here."]


def test_a_call_here_that_the_carrier_never_made_is_named() -> None:
    assert faults(account([], [KEPT])) == ["Call n1-1.1 is not in the carrier's list."]


def test_a_call_without_ticket_or_recording_is_named() -> None:
    assert len(faults(account([CALL], [replace(KEPT, ticket="", recorded_s=None)]))) == 2


def test_a_recording_that_is_too_short_is_named_with_its_seconds() -> None:
    said = faults(account([CALL], [replace(KEPT, recorded_s=9.0)]))
    assert said == ["The recording of call n1-1.1 holds 9.0 s of 21.0 s."]


def test_two_calls_of_one_number_are_two_lines() -> None:
    later = replace(CALL, started_at=NOON + timedelta(minutes=2))
    again = replace(KEPT, call="n1-1.2", arrived_at=later.started_at)
    assert [line.ours.call for line in account([later, CALL], [again, KEPT]) if line.ours] == [
        "n1-1.1",
        "n1-1.2",
    ]


def test_another_callers_row_is_never_taken_for_this_call() -> None:
    other = replace(KEPT, number="+84987654321")
    assert len(faults(account([CALL], [other]))) == 2


def test_withheld_numbers_are_matched_by_time() -> None:
    calls = [replace(CALL, number="", started_at=NOON + timedelta(seconds=n * 30)) for n in range(2)]
    rows = [
        replace(KEPT, call=f"n1-1.{n}", number="", arrived_at=call.started_at) for n, call in enumerate(calls)
    ]
    assert faults(account(calls, rows)) == []
    assert len(faults(account(calls, rows[:1]))) == 1


def test_the_table_names_what_is_missing() -> None:
    shown = table(account([CALL, replace(CALL, number="0900000000")], [KEPT]))
    assert "BP-1" in shown
    assert "MISSING" in shown
