"""The floor: what every caller, desk and recall of this process shares, and the hands to the record and to Asterisk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import structlog

from hotline.acuity import Acuity
from hotline.directory import Directory
from hotline.events import Event
from hotline.installation import Installation
from hotline.record import Record
from hotline.unit_files import UnitBook
from ivr.ari import Ari, AriError, AriEvent
from ivr.desk import Desk, Desks
from ivr.leg import Leg, call_and_role
from ivr.speech.prompts import sound_path
from ivr.waiting_line import Free, Waiting, reserve

KEPT_WITHIN_S = 0.2
"""The record settles every fact within its own 150 ms; this is for a disk that hangs as well."""

log = structlog.get_logger(__name__)


class Visit(Protocol):
    """A call this process looks after: a caller in the line, or a recall."""

    id: str

    @property
    def keeper(self) -> int | None:
        """The operator who keeps them with music while they speak with another contact."""

    @property
    def kept_s(self) -> float:
        """Since when they are kept."""

    @property
    def urgency(self) -> int:
        """Higher is more urgent."""

    def heard(self, event: AriEvent) -> None:
        """Something happened on one of its channels."""

    def tick(self) -> None:
        """Time went on."""

    def in_line(self) -> Waiting | None:
        """Its place in the waiting line; None when it wants nobody rung."""

    def ring(self, desk: Desk) -> None:
        """This desk was chosen for it."""

    def rung(self) -> list[Desk]:
        """The desks that ring for it now."""

    def let_go(self, desk: Desk) -> None:
        """Stop ringing this desk; somebody more urgent needs it."""

    def ring_anew(self, desk: Desk) -> None:
        """This desk's telephone has become another page while it rang: it rings there."""

    def lost(self, *, by_switch: bool) -> None:
        """Asterisk has its channel no more, and nobody heard it go."""

    def take(self, leg: Leg) -> None:
        """This operator's phone, which is up, is for them from now on."""

    def give(self, leg: Leg) -> None:
        """This phone is for another contact of its operator from now on."""

    def ring_back(self, desk: Desk) -> None:
        """Ring the phone of the operator who keeps them."""


@dataclass
class Floor:
    ari: Ari
    record: Record
    installation: Installation
    prompts: Path
    node: str
    desks: Desks
    units: UnitBook = field(default_factory=UnitBook)
    """Administrative units, as the installation's files tell them."""
    visits: dict[str, Visit] = field(default_factory=dict)
    lent: dict[str, str] = field(default_factory=dict)
    """Operator's leg → the call it is for now, where that is not the one it was rung for."""
    pausing: set[str] = field(default_factory=set)
    """Endpoints from which nothing came for a while though they were there: their silence says nothing (ivr/pulse.py)."""
    phone_answers: Callable[[str], Coroutine[Any, Any, bool]] | None = None
    """Whether a registered phone answers when it is asked now; set when the manager interface is there."""
    in_use: dict[str, int] = field(default_factory=dict)
    """Channels of each trunk that Asterisk has now."""
    serve: Callable[[], None] = lambda: None
    """Look at the whole line again; set by the call control."""
    directory: Directory = field(default_factory=Directory)
    """The stations and who is on duty, as last read."""
    published: asyncio.Event = field(default_factory=asyncio.Event)
    """Settings or stations were published: what is read of them now and then is read at once."""
    recordings: Path | None = None
    """Where Asterisk writes sound."""
    mix_monitor: Callable[[str, Path], Coroutine[Any, Any, None]] | None = None
    """Record a channel (by name) into a file; set when the manager interface is there."""
    clock: Callable[[], float] = time.monotonic
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run beside everything else; a fault in it is logged and ends nothing but itself."""
        task = asyncio.create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def call_of(self, channel_id: str) -> tuple[str, str]:
        """The call a channel is for now, and its role in it."""
        call_id, role = call_and_role(channel_id)
        return self.lent.get(channel_id, call_id), role

    def tell(self, event: Event) -> None:
        """Hand a fact to the record without waiting; the record journals what the database does not take in time."""
        self.record.tell(event)

    async def intend(self, event: Event) -> None:
        """Hand an intent over: when this returns it outlives this process, in the record's spool or as `keep` has it."""
        if self.record.spools:
            self.record.tell(event)
        else:
            await self.keep(event)

    async def keep(self, event: Event) -> None:
        """Hand a fact over and wait until the database or the journal has it, at most about 150 ms."""
        kept = asyncio.wrap_future(self.record.tell(event, at_once=True))
        try:
            await asyncio.wait_for(asyncio.shield(kept), KEPT_WITHIN_S)
        except TimeoutError:
            log.error("the disk did not take a fact in time", event_name=type(event).__name__)

    def sounds(self, prompts: tuple[str, ...] | list[str], language: str, hotline: str) -> list[str]:
        """Paths of what is there; a missing prompt is logged and left out, never an error in a call."""
        paths = []
        for prompt in prompts:
            try:
                paths.append(str(sound_path(self.prompts, prompt, language, hotline)))
            except LookupError:
                log.warning("a prompt is missing", prompt=prompt, language=language, hotline=hotline)
        return paths

    def sounds_exist(self, prompt: str, hotline: str, language: str = "vi") -> bool:
        """Whether a piece that not every installation has can be said."""
        try:
            sound_path(self.prompts, prompt, language, hotline)
        except LookupError:
            return False
        return True

    def directory_now(self) -> Directory:
        """The stations, with the accounts of theirs that are at a phone this moment."""
        return replace(self.directory, attended=self.desks.at_stations())

    def may_call_out(self, acuity: Acuity) -> bool:
        """Whether the outbound trunk has a channel for a call of ours; what is not urgent leaves the emergencies' reserve alone.

        A call that comes in is never refused for one of ours: that it came proves that the carrier had a channel for it.
        """
        trunk = self.installation.outbound_trunk
        kept = 0 if acuity.urgent else reserve(trunk.channels, self.installation.reserve_share)
        return self.in_use.get(trunk.key, 0) < trunk.channels - kept

    def calls_out(self) -> None:
        """One channel more is in use, before the next count says so."""
        key = self.installation.outbound_trunk.key
        self.in_use[key] = self.in_use.get(key, 0) + 1

    def line(self) -> list[Waiting]:
        """Everybody who waits for a human."""
        places = (visit.in_line() for visit in list(self.visits.values()))
        return [place for place in places if place is not None]

    def free(self, *, also_in_wrap_up: bool = False) -> list[Free]:
        now_s = self.clock()
        return [desk.as_free(now_s) for desk in self.desks.free(also_in_wrap_up=also_in_wrap_up)]

    async def quietly(self, *requests: Coroutine[Any, Any, Any]) -> bool:
        """Make requests side by side about what may be gone already; False when any was refused."""
        answers = await asyncio.gather(*requests, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, AriError):
                if not answer.is_gone:
                    log.warning("Asterisk refused", error=str(answer))
            elif isinstance(answer, BaseException):
                raise answer
        return not any(isinstance(answer, AriError) for answer in answers)


async def _guarded(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except AriError as error:
        (log.info if error.is_gone else log.warning)("Asterisk refused", error=str(error))
    except Exception:
        # One caller's fault must never reach another's call: it is logged here, once, and ends only this task.
        log.exception("a task failed")
