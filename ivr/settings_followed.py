"""How the calls process follows published settings: its own values, the dialplan, and its queues, without a restart.

Who talks or waits keeps what would be dangerous to change under them: the hotline they were sent to, the phones that ring,
the duty numbers of a hand-over that has begun. Limits (how long a phone rings, how long one waits at most) count at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import documents
from hotline.database import transaction
from hotline.in_force import LOOK_EVERY_S, InForce
from hotline.installation import Installation
from hotline.settings import Settings
from ivr.ari import AriError
from ivr.floor import Floor
from ivr.queue_members import QueueMembers

RELOADED_TRIES, TRY_EVERY_S = 30, 0.1
MODULES = ("pbx_config", "app_queue")
AGAIN_AFTER_S = 15.0
"""What Asterisk would not take is offered once more after so long."""

log = structlog.get_logger(__name__)


class SettingsFollowed:
    """Looks once a second; what Asterisk will not take stands as before and is told on the administrators' page."""

    def __init__(self, given: Settings, in_force: InForce, floor: Floor, members: QueueMembers) -> None:
        self._given, self._in_force, self._floor, self._members = given, in_force, floor, members
        self._told = 0
        """The publication that the page knows to be followed."""
        self._fault = ""
        self._rests_s = 0.0

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                # The next publication must be followed all the same; callers are served as before.
                log.exception("published settings could not be followed")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        # In a thread: a database that hangs holds up nobody's call.
        if await asyncio.to_thread(self._in_force.look):
            self._take(self._in_force.installation)
            self._rests_s = 0.0
        number = self._in_force.publication
        if number == self._told and not self._fault:
            return
        if not self._floor.ari.connected or self._floor.clock() < self._rests_s:
            return
        fault = self._in_force.fault or await self._bring_to_asterisk(self._in_force.installation)
        if fault:
            self._rests_s = self._floor.clock() + AGAIN_AFTER_S
            log.error("Asterisk keeps the settings it had", publication=number, fault=fault)
        if (number, fault) != (self._told, self._fault):
            await asyncio.to_thread(self._tell, number, fault)

    def _take(self, installation: Installation) -> None:
        self._floor.installation = installation
        self._floor.desks.wrap_up_s = installation.wrap_up_s
        self._floor.published.set()
        self._floor.serve()

    async def _bring_to_asterisk(self, installation: Installation) -> str:
        """Why Asterisk goes on as before; empty when it runs what this installation says."""
        # Not at the top: only a change needs the templates.
        import asterisk_conf

        ari = self._floor.ari
        before: Mapping[str, str] = {}
        try:
            files = await asyncio.to_thread(asterisk_conf.live_files, self._given, installation)
            if await self._mark() != files.mark:
                before = await asyncio.to_thread(asterisk_conf.write_live_files, self._given, files.texts)
                for module in MODULES:
                    await ari.reload(module)
                await self._until_mark(files.mark)
        except (OSError, AriError, TimeoutError) as error:
            fault = str(error) or type(error).__name__
            await self._put_back(before)
            return fault
        self._members.follow(installation, self._floor.desks)
        if before:
            log.info("Asterisk follows the published settings", publication=self._in_force.publication)
        return ""

    async def _mark(self) -> str:
        from asterisk_conf import MARK

        return await self._floor.ari.global_value(MARK)

    async def _until_mark(self, mark: str) -> None:
        """Asterisk reads in its own time. Raises TimeoutError when it does not run these files."""
        for _ in range(RELOADED_TRIES):
            if await self._mark() == mark:
                return
            await asyncio.sleep(TRY_EVERY_S)
        raise TimeoutError("Asterisk did not take the new dialplan over")

    async def _put_back(self, before: Mapping[str, str]) -> None:
        """The files as they were, which Asterisk reads again in case it took one of them."""
        from asterisk_conf import write_live_files

        if not before:
            return
        try:
            await asyncio.to_thread(write_live_files, self._given, before)
            for module in MODULES:
                await self._floor.ari.reload(module)
        except (OSError, AriError) as error:
            log.error("the dialplan's files could not be put back", error=str(error))

    def _tell(self, number: int, fault: str) -> None:
        try:
            with transaction() as session:
                documents.note_followed(session, f"calls@{self._given.node}", number, fault)
        except SQLAlchemyError as error:
            log.warning("the page was not told what is in force", error=type(error).__name__)
            return
        self._told, self._fault = number, fault
