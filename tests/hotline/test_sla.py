"""Promises and clocks: by when, who is warned and told, and nothing lost or told twice in any history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline import sla, sla_tables
from hotline.hours import Holiday, Span
from hotline.sla import ABOVE, Budget, Calendar, Happening, Kind, Level, Rules, Stage, minutes
from hotline.toml_table import Fault
from hotline.units import VIETNAM

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
"""A Friday, 15:00 in Vietnam."""
RULES = Rules("binhphuoc")
OFFICE = Calendar(sla.OFFICE, (Holiday(date(2026, 11, 24), date(2026, 11, 24), "nghỉ"),), "binhphuoc")


def at(after_min: float) -> datetime:
    return START + timedelta(minutes=after_min)


def clock(
    history: Sequence[Happening], after_min: float, acuity: str = "YELLOW", rules: Rules = RULES
) -> sla.Clock:
    return sla.clock(rules, START, acuity, "relief", history, at(after_min))


def test_a_ticket_is_told_within_five_hours_and_warned_at_80_percent() -> None:
    opened = clock([], 0)
    assert (opened.stage, opened.due_at, opened.owner) == (Stage.ACCEPT, at(15), "hotline:binhphuoc")
    assert opened.next == sla.Alarm(at(12), Stage.ACCEPT)
    assert opened.due[Stage.TOLD] == at(300)
    done = clock([Happening(at(100), Kind.REACHED, Stage.DONE)], 100)
    assert (done.stage, done.next) == (Stage.TOLD, sla.Alarm(at(240), Stage.TOLD))


def test_the_most_particular_budget_counts() -> None:
    rules = Rules(
        "x",
        (
            *sla.USUAL,
            Budget(minutes(9, 9, None, 9, 9, 9), "relief"),
            Budget(minutes(1, 1, 1, 1, 1, 1), "relief", "RED"),
        ),
    )
    assert rules.budget("relief", "RED").minutes[Stage.DONE] == 1
    assert rules.budget("relief", "ORANGE").minutes[Stage.DONE] == 9
    assert rules.budget("other", "RED").minutes[Stage.ASSIGN] == 5
    assert rules.budget("other", "GREEN").minutes[Stage.TOLD] == 300


def test_the_ladder_climbs_to_different_people_and_its_last_step_repeats() -> None:
    rules = Rules(
        "x",
        levels=(Level(0, "supervisor"), Level(10, ABOVE), Level(20, ABOVE), Level(30, "giamdoc")),
        repeat_min=60,
    )
    history: list[Happening] = []
    found = []
    for _ in range(7):
        alarm = clock(history, 0, rules=rules).next
        assert alarm is not None and alarm.stage is not None
        found.append(((alarm.at - START).total_seconds() / 60, alarm.number, alarm.to, alarm.climbs))
        history.append(Happening(alarm.at, Kind.SOUNDED, alarm.stage, number=alarm.number))
    assert found == [
        (12, 0, "", 0), (15, 1, "supervisor", 0), (25, 2, ABOVE, 1), (35, 3, ABOVE, 2), (45, 4, "giamdoc", 0),
        (105, 5, "giamdoc", 0), (165, 6, "giamdoc", 0),
    ]  # fmt: skip


def test_a_pause_moves_every_due_moment_and_ends_by_itself() -> None:
    paused = [Happening(at(5), Kind.PAUSED, "chờ hồ sơ", at(65))]
    now = clock(paused, 10)
    assert now.next == sla.Alarm(at(65), None) and now.paused is not None and now.paused.value == "chờ hồ sơ"
    over = clock(paused, 70)
    assert (over.paused, over.due_at, over.next) == (None, at(75), sla.Alarm(at(72), Stage.ACCEPT))
    ended = clock([*paused, Happening(at(25), Kind.RESUMED)], 30)
    assert ended.due_at == at(35)


def test_a_reopened_ticket_begins_anew_with_the_owner_above() -> None:
    again = clock(
        [
            Happening(at(9), Kind.REACHED, Stage.TOLD),
            Happening(at(10), Kind.CLOSED),
            Happening(at(60), Kind.REOPENED, "agency:tinh"),
        ],
        61,
    )
    assert (again.round, again.owner, again.stage, again.due_at) == (2, "agency:tinh", Stage.ACCEPT, at(75))


def test_working_hours_skip_night_weekend_and_holiday_and_never_count_for_the_urgent() -> None:
    rules = Rules(
        "x",
        (Budget(minutes(60, 60, None, 600, 600, 6000), in_hours=True),),
        holidays=OFFICE.holidays,
        medical=frozenset({"suspected_case"}),
    )
    late = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)  # Friday 16:30: half an hour is left
    due = sla.clock(rules, late, "YELLOW", "procedure", [], late).due
    assert due[Stage.ACCEPT] == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday 8:00
    assert due[Stage.DONE] == datetime(
        2026, 11, 25, 2, tzinfo=UTC
    )  # 30 + 480 + 90 minutes; Tuesday is a holiday
    for acuity, category in (("RED", "procedure"), ("YELLOW", "suspected_case")):
        assert sla.clock(rules, late, acuity, category, [], late).due[Stage.ACCEPT] == late + timedelta(
            hours=1
        )


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 7 * 24 * 60),
    lasts=st.integers(1, 1200),
    pauses=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 600)), max_size=3),
)
def test_counted_time_is_what_a_minute_by_minute_count_finds(
    start: int, lasts: int, pauses: list[tuple[int, int]]
) -> None:
    begin = at(start)
    spans = sorted((begin + timedelta(minutes=a), begin + timedelta(minutes=a + b)) for a, b in pauses)
    found = sla.after(OFFICE, begin, timedelta(minutes=lasts), spans)
    minute, left = begin, lasts
    while left:
        local = minute.astimezone(VIETNAM)
        works = local.isoweekday() < 6 and local.date() != date(2026, 11, 24)
        works = works and any(s.begins <= local.time() < s.ends for s in sla.OFFICE)
        left -= works and not any(a <= minute < b for a, b in spans)
        minute += timedelta(minutes=1)
    assert found == minute


ACTIONS = st.sampled_from(
    [
        "accept",
        "assign",
        "on_site",
        "done",
        "told",
        "own",
        "pause",
        "resume",
        "close",
        "reopen",
        "wake",
        "wake",
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 400), ACTIONS), max_size=25),
    acuity=st.sampled_from(["RED", "YELLOW", "NONMED"]),
    in_hours=st.booleans(),
)
def test_no_open_ticket_is_without_owner_and_next_moment_and_no_alarm_is_missed_or_doubled(
    steps: list[tuple[int, str]], acuity: str, in_hours: bool
) -> None:
    """The worker wakes at random moments, also after days; between them anything happens, in any order."""
    rules = Rules("x", tuple(Budget(b.minutes, b.category, b.acuity, in_hours) for b in sla.USUAL))
    history: list[Happening] = []
    moment, sounded = 0, []
    for after_min, action in [*steps, (2000, "wake")]:
        moment += after_min
        if action in set(Stage):
            history.append(Happening(at(moment), Kind.REACHED, action))
        elif action == "own":
            history.append(Happening(at(moment), Kind.OWNED, f"agency:{moment}"))
        elif action == "pause":
            history.append(Happening(at(moment), Kind.PAUSED, "lý do", at(moment + 90)))
        elif action in ("resume", "close", "reopen"):
            is_closed = clock(history, moment, acuity, rules).closed
            if action == "resume" or is_closed == (action == "reopen"):
                history.append(Happening(at(moment), Kind(action.rstrip("e") + "ed")))
        else:
            for _ in range(300):
                now = clock(history, moment, acuity, rules)
                if now.next is None or now.next.at > at(moment):
                    break
                assert now.next.stage is not None, "a pause that is over does not wait"
                history.append(Happening(at(moment), Kind.SOUNDED, now.next.stage, number=now.next.number))
                sounded.append((now.round, now.next.stage, now.next.number, now.next.at))
            else:
                raise AssertionError("alarms without end")
        now = clock(history, moment, acuity, rules)
        assert now.owner
        assert now.closed == (now.next is None) == (now.stage is None)
    assert len({(r, s, n) for r, s, n, _ in sounded}) == len(sounded)
    for (r1, s1, n1, a1), (r2, s2, n2, a2) in pairwise(sounded):
        if (r1, s1) == (r2, s2):
            assert n2 == n1 + 1 and a2 >= a1
        else:
            assert n2 == 0 or (r2, s2) in {
                (r, s) for r, s, _, _ in sounded[: sounded.index((r2, s2, n2, a2))]
            }


def judged(**table: object) -> tuple[Rules, list[Fault]]:
    faults: list[Fault] = []
    return sla_tables.read("x", table, faults), faults


def test_what_is_read_is_what_was_written() -> None:
    rules, faults = judged(**sla_tables.USUAL_PLAIN)
    assert faults == [] and rules == Rules("x")
    assert judged() == (Rules("x"), [])


def test_promises_that_contradict_themselves_are_named_with_their_row() -> None:
    usual = {"accept": 5, "done": 60, "close": 90}
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"budgets": [{**usual, "done": 4}]}, "mỗi bước phải có hạn"),
        ({"budgets": [{**usual, "acuity": "RED"}]}, "mọi loại và mọi mức"),
        ({"budgets": [usual, usual]}, "lặp lại"),
        ({"budgets": [{**usual, "done": "sớm"}]}, "'sớm'"),
        ({"budgets": [{"accept": 5}]}, "hạn đóng phiếu"),
        ({"levels": []}, "ít nhất một cấp"),
        ({"levels": [{"after": 5, "to": "supervisor"}, {"after": 0, "to": ABOVE}]}, "tăng dần"),
        ({"levels": [{"after": 0, "to": "supervisor"}, {"after": 5, "to": "supervisor"}]}, "hai lần"),
        ({"levels": [{"after": "", "to": ""}]}, "người nhận"),
        ({"warn_percent": 100}, "từ 10 đến 99"),
        ({"budget": []}, "không có ô này"),
    )
    for table, said in cases:
        _, faults = judged(**table)
        assert any(said in fault.vi for fault in faults), (table, faults)


def test_own_working_hours_are_read() -> None:
    rules, faults = judged(hours=[{"days": [6], "from": "08:00", "to": "10:00"}])
    assert (rules.working, faults) == ((Span(frozenset({6}), time(8), time(10)),), [])
