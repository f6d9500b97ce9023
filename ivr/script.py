"""A second-stage script: what an operator asks beside the call, read from the file that a public-health officer signs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from hotline.acuity import Acuity
from ivr.protocol_faults import ProtocolFaults
from ivr.protocol_source import parse
from ivr.script_faults import fault
from ivr.source_parts import Parts, digest

NAME = "second-stage.script"
"""As approvals and `./run protocol` call it."""
SHIPPED = Path(__file__).with_name("protocols") / f"{NAME}.toml"
UNKNOWN = "unknown"
"""The answer that says nothing: it never changes a level."""


class Kind(StrEnum):
    """What a field takes."""

    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"
    PHONE = "phone"
    """A number that can be called, as people write it."""
    UNIT = "unit"
    """An administrative unit's GSO code."""


class Branch(StrEnum):
    """Whose questions are asked: those about a patient, or those about a service."""

    MEDICAL = "medical"
    SERVICES = "services"


class Op(StrEnum):
    IS = "is"
    UNSET = "unset"
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True)
class Condition:
    """One comparison; it does not hold while its field is empty, except `UNSET`, which holds only then."""

    field: str
    op: Op
    choices: tuple[str, ...] = ()
    bound: float = 0.0


@dataclass(frozen=True)
class Question:
    name: str
    text: Mapping[str, str]
    asked: tuple[Condition, ...]
    """When it is asked at all; empty: always."""
    at_red: bool
    """Asked first once the level is RED: where, who, and how to reach them."""
    of: frozenset[Branch]
    services_text: Mapping[str, str]
    """Its words where it is asked about a service; empty: the same."""

    def text_in(self, branch: Branch) -> Mapping[str, str]:
        return self.services_text if branch is Branch.SERVICES and self.services_text else self.text


@dataclass(frozen=True)
class Field:
    name: str
    question: str
    kind: Kind
    label: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]]
    """Answer → its words by language; empty unless `kind` is CHOICE."""
    least: float
    most: float
    step: float
    of: frozenset[Branch]
    """Its question's branches, or fewer."""


@dataclass(frozen=True)
class Rule:
    """What follows when all conditions hold."""

    name: str
    question: str
    when: tuple[Condition, ...]
    to: Acuity | None
    """At least this."""
    up: bool
    """One level above what all other rules and the machine found; once, however many such rules hold."""
    another_sign: bool
    """Only beside a sign from another question."""
    sign: bool
    """Whether it counts as a sign for `another_sign`."""
    because: Mapping[str, str]
    todo: Mapping[str, str]
    """What the operator should do; empty where nothing."""


@dataclass(frozen=True)
class Script:
    id: str
    version: str
    languages: tuple[str, ...]
    questions: Mapping[str, Question]
    """In the order of asking."""
    fields: Mapping[str, Field]
    rules: tuple[Rule, ...]
    digest: str
    """SHA-256 of the content in hexadecimal: layout and comments do not change it, a word does."""

    def fields_of(self, question: str, branch: Branch | None = None) -> tuple[Field, ...]:
        """A question's fields; with `branch` those that are filled in there."""
        own = (f for f in self.fields.values() if f.question == question)
        return tuple(f for f in own if branch is None or branch in f.of)


def read(text: str, name: str) -> Script:
    """The script of a file's text; ProtocolFaults, with every fault at once, when it cannot be used."""
    source = parse(text)
    reader = _Reader(source, KNOWN, fault)
    script = reader.script()
    faults = [*source.faults, *reader.faults]
    if faults:
        raise ProtocolFaults(name, faults)
    return script


PARTS = ("script", "choices", "question", "field", "rule")
KNOWN: Mapping[str, frozenset[str]] = {
    "script": frozenset({"id", "version", "languages"}),
    "question": frozenset({"asked", "at_red", "of", "services"}),
    "field": frozenset({"question", "kind", "choices", "least", "most", "step", "of"}),
    "rule": frozenset({"question", "when", "to", "up", "another_sign", "sign", "todo"}),
}
"""What each part may have beside its words in the script's languages."""
MEDICAL_ONLY = frozenset({Branch.MEDICAL})
_CONDITION = re.compile(r"(\w+)\s+(?:(is)\s+(\S.*)|(unset)|(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?))")


class _Reader(Parts):
    """Turns tables into a script and notes every fault on the way; what is faulty gets a harmless value."""

    def script(self) -> Script:
        head = self._head("script", PARTS)
        choices = {
            name: self._choices(name, given)
            for name, given in self._table("choices").items()
            if isinstance(given, dict)
        }
        fields = {name: self._field(name, given, choices) for name, given in self._named("field")}
        questions = {name: self._question(name, given, fields) for name, given in self._named("question")}
        rules = tuple(self._rule(name, given, fields) for name, given in self._named("rule"))
        parts = {f"field.{f.name}": f.question for f in fields.values()}
        parts |= {f"rule.{r.name}": r.question for r in rules}
        for part, question in parts.items():
            if question not in questions:
                self._fault("unknown_question", part, "question", question=question)
        for question in questions:
            if not any(f.question == question for f in fields.values()):
                self._fault("no_fields", f"question.{question}", "", question=question)
        return Script(
            id=self._text("script", head, "id"),
            version=self._text("script", head, "version"),
            languages=self._languages,
            questions=questions,
            fields=fields,
            rules=rules,
            digest=digest(self._tables),
        )

    # -- parts --

    def _choices(self, name: str, given: dict[str, Any]) -> dict[str, Mapping[str, str]]:
        return {
            key: self._words(f"choices.{name}", words if isinstance(words, dict) else {}, key)
            for key, words in given.items()
        }

    def _field(
        self, name: str, given: dict[str, Any], choices: Mapping[str, Mapping[str, Mapping[str, str]]]
    ) -> Field:
        part = f"field.{name}"
        self._known("field", given, part)
        word = self._text(part, given, "kind")
        if word and word not in set(Kind):
            self._fault("unknown_kind", part, "kind", kind=word, known=", ".join(Kind))
        kind = Kind(word) if word in set(Kind) else Kind.TEXT
        own: Mapping[str, Mapping[str, str]] = {}
        if kind is Kind.CHOICE:
            called = self._text(part, given, "choices")
            own = choices.get(called, {})
            if called and not own:
                self._fault("unknown_choices", part, "choices", choices=called)
        least, most = self._number(part, given, "least", 0.0), self._number(part, given, "most", 1e6)
        if least >= most:
            self._fault("wrong_range", part, "least")
        return Field(
            name=name, question=self._text(part, given, "question"), kind=kind, label=self._words(part, given),
            choices=own, least=least, most=most, step=self._number(part, given, "step", 1.0),
            of=self._branches(part, given, self._question_branches(given)),
        )  # fmt: skip

    def _question(self, name: str, given: dict[str, Any], fields: Mapping[str, Field]) -> Question:
        part = f"question.{name}"
        self._known("question", given, part)
        services = given.get("services", {})
        return Question(
            name, self._words(part, given), asked=self._conditions(part, given, "asked", fields),
            at_red=self._flag(part, given, "at_red", False), of=self._branches(part, given, MEDICAL_ONLY),
            services_text=self._words(part, services, "services") if isinstance(services, dict) and services else {},
        )  # fmt: skip

    def _question_branches(self, field: dict[str, Any]) -> frozenset[Branch]:
        """What a field has when it names none itself; its question's own faults are told there."""
        question = self._table("question").get(str(field.get("question")))
        named = question.get("of", []) if isinstance(question, dict) else []
        known = [one for one in named if one in set(Branch)] if isinstance(named, list) else []
        return frozenset(map(Branch, known)) or MEDICAL_ONLY

    def _branches(self, part: str, given: dict[str, Any], default: frozenset[Branch]) -> frozenset[Branch]:
        named = given.get("of")
        if named is None:
            return default
        if not isinstance(named, list) or not named:
            self._fault("wrong_type", part, "of", field="of")
            return default
        for one in named:
            if one not in set(Branch):
                self._fault("unknown_branch", part, "of", branch=one, known=", ".join(Branch))
        return frozenset(Branch(one) for one in named if one in set(Branch)) or default

    def _rule(self, name: str, given: dict[str, Any], fields: Mapping[str, Field]) -> Rule:
        part = f"rule.{name}"
        self._known("rule", given, part)
        to, up = given.get("to"), given.get("up", 0)
        acuity = Acuity(to) if isinstance(to, str) and to in Acuity.__members__ and to != "NONMED" else None
        if to is not None and acuity is None:
            self._fault("unknown_acuity", part, "to", to=to)
        if up not in (0, 1) or isinstance(up, bool):
            self._fault("wrong_type", part, "up", field="up")
        todo = given.get("todo", {})
        if to is None and not up and not todo:
            self._fault("no_effect", part, "")
        when = self._conditions(part, given, "when", fields)
        if not when and not given.get("when"):
            self._fault("no_condition", part, "when")
        if any(UNKNOWN in condition.choices for condition in when):
            self._fault("unknown_raises", part, "when")
        return Rule(
            name=name, question=self._text(part, given, "question"), when=when, to=acuity, up=up == 1,
            another_sign=self._flag(part, given, "another_sign", False),
            sign=self._flag(part, given, "sign", True), because=self._words(part, given),
            todo=self._words(part, todo, "todo") if isinstance(todo, dict) and todo else {},
        )  # fmt: skip

    def _conditions(
        self, part: str, given: dict[str, Any], key: str, fields: Mapping[str, Field]
    ) -> tuple[Condition, ...]:
        texts = given.get(key, [])
        if not isinstance(texts, list):
            self._fault("wrong_type", part, key, field=key)
            return ()
        found = (self._condition(part, key, str(text), fields) for text in texts)
        return tuple(one for one in found if one is not None)

    def _condition(self, part: str, key: str, text: str, fields: Mapping[str, Field]) -> Condition | None:
        made = _CONDITION.fullmatch(text.strip())
        if made is None:
            self._fault("unreadable_condition", part, key, condition=text)
            return None
        name, is_, answers, unset, op, bound = made.groups()
        field = fields.get(name)
        if field is None:
            self._fault("unknown_field", part, key, condition=text, field=name)
            return None
        if unset:
            return Condition(name, Op.UNSET)
        if is_:
            if field.kind is not Kind.CHOICE:
                self._fault("not_a_choice", part, key, condition=text, field=name)
                return None
            chosen = tuple(one.strip() for one in answers.split(","))
            for one in chosen:
                if field.choices and one not in field.choices:
                    known = ", ".join(field.choices)
                    self._fault("unknown_choice", part, key, choice=one, field=name, known=known)
            return Condition(name, Op.IS, chosen)
        if field.kind is not Kind.NUMBER:
            self._fault("not_a_number", part, key, condition=text, field=name)
            return None
        return Condition(name, Op(op), bound=float(bound))
