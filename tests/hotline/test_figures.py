"""Every figure of a report against a count by hand over generated calls, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.figures import Figures, figures, grouped, recalls, visits
from hotline.operators import Operator, OperatorEntry
from hotline.recalls import Recall

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
    """answered, talking, abandoned, switch_lost, too_short, self_care, waiting or never_queued."""
    waited_s: float
    talked_s: float
    wrapped_s: float | None
    operator: int


def plan(seed: int) -> list[Planned]:
    dice = random.Random(seed)
    fates = ("answered", "answered", "answered", "talking", "abandoned", "switch_lost", "too_short", "self_care",
             "waiting", "never_queued")  # fmt: skip
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
        elif one.fate in ("abandoned", "switch_lost", "never_queued"):
            if one.waited_s <= 5:
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
        found = visits(session, DAY, END)
        mine = visits(session, DAY, END, lambda hotline: hotline == "binhphuoc")
    compare(figures(found), of_the_day)
    compare(figures(mine), [one for one in of_the_day if one.hotline == "binhphuoc"])
    for hotline, line in grouped(found, lambda v: v.hotline).items():
        compare(line, [one for one in of_the_day if one.hotline == hotline])
    for hour, line in grouped(found, lambda v: v.arrived_at.hour).items():
        compare(line, [o for o in of_the_day if (DAY + timedelta(seconds=o.at_s)).hour == hour])
    by_operator = grouped(found, lambda v: v.operator_id)
    for operator in (1, 2, 3):
        theirs = [o for o in of_the_day if o.operator == operator and o.fate in ("answered", "talking")]
        compare(by_operator.get(operator, Figures()), theirs)


def test_a_day_without_a_call_has_no_service_level_and_no_mean() -> None:
    empty = figures([])
    assert (empty.arrived, empty.service.percent, empty.abandoned_percent) == (0, None, None)
    assert (empty.wait_s, empty.talk_s, empty.wrap_up_s, empty.longest_wait_s) == (None, None, None, None)


def test_recalls_are_counted_by_what_became_of_them(database: Engine) -> None:
    dice = random.Random(7)
    states = [dice.choice(("due", "dialling", "done", "failed", "cancelled")) for _ in range(120)]
    with transaction(database) as session:
        for n, state in enumerate(states):
            session.add(
                Recall(
                    id=f"r-{n}", call_id=f"n1-1.{n}", ticket_id=f"t-{n}", hotline=HOTLINES[n % 2], number="+84912345678",
                    acuity="RED", why="lost", state=state, due_at=DAY, next_try_at=DAY,
                    made_at=DAY + timedelta(minutes=n) - timedelta(minutes=10),
                )
            )  # fmt: skip
    with reading(database) as session:
        found = recalls(session, DAY, END, lambda r: r.hotline)
    for at, hotline in enumerate(HOTLINES):
        here = [state for n, state in enumerate(states) if n >= 10 and n % 2 == at]
        owed = found[hotline]
        assert owed.made == len(here)
        assert owed.done == here.count("done")
        assert owed.open == here.count("due") + here.count("dialling")
        assert owed.failed == here.count("failed") + here.count("cancelled")
