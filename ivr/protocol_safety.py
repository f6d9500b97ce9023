"""What every protocol must keep, whatever it asks: no caller is lost, lowered or kept from a human."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hotline.acuity import Acuity
from ivr.protocol_faults import Fault, fault
from ivr.protocol_source import Source

if TYPE_CHECKING:
    from ivr.protocol import Answer, Branch, Protocol, Question

RED_WITHIN_KEYS = 4
CHOICES_AT_MOST = 5
WORDS_AT_MOST = 90
QUESTIONS_AT_MOST = 100
WAYS_AT_MOST = 1000
_WORDS_A_SECOND = 4
_NOT_SURE = ("không rõ", "không biết", "không chắc")
_Spans = Mapping[str, tuple[Acuity, Acuity]]
_SPOKEN_OUTCOMES = (Acuity.RED, Acuity.ORANGE, Acuity.YELLOW)

# By kind of branch: the least a caller gets who asks for an operator, and who gives no answer.
_OPERATOR_AT_LEAST: Mapping[str, Acuity] = {
    "root": Acuity.YELLOW,
    "medical": Acuity.ORANGE,
    "services": Acuity.NONMED,
}
_SILENT_AT_LEAST: Mapping[str, Acuity] = {
    "root": Acuity.ORANGE,
    "medical": Acuity.ORANGE,
    "services": Acuity.NONMED,
}
_EMERGENCY_KEYS: Mapping[str, str] = {"root": "1", "medical": "", "services": "19"}


def faults(protocol: Protocol, source: Source) -> Iterator[Fault]:
    """Every broken rule, whether or not others are broken too."""
    if protocol.root and protocol.root not in protocol.questions:
        yield fault("no_root", source.line("protocol", "root"), root=protocol.root)
    for name in (acuity.value for acuity in _SPOKEN_OUTCOMES):
        if name not in protocol.messages:
            yield fault("missing_field", None, where="–", field=f"[message.{name}]")
    for question in protocol.questions.values():
        yield from _question_faults(protocol, source, question)
    for branch in protocol.branches.values():
        for answer in branch.answers.values():
            yield from _answer_faults(protocol, source, answer, branch, f"branch.{branch.name}")
    yield from _way_faults(protocol, source)


def _question_faults(protocol: Protocol, source: Source, question: Question) -> Iterator[Fault]:
    part = f"question.{question.name}"
    branch = protocol.branches.get(question.branch)
    if branch is None:
        if question.branch:
            where = f"[{part}]"
            yield fault("unknown_branch", source.line(part, "branch"), where=where, branch=question.branch)
    else:
        yield from _reach_of_a_human(source, question, branch)
    for answer in question.answers.values():
        yield from _answer_faults(protocol, source, answer, branch, part)
        language = protocol.language_keys.get(answer.key) if question.name == protocol.root else None
        if language:
            line = source.line(f"{part}.answers", answer.key)
            yield fault("language_key_taken", line, where=f"[{part}]", key=answer.key, language=language)
    choices = [key for key in question.answers if key in "12345678"]
    if len(choices) > CHOICES_AT_MOST:
        line = source.line(part)
        yield fault(
            "too_many_choices", line, question=question.name, count=len(choices), limit=CHOICES_AT_MOST
        )
    yield from _wording_faults(source, question)


def _reach_of_a_human(source: Source, question: Question, branch: Branch) -> Iterator[Fault]:
    line = source.line(f"question.{question.name}")
    keys = {**branch.answers, **question.answers}
    if "0" not in keys:
        yield fault("no_key_0", line, question=question.name, branch=branch.name)
    if "no_input" not in keys:
        yield fault("no_no_input", line, question=question.name, branch=branch.name)
    emergency = _EMERGENCY_KEYS[branch.kind]
    if emergency and not any(key in keys and keys[key].acuity is Acuity.RED for key in emergency):
        yield fault("no_emergency_key", line, question=question.name, keys=" / ".join(emergency))


def _wording_faults(source: Source, question: Question) -> Iterator[Fault]:
    part = f"question.{question.name}"
    for language, text in question.text.items():
        for key in sorted(set(question.answers) - {"no_input"}):
            if not re.search(rf"(?<!\d){key}(?!\d)", text):
                line = source.line(part, language)
                yield fault("key_not_spoken", line, question=question.name, language=language, key=key)
        words = len(text.split())
        if words > WORDS_AT_MOST:
            yield fault(
                "too_long",
                source.line(part, language),
                question=question.name,
                language=language,
                words=words,
                seconds=words // _WORDS_A_SECOND,
                limit=WORDS_AT_MOST,
            )


def _answer_faults(
    protocol: Protocol, source: Source, answer: Answer, branch: Branch | None, part: str
) -> Iterator[Fault]:
    line = source.line(f"{part}.answers", answer.key)
    where = f"{part.split('.', 1)[1]}, {answer.key}"
    ends_at = answer.acuity
    if ends_at is None and answer.to and answer.to not in protocol.questions:
        yield fault("unknown_target", line, where=where, to=answer.to)
    if answer.message and answer.message not in protocol.messages:
        yield fault("unknown_message", line, where=where, message=answer.message)
    if ends_at is not None and not answer.because:
        yield fault("no_reason", line, where=where, to=answer.to)
    if ends_at is Acuity.GREEN:
        yield from _green_faults(protocol, source, answer, line, where)
    if branch is not None:
        yield from _level_faults(protocol, answer, branch, line, where)


def _green_faults(
    protocol: Protocol, source: Source, answer: Answer, line: int | None, where: str
) -> Iterator[Fault]:
    if not answer.message:
        yield fault("no_message", line, where=where, to=answer.to)
    for language, text in protocol.messages.get(answer.message or "", {}).items():
        if not re.search(r"(?<!\d)0(?!\d)", text):
            at = source.line(f"message.{answer.message}", language)
            yield fault("message_without_operator", at, message=answer.message, language=language)


def _level_faults(
    protocol: Protocol, answer: Answer, branch: Branch, line: int | None, where: str
) -> Iterator[Fault]:
    ends_at = answer.acuity
    floor = answer.at_least or Acuity.NONMED
    given = max(floor, ends_at) if ends_at is not None else floor
    told = answer.means == "unknown" or any(
        word in text.lower() for text in answer.said.values() for word in _NOT_SURE
    )
    if branch.kind == "medical" and told and answer.key not in ("0", "no_input") and given < Acuity.ORANGE:
        yield fault("unknown_lowers", line, where=where, to=answer.to)
    for key, kind, least in (
        ("0", "operator_too_low", _OPERATOR_AT_LEAST[branch.kind]),
        ("no_input", "no_input_too_low", _SILENT_AT_LEAST[branch.kind]),
    ):
        if answer.key == key and ends_at is None:
            yield fault("leads_on", line, where=where, to=answer.to)
        elif answer.key == key and given < least:
            yield fault(kind, line, where=where, least=least.value, to=answer.to)
    after = protocol.questions.get(answer.to)
    next_branch = protocol.branches.get(after.branch) if after else None
    leaves = ends_at is Acuity.NONMED or (next_branch is not None and next_branch.kind != "medical")
    if branch.kind == "medical" and leaves:
        yield fault("leaves_medicine", line, where=where, to=answer.to)


def _way_faults(protocol: Protocol, source: Source) -> Iterator[Fault]:
    """What only shows when the answers are followed from question to question."""
    if protocol.root not in protocol.questions:
        return
    count = len(protocol.questions)
    if count > QUESTIONS_AT_MOST:
        yield fault("too_many_questions", None, count=count, limit=QUESTIONS_AT_MOST)
        return
    reached = _reached(protocol)
    for name in protocol.questions:
        if name not in reached:
            yield fault("unreachable", source.line(f"question.{name}"), question=name)
    loops = list(_loops(protocol))
    for loop in loops:
        line = source.line(f"question.{loop[0]}")
        yield fault("loop", line, way=" → ".join([*loop, loop[0]]))
    if loops:
        return  # Depth and worst outcome have no meaning on a circle.
    count = _ways(protocol)
    if count > WAYS_AT_MOST:
        yield fault("too_many_ways", None, count=count, limit=WAYS_AT_MOST)
    yield from _depth_faults(protocol, source)
    spans = _spans(protocol)
    for question in protocol.questions.values():
        yield from _order_faults(protocol, source, question, spans)


def _next(protocol: Protocol, question: str) -> list[str]:
    answers = protocol.questions[question].answers.values()
    return [answer.to for answer in answers if answer.to in protocol.questions]


def _reached(protocol: Protocol) -> set[str]:
    reached, waiting = {protocol.root}, [protocol.root]
    while waiting:
        for name in _next(protocol, waiting.pop()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def _loops(protocol: Protocol) -> Iterator[tuple[str, ...]]:
    """Each circle of questions once, beginning with its first name in the file."""
    order = list(protocol.questions)
    seen: set[tuple[str, ...]] = set()
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if name in way:
            circle = way[way.index(name) :]
            first = circle.index(min(circle, key=order.index))
            turned = circle[first:] + circle[:first]
            if turned not in seen:
                seen.add(turned)
                yield turned
            return
        if name in done:
            return
        for after in _next(protocol, name):
            yield from follow(after, (*way, name))
        done.add(name)

    for name in order:
        yield from follow(name, ())


def _ways(protocol: Protocol) -> int:
    """How many ways lead from the first question to an outcome; questions must not go round."""
    known: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in known:
            answers = protocol.questions[name].answers.values()
            known[name] = sum(
                count(answer.to) if answer.to in protocol.questions else 1 for answer in answers
            )
        return known[name]

    return count(protocol.root)


def _depth_faults(protocol: Protocol, source: Source) -> Iterator[Fault]:
    """RED answers whose longest way takes too many keys; the language key is not counted."""
    deepest: dict[str, tuple[str, ...]] = {protocol.root: ()}
    waiting = [protocol.root]
    while waiting:
        name = waiting.pop()
        for answer in protocol.questions[name].answers.values():
            pressed = (*deepest[name], answer.key)
            # What is too deep already is not followed again: that would try every way there is.
            known = len(deepest.get(answer.to, ()))
            if answer.to in protocol.questions and known < min(len(pressed), RED_WITHIN_KEYS):
                deepest[answer.to] = pressed
                waiting.append(answer.to)
    for name, keys in deepest.items():
        for answer in protocol.questions[name].answers.values():
            pressed = (*keys, answer.key)
            deep = len(pressed) > RED_WITHIN_KEYS
            if answer.acuity is Acuity.RED and answer.key != "no_input" and deep:
                yield fault(
                    "red_too_deep",
                    source.line(f"question.{name}.answers", answer.key),
                    where=f"{name}, {answer.key}",
                    presses=len(pressed),
                    keys=" ".join(pressed),
                    limit=RED_WITHIN_KEYS,
                )


def _order_faults(protocol: Protocol, source: Source, question: Question, spans: _Spans) -> Iterator[Fault]:
    branch = protocol.branches.get(question.branch)
    if branch is None or branch.kind != "medical":
        return
    own = {key: answer for key, answer in question.answers.items() if key not in ("0", "no_input")}
    reach = {key: span for key, answer in own.items() if (span := _span(answer, spans)) is not None}
    line = source.line(f"question.{question.name}")
    worst = max((most for _, most in reach.values()), default=Acuity.NONMED)
    if "1" in reach and reach["1"][1] < worst:
        key = next(key for key, (_, most) in reach.items() if most is worst)
        yield fault("not_most_serious", line, question=question.name, key=key, to=worst.value)
    said = {str(answer.means): key for key, answer in own.items() if answer.means and key in reach}
    yes, no = said.get("yes"), said.get("no")
    if yes and no and (reach[yes][0] < reach[no][0] or reach[yes][1] < reach[no][1]):
        yield fault("yes_lowers", line, question=question.name, yes=yes, no=no)


def _spans(protocol: Protocol) -> _Spans:
    """By question, the least and the most that may come of its own answers; there must be no loop."""
    spans: dict[str, tuple[Acuity, Acuity]] = {}

    def work_out(name: str) -> None:
        if name in spans:
            return
        own = [
            answer for key, answer in protocol.questions[name].answers.items() if key not in ("0", "no_input")
        ]
        for answer in own:
            if answer.to in protocol.questions:
                work_out(answer.to)
        reach = [span for answer in own if (span := _span(answer, spans)) is not None]
        if reach:
            spans[name] = min(least for least, _ in reach), max(most for _, most in reach)

    for name in protocol.questions:
        work_out(name)
    return spans


def _span(answer: Answer, spans: _Spans) -> tuple[Acuity, Acuity] | None:
    """The least and the most that may come of an answer; None when it leads nowhere."""
    ends_at = answer.acuity
    span = (ends_at, ends_at) if ends_at is not None else spans.get(answer.to)
    floor = answer.at_least or Acuity.NONMED
    return None if span is None else (max(floor, span[0]), max(floor, span[1]))
