"""Triage: one caller's way through a protocol, folded from key to key until there is a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hotline.acuity import Acuity, higher
from ivr.protocol import NO_INPUT, OPERATOR_KEY, Answer, Kind, Protocol, message_prompt, question_prompt

REPEAT_KEY = "*"
EMERGENCY_KEY = "1"
MISSES_AT_MOST = 2
"""Silences and wrong keys at one question: the second ends it."""

_SILENT = {"vi": "im lặng", "en": "silent"}
_AGAIN = {"vi": "nghe lại", "en": "asked to hear it again"}
_WRONG = {"vi": "bấm nhầm phím", "en": "pressed a key that means nothing here"}
_OTHER_LANGUAGE = {"vi": "chọn ngôn ngữ khác", "en": "chose another language"}


@dataclass(frozen=True)
class Step:
    """One answer, silence or repeat, as the ticket keeps it."""

    question: str
    key: str | None
    """None is silence until the time-out."""
    said: Mapping[str, str]
    """By language: what the caller said by it."""


@dataclass(frozen=True)
class Asking:
    """A caller hears a question, and what they press is awaited."""

    protocol: Protocol = field(repr=False)
    question: str
    language: str
    play: int
    """Which playing of the prompt this is, from 1."""
    misses: int
    """Silences and wrong keys at this question so far."""
    floor: Acuity
    """Answers so far keep the call from falling below this."""
    path: tuple[Step, ...]
    replays: int
    """How often any question was played again so far."""

    @property
    def prompt(self) -> str:
        return question_prompt(self.question)

    @property
    def keys(self) -> str:
        """Every key that does something now, `*` included."""
        return self.protocol.live_keys(self.question, self.language)

    @property
    def plays_left(self) -> int:
        """How often the prompt may still be played after this one."""
        return self.protocol.questions[self.question].plays - self.play

    @property
    def branch(self) -> str:
        return self.protocol.questions[self.question].branch

    @property
    def kind(self) -> Kind:
        return self.protocol.branch_of(self.question).kind

    @property
    def acuity_reached(self) -> Acuity:
        """What the call is worth if triage breaks off here; the failsafe stands below it outside."""
        return higher(self.floor, INSIDE[self.kind])


@dataclass(frozen=True)
class Decision:
    """Where one caller goes, and why."""

    protocol_id: str
    version: str
    digest: str
    acuity: Acuity
    message: str | None
    """Spoken next, by the name in the protocol; None goes to the line without a word."""
    language: str
    branch: str
    kind: Kind
    """Of the branch the caller was in when it was decided."""
    question: str | None
    """Where it was decided; None when no question was asked."""
    topic: str | None
    reason: Mapping[str, str]
    """By language."""
    path: tuple[Step, ...]
    replays: int
    """How often a question was played again: silence, wrong keys and `*`."""
    repeat: bool = False
    """Raised one level because the same number rang about an illness before."""

    @property
    def prompt(self) -> str | None:
        return message_prompt(self.message) if self.message else None

    @property
    def queue(self) -> str:
        """Which operators may take it: "medical", or "services" when it is no illness."""
        return "medical" if self.acuity.medical else "services"

    @property
    def human_only_if_asked(self) -> bool:
        """GREEN: hears its message to the end and needs nobody, unless 0 or 1 is pressed meanwhile."""
        return self.acuity is Acuity.GREEN and self.message is not None

    @property
    def keys(self) -> str:
        """What was pressed, as scenarios write it: "2 2 1", with "-" for silence."""
        return " ".join(step.key or "-" for step in self.path)


INSIDE: Mapping[Kind, Acuity] = {
    Kind.ROOT: Acuity.ORANGE,
    Kind.MEDICAL: Acuity.ORANGE,
    Kind.SERVICES: Acuity.NONMED,
}
"""What a call is worth at least while it is inside a branch and not decided."""


def start(protocol: Protocol) -> Asking:
    """The first question, about to be played in the protocol's first language."""
    return Asking(
        protocol,
        protocol.root,
        protocol.languages[0],
        play=1,
        misses=0,
        floor=Acuity.NONMED,
        path=(),
        replays=0,
    )


def answer(asking: Asking, key: str | None) -> Asking | Decision:
    """What follows a key.

    None or "" is silence until the time-out; anything that is not one of `asking.keys` is a wrong key.
    """
    protocol, question = asking.protocol, asking.question
    if not key:
        return _missed(asking, Step(question, None, _SILENT))
    if key not in tuple(asking.keys):
        return _missed(asking, Step(question, key, _WRONG))
    if key == REPEAT_KEY:
        return _again(asking, Step(question, key, _AGAIN), asking.misses)
    chosen = protocol.answer(question, key)
    if chosen is None:
        step = Step(question, key, _OTHER_LANGUAGE)
        return _ask(asking, step, question, protocol.language_keys[key], asking.floor)
    return _follow(asking, chosen, Step(question, key, chosen.said))


def walk(protocol: Protocol, keys: Iterable[str | None]) -> Asking | Decision:
    """Where a whole row of keys leads; keys after the decision are not looked at."""
    now: Asking | Decision = start(protocol)
    for key in keys:
        if isinstance(now, Decision):
            break
        now = answer(now, key)
    return now


def during_message(decision: Decision, key: str | None) -> Decision:
    """What a key in a GREEN message means: 0 asks for a human at GREEN, 1 is an emergency, others nothing."""
    if key == EMERGENCY_KEY:
        reason = {"vi": "bấm phím cấp cứu khi đang nghe thông báo", "en": "emergency key during the message"}
        return emergency(decision, reason)
    if key == OPERATOR_KEY:
        said = {"vi": "xin gặp tổng đài viên", "en": "asked for an operator"}
        step = Step(decision.question or "", key, said)
        return replace(decision, message=None, path=(*decision.path, step))
    return decision


def emergency(decision: Decision, reason: Mapping[str, str] | None = None) -> Decision:
    """The decision after key 1 in a message or anywhere in a waiting line: RED, with the way so far."""
    why = reason or {"vi": "bấm phím cấp cứu khi đang chờ", "en": "emergency key while waiting"}
    step = Step(decision.question or "", EMERGENCY_KEY, {"vi": "cấp cứu", "en": "an emergency"})
    return replace(
        decision,
        acuity=Acuity.RED,
        message=Acuity.RED.value,
        topic=None,
        reason=why,
        path=(*decision.path, step),
    )


# The small parts


def _ask(asking: Asking, step: Step, question: str, language: str, floor: Acuity) -> Asking:
    path = (*asking.path, step)
    return replace(asking, question=question, language=language, play=1, misses=0, floor=floor, path=path)


def _missed(asking: Asking, step: Step) -> Asking | Decision:
    return _again(asking, step, asking.misses + 1)


def _again(asking: Asking, step: Step, misses: int) -> Asking | Decision:
    """The question once more, or, when it was played or missed often enough, what silence leads to."""
    if misses < MISSES_AT_MOST and asking.plays_left > 0:
        path, replays = (*asking.path, step), asking.replays + 1
        return replace(asking, play=asking.play + 1, misses=misses, path=path, replays=replays)
    silent = asking.protocol.answer(asking.question, NO_INPUT)
    if silent is None:
        raise LookupError(
            f"question {asking.question} has no {NO_INPUT}: only protocols that were read may be walked"
        )
    return _follow(asking, silent, step)


def _follow(asking: Asking, chosen: Answer, step: Step) -> Asking | Decision:
    protocol = asking.protocol
    floor = higher(asking.floor, chosen.at_least or Acuity.NONMED)
    ends_at = chosen.acuity
    if ends_at is None:
        return _ask(asking, step, chosen.to, asking.language, floor)
    acuity = higher(ends_at, floor)
    named = chosen.message if acuity is ends_at else None
    usual = acuity.value if acuity.value in protocol.messages else None
    return Decision(
        protocol_id=protocol.id,
        version=protocol.version,
        digest=protocol.digest,
        acuity=acuity,
        message=named or usual,
        language=asking.language,
        branch=asking.branch,
        kind=asking.kind,
        question=asking.question,
        topic=chosen.topic,
        reason=chosen.because,
        path=(*asking.path, step),
        replays=asking.replays,
    )
