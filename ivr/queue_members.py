"""The dialplan's own queues: who is signed in, mirrored over Asterisk's manager interface (AMI) at each change.

When no Python process lives, app_queue rings exactly these desks. A thin client of our own, because pyst2's manager waits for an
answer without limit, does not reconnect, and takes answers in the order they come rather than by ActionID.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from hotline.installation import Installation
from hotline.operators import Presence
from ivr.desk import Desk

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 3.0
PAUSE_S = 1.0
ANSWERED_WITHIN_S = 0.7
ASK_AGAIN_S = 0.1
HARMLESS = ("already there", "not there", "not found")
"""What Asterisk says when a member is already as we want it."""


class Refused(Exception):  # noqa: N818 - exceptions are named by the fact
    """The manager interface said no, or did not answer."""


class Manager:
    """One connection to AMI that is made again for ever; actions are matched to answers by their id."""

    def __init__(self, port: int, user: str, password: str, host: str = "127.0.0.1") -> None:
        self._address, self._user, self._password = (host, port), user, password
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[str, asyncio.Future[Mapping[str, str]]] = {}
        self._lists: dict[str, list[Mapping[str, str]]] = {}
        self._count = 0
        self.hears: Callable[[Mapping[str, str]], None] = lambda event: None
        """Called with each security event."""
        self.on_connected, self.on_lost = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(*self._address)
                reading = asyncio.create_task(self._read(reader))
                try:
                    await self.act("Login", Username=self._user, Secret=self._password, Events="security")
                    self.on_lost.clear()
                    self.on_connected.set()
                    await reading
                finally:
                    reading.cancel()
            except (OSError, Refused, asyncio.IncompleteReadError, ValueError) as error:
                log.warning("the manager interface is away", error=str(error) or type(error).__name__)
            finally:
                self._lose()
            await asyncio.sleep(PAUSE_S)

    def _lose(self) -> None:
        self.on_connected.clear()
        self.on_lost.set()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Refused("the connection is gone"))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        await reader.readline()  # the greeting
        fields: dict[str, str] = {}
        while line := await reader.readline():
            name, colon, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
            if colon:
                fields[name.strip()] = value.strip()
                continue
            self._take(fields)
            fields = {}

    def _take(self, fields: Mapping[str, str]) -> None:
        number = fields.get("ActionID", "")
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            begins_list = fields.get("EventList") == "start" and number in self._lists
            if "Response" in fields and not begins_list:
                answer.set_result(fields)
            elif fields.get("EventList") == "Complete":
                answer.set_result({"Response": "Success"})
            elif "Event" in fields and number in self._lists:
                self._lists[number].append(fields)
        elif "Event" in fields:
            self.hears(fields)

    async def phone_answers(self, phone: str) -> bool:
        """Whether a registered phone answers a question (OPTIONS) put to it now, within ANSWERED_WITHIN_S."""
        try:
            before = await self._round_trip(phone)
            await self.act("PJSIPQualify", Endpoint=phone)
            for _ in range(round(ANSWERED_WITHIN_S / ASK_AGAIN_S)):
                await asyncio.sleep(ASK_AGAIN_S)
                if (now := await self._round_trip(phone)) and now != before:
                    return True
        except Refused as refused:
            log.warning("a phone could not be asked", phone=phone, error=str(refused))
        return False

    async def _round_trip(self, phone: str) -> str:
        """How long its last answer took, microseconds as Asterisk says them; empty while it is out of reach."""
        for event in await self.listed("PJSIPShowEndpoint", Endpoint=phone):
            if event.get("Event") == "ContactStatusDetail" and event.get("Status") == "Reachable":
                return event.get("RoundtripUsec", "")
        return ""

    async def listed(self, action: str, **values: str) -> list[Mapping[str, str]]:
        """The events of an action that lists something; Refused when Asterisk says no or nothing."""
        number = str(self._count + 1)
        found = self._lists[number] = []
        try:
            await self.act(action, **values)
        except Refused as refused:
            if "No Contacts found" not in str(refused):  # an empty list is an error to Asterisk
                raise
        finally:
            del self._lists[number]
        return found

    async def act(self, action: str, **values: str) -> Mapping[str, str]:
        """Do one action; Refused when Asterisk says no or nothing."""
        if self._writer is None:
            raise Refused("not connected")
        self._count += 1
        number = str(self._count)
        words = {"Action": action, "ActionID": number, **values}
        if any("\r" in v or "\n" in v for v in words.values()):
            raise Refused("a value with a line break was not sent")
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write("".join(f"{k}: {v}\r\n" for k, v in words.items()).encode() + b"\r\n")
            fields = await asyncio.wait_for(answer, ANSWER_WITHIN_S)
        except (TimeoutError, OSError) as error:
            raise Refused(f"{action}: no answer") from error
        finally:
            del self._waiting[number]
        if fields.get("Response") != "Success":
            raise Refused(f"{action}: {fields.get('Message', '')}")
        return fields

    async def mix_monitor(self, channel: str, file: Path) -> None:
        """Record a channel, by name, as the dialplan does: stereo, raw."""
        await self.act("MixMonitor", Channel=channel, File=str(file), Options="D")


def queues_of(hotline: str) -> tuple[str, str]:
    """The dialplan's queues of a hotline, as queues.conf has them: for RED, and for everybody else."""
    return f"{hotline}-urgent", hotline


class QueueMembers:
    """Keeps app_queue's members as the desks are; the newest state of a phone wins, older ones are not sent."""

    def __init__(self, manager: Manager, installation: Installation) -> None:
        self._manager, self._installation = manager, installation
        self._wanted: dict[tuple[str, str], str] = {}
        """(hotline, phone) → "", "in" or "paused"."""
        self._dirty: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()
        for phone in installation.phones:
            self._want(phone.name, (), "")

    def follow(self, installation: Installation, desks: Iterable[Desk]) -> None:
        """Other hotlines' queues are there now."""
        self._installation = installation
        here = [desk for desk in desks if desk.phone]
        for phone in {phone.name for phone in installation.phones} - {desk.phone for desk in here}:
            self._want(phone, (), "")
        for desk in here:
            self.mirror(desk)

    def mirror(self, desk: Desk) -> None:
        """A desk changed; returns at once."""
        if not desk.phone:
            return
        state = (
            {Presence.OFFLINE: "", Presence.PAUSED: "paused"}.get(desk.state, "in")
            if not desk.station
            else ""
        )
        self._want(desk.phone, [h.key for h in self._installation.hotlines if desk.serves(h.key)], state)

    def _want(self, phone: str, hotlines: Iterable[str], state: str) -> None:
        served = set(hotlines)
        for hotline in self._installation.hotlines:
            key, wanted = (hotline.key, phone), state if hotline.key in served else ""
            if self._wanted.get(key) != wanted:
                self._wanted[key] = wanted
                self._dirty.add(key)
                self._changed.set()

    async def run(self) -> None:
        """Send what changed; after each new connection send everything."""
        while True:
            if not self._manager.on_connected.is_set():
                await self._manager.on_connected.wait()
                self._dirty.update(self._wanted)
            while self._dirty:
                key = self._dirty.pop()
                try:
                    await self._send(*key, self._wanted[key])
                except Refused as error:
                    self._dirty.add(key)
                    log.warning("a queue member was not mirrored yet", phone=key[1], error=str(error))
                    await asyncio.sleep(PAUSE_S)
                    if not self._manager.on_connected.is_set():
                        break
            else:
                self._changed.clear()
                waits = {asyncio.create_task(self._changed.wait()), asyncio.create_task(self._until_lost())}
                _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()

    async def _until_lost(self) -> None:
        await self._manager.on_lost.wait()

    async def _send(self, hotline: str, phone: str, state: str) -> None:
        interface = f"PJSIP/{phone}"
        paused = "true" if state == "paused" else "false"
        for queue in queues_of(hotline):
            if not state:
                await self._harmlessly("QueueRemove", Queue=queue, Interface=interface)
                continue
            await self._harmlessly("QueueAdd", Queue=queue, Interface=interface, Paused=paused)
            await self._harmlessly("QueuePause", Queue=queue, Interface=interface, Paused=paused)

    async def _harmlessly(self, action: str, **values: str) -> None:
        try:
            await self._manager.act(action, **values)
        except Refused as refused:
            if not any(words in str(refused).lower() for words in HARMLESS):
                raise
