"""What a scored call comes to, and where several scorers of one call differ: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.scoring_form import NOT_APPLICABLE, Form, Question


@dataclass(frozen=True)
class Result:
    percent: float | None
    """Of the weights of what was answered and applies; None while that is nothing."""
    passed: bool
    failed_by: tuple[str, ...]
    """The critical questions that were answered with worth 0."""
    open: tuple[str, ...]
    """Questions without an answer, in the form's order."""


def result(form: Form, answers: Mapping[str, str]) -> Result:
    """The score of these answers, question → answer; what the form does not know is no answer."""
    got = weights = 0.0
    failed, unanswered = [], []
    for question in form.questions.values():
        given = answers.get(question.name, "")
        if not question.takes(given):
            unanswered.append(question.name)
            continue
        answer = question.answer(given)
        if answer is None:
            continue  # does not apply
        weights += question.weight
        got += question.weight * answer.worth
        if question.critical and answer.worth == 0:
            failed.append(question.name)
    percent = round(100 * got / weights, 6) if weights else None
    passed = percent is not None and percent >= form.pass_percent and not failed
    return Result(percent, passed, tuple(failed), tuple(unanswered))


@dataclass(frozen=True)
class Compared:
    """One question as several people answered it."""

    question: Question
    answers: Mapping[str, str]
    """Scorer → answer."""
    spread: float | None
    """Percent points between the best and the worst worth; None when it applied for fewer than two."""
    apart: tuple[str, ...]
    """Who did not answer as most did; everybody when no answer was given most often."""


def compared(form: Form, scores: Mapping[str, Mapping[str, str]]) -> tuple[Compared, ...]:
    """Each question of the form; `scores` is scorer → question → answer."""
    return tuple(_compared(question, scores) for question in form.questions.values())


def _compared(question: Question, scores: Mapping[str, Mapping[str, str]]) -> Compared:
    given = {who: answers.get(question.name, "") for who, answers in scores.items()}
    worths = [answer.worth for name in given.values() if (answer := question.answer(name)) is not None]
    spread = 100 * (max(worths) - min(worths)) if len(worths) > 1 else None
    counts = Counter(given.values()).most_common(2)
    if len(counts) < 2:
        return Compared(question, given, spread, ())
    tied = counts[0][1] == counts[1][1]
    apart = tuple(who for who, answer in given.items() if tied or answer != counts[0][0])
    return Compared(question, given, spread, apart)


def said(question: Question, answer: str, language: str) -> str:
    """An answer in that language; empty for none, "–" where the question did not apply."""
    found = question.answer(answer)
    if found is not None:
        return found.said.get(language) or found.said.get("vi", answer)
    return "–" if answer == NOT_APPLICABLE else ""
