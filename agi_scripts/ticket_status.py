"""How a ticket stands, by telephone: the caller's own last one, or any by its number and code; then the questions go on.

What is said is the stage alone: nothing of the person or the request, so that a borrowed telephone gives nothing away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as Rows

from agi_scripts.readers import NotInTime
from hotline import merging, references
from hotline.clocks import TicketClock
from hotline.database import reading
from hotline.events import now
from hotline.tickets import Ticket, TicketState
from ivr import recall

if TYPE_CHECKING:
    from agi_scripts.triage_call import _Caller

STATUS_KEY = "7"
"""A key that no approved question has: the star is for hearing it again, and stays so."""
DIGIT_WITHIN_S = 6.0
NUMBER_DIGITS = 9
TRIES = 3
OWN_SINCE = timedelta(days=30)

_Look = Callable[[Rows], str]
_log = structlog.get_logger(__name__)


def tell_status(caller: _Caller, language: str) -> None:
    """Say how it stands; silence, or a database that is slow, only brings the caller back to the questions."""
    own = _read(caller, lambda rows: _own(rows, caller.e164, caller.hotline.key, caller.call_id))
    if own and not recall.matches_nobody(caller.e164 or None, caller.hotline.shared_numbers):
        _say(caller, ["status-own", f"status-{own}"], language)
        return
    for _ in range(TRIES):
        number = _digits(caller, "status-ask-number", NUMBER_DIGITS, language)
        if not number:
            return
        code = _digits(caller, "status-ask-code", references.DIGITS, language)
        stage = _read(caller, partial(_by_reference, caller, number, code))
        if stage:
            _say(caller, [f"status-{stage}"], language)
            return
        _say(caller, ["status-wrong"], language)


def _digits(caller: _Caller, prompt: str, most: int, language: str) -> str:
    keys = caller.session.ask(
        caller.sound(prompt, language), DIGIT_WITHIN_S, keys_at_most=most, keys_within_s=most * DIGIT_WITHIN_S
    )
    return keys if keys and keys.isdecimal() else ""


def _say(caller: _Caller, prompts: list[str], language: str) -> None:
    for prompt in prompts:
        caller.session.play(caller.sound(prompt, language))


def _read(caller: _Caller, look: _Look) -> str:
    """What the database says, in the time that a caller does not notice; empty when it does not."""
    try:
        return caller.house.readers.read(
            partial(_on, caller.house.engine, look), caller.house.given.book_within_s
        )
    except NotInTime:
        _log.warning("a ticket was not read in time")
    except SQLAlchemyError as failure:
        _log.warning("a ticket could not be read", reason=type(failure).__name__)
    return ""


def _on(engine: Engine, look: _Look) -> str:
    with reading(engine) as rows:
        return look(rows)


def _own(rows: Rows, number: str, hotline: str, call_id: str) -> str:
    """The stage of the number's last ticket before this call; empty when it has none."""
    if not number:
        return ""
    ticket = rows.scalar(
        select(Ticket)
        .where(
            Ticket.caller_number == number,
            Ticket.hotline == hotline,
            Ticket.call_id != call_id,
            Ticket.opened_at > now() - OWN_SINCE,
        )
        .order_by(Ticket.opened_at.desc())
        .limit(1)
    )
    return _stage(rows, ticket)


def _by_reference(caller: _Caller, number: str, code: str, rows: Rows) -> str:
    typed = f"{caller.hotline.prefix}-{number}/{code}"
    return _stage(rows, references.found(rows, caller.house.province, typed, caller.house.given.var))


def _stage(rows: Rows, ticket: Ticket | None) -> str:
    if ticket is None:
        return ""
    ticket = rows.get_one(Ticket, merging.main_id(rows, ticket.id))
    if ticket.state == TicketState.CLOSED:
        return "closed"
    clock = rows.get(TicketClock, ticket.id)
    return clock.stage if clock is not None and clock.stage else "accept"
