"""Which calls are listened to for quality: rules read from a file, and the pure choice by them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hotline.acuity import Acuity
from ivr.protocol_faults import ProtocolFaults
from ivr.protocol_source import parse
from ivr.scoring_faults import fault
from ivr.source_parts import Parts

ALL = 0
"""`Rule.take` of a rule that takes every call it is about."""


class Per(StrEnum):
    """Of whom a rule takes so many."""

    OPERATOR = "operator"
    WEEK = "week"


class Order(StrEnum):
    RANDOM = "random"
    LONGEST_WAIT = "longest_wait"
    LONGEST_TALK = "longest_talk"


@dataclass(frozen=True)
class Rule:
    name: str
    said: Mapping[str, str]
    """By language: why a call is listened to."""
    take: int
    """How many; ALL for every one."""
    per: Per
    order: Order
    acuity: frozenset[Acuity]
    """Only calls that had one of these levels at some time; empty: any."""
    corrected: bool
    """Only calls whose level a person changed."""
    handed_over: bool
    """Only calls with a hand-over."""


@dataclass(frozen=True)
class Sampling:
    version: str
    seed: str
    """Another seed is another choice; the same one gives the same again."""
    rules: Mapping[str, Rule]
    """In their order: a call is taken by the first that names it."""


@dataclass(frozen=True)
class Candidate:
    """A recorded call in which an operator talked."""

    call_id: str
    operator_id: int
    levels: frozenset[Acuity]
    """Served at, and what people made of it."""
    corrected: bool = False
    handed_over: bool = False
    waited_s: float = 0.0
    talked_s: float = 0.0


@dataclass(frozen=True)
class Chosen:
    candidate: Candidate
    rule: str


def choose(
    sampling: Sampling, week: str, candidates: Iterable[Candidate], taken: Mapping[str, str] | None = None
) -> tuple[Chosen, ...]:
    """The week's calls to listen to, each once, in the order of the rules.

    The order in which candidates are given changes nothing, and a new one moves no other operator's. `taken` is what was
    chosen before, call → rule: it counts, and is not chosen again.
    """
    before = dict(taken or {})
    free = {one.call_id: one for one in candidates}
    had: Counter[tuple[str, int]] = Counter()
    for call_id, rule_name in before.items():
        rule, known = sampling.rules.get(rule_name), free.pop(call_id, None)
        if rule is not None and known is not None:
            had[rule_name, _whose(rule, known)] += 1
    chosen: list[Chosen] = []
    for rule in sampling.rules.values():
        groups: defaultdict[int, list[Candidate]] = defaultdict(list)
        for one in free.values():
            if is_about(rule, one):
                groups[_whose(rule, one)].append(one)
        for whose in sorted(groups):
            left = len(groups[whose]) if rule.take == ALL else max(0, rule.take - had[rule.name, whose])
            for one in sorted(groups[whose], key=_place(rule, sampling.seed, week))[:left]:
                chosen.append(Chosen(one, rule.name))
                del free[one.call_id]
    return tuple(chosen)


def is_about(rule: Rule, one: Candidate) -> bool:
    """Whether the rule may take this call."""
    return (
        (not rule.acuity or bool(rule.acuity & one.levels))
        and (one.corrected or not rule.corrected)
        and (one.handed_over or not rule.handed_over)
    )


def _whose(rule: Rule, one: Candidate) -> int:
    return one.operator_id if rule.per is Per.OPERATOR else 0


def _place(rule: Rule, seed: str, week: str) -> Callable[[Candidate], tuple[float, str]]:
    """What a rule sorts by; equal ones, and all of a random rule, by lot."""
    figures: Mapping[Order, Callable[[Candidate], float]] = {
        Order.RANDOM: lambda one: 0.0,
        Order.LONGEST_WAIT: lambda one: -one.waited_s,
        Order.LONGEST_TALK: lambda one: -one.talked_s,
    }
    figure = figures[rule.order]
    return lambda one: (figure(one), lot(seed, week, rule.name, one.call_id))


def lot(*words: str) -> str:
    """A number drawn from these words, the same on every machine; uniform among different ones."""
    return hashlib.sha256("\x00".join(words).encode()).hexdigest()


def shared_out(
    chosen: Sequence[Chosen], scorers: Iterable[int], seed: str, busy: Mapping[int, int] | None = None
) -> dict[str, int]:
    """Call → who scores it: always whoever has the fewest, never who talked in it; calls that nobody may score are left out.

    `busy` is how many each scorer has already.
    """
    loads = {scorer: (busy or {}).get(scorer, 0) for scorer in scorers}
    given = {}
    for one in chosen:
        call = one.candidate
        able = [scorer for scorer in loads if scorer != call.operator_id]
        if able:
            scorer = min(able, key=lambda s: (loads[s], lot(seed, call.call_id, str(s))))
            loads[scorer] += 1
            given[call.call_id] = scorer
    return given


# --- the file ----------------------------------------------------------------------------------------------


def read(text: str, name: str) -> Sampling:
    """The rules of a file's text; ProtocolFaults, with every fault at once, when they cannot be used."""
    source = parse(text)
    reader = _Reader(source, KNOWN, fault)
    sampling = reader.sampling()
    faults = [*source.faults, *reader.faults]
    if faults:
        raise ProtocolFaults(name, faults)
    return sampling


KNOWN: Mapping[str, frozenset[str]] = {
    "sampling": frozenset({"version", "seed", "languages"}),
    "rule": frozenset({"take", "per", "order", "acuity", "corrected", "handed_over"}),
}
MOST_TAKEN = 1000


class _Reader(Parts):
    """Turns tables into rules and notes every fault on the way; what is faulty gets a harmless value."""

    def sampling(self) -> Sampling:
        head = self._head("sampling", ("sampling", "rule"))
        rules = {name: self._rule(name, given) for name, given in self._named("rule")}
        if not rules:
            self._fault("no_rules", "rule", "")
        return Sampling(self._text("sampling", head, "version"), self._text("sampling", head, "seed"), rules)

    def _rule(self, name: str, given: dict[str, Any]) -> Rule:
        part = f"rule.{name}"
        self._check_name(part, name)
        self._known("rule", given, part)
        take = given.get("take")
        is_number = isinstance(take, int) and not isinstance(take, bool) and 1 <= take <= MOST_TAKEN
        if take != "all" and not is_number:
            self._fault("wrong_take", part, "take")
        levels = given.get("acuity", [])
        if not isinstance(levels, list):
            self._fault("wrong_type", part, "acuity")
            levels = []
        for level in levels:
            if level not in Acuity.__members__:
                self._fault("unknown_word", part, "acuity", word=level, known=", ".join(Acuity))
        per = self._one_of(part, given, "per", Per.WEEK, [p.value for p in Per])
        order = self._one_of(part, given, "order", Order.RANDOM, [o.value for o in Order])
        return Rule(
            name=name, said=self._words(part, given), take=int(take) if is_number else ALL,  # type: ignore[arg-type] # a number by the test above
            per=Per(per), order=Order(order), acuity=frozenset(Acuity(a) for a in levels if a in Acuity.__members__),
            corrected=self._flag(part, given, "corrected", False),
            handed_over=self._flag(part, given, "handed_over", False),
        )  # fmt: skip

    def _one_of(self, part: str, given: Mapping[str, Any], key: str, usual: str, known: Sequence[str]) -> str:
        word = given.get(key, usual)
        if word not in known:
            self._fault("unknown_word", part, key, word=word, known=", ".join(known))
            return usual
        return str(word)
