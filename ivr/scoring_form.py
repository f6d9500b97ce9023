"""A scoring form: the weighted questions by which supervisors judge a recorded call, read from a file they write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ivr.protocol_faults import ProtocolFaults
from ivr.protocol_source import parse
from ivr.scoring_faults import fault
from ivr.source_parts import Parts, digest

NOT_APPLICABLE = "n/a"
"""The answer that takes a question out of the score; key 0."""
SUFFIX = ".form.toml"


@dataclass(frozen=True)
class Answer:
    name: str
    worth: float
    """0 to 1 of the question's weight."""
    said: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    name: str
    text: Mapping[str, str]
    hint: Mapping[str, str]
    """What to listen for; empty where the question says it."""
    weight: float
    answers: tuple[Answer, ...]
    """In the order of their keys, from 1."""
    critical: bool
    """An answer of worth 0 makes the whole call fail."""
    may_not_apply: bool

    def answer(self, name: str) -> Answer | None:
        return next((one for one in self.answers if one.name == name), None)

    def takes(self, answer: str) -> bool:
        return self.answer(answer) is not None or (answer == NOT_APPLICABLE and self.may_not_apply)


@dataclass(frozen=True)
class Form:
    id: str
    version: str
    name: Mapping[str, str]
    pass_percent: float
    """A call with less fails."""
    questions: Mapping[str, Question]
    """In the order of the page."""
    digest: str
    """SHA-256 of the content in hexadecimal; a score keeps that of the form it was given by."""


def read(text: str, name: str) -> Form:
    """The form of a file's text; ProtocolFaults, with every fault at once, when it cannot be used."""
    source = parse(text)
    reader = _Reader(source, KNOWN, fault)
    form = reader.form()
    faults = [*source.faults, *reader.faults]
    if faults:
        raise ProtocolFaults(name, faults)
    return form


PARTS = ("form", "scale", "question")
KNOWN: Mapping[str, frozenset[str]] = {
    "form": frozenset({"id", "version", "languages", "pass_percent"}),
    "question": frozenset({"scale", "weight", "critical", "may_not_apply", "hint"}),
}
MOST_ANSWERS = 9
MOST_WEIGHT = 100


class _Reader(Parts):
    """Turns tables into a form and notes every fault on the way; what is faulty gets a harmless value."""

    def form(self) -> Form:
        head = self._head("form", PARTS)
        scales = {name: self._scale(name, given) for name, given in self._named("scale")}
        questions = {name: self._question(name, given, scales) for name, given in self._named("question")}
        if not questions:
            self._fault("no_questions", "question", "")
        pass_percent = self._number("form", head, "pass_percent", 80.0)
        if not 0 <= pass_percent <= 100:
            self._fault("wrong_percent", "form", "pass_percent")
        return Form(
            id=self._text("form", head, "id"), version=self._text("form", head, "version"),
            name=self._words("form", head), pass_percent=pass_percent, questions=questions,
            digest=digest(self._tables),
        )  # fmt: skip

    def _scale(self, name: str, given: Mapping[str, Any]) -> tuple[Answer, ...]:
        part = f"scale.{name}"
        if not 2 <= len(given) <= MOST_ANSWERS:
            self._fault("few_answers", part, "")
        answers = []
        for key, written in given.items():
            self._check_name(part, key, key)
            worth = written.get("worth") if isinstance(written, dict) else None
            said = {k: written.get(k) for k in self._languages} if isinstance(written, dict) else {}
            is_number = isinstance(worth, int | float) and not isinstance(worth, bool) and 0 <= worth <= 1
            if not is_number or not all(isinstance(s, str) and s.strip() for s in said.values()):
                self._fault("bad_answer", part, key)
                continue
            answers.append(Answer(key, float(worth or 0), {k: str(s).strip() for k, s in said.items()}))
        if len(answers) == len(given) and {0.0, 1.0} - {one.worth for one in answers}:
            self._fault("no_worth", part, "")
        return tuple(answers)

    def _question(
        self, name: str, given: dict[str, Any], scales: Mapping[str, tuple[Answer, ...]]
    ) -> Question:
        part = f"question.{name}"
        self._check_name(part, name)
        self._known("question", given, part)
        scale, weight = self._text(part, given, "scale"), self._number(part, given, "weight", 1.0)
        if scale and scale not in scales:
            self._fault("unknown_scale", part, "scale", scale=scale)
        if not 0 < weight <= MOST_WEIGHT:
            self._fault("wrong_weight", part, "weight")
        hint = given.get("hint", {})
        if not isinstance(hint, dict):
            self._fault("wrong_type", part, "hint")
            hint = {}
        return Question(
            name=name, text=self._words(part, given), hint=self._words(part, hint, "hint") if hint else {}, weight=weight,
            answers=scales.get(scale, ()), critical=self._flag(part, given, "critical", False),
            may_not_apply=self._flag(part, given, "may_not_apply", False),
        )  # fmt: skip
