"""One caller's triage: the protocol's questions by key, then the variables that tell the dialplan where the call goes.

TRIAGE_DONE is set last: whatever stops this script earlier, the dialplan takes the caller to a human at the higher of the
failsafe and ACUITY_REACHED.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from agi_scripts.readers import NotInTime, Readers
from agi_scripts.session import CallerHungUp, Session
from agi_scripts.ticket_status import STATUS_KEY, tell_status
from hotline import categories, merging, numbers
from hotline import events as e
from hotline.acuity import Acuity, higher
from hotline.calls import Call, EndReason
from hotline.database import Prepared, make_engine
from hotline.installation import Hotline, Installation
from hotline.record import Record, ticket_id_of
from hotline.settings import Settings
from hotline.tickets import Ticket
from ivr import recall
from ivr.approved import ApprovedProtocols
from ivr.protocol import Kind, Protocol
from ivr.speech.prompt_set import language_choices, prompt_id, sounds_of
from ivr.speech.prompts import sound_path
from ivr.triage import EMERGENCY_KEY, Asking, Decision, Step, answer, during_message, emergency, start

AFTER_MESSAGE_S = 3.0
"""Keys 0 and 1 still work so long after a GREEN message."""
DIGIT_WITHIN_S = 6.0
CALLBACK_DIGITS = 11
CALLBACK_TRIES = 2
STATUS_AT_MOST = 3
BRANCH = {Kind.ROOT: "root", Kind.MEDICAL: "medical", Kind.SERVICES: "nonmedical"}

_log = structlog.get_logger(__name__)


@dataclass
class House:
    """What the scripts of this process work with."""

    given: Settings
    province: Installation
    """What is in force; a call keeps the Hotline it began with, so that no question changes under a caller."""
    record: Record
    protocols: ApprovedProtocols
    engine: Engine
    """For looking up earlier calls; gives up on a lock sooner than a caller would notice."""
    readers: Readers = field(default_factory=Readers)
    prompts: Path = field(init=False)

    def __post_init__(self) -> None:
        self.prompts = self.given.prompts.absolute()

    @classmethod
    def of(cls, given: Settings, province: Installation, engine: Engine, record: Record) -> House:
        def ready(protocol: Protocol) -> bool:
            try:
                for hotline in house.province.hotlines:
                    sounds_of(protocol, given.prompts, hotline.key)
            except LookupError:
                return False
            return True

        protocols = ApprovedProtocols(
            make_engine(given.database, busy_s=2.0), province.protocols, given.var / "approved", ready=ready
        )
        house = cls(given, province, record, protocols, engine)
        return house

    def follow(self, province: Installation) -> None:
        """Calls from now on are asked as this says."""
        self.province = province
        self.protocols.follow(province.protocols)


@dataclass
class _Caller:
    """One call on its way through the questions."""

    session: Session
    house: House
    hotline: Hotline
    protocol: Protocol
    number: numbers.CallerNumber
    history: tuple[recall.Contact, ...] = ()
    times: list[datetime] = field(default_factory=list)
    """When each step of the path was taken."""
    at: Asking | Decision | None = None
    """Where the caller is."""
    callback_number: str = ""
    status_asked: int = 0
    """How often they have been told how their ticket stands."""
    continues: recall.Contact | None = None
    """The running contact of a redial."""

    @property
    def call_id(self) -> str:
        return self.session.call_id

    @property
    def e164(self) -> str:
        return self.number.e164 or ""

    def sound(self, prompt: str, language: str) -> Path:
        return sound_path(self.house.prompts, prompt, language, self.hotline.key)

    def spoken(self, prompt: str, language: str) -> Path:
        """One of the protocol's own prompts."""
        return self.sound(prompt_id(self.protocol, prompt), language)

    def asked(self, at: Asking) -> list[Path]:
        """The question; at the first one also, in each other language, the key that chooses it."""
        sounds = [self.spoken(at.prompt, at.language)]
        if at.question != self.protocol.root or at.language != self.protocol.languages[0]:
            return sounds
        for name, texts in language_choices(self.protocol).items():
            with suppress(LookupError):  # a caller who needs it not must not miss the question for it
                sounds += [self.sound(name, language) for language in texts]
        if self.history and STATUS_KEY not in at.keys:
            with suppress(LookupError):
                sounds.append(self.sound("status-offer", at.language))
        return sounds


def triage_call(session: Session, house: House) -> None:
    """Ask, decide, tell. Raises CallerHungUp after a hang-up was put on record."""
    key, trunk, called, number = session.given("HOTLINE", "TRUNK", "CALLED", "CALLER")
    hotline = house.province.hotline(key)
    told = numbers.caller(number)
    caller = _Caller(session, house, hotline, house.protocols.protocol(hotline.protocol), told)
    arrived = e.CallArrived(
        call_id=session.call_id, hotline=hotline.key, node=house.given.node, trunk=trunk,
        called_number=called, caller_number=caller.e164, caller_kind=str(told.kind),
    )  # fmt: skip
    house.record.tell(arrived)
    try:
        caller.history = _history(caller)
        decision = _decide(caller)
        decision, heard = _before_the_line(caller, decision)
        _tell(caller, decision, heard)
        if session.hung_up and not heard:
            raise CallerHungUp
    except CallerHungUp:
        _gone(caller)
        raise


# Asking


def _decide(caller: _Caller) -> Decision:
    """Walk the protocol with the caller's keys; ACUITY_REACHED is set before the next prompt, with its timer."""
    running = recall.straight_to_line(
        caller.e164 or None, caller.history, e.now(), caller.hotline.shared_numbers
    )
    if running is not None:
        caller.at = decision = recall.rejoin(caller.protocol, running)
        caller.continues = running
        caller.session.owe("ACUITY_REACHED", decision.acuity)
        return decision
    now: Asking | Decision = start(caller.protocol)
    while isinstance(now, Asking):
        caller.at = now
        key = caller.session.ask(caller.asked(now), caller.protocol.answer_within_s)
        if (
            key == STATUS_KEY
            and now.question == caller.protocol.root
            and STATUS_KEY not in now.keys
            and caller.status_asked < STATUS_AT_MOST
        ):
            caller.status_asked += 1
            tell_status(caller, now.language)
            continue
        now = answer(now, key)
        caller.times.append(e.now())
        if isinstance(now, Decision):
            now = recall.repeat_caller(
                now, caller.e164 or None, caller.history, e.now(), caller.hotline.shared_numbers
            )
        reached = now.acuity_reached if isinstance(now, Asking) else now.acuity
        if key or isinstance(now, Decision):
            caller.session.owe("ACUITY_REACHED", reached)
    caller.at = now
    return now


def _before_the_line(caller: _Caller, decision: Decision) -> tuple[Decision, bool]:
    """What a caller below ORANGE still does with the machine, and whether a GREEN one heard it all."""
    if not caller.e164 and decision.acuity in (Acuity.YELLOW, Acuity.GREEN):
        decision = _ask_callback_number(caller, decision)
    if not decision.human_only_if_asked or decision.prompt is None:
        return decision, False
    key = caller.session.play(caller.spoken(decision.prompt, decision.language), "01")
    key = key or caller.session.listen(AFTER_MESSAGE_S)
    after = during_message(decision, key)
    if after is decision:
        return decision, True
    return _changed(caller, after), False


def _changed(caller: _Caller, after: Decision) -> Decision:
    """Another decision by a key pressed after the questions."""
    caller.times.append(e.now())
    caller.at = after
    caller.session.owe("ACUITY_REACHED", after.acuity)
    return after


def _ask_callback_number(caller: _Caller, decision: Decision) -> Decision:
    """A number to ring back for somebody who hides theirs; 0 or silence skips it, a lone 1 is an emergency."""
    for _ in range(CALLBACK_TRIES):
        keys = caller.session.ask(
            caller.sound("callback-ask-number", decision.language), DIGIT_WITHIN_S,
            keys_at_most=CALLBACK_DIGITS, keys_within_s=CALLBACK_DIGITS * DIGIT_WITHIN_S,
        )  # fmt: skip
        if keys in (None, "#", "0"):
            break
        if keys == EMERGENCY_KEY:
            return _changed(caller, emergency(decision))
        told = numbers.caller(keys or "")
        if len(keys or "") in (10, 11) and told.kind in ("mobile", "landline") and told.e164:
            caller.callback_number = told.e164
            caller.house.record.tell(e.CallbackNumberGiven(call_id=caller.call_id, number=told.e164))
            break
    return decision


# Telling


def _tell(caller: _Caller, decision: Decision, heard: bool) -> None:
    """The decision on record and in the channel's variables, TRIAGE_DONE last."""
    done = decision.human_only_if_asked and heard
    # A redial is in the line at once: its arrival must not be told after that.
    caller.house.record.tell(
        _triaged(caller, decision, decision.acuity), at_once=caller.continues is not None
    )
    if done:
        caller.house.record.tell(_ended(caller, EndReason.SELF_CARE))
    values = {"CALLBACK": caller.callback_number} if caller.callback_number else {}
    if caller.continues is not None and caller.continues.operator:
        values["SAME_OPERATOR"] = caller.continues.operator
    values |= {
        "ACUITY_REACHED": decision.acuity.value,
        "BRANCH": BRANCH[decision.kind],
        "MESSAGE": prompt_id(caller.protocol, decision.prompt) if decision.prompt else "",
        "QUEUE": decision.queue,
        "TICKET": ticket_id_of(caller.call_id),
        "LANGUAGE_CODE": decision.language,
        "CALLER": caller.e164,
        "NEXT": "done" if done else "line",
        "ACUITY": decision.acuity.value,
        "TRIAGE_DONE": "1",
    }
    caller.session.set_all(values)


def _gone(caller: _Caller) -> None:
    """A hang-up in the machine: the level reached, the end, and the call the hotline now owes."""
    at, heard_s = caller.at, caller.session.heard_s
    decided = isinstance(at, Decision)
    pressed = at is not None and (decided or any(step.key for step in at.path))
    reached = None
    if at is not None and pressed:
        reached = at.acuity if isinstance(at, Decision) else at.acuity_reached
    kind = at.kind if at is not None else Kind.ROOT
    ended = recall.Ended(False, heard_s, kind, reached, decided)
    owed = recall.recall_acuity(ended)
    lost = caller.session.switch_lost
    served = bool(caller.status_asked) and not pressed and not lost
    if served:
        owed = None  # they heard what they rang for
    if lost and not decided:
        owed = higher(owed or Acuity.ORANGE, Acuity.ORANGE)  # they did not choose to leave: the failsafe
    # Nobody is left at the ORANGE of a call that said nothing: the redial would skip the questions.
    level = owed or Acuity.YELLOW
    caller.house.record.tell(_triaged(caller, at, level))
    reason = EndReason.ABANDONED if owed else EndReason.TOO_SHORT
    reason = EndReason.SWITCH_LOST if lost else EndReason.SELF_CARE if served else reason
    caller.house.record.tell(_ended(caller, reason))
    number = caller.callback_number or caller.e164
    if owed and number:
        due = e.now() + timedelta(seconds=owed.callback_within_s)
        caller.house.record.tell(
            e.RecallDue(
                call_id=caller.call_id, hotline=caller.hotline.key, number=number, acuity=owed, due_at=due,
                why="switch_lost" if lost else "lost",
                names_person=not recall.matches_nobody(number, caller.hotline.shared_numbers),
            )
        )  # fmt: skip
    _log.info(
        "a caller left the machine", acuity=level.value, lost=owed is not None, heard_s=round(heard_s, 1)
    )


def _ended(caller: _Caller, reason: EndReason) -> e.CallEnded:
    return e.CallEnded(call_id=caller.call_id, reason=reason, heard_s=caller.session.heard_s)


def _triaged(caller: _Caller, at: Asking | Decision | None, acuity: Acuity) -> e.CallTriaged:
    decided = at if isinstance(at, Decision) else None
    reason = decided.reason if decided else {"vi": "người gọi gác máy khi đang trả lời"}
    return e.CallTriaged(
        call_id=caller.call_id,
        hotline=caller.hotline.key,
        acuity=acuity,
        branch=BRANCH[at.kind if at is not None else Kind.ROOT],
        reason=reason.get("vi", next(iter(reason.values()), ""))[:200],
        language=at.language if at is not None else caller.protocol.languages[0],
        path=_path(at.path if at is not None else (), caller.times),
        protocol_id=caller.protocol.id,
        protocol_version=caller.protocol.version,
        protocol_digest=caller.protocol.digest,
        is_repeat=decided is not None and decided.repeat,
        continues=caller.continues.ticket if caller.continues else "",
        category=_category(caller, decided) if decided and not acuity.urgent else "",
    )


def _category(caller: _Caller, decided: Decision) -> str:
    """What the ticket is about, as the caller's answers say; empty where they do not, or the file cannot be used."""
    try:
        known = categories.beside(caller.house.given.installation)
    except (categories.CategoryFaults, OSError) as fault:
        _log.warning("the categories cannot be read", reason=str(fault))
        return ""
    return categories.of_topics(known, decided.topic, decided.branch)


def _path(steps: tuple[Step, ...], times: list[datetime]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "question": step.question,
            "key": step.key,
            "said": step.said.get("vi", next(iter(step.said.values()), "")),
            "at": at.isoformat(),
        }
        for step, at in zip(steps, times, strict=False)
    )


# Earlier calls


def _history(caller: _Caller) -> tuple[recall.Contact, ...]:
    """The number's calls of the last 48 hours; none when the database is slower than the caller may notice."""
    if recall.matches_nobody(caller.e164 or None, caller.hotline.shared_numbers):
        return ()
    look = partial(_read_history, caller.house.engine, caller.e164, caller.call_id)
    try:
        return caller.house.readers.read(look, caller.house.given.book_within_s)
    except NotInTime:
        _log.warning("earlier calls were not read in time")
    except SQLAlchemyError as failure:
        _log.warning("earlier calls could not be read", reason=type(failure).__name__)
    return ()


_EARLIER = Prepared(
    # The ticket's level: an operator may have judged otherwise than the machine, up or down.
    select(Call.arrived_at, Ticket.acuity, Call.branch, Call.operator_id, Ticket.id, merging.goes_on())
    .join(Ticket, Ticket.id == Call.ticket_id)
    # Without a branch it was not triaged: its acuity is only the failsafe.
    .where(
        Call.caller_number == bindparam("number"),
        Call.arrived_at >= bindparam("since"),
        Call.id != bindparam("call_id"),
        Call.branch != "",
    )
    .order_by(Call.arrived_at.desc())
    .limit(20)
)


def _read_history(engine: Engine, number: str, call_id: str) -> tuple[recall.Contact, ...]:
    wanted = {"number": number, "since": e.now() - recall.REPEAT_WITHIN, "call_id": call_id}
    with engine.connect() as connection:
        return tuple(
            recall.Contact(
                at=at,
                acuity=Acuity(acuity),
                medical=branch == "medical",
                open=bool(goes_on),
                ticket=ticket,
                operator=str(operator) if operator is not None else None,
            )
            for at, acuity, branch, operator, ticket, goes_on in _EARLIER.rows(connection, wanted)
        )
