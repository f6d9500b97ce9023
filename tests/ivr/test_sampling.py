"""Which calls are chosen for quality: by the rules, fairly, and the same again."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.acuity import Acuity
from hotline.settings import PROJECT
from ivr.protocol_faults import ProtocolFaults
from ivr.sampling import Candidate, Chosen, Sampling, choose, is_about, read, shared_out

TEXT = (PROJECT / "installation" / "quality" / "sampling.toml").read_text(encoding="utf-8")
SHIPPED = read(TEXT, "sampling.toml")
WEEK = "2026-11-16"


def candidate(n: int, operator: int) -> Candidate:
    dice = random.Random(n)
    levels = frozenset(dice.sample([*Acuity], dice.choice((1, 1, 1, 2))))
    return Candidate(
        f"n1-{n}", operator, levels, corrected=len(levels) == 2, handed_over=dice.random() < 0.2,
        waited_s=dice.choice((0.0, 5.0, dice.uniform(0, 400))), talked_s=dice.uniform(5, 900),
    )  # fmt: skip


crowds = st.lists(st.integers(1, 5), max_size=120).map(
    lambda operators: [candidate(n, operator) for n, operator in enumerate(operators)]
)


def names(chosen: tuple[Chosen, ...], rule: str = "") -> list[str]:
    return [one.candidate.call_id for one in chosen if rule in ("", one.rule)]


@settings(max_examples=150, deadline=None)
@given(crowds, st.randoms())
def test_every_rule_takes_what_it_says_and_no_call_is_taken_twice(
    crowd: list[Candidate], dice: random.Random
) -> None:
    chosen = choose(SHIPPED, WEEK, crowd)
    assert len(set(names(chosen))) == len(chosen)
    assert all(is_about(SHIPPED.rules[one.rule], one.candidate) for one in chosen)
    left = {one.call_id: one for one in crowd}
    red = {one.call_id for one in crowd if Acuity.RED in one.levels and one.corrected}
    assert set(names(chosen, "red_corrected")) == red
    left = {call_id: one for call_id, one in left.items() if call_id not in red}
    waits = sorted((one.waited_s for one in left.values()), reverse=True)[:5]
    assert [one.candidate.waited_s for one in chosen if one.rule == "longest_waits"] == waits
    for rule in ("longest_waits", "hand_overs"):
        left = {c: one for c, one in left.items() if c not in names(chosen, rule)}
    weekly = Counter(one.candidate.operator_id for one in chosen if one.rule == "weekly")
    owned = Counter(one.operator_id for one in left.values())
    assert weekly == Counter({operator: min(3, count) for operator, count in owned.items()})
    shuffled = list(crowd)
    dice.shuffle(shuffled)
    assert choose(SHIPPED, WEEK, shuffled) == chosen


def weekly_only(take: int = 3) -> Sampling:
    return replace(SHIPPED, rules={"weekly": replace(SHIPPED.rules["weekly"], take=take)})


def test_every_call_of_an_operator_has_the_same_chance() -> None:
    crowd = [Candidate(f"n1-{n}", 1, frozenset()) for n in range(12)]
    weeks = 4000
    counts = Counter(name for week in range(weeks) for name in names(choose(weekly_only(), str(week), crowd)))
    expected = weeks * 3 / 12
    chi_squared = sum((counts[one.call_id] - expected) ** 2 / expected for one in crowd)
    assert chi_squared < 31.3  # 11 degrees of freedom, one in a thousand


def test_another_seed_or_week_is_another_choice_and_the_same_is_the_same() -> None:
    crowd = [candidate(n, n % 3) for n in range(300)]
    first = choose(weekly_only(), WEEK, crowd)
    assert choose(weekly_only(), WEEK, crowd) == first
    assert choose(weekly_only(), "2026-11-23", crowd) != first
    assert choose(replace(weekly_only(), seed="7"), WEEK, crowd) != first


def test_a_call_more_of_one_operator_moves_no_others() -> None:
    crowd = [candidate(n, n % 3) for n in range(90)]
    before = choose(weekly_only(), WEEK, crowd)
    after = choose(weekly_only(), WEEK, [*crowd, candidate(900, 0)])
    others = [[one for one in found if one.candidate.operator_id != 0] for found in (before, after)]
    assert others[0] == others[1]


def test_what_was_chosen_before_counts_and_stays() -> None:
    crowd = [Candidate(f"n1-{n}", 1, frozenset()) for n in range(10)]
    first = choose(weekly_only(2), WEEK, crowd)
    taken = {one.candidate.call_id: one.rule for one in first}
    more = choose(weekly_only(3), WEEK, crowd, taken)
    assert len(more) == 1
    assert not set(names(more)) & set(taken)
    assert choose(weekly_only(2), WEEK, crowd, taken) == ()


@settings(max_examples=100, deadline=None)
@given(crowds, st.sets(st.integers(1, 8), min_size=2, max_size=6))
def test_scorers_share_evenly_and_nobody_scores_themselves(crowd: list[Candidate], scorers: set[int]) -> None:
    chosen = choose(SHIPPED, WEEK, crowd)
    given_to = shared_out(chosen, scorers, SHIPPED.seed)
    assert set(given_to) == set(names(chosen))
    assert all(given_to[one.candidate.call_id] != one.candidate.operator_id for one in chosen)
    strangers = scorers - {one.operator_id for one in crowd}
    loads = Counter(given_to.values())
    if strangers == scorers:
        assert max(loads[s] for s in scorers) - min(loads[s] for s in scorers) <= 1


def test_a_call_that_nobody_else_can_score_is_left_out_and_the_busy_get_less() -> None:
    chosen = choose(weekly_only(), WEEK, [Candidate("n1-1", 4, frozenset())])
    assert shared_out(chosen, [4], "s") == {}
    assert shared_out(chosen, [5, 6], "s", {5: 1}) == {"n1-1": 6}


def test_every_fault_of_the_rules_is_told_at_once() -> None:
    text = """[sampling]
version = "1"
[rule.a]
take = 0
per = "day"
acuity = ["RED", "PINK"]
vi = "A"
en = "A"
[rule.b]
take = "all"
order = "alphabet"
corrected = 1
vi = "B"
"""
    with pytest.raises(ProtocolFaults) as caught:
        read(text, "sampling.toml")
    assert [(f.kind, f.line) for f in caught.value.faults] == [
        ("missing", 1), ("wrong_take", 4), ("unknown_word", 5), ("unknown_word", 6), ("missing_language", 9),
        ("unknown_word", 11), ("wrong_type", 12),
    ]  # fmt: skip
