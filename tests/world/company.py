"""Whom a person at a browser's desk has now: simulated people stay for as long as somebody works with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from tests.world.carrier import national
from tests.world.dialog import Dialog
from tests.world.leg import Leg, NotInTime
from tests.world.messages import user_of
from tests.world.party import Answering, Station
from tests.world.rtp import Ports

READ_EVERY_S = 1.0
ALONE_S = 15.0
"""Nobody has them any more: a hand-over may be on its way, or the desk's page was loaded again."""


class Company:
    """Reads, once a second, which numbers are with people; nobody's without a reader."""

    def __init__(self, read: Callable[[], Collection[str]] | None, stay_at_most_s: float = 480.0) -> None:
        self.stay_at_most_s = stay_at_most_s
        self._read, self._numbers = read, frozenset[str]()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While open it is up to date."""
        reading = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    def has(self, number: str) -> bool:
        """Whether that number, as dialled, is with a person."""
        return national(number) in self._numbers

    async def until_alone(self, leg: Leg, number: str) -> None:
        """Until the leg ends, nobody has had the number for a while, or even a patient citizen has said it all."""
        loop = asyncio.get_running_loop()
        had, until = loop.time(), loop.time() + self.stay_at_most_s
        while leg.ended_s is None and loop.time() < min(had + ALONE_S, until):
            if self.has(number):
                had = loop.time()
            await asyncio.sleep(READ_EVERY_S / 2)

    async def _follow(self) -> None:
        while self._read is not None:
            self._numbers = frozenset(national(one) for one in await asyncio.to_thread(self._read))
            await asyncio.sleep(READ_EVERY_S)


class CalledBack(Station):
    """Every citizen whom the hotline rings: talks for some seconds, with a person at a browser's desk for as long as that one likes."""

    def __init__(self, company: Company, talk_s: float, tone_hz: int) -> None:
        super().__init__("a citizen called back", Answering.answers(2.0), tone_hz)
        self.one_call_only = False
        self._company, self._talk_s = company, talk_s

    def take(self, dialog: Dialog, ports: Ports, answering: Answering | None = None) -> Leg | None:
        """As every callee; then the talk."""
        leg = super().take(dialog, ports, answering)
        if leg is not None and dialog.invite is not None:
            leg.later(self._talk(leg, user_of(dialog.invite.uri)))
        return leg

    async def _talk(self, leg: Leg, number: str) -> None:
        with contextlib.suppress(NotInTime):
            await leg.until_answered(60.0)
        await asyncio.sleep(self._talk_s)
        if self._company.has(number):
            await self._company.until_alone(leg, number)
        leg.hang_up()
