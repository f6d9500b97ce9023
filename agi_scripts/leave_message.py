"""A caller leaves a spoken message: it lies in the recording of the call, and the hotline owes them a call."""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from agi_scripts.session import CallerHungUp, Session
from agi_scripts.triage_call import House
from hotline import events as e
from hotline import numbers
from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call, EndReason
from hotline.database import reading
from hotline.recalls import MESSAGE
from ivr.recall import matches_nobody
from ivr.speech.prompts import sound_path

log = structlog.get_logger(__name__)

MESSAGE_AT_MOST_S = 120.0


def leave_message(session: Session, house: House) -> None:
    """Ask for a message, wait for # or the hang-up. Key 1, also while speaking, is an emergency: NEXT=line at RED."""
    names = ("HOTLINE", "LANGUAGE_CODE", "CALLER", "CALLBACK", "ACUITY")
    try:
        hotline, language, caller_number, callback, acuity = session.values(*names)
        session.set("TRIAGE_DONE", "")  # until this script is through, a break leads to the fallback
    except CallerHungUp:
        _gone_at_once(session, house)
        raise
    number = callback or caller_number
    language = language or "vi"

    def say(prompt: str, keys: str = "") -> str | None:
        return session.play(sound_path(house.given.prompts, prompt, language, hotline), keys)

    left = False
    try:
        house.record.tell(e.MessageStarted(call_id=session.call_id))
        if (
            any(say(prompt, "1") == "1" for prompt in ("no-operator", "after-beep", "beep"))
            or _until_key(session) == "1"
        ):
            _emergency(session, house)
            return
        _left(session, house, hotline, number, acuity)
        left = True
        say("message-thanks")
    except CallerHungUp:
        if not left:
            _left(session, house, hotline, number, acuity)
        raise
    session.set("NEXT", "done")
    session.set("TRIAGE_DONE", "1")


def _emergency(session: Session, house: House) -> None:
    house.record.write(
        e.AcuityRaised(call_id=session.call_id, acuity=Acuity.RED, why="phím 1 khi để lại lời nhắn")
    )
    for name, value in (
        ("ACUITY_REACHED", "RED"),
        ("ACUITY", "RED"),
        ("MESSAGE", "message-RED"),
        ("NEXT", "line"),
        ("TRIAGE_DONE", "1"),
    ):
        session.set(name, value)


def _until_key(session: Session) -> str | None:
    """Listens until # or 1, or the longest message is over."""
    left_s = MESSAGE_AT_MOST_S
    began, key = session.heard_s, None
    while left_s > 0:
        key = session.listen(left_s)
        if key in ("#", "1", None):
            break
        left_s = MESSAGE_AT_MOST_S - (session.heard_s - began)
    return key


def _gone_at_once(session: Session, house: House) -> None:
    """Who hangs up before they could be asked is lost; the channel tells nothing any more, so the record is asked who it was."""
    try:
        with reading(house.engine) as base:
            call = base.get(Call, session.call_id)
    except SQLAlchemyError as error:
        log.warning("a lost caller is left to Asterisk's own list", error=type(error).__name__)
        return
    if call is None:
        return
    owed, now = Acuity(call.acuity), e.now()
    house.record.tell(
        e.CallEnded(
            call_id=call.id, reason=EndReason.ABANDONED, heard_s=(now - call.arrived_at).total_seconds()
        )
    )
    if call.caller_number:
        house.record.tell(
            e.RecallDue(
                call_id=call.id, hotline=call.hotline, number=call.caller_number, acuity=owed, why="lost",
                due_at=now + timedelta(seconds=owed.callback_within_s),
                names_person=_names_person(house, call.hotline, call.caller_number),
            )
        )  # fmt: skip


def _left(session: Session, house: House, hotline: str, number: str, acuity: str) -> None:
    """The end of the call and the recall it is owed."""
    owed = Acuity(acuity) if acuity in Acuity.__members__ else FAILSAFE
    told = numbers.caller(number)
    house.record.tell(
        e.CallEnded(call_id=session.call_id, reason=EndReason.LEFT_MESSAGE, heard_s=session.heard_s)
    )
    number = told.e164 or ""  # without one it is heard all the same
    due = e.now() + timedelta(seconds=owed.callback_within_s)
    house.record.tell(
        e.RecallDue(
            call_id=session.call_id, hotline=hotline, number=number, acuity=owed, why=MESSAGE, due_at=due,
            names_person=bool(number) and _names_person(house, hotline, number),
        )
    )  # fmt: skip


def _names_person(house: House, hotline: str, number: str) -> bool:
    shared = {h.key: h.shared_numbers for h in house.province.hotlines}
    return not matches_nobody(number, shared.get(hotline, ()))
