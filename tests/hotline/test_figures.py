"""Every figure of a report against a count by hand over generated calls, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.figures import By, Figures, counted, recalls
from hotline.hand_over_figures import HandOvers, Scored, hand_overs, scored
from hotline.operators import Operator, OperatorEntry
from hotline.quality import KeptForm, Score
from hotline.recalls import Recall
from hotline.transfers import Transfer, TransferTry

DAY = datetime(2026, 11, 22, 17, tzinfo=UTC)
END = DAY + timedelta(days=1)
HOTLINES = ("binhphuoc", "binhduong")
WRAPS = 1000
"""Before the ids of the operators whose wrap-ups are told: one each, so that none overlap."""
TARGET_S = {"RED": 10, "ORANGE": 60, "YELLOW": 180, "GREEN": 300, "NONMED": 180}


@dataclass(frozen=True)
class Planned:
    """What was done with one caller, in plain words; the count by hand knows nothing else."""

    n: int
    hotline: str
    acuity: str
    at_s: float
    direction: str
    fate: str
    """answered, talking, abandoned, switch_lost, no_channel, too_short, self_care, waiting or never_queued."""
    waited_s: float
    talked_s: float
    wrapped_s: float | None
    operator: int


def plan(seed: int) -> list[Planned]:
    dice = random.Random(seed)
    fates = ("answered", "answered", "answered", "talking", "abandoned", "switch_lost", "no_channel", "too_short",
             "self_care", "waiting", "never_queued")  # fmt: skip
    edges = (0.0, 5.0, 5.1, 10.0, 10.1, 30.0, 30.1, 60.0, 60.1, 180.0, 180.1, 300.0, 300.1)
    return [
        Planned(
            n, dice.choice(HOTLINES), dice.choice(list(TARGET_S)),
            # Some just before and just after the day.
            dice.choice((-0.001, 0.0, 86_399.999, 86_400.0, *([dice.uniform(0, 86_000)] * 12))),
            dice.choice(("in", "in", "in", "out")), dice.choice(fates),
            dice.choice((*edges, dice.uniform(0, 400))), dice.uniform(1, 600),
            dice.choice((None, dice.uniform(1, 90))), dice.randint(1, 3),
        )
        for n in range(dice.randint(0, 300))
    ]  # fmt: skip


def written(engine: Engine, planned: list[Planned]) -> None:
    with transaction(engine) as session:
        for n in (1, 2, 3, *(WRAPS + one.n for one in planned)):
            session.add(
                Operator(id=n, username=f"o{n}", full_name=f"O {n}", role="operator", password_hash="x")
            )
        session.flush()
        for one in planned:
            session.add(_row(one))
            session.add_all(_presence(one))


def _row(one: Planned) -> Call:
    at = DAY + timedelta(seconds=one.at_s)
    queued = None if one.fate in ("self_care", "never_queued", "too_short") else at + timedelta(seconds=20)
    met = (queued or at) + timedelta(seconds=one.waited_s)
    human = met if one.fate in ("answered", "talking") else None
    over = {"answered": met + timedelta(seconds=one.talked_s), "talking": None, "waiting": None}.get(
        one.fate, met
    )
    reason = {"answered": "served", "talking": "", "waiting": "", "never_queued": "abandoned"}.get(
        one.fate, one.fate
    )
    return Call(
        id=f"n1-1.{one.n}", node="n1", direction=one.direction, hotline=one.hotline, acuity=one.acuity, branch="medical",
        arrived_at=at, queued_at=queued, human_at=human, ended_at=over, end_reason=reason,
        operator_id=one.operator if human else None, state="ended" if over else "talking",
    )  # fmt: skip


def _presence(one: Planned) -> list[OperatorEntry]:
    """The wrap-up's states, some of them told in two parts, as when a page holds it."""
    if one.fate != "answered" or one.wrapped_s is None:
        return []
    begin = _row(one).ended_at
    assert begin is not None
    who = WRAPS + one.n
    entry = {"operator_id": who, "call_id": f"n1-1.{one.n}"}
    middle = begin + timedelta(seconds=one.wrapped_s / 2)
    return [
        OperatorEntry(at=begin, state="wrap_up", **entry),
        OperatorEntry(at=middle, state="wrap_up", reason="page", **entry),
        OperatorEntry(
            at=begin + timedelta(seconds=one.wrapped_s), state="available", operator_id=who, call_id=""
        ),
    ]


def counted_by_hand(planned: list[Planned]) -> dict[str, Any]:
    """The definitions of GLOSSARY.md, counted one caller after the other."""
    n: dict[str, Any] = dict.fromkeys(("arrived", "answered", "lost", "lost_late", "short", "called_out"), 0)
    waits: list[float] = []
    longest, talks, wraps = [], [], []
    for one in planned:
        if one.fate == "answered":
            talks.append(one.talked_s)
            if one.wrapped_s is not None:
                wraps.append(one.wrapped_s)
        reached = one.fate in ("answered", "talking")
        if one.direction == "out":
            n["called_out"] += reached
            continue
        n["arrived"] += 1
        in_target = f"in_target {one.acuity}"
        wanted = f"wanted {one.acuity}"
        if reached:
            n["answered"] += 1
            n[wanted] = n.get(wanted, 0) + 1
            n[in_target] = n.get(in_target, 0) + (one.waited_s <= TARGET_S[one.acuity])
            waits.append(one.waited_s)
            longest.append(one.waited_s)
        elif one.fate == "too_short":
            n["short"] += 1
        elif one.fate in ("abandoned", "switch_lost", "no_channel", "never_queued"):
            if one.waited_s <= 5 and one.fate != "no_channel":
                n["short"] += 1
            else:
                n["lost"] += 1
                n["lost_late"] += one.waited_s > 30
                n[wanted] = n.get(wanted, 0) + 1
                longest.append(one.waited_s)
    n["wait_s"] = sum(waits) / len(waits) if waits else None
    n["longest_wait_s"] = max(longest, default=None)
    n["talk_s"] = sum(talks) / len(talks) if talks else None
    n["wrap_up_s"] = sum(wraps) / len(wraps) if wraps else None
    return n


def compare(found: Figures, planned: list[Planned]) -> None:
    by_hand = counted_by_hand(planned)
    for name in ("arrived", "answered", "lost", "lost_late", "short", "called_out"):
        assert getattr(found, name) == by_hand[name], name
    for name in ("wait_s", "longest_wait_s", "talk_s", "wrap_up_s"):
        assert getattr(found, name) == pytest.approx(by_hand[name], abs=1e-3), name
    wanted = in_target = 0
    for acuity in Acuity:
        level = found.levels.get(acuity)
        expected = (by_hand.get(f"in_target {acuity.value}", 0), by_hand.get(f"wanted {acuity.value}", 0))
        assert ((level.in_target, level.wanted) if level else (0, 0)) == expected, acuity
        in_target, wanted = in_target + expected[0], wanted + expected[1]
    assert found.service.percent == (100 * in_target / wanted if wanted else None)
    late = by_hand["lost_late"]
    of = by_hand["answered"] + by_hand["lost"]
    assert found.abandoned_percent == (100 * late / of if of else None)
    rest = by_hand["arrived"] - by_hand["answered"] - by_hand["lost"] - by_hand["short"]
    assert found.elsewhere == rest


@pytest.mark.parametrize("seed", [1, 22, 333])
def test_every_figure_is_what_a_count_by_hand_gives(database: Engine, seed: int) -> None:
    everything = plan(seed)
    written(database, everything)
    of_the_day = [one for one in everything if 0 <= one.at_s < 86_400]
    assert len(of_the_day) < len(everything)
    with reading(database) as session:
        by = {one: counted(session, DAY, END, one) for one in By}
        mine = counted(session, DAY, END, hotlines=["binhphuoc"])
    for found in by.values():
        compare(found.total, of_the_day)
    compare(mine.total, [one for one in of_the_day if one.hotline == "binhphuoc"])
    assert mine.lines == {}
    divisions: dict[By, Any] = {
        By.HOTLINE: lambda one: (one.hotline, "medical"),
        By.OPERATOR: lambda one: one.operator if one.fate in ("answered", "talking") else None,
        By.HOUR: lambda one: local(one).hour,
        By.DAY: lambda one: local(one).date(),
        By.ACUITY: lambda one: one.acuity,
        By.SLOT: lambda one: local(one).hour * 2 + local(one).minute // 30,
    }
    for division, key in divisions.items():
        keys = {key(one) for one in of_the_day} - {None}
        assert set(by[division].lines) == keys
        for one_key in keys:
            compare(by[division].lines[one_key], [one for one in of_the_day if key(one) == one_key])


def local(one: Planned) -> datetime:
    """When the caller came, on Vietnam's clocks."""
    return DAY + timedelta(seconds=one.at_s) + timedelta(hours=7)


def test_a_day_without_a_call_has_no_service_level_and_no_mean(database: Engine) -> None:
    with reading(database) as session:
        empty = counted(session, DAY, END, By.HOUR)
        assert (
            hand_overs(session, DAY, END),
            scored(session, DAY, END, By.DAY),
            scored(session, DAY, END),
        ) == ({},) * 3
    assert empty.lines == {}
    assert (empty.total.arrived, empty.total.service.percent, empty.total.abandoned_percent) == (
        0,
        None,
        None,
    )
    found = empty.total
    assert (found.wait_s, found.talk_s, found.wrap_up_s, found.longest_wait_s) == (None, None, None, None)


def test_a_wrap_up_lasts_from_its_first_moment_to_the_next_state_whatever_is_written_beside_it(
    database: Engine,
) -> None:
    def entry(at_s: float, operator: int, state: str, call_id: str = "") -> OperatorEntry:
        return OperatorEntry(
            at=DAY + timedelta(seconds=at_s), operator_id=operator, state=state, call_id=call_id
        )

    told: list[tuple[float, int, str, str]] = [
        (0, 1, "wrap_up", "a"), (0, 2, "wrap_up", "b"), (3.000001, 1, "wrap_up", "a"), (5, 2, "talking", "c"),
        (10.000003, 1, "ringing", "d"), (12, 1, "wrap_up", "a"), (30, 1, "available", ""), (40, 2, "wrap_up", "c"),
        (47, 2, "wrap_up", "d"), (50, 3, "wrap_up", "e"), (60, 3, "wrap_up", "e"),
    ]  # fmt: skip
    with transaction(database) as session:
        for n in (1, 2, 3):
            session.add(
                Operator(id=n, username=f"o{n}", full_name=f"O {n}", role="operator", password_hash="x")
            )
        session.flush()
        for call_id in "abcde":
            session.add(
                Call(
                    id=call_id, node="n1", hotline="binhphuoc", acuity="GREEN", arrived_at=DAY, human_at=DAY,
                    ended_at=DAY, operator_id=1, end_reason="served", state="ended",
                )
            )  # fmt: skip
        for one in told:
            session.add(entry(*one))
            session.flush()
    with reading(database) as session:
        total = counted(session, DAY, END).total
    # a: 10.000003 s, until it was rung for another; b: 5 s; c: 7 s, until the next one's; d and e are not over.
    assert total.wrap_up_s == pytest.approx((10.000003 + 5 + 7) / 3, abs=1e-7)


@dataclass(frozen=True)
class Handed:
    """One hand-over in plain words."""

    n: int
    at_s: float
    hotline: str
    acuity: str
    operator: int | None
    kind: str
    state: str
    accepted_after_s: float | None
    tries: tuple[tuple[str, str], ...]
    """(number, what became of it) in the order of the plan."""


def handed_plan(seed: int) -> list[Handed]:
    dice = random.Random(seed)
    made = []
    for n in range(150):
        state = dice.choice(("handed_over", "station_left", "together", "exhausted", "exhausted", "cancelled", "taken",
                             "caller_gone", "ringing", "direct"))  # fmt: skip
        accepted = state in ("handed_over", "station_left", "together") or (
            state == "cancelled" and dice.random() < 0.3
        )
        states = [
            dice.choice(("no_answer", "busy", "declined", "no_key", "failed", "taken"))
            for _ in range(dice.randint(0, 3))
        ]
        if accepted:
            states.append("accepted")
        numbers = [dice.choice(("0271388800", "115")) for _ in states]
        made.append(
            Handed(
                n, dice.choice((-0.001, 0.0, 86_399.9, 86_400.0, *[dice.uniform(0, 86_000)] * 8)), dice.choice(HOTLINES),
                dice.choice(list(TARGET_S)), dice.choice((None, 1, 2)), dice.choice(("warm", "direct", "warm", "conference")),
                state, dice.choice((29.9, 30.0, 30.000001, dice.uniform(1, 90))) if accepted else None,
                tuple(zip(numbers, states, strict=True)),
            )
        )  # fmt: skip
    return made


def handed_by_hand(planned: list[Handed]) -> HandOvers:
    """GLOSSARY.md's words on hand-overs, one after the other."""
    n: dict[str, int] = dict.fromkeys(
        ("first", "later", "emergency", "declined", "no_answer", "withdrawn", "open"), 0
    )
    took: list[float] = []
    for one in planned:
        if one.kind == "conference":
            continue
        if one.accepted_after_s is not None:
            took.append(one.accepted_after_s)
            (place,) = [at for at, (_, state) in enumerate(one.tries) if state == "accepted"]
            if one.tries[place][0] == "115":
                n["emergency"] += 1
            else:
                n["first" if place == 0 else "later"] += 1
        elif one.state in ("cancelled", "taken", "caller_gone"):
            n["withdrawn"] += 1
        elif one.state != "exhausted":
            n["open"] += 1
        elif any(state in ("declined", "no_key") for _, state in one.tries):
            n["declined"] += 1
        else:
            n["no_answer"] += 1
    mean = sum(took) / len(took) if took else None
    return HandOvers(**n, in_time=sum(s <= 30 for s in took), accept_s=mean)


@pytest.mark.parametrize("seed", [4, 55])
def test_hand_overs_are_counted_by_outcome_and_time_as_a_count_by_hand_gives(
    database: Engine, seed: int
) -> None:
    planned = handed_plan(seed)
    with transaction(database) as session:
        for one in planned:
            at = DAY + timedelta(seconds=one.at_s)
            session.add(
                Call(id=f"c{one.n}", node="n1", hotline=one.hotline, acuity=one.acuity, arrived_at=DAY)
            )
            accepted_at = (
                None if one.accepted_after_s is None else at + timedelta(seconds=1 + one.accepted_after_s)
            )
            session.add(
                Transfer(
                    id=f"x{one.n}", call_id=f"c{one.n}", kind=one.kind, state=one.state, operator_id=one.operator,
                    asked_at=at, rung_at=at + timedelta(seconds=1), accepted_at=accepted_at, changed_at=at,
                )
            )  # fmt: skip
            session.flush()
            for place, (number, state) in enumerate(one.tries):
                session.add(
                    TransferTry(
                        leg_id=f"l{one.n}-{place}", transfer_id=f"x{one.n}", name="Trạm", number=number, place=place,
                        state=state, rung_at=at,
                    )
                )  # fmt: skip
    here = [one for one in planned if 0 <= one.at_s < 86_400]
    with reading(database) as session:
        by_operator = hand_overs(session, DAY, END, By.OPERATOR)
        by_hour = hand_overs(session, DAY, END, By.HOUR)
        mine = hand_overs(session, DAY, END, By.ACUITY, ["binhduong"])

    def same(found: HandOvers, expected: HandOvers) -> None:
        assert replace(found, accept_s=None) == replace(expected, accept_s=None)
        assert found.accept_s == pytest.approx(expected.accept_s, abs=1e-5)

    same(by_operator[None], handed_by_hand(here))
    same(by_hour[None], handed_by_hand(here))
    for operator in (1, 2):
        same(by_operator[operator], handed_by_hand([one for one in here if one.operator == operator]))
    hours = {(DAY + timedelta(seconds=one.at_s, hours=7)).hour for one in here if one.kind != "conference"}
    assert set(by_hour) == {None, *hours}
    for acuity in TARGET_S:
        expected = handed_by_hand(
            [one for one in here if one.hotline == "binhduong" and one.acuity == acuity]
        )
        same(mine.get(acuity, HandOvers()), expected)


def test_scores_are_counted_to_the_operator_and_the_day_of_the_call_and_drafts_and_calibrations_are_not(
    database: Engine,
) -> None:
    dice = random.Random(9)
    kept: list[tuple[int, float, bool]] = []
    with transaction(database) as session:
        for n in (1, 2, 3):
            session.add(
                Operator(id=n, username=f"o{n}", full_name=f"O {n}", role="operator", password_hash="x")
            )
        session.add(KeptForm(digest="f", name="f", version="1", text="", kept_at=DAY))
        session.flush()
        for n in range(80):
            at_s, operator = dice.choice((-1.0, 5.0, 80_000.0)), dice.randint(1, 2)
            finished, calibration = dice.random() < 0.8, dice.choice((0, 0, 0, 7))
            percent, passed = dice.uniform(0, 100), dice.random() < 0.6
            at = DAY + timedelta(seconds=at_s)
            session.add(Call(id=f"c{n}", node="n1", hotline="binhphuoc", acuity="RED", arrived_at=at))
            session.add(
                Score(
                    call_id=f"c{n}", form="f", scorer_id=3, operator_id=operator, calibration_id=calibration, begun_at=at,
                    finished_at=END if finished else None, percent=percent if finished else None, passed=passed,
                )
            )  # fmt: skip
            if at_s > 0 and finished and not calibration:
                kept.append((operator, percent, passed))
    with reading(database) as session:
        found = scored(session, DAY, END, By.OPERATOR)
    for of, rows in {
        None: kept,
        1: [k for k in kept if k[0] == 1],
        2: [k for k in kept if k[0] == 2],
    }.items():
        mean = sum(percent for _, percent, _ in rows) / len(rows)
        assert replace(found[of], percent=None) == Scored(len(rows), sum(passed for *_, passed in rows))
        assert found[of].percent == pytest.approx(mean)


def test_recalls_are_counted_by_what_became_of_them(database: Engine) -> None:
    dice = random.Random(7)
    states = [dice.choice(("due", "dialling", "done", "failed", "cancelled", "merged")) for _ in range(120)]
    with transaction(database) as session:
        for n, state in enumerate(states):
            session.add(
                Recall(
                    id=f"r-{n}", call_id=f"n1-1.{n}", ticket_id=f"t-{n}", hotline=HOTLINES[n % 2], number="+84912345678",
                    acuity="RED", why="lost", state=state, due_at=DAY, next_try_at=DAY, waits_since=DAY, person=f"p{n}",
                    made_at=DAY + timedelta(minutes=n) - timedelta(minutes=10),
                )
            )  # fmt: skip
    with reading(database) as session:
        found = recalls(session, DAY, END, By.HOTLINE)
        mine = recalls(session, DAY, END, hotlines=["binhphuoc"])
    for at, hotline in enumerate(HOTLINES):
        here = [state for n, state in enumerate(states) if n >= 10 and n % 2 == at and state != "merged"]
        owed = found[hotline, None]
        assert owed.made == len(here)
        assert owed.done == here.count("done")
        assert owed.open == here.count("due") + here.count("dialling")
        assert owed.failed == here.count("failed") + here.count("cancelled")
    assert found[None].made == sum(state != "merged" for state in states[10:])
    assert mine == {None: found["binhphuoc", None]}
