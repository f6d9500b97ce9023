"""The second stage: what the answers an operator has written down do to the acuity, and what to ask next; all pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotline.acuity import Acuity, higher
from ivr.script import UNKNOWN, Branch, Condition, Field, Kind, Op, Rule, Script

Answers = Mapping[str, str]
"""Field → its value as text; an empty value is no answer."""


@dataclass(frozen=True)
class Finding:
    """A rule that holds."""

    rule: Rule
    acuity: Acuity | None
    """What it asks for by itself; None for one that only says what to do, or adds a level."""


@dataclass(frozen=True)
class Judged:
    """What the answers come to."""

    acuity: Acuity
    """Never below the level the script began with."""
    findings: tuple[Finding, ...]
    """The most urgent first."""
    wanted: tuple[str, ...]
    """Empty fields that would decide a rule whose other conditions hold already."""

    def reasons(self, language: str) -> tuple[str, ...]:
        """Why, in words; the most urgent first."""
        return tuple(
            finding.rule.because.get(language) or finding.rule.because["vi"] for finding in self.findings
        )

    def todos(self, language: str) -> tuple[str, ...]:
        """What the operator should do, each once."""
        said = (
            finding.rule.todo.get(language) or finding.rule.todo["vi"]
            for finding in self.findings
            if finding.rule.todo
        )
        return tuple(dict.fromkeys(said))


def judge(script: Script, answers: Answers, began_at: Acuity) -> Judged:
    """What the answers come to for a ticket whose level was `began_at` before the first of them.

    Unknown answers change nothing. A ticket that is not medical becomes so by its first sign.
    """
    holding = [rule for rule in script.rules if all(_holds(c, answers, script) for c in rule.when)]
    signs = {rule.question for rule in holding if rule.sign and rule.to is not None}
    holding = [rule for rule in holding if not rule.another_sign or signs - {rule.question}]
    level = began_at
    for rule in holding:
        if rule.to is not None:
            level = higher(level, rule.to)
    if any(rule.up for rule in holding):
        level = level.raised()
    findings = sorted(
        (Finding(rule, rule.to) for rule in holding),
        key=lambda f: -(f.acuity.urgency if f.acuity is not None else -1),
    )
    return Judged(level, _strongest(findings), _wanted(script, answers))


def _strongest(findings: list[Finding]) -> tuple[Finding, ...]:
    """Without those of a question that says something graver about the same fields."""
    kept: list[Finding] = []
    for finding in findings:
        about = {c.field for c in finding.rule.when}
        graver = any(
            other.rule.question == finding.rule.question
            and {c.field for c in other.rule.when} == about
            and other.acuity is not None
            and finding.acuity is not None
            for other in kept
        )
        if not graver:
            kept.append(finding)
    return tuple(kept)


def _holds(condition: Condition, answers: Answers, script: Script) -> bool:
    said = answers.get(condition.field, "")
    if condition.op is Op.UNSET:
        return not said
    if not said:
        return False
    if condition.op is Op.IS:
        return said in condition.choices
    field = script.fields[condition.field]
    value = number(field, said)
    if value is None:
        return False
    return {
        Op.LESS: value < condition.bound,
        Op.AT_MOST: value <= condition.bound,
        Op.MORE: value > condition.bound,
        Op.AT_LEAST: value >= condition.bound,
    }[condition.op]


def _wanted(script: Script, answers: Answers) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for rule in script.rules:
        empty = [c.field for c in rule.when if not answers.get(c.field) and c.op is not Op.UNSET]
        rest = [c for c in rule.when if answers.get(c.field) and c.op is not Op.UNSET]
        if len(set(empty)) == 1 and rest and all(_holds(c, answers, script) for c in rest):
            found[empty[0]] = None
    return tuple(found)


def number(field: Field, said: str) -> float | None:
    """The number somebody typed, with a comma or a point; None when it is none or out of the field's range."""
    try:
        value = float(said.replace(",", ".").strip())
    except ValueError:
        return None
    return value if field.least <= value <= field.most else None


def branch_of(ticket: Acuity, judged: Judged) -> Branch:
    """Whose questions are asked: a service's until the machine, an operator or an answer says that somebody is ill."""
    return Branch.SERVICES if higher(ticket, judged.acuity) is Acuity.NONMED else Branch.MEDICAL


def is_asked(script: Script, question: str, answers: Answers, branch: Branch = Branch.MEDICAL) -> bool:
    """Whether the branch has this question and the answers so far make it one to ask."""
    asked = script.questions[question]
    return branch in asked.of and all(_holds(condition, answers, script) for condition in asked.asked)


def is_answered(script: Script, question: str, answers: Answers, branch: Branch = Branch.MEDICAL) -> bool:
    """Whether the question has been asked: any of its choices or numbers is in, or, where it has none, all its texts."""
    fields = script.fields_of(question, branch) or script.fields_of(question)
    hard = [f for f in fields if f.kind in (Kind.CHOICE, Kind.NUMBER)]
    if script.questions[question].at_red:
        # Where, who and how to reach them: the first field is what the ambulance needs.
        return bool(answers.get(fields[0].name))
    return any(answers.get(f.name) for f in hard) if hard else all(answers.get(f.name) for f in fields)


def next_question(
    script: Script, answers: Answers, judged: Judged, branch: Branch = Branch.MEDICAL
) -> str | None:
    """The question to ask now; None when all are asked.

    A field that would decide a rule comes first, then, once RED, where they are and how to reach them, then the
    script's order, then once more what was "not known" of a danger sign.
    """
    open_ = [
        name
        for name in script.questions
        if is_asked(script, name, answers, branch) and not is_answered(script, name, answers, branch)
    ]
    if judged.acuity is Acuity.RED:
        first = [name for name in open_ if script.questions[name].at_red]
        if first:
            return first[0]
    for field in judged.wanted:
        # Only what is part of a question put already, or of who the patient is: the others come in their turn.
        question = script.fields[field].question
        if branch not in script.fields[field].of:
            continue
        if script.questions[question].at_red or is_answered(script, question, answers, branch):
            return question
    if open_:
        return open_[0]
    unsure = [
        rule.question
        for rule in script.rules
        if rule.to is Acuity.RED
        and branch in script.questions[rule.question].of
        and any(answers.get(c.field) == UNKNOWN for c in rule.when)
    ]
    return unsure[0] if unsure else None
