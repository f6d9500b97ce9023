"""The call control: the Stasis application "hotline", only writer of bridges and of operators' presence.

`main` connects everything: Asterisk's events go to the visit they are about, each second time goes on for all, and whenever
anything changes the whole waiting line is looked at again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import trunk_channels, unit_files
from hotline.acuity import Acuity
from hotline.database import engine, make_engine, reading
from hotline.directory import Directory
from hotline.in_force import InForce
from hotline.installation import Installation
from hotline.journal import Journal
from hotline.record import Record
from hotline.secrets import secret
from hotline.settings import Settings, settings
from hotline.stations import directory
from hotline.unit_files import UnitBook
from ivr import browser_phone, planning
from ivr.ari import Ari, AriEvent, Superseded
from ivr.caller import Caller
from ivr.desk import Desks
from ivr.desk_commands import DeskCommands
from ivr.floor import Floor, Visit
from ivr.order_dialler import OrderDialler
from ivr.queue_members import Manager, QueueMembers
from ivr.recall_dialler import RecallDialler
from ivr.reconcile import end_vanished, is_caller, open_calls, reconcile
from ivr.settings_followed import SettingsFollowed
from ivr.strangers import Strangers
from ivr.supervision import Supervision
from ivr.waiting_line import Waiting, in_order, reserve, to_cut_short, to_release, who_rings

log = structlog.get_logger(__name__)

APP = "hotline"
BEAT_EVERY_S = 1.0
TOUCHED_WITHIN_S = 0.2
"""A disk that hangs must not hold up the beat in Asterisk."""
TICK_S = 0.25
CANCEL_AGAIN_S = 0.5
VANISHED_EVERY_S = 30.0
SETTLED_AFTER_S = 2.0
DIRECTORY_EVERY_S = 15.0


class CallControl:
    """The application's one object: routes events, serves the line, keeps the beat."""

    def __init__(self, floor: Floor, var: Path, recalls: RecallDialler) -> None:
        self.floor, self._recalls = floor, recalls
        self._run = var / "run"
        self._serve_soon = False
        self.supervision = Supervision(floor)
        floor.serve = self.serve

    # -- events --

    def heard(self, event: AriEvent) -> None:
        """One event, in Asterisk's order; a fault in one call's affairs reaches no other call."""
        try:
            self._route(event)
        except Exception:
            # Logged with the call's id; the application must go on for everybody else.
            log.exception("an event failed", kind=event.kind, channel=event.channel and event.channel.id)

    def _route(self, event: AriEvent) -> None:
        if event.channel is None or self.supervision.heard(event):
            return
        call_id, role = self.floor.call_of(event.channel.id)
        if event.kind == "ChannelDestroyed":
            self.floor.lent.pop(event.channel.id, None)
        visit = self.floor.visits.get(call_id)
        if visit is not None:
            visit.heard(event)
        elif event.kind == "StasisStart" and event.args[:1] == ("caller",):
            hotline = event.args[1] if len(event.args) > 1 else self.floor.installation.in_service[0].key
            caller = Caller.from_channel(self.floor, event.channel, hotline)
            caller.enter()
            self.serve()
            self._count_soon(caller.trunk)
        elif role != "caller" and event.kind in ("StasisStart", "PlaybackFinished", "ChannelStateChange"):
            # A leg whose caller is gone: nobody will ever join it.
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(event.channel.id)))

    async def reconcile(self) -> None:
        started_at = await self.floor.ari.started_at()
        note = self._run / "asterisk.started"
        before = await asyncio.to_thread(_text_of, note)
        restarted = before not in ("", started_at)
        if restarted:
            log.warning("Asterisk was restarted", before=before, now=started_at)
        await reconcile(
            self.floor,
            asterisk_restarted=restarted,
            recall_talks=self._recalls.talks,
            watching=self.supervision.channels,
        )
        self.supervision.without({channel.id for channel in await self.floor.ari.channels()})
        await asyncio.to_thread(note.write_text, started_at)
        await self._beat()
        self.serve()

    # -- the line --

    def serve(self) -> None:
        """Look at the whole line once more, as soon as what is happening now is taken in."""
        if not self._serve_soon:
            self._serve_soon = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        self._serve_soon = False
        line = in_order(self.floor.line())
        if not line:
            return
        reds = [waiting for waiting in line if waiting.acuity is Acuity.RED]
        self._serve_reds(reds)
        for waiting in line:
            visit = self.floor.visits.get(waiting.id)
            if visit is None or waiting.acuity is Acuity.RED or visit.rung():
                continue
            if not self._ring_for(waiting, visit) and waiting.acuity.urgent:
                self._take_from_below(waiting, one=True)
                self._ring_for(waiting, visit)

    def _ring_for(self, waiting: Waiting, visit: Visit) -> bool:
        """Ring the operator whose turn it is; False when there is none."""
        free = self.floor.free()
        chosen = who_rings(waiting, free)
        for operator in chosen:
            desk = self.floor.desks.of(operator.operator_id)
            if desk is not None:
                visit.ring(desk)
        return bool(chosen)

    def _serve_reds(self, reds: list[Waiting]) -> None:
        """All free desks ring for RED; with more RED callers than one, each gets a share, at least one if there are enough."""
        for waiting in reds:
            self._take_from_below(waiting, one=False)
        for free in sorted(self.floor.free(also_in_wrap_up=True), key=lambda f: -f.idle_s):
            wanting = [w for w in reds if who_rings(w, [free])]
            if wanting and (desk := self.floor.desks.of(free.operator_id)) is not None:
                fewest = min(wanting, key=lambda w: len(self.floor.visits[w.id].rung()))
                self.floor.visits[fewest.id].ring(desk)
        for waiting in reds:
            visit = self.floor.visits[waiting.id]
            if visit.rung():
                continue
            richest = max((self.floor.visits[w.id] for w in reds), key=lambda v: len(v.rung()))
            desks = [d for d in richest.rung() if d.serves(waiting.hotline)]
            if len(richest.rung()) > 1 and desks:
                richest.let_go(desks[-1])
                visit.ring(desks[-1])

    def _take_from_below(self, waiting: Waiting, *, one: bool) -> None:
        """Desks that ring for somebody less urgent stop doing so."""
        below = [w for w in self.floor.line() if w.acuity < waiting.acuity]
        for other in reversed(in_order(below)):
            visit = self.floor.visits[other.id]
            for desk in visit.rung():
                if desk.serves(waiting.hotline):
                    visit.let_go(desk)
                    if one:
                        return

    # -- time --

    async def tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self.floor.ari.connected:
                continue
            self.supervision.tick()
            if self.floor.desks.end_wrap_ups():
                self.serve()
            for visit in list(self.floor.visits.values()):
                try:
                    visit.tick()
                except Exception:
                    # The clock goes on for everybody else.
                    log.exception("a tick failed", call_id=visit.id)

    async def beat_for_ever(self) -> None:
        """The heartbeat the dialplan and the rescue look at, and the count of each trunk's channels."""
        file = self._run / "calls.beat"
        loop = asyncio.get_running_loop()
        # A thread of its own: reads of a frozen database fill the others, and the rescue would kill a healthy process.
        toucher = ThreadPoolExecutor(1, "beat")
        touching = loop.run_in_executor(toucher, _touch, file, str(os.getpid()))
        while True:
            await asyncio.wait({touching}, timeout=TOUCHED_WITHIN_S)
            if touching.done():
                in_use = dict(self.floor.in_use) if self.floor.ari.connected else None
                touching = loop.run_in_executor(toucher, self._show, file, in_use)
            if self.floor.ari.connected:
                await self.floor.quietly(self._beat(), self._count_channels())
            await asyncio.sleep(BEAT_EVERY_S)

    def _show(self, file: Path, in_use: dict[str, int] | None) -> None:
        _touch(file)
        if in_use is not None:
            trunk_channels.tell(self._run, in_use)

    async def _beat(self) -> None:
        await self.floor.ari.set_global("HOTLINE_BEAT", str(int(time.time())))

    def _count_soon(self, trunk_key: str) -> None:
        """A caller more: count now rather than at the next beat when that may touch the reserve."""
        self.floor.in_use[trunk_key] = in_use = self.floor.in_use.get(trunk_key, 0) + 1
        trunk = next((t for t in self.floor.installation.trunks if t.key == trunk_key), None)
        if trunk and trunk.channels - in_use < reserve(trunk.channels, self.floor.installation.reserve_share):
            self.floor.spawn(self._count_channels())

    async def _count_channels(self) -> None:
        names = Counter(
            c.name.rpartition("-")[0].removeprefix("PJSIP/trunk-")
            for c in await self.floor.ari.channels()
            # One of ours without a visit has just been hung up.
            if c.name.startswith("PJSIP/trunk-") and (c.id in self.floor.visits or not is_caller(c, APP))
        )
        self.floor.in_use = dict(names)
        for trunk in self.floor.installation.trunks:
            here = [v for v in self.floor.visits.values() if isinstance(v, Caller) and v.trunk == trunk.key]
            line = [place for v in here if (place := v.in_line()) is not None]
            leaving = sum(1 for v in here if v.leaving is not None)
            gone = sorted(
                (v for v in here if v.ways.released_s is not None), key=lambda v: v.ways.released_s or 0
            )
            share = self.floor.installation.reserve_share
            for call_id in to_release(line, trunk.channels, names[trunk.key], share, leaving):
                log.warning("a caller is let go for the reserve", call_id=call_id, trunk=trunk.key)
                next(v for v in here if v.id == call_id).ways.release()
            for call_id in to_cut_short([v.id for v in gone], trunk.channels, names[trunk.key], share):
                next(v for v in gone if v.id == call_id).ways.cut_short()

    async def read_directory_for_ever(self) -> None:
        """The stations as the database has them, at once after each publication; those read last go on while it is away."""
        await asyncio.to_thread(planning.script)  # the first hand-over must not wait for it
        while True:
            self.floor.published.clear()
            try:
                self.floor.directory = await asyncio.to_thread(_directory)
            except SQLAlchemyError as error:
                log.warning("the stations cannot be read", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.floor.published.wait(), DIRECTORY_EVERY_S)

    async def find_vanished_for_ever(self) -> None:
        """Calls that the database believes open and Asterisk does not have: ended here when nobody else does."""
        while True:
            await asyncio.sleep(VANISHED_EVERY_S)
            if not self.floor.ari.connected or self.floor.record.waits:
                continue  # what waits in the journal may tell how a call ended
            try:
                known = await asyncio.to_thread(open_calls, self.floor.node)
                await asyncio.sleep(SETTLED_AFTER_S)  # facts on their way are in by then
                channels = {c.id for c in await self.floor.ari.channels()}
                still = await asyncio.to_thread(open_calls, self.floor.node)
            except Exception as error:
                log.warning("open calls could not be compared", error=type(error).__name__)
                continue
            if self.floor.record.waits:
                continue
            both = {k: v for k, v in still.items() if k in known}
            end_vanished(self.floor, both, channels, asterisk_restarted=False)


def _units(installation: Installation) -> UnitBook:
    """The units that callers may name; none when the files are broken, which set-up and `doctor` say: then operators ask."""
    try:
        return unit_files.read(installation.units)
    except unit_files.UnitFaults as wrong:
        log.error("the units cannot be used; callers are not asked for their area", faults=len(wrong.faults))
        return UnitBook()


def _touch(file: Path, text: str = "") -> None:
    """Make or touch a file; without it the rescue sees the beat in Asterisk alone."""
    with suppress(OSError):
        if text:
            file.write_text(text)
        else:
            os.utime(file)  # also works on a full disk


def _directory() -> Directory:
    with reading() as session:
        return directory(session)


def _text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def run(given: Settings) -> None:
    """Serve until told to end, or until another process takes the application over (Superseded)."""
    # What is published is looked for when calls are served already: the file and the copy do until then.
    in_force = InForce(given)
    installation = in_force.installation
    (given.var / "run").mkdir(parents=True, exist_ok=True)
    journal = Journal(given.journal, "calls")
    record = Record(make_engine(given.database), journal, "calls", given.book_within_s)
    manager = Manager(given.ami_port, APP, secret(given.var, "ami"))
    members = QueueMembers(manager, installation)
    async with Ari(given.ari_port, APP, secret(given.var, "ari"), APP) as ari:
        desks = Desks(
            lambda event: floor.tell(event),
            members.mirror,
            lambda operator_id, phone: floor.spawn(browser_phone.end(given, operator_id, phone)),
            wrap_up_s=installation.wrap_up_s,
        )
        floor = Floor(
            ari=ari, record=record, installation=installation, prompts=given.prompts,
            node=given.node, desks=desks, mix_monitor=manager.mix_monitor, recordings=given.recordings,
            units=_units(installation), phone_answers=manager.phone_answers,
        )  # fmt: skip
        recalls = RecallDialler(floor, given.recordings)
        strangers = Strangers(ari, manager, [trunk.host for trunk in installation.trunks])
        control = CallControl(floor, given.var, recalls)
        commands = DeskCommands(floor, given.redis, recalls, control.supervision)
        works = [
            ari.run(control.reconcile, control.heard),
            control.tick_for_ever(),
            control.beat_for_ever(),
            control.find_vanished_for_ever(),
            control.read_directory_for_ever(),
            commands.run(),
            recalls.run(),
            OrderDialler(floor).run(),
            manager.run(),
            members.run(),
            strangers.run(),
            SettingsFollowed(given, in_force, floor, members).run(),
        ]
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        tasks = [asyncio.create_task(work) for work in works]
        ending = asyncio.create_task(told.wait())
        done, _ = await asyncio.wait({ending, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        await _end({*tasks, ending})
        record.close()
        for task in done - {ending}:
            task.result()


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancels them until none is left: Python 3.11's `wait_for` loses a cancel that comes in the moment of its result."""
    running = tasks
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(
        *tasks, return_exceptions=True
    )  # so that none of their errors is said to be overlooked


def main() -> None:
    """The calls process; talkers go on talking and waiters waiting when it ends, and the next one takes them over."""
    engine()
    try:
        asyncio.run(run(settings()))
    except Superseded:
        log.error("another calls process has taken over; this one ends")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
