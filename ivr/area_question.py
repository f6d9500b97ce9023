"""The question for the caller's area, asked once while they wait: between comfort words, and never of a RED caller."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hotline import events as e
from hotline.acuity import Acuity
from hotline.database import reading
from hotline.tickets import Ticket, TicketEntry, TicketState
from hotline.units import VIETNAM
from ivr import area

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.floor import Floor

log = structlog.get_logger(__name__)

LOOK_AFTER_S = 2.0
"""Who is answered sooner is spared the look-up; RED and ORANGE callers are looked up at once."""
READ_WITHIN_S = 1.0
PAUSE_S = 3.0
"""Between other words and these."""
PART_S = 12.0
"""So much time before the next comfort word makes room for a part of the question."""


@dataclass(frozen=True)
class Earlier:
    """What the record knows of a caller's unit."""

    unit_code: str = ""
    """Of the number's open ticket, else of its last one; empty when neither has one."""
    asked: bool = False
    """This call was asked already, by a process before this one, or an operator has said it."""


def earlier(call_id: str, hotline: str, number: str) -> Earlier:
    """Read it; `number` is empty when it does not say who rings."""
    with reading() as session:
        own = select(TicketEntry.id).join(Ticket, Ticket.id == TicketEntry.ticket_id)
        own = own.where(Ticket.call_id == call_id, TicketEntry.kind == "unit_chosen")
        if session.scalar(own.limit(1)) is not None:
            return Earlier(asked=True)
        if not number:
            return Earlier()
        known = select(Ticket.unit_code).where(
            Ticket.caller_number == number, Ticket.hotline == hotline, Ticket.unit_code != "", Ticket.call_id != call_id
        )  # fmt: skip
        last = known.order_by((Ticket.state == TicketState.CLOSED), Ticket.opened_at.desc()).limit(1)
        return Earlier(session.scalar(last) or "")


class AreaQuestion:
    """One caller's area, as far as it is known."""

    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self._asking: area.Asking | None = None
        self._looked = False

    def tick(self, now_s: float) -> None:
        """Say the next part when nothing else is said, nobody types, and the next comfort word is far enough."""
        caller = self._caller
        if not self._looked and (caller.acuity.urgent or now_s - caller.queued_s >= LOOK_AFTER_S):
            self._looked = True
            self._floor.spawn(self._look())
        asking = self._asking
        if asking is None or asking.done or caller.acuity is Acuity.RED or caller.ways.busy:
            return
        announcer = caller.announcer
        typing = asking.typed and now_s - asking.typed_s <= area.KEYS_WITHIN_S
        if (
            typing
            or announcer.speaks
            or now_s - announcer.said_s < PAUSE_S
            or announcer.comfort_in_s < PART_S
        ):
            return
        self._say_next()

    async def _look(self) -> None:
        """What the record knows; without it the caller is asked as if they rang for the first time."""
        caller, known = self._caller, Earlier()
        try:
            read = asyncio.to_thread(earlier, caller.id, caller.hotline, caller.known_number)
            known = await asyncio.wait_for(read, READ_WITHIN_S)
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("earlier tickets cannot be read", call_id=caller.id, error=type(error).__name__)
        hotline = self._floor.installation.hotline(caller.hotline)
        book, today = self._floor.units, e.now().astimezone(VIETNAM).date()
        areas = area.areas_of(hotline, book, today)
        supposed = area.area_of(known.unit_code, areas, book) if known.unit_code else None
        self._asking = area.Asking(areas, supposed, done=known.asked)
        if known.unit_code and not caller.over:
            name = supposed.name if supposed is not None and supposed.unit_code == known.unit_code else ""
            self._tell(known.unit_code, "earlier", name)

    def key(self, digit: str) -> bool:
        """Whether the key belonged here; 0, 1, 2, * and # never do."""
        caller = self._caller
        if self._asking is None or not caller.waits:
            return False
        pressed = area.press(self._asking, digit, self._floor.clock())
        self._asking = pressed.asking
        if pressed.chosen is not None:
            self._tell(pressed.chosen.unit_code, pressed.how, pressed.chosen.name)
            caller.announcer.say(["area-noted", f"unit-{pressed.chosen.unit_code}"], aside=True)
        elif pressed.how == "denied":
            self._tell("", pressed.how)
            self._say_next()
        elif pressed.wrong:
            caller.announcer.say(["invalid-key"], aside=True)
        elif pressed.taken:
            caller.announcer.pause()
        return pressed.taken

    def _say_next(self) -> None:
        if self._asking is None:
            return
        self._asking, words = area.next_words(self._asking)
        if words:
            self._caller.announcer.say(list(words), aside=True)

    def _tell(self, unit_code: str, how: str, name: str = "") -> None:
        self._floor.tell(e.UnitChosen(call_id=self._caller.id, unit_code=unit_code, how=how, unit_name=name))
