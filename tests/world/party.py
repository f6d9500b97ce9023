"""The people: a citizen who calls, a desk phone that registers, a station that is called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.world.dialog import Dialog
from tests.world.leg import Leg, NotInTime
from tests.world.messages import Credentials, Message, new_tag
from tests.world.rtp import Ports, Sound, Stream
from tests.world.sdp import offer
from tests.world.sip import UserAgent
from tests.world.transactions import Address

if TYPE_CHECKING:
    from tests.world.carrier import Carrier


@dataclass(frozen=True)
class Answering:
    """What a party does when it rings; frozen, so one can be shared by many."""

    action: Literal["answer", "reject", "ring", "ignore"] = "answer"
    after_s: float = 1.0
    """Seconds of ringing before the answer or the refusal."""
    status: int = 486
    """The code of a refusal: 486 busy, 603 declined, 480 away, 404 no such number, 503 congested."""
    keys: str = ""
    """Keys to press once something is heard after the answer."""
    key_after_s: float = 1.0
    """Seconds of sound before the keys."""
    talk_s: float | None = None
    """Hang up so long after the answer; None: stay until the others go."""
    early_sound: bool = False
    """Send the own tone already while it rings (183)."""

    @classmethod
    def answers(
        cls, after_s: float = 1.0, keys: str = "", key_after_s: float = 1.0, talk_s: float | None = None
    ) -> Answering:
        """Picks up."""
        return cls("answer", after_s, keys=keys, key_after_s=key_after_s, talk_s=talk_s)

    @classmethod
    def rejects(cls, status: int = 486, after_s: float = 0.0) -> Answering:
        """Refuses."""
        return cls("reject", after_s, status=status)

    @classmethod
    def rings_on(cls) -> Answering:
        """Rings for ever; a test may still answer the leg itself."""
        return cls("ring")

    @classmethod
    def is_dead(cls) -> Answering:
        """Says nothing at all, as an unplugged device does."""
        return cls("ignore")


class Callee:
    """Someone who can be rung: keeps the legs and does what `answering` says, which may be changed."""

    def __init__(self, name: str, tone_hz: int | None, answering: Answering, sound: Sound) -> None:
        self.name, self.tone_hz, self.answering, self.sound = name, tone_hz, answering, sound
        self.legs: list[Leg] = []
        self.one_call_only = True
        """A second call meets 486 while the first lasts."""
        self._told = 0

    @property
    def leg(self) -> Leg | None:
        """The call it is in now (ringing or talking), if any."""
        return next((leg for leg in reversed(self.legs) if leg.ended_s is None), None)

    @property
    def is_talking(self) -> bool:
        """Whether it is in an answered call."""
        return any(leg.is_answered for leg in self.legs)

    async def until_rung(self, within_s: float = 30.0) -> Leg:
        """The next call that rings here and has not been returned yet; raises NotInTime."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while len(self.legs) <= self._told:
            if loop.time() > deadline:
                raise NotInTime(f"{self.name}: not rung in {within_s:g} s")
            await asyncio.sleep(0.02)
        self._told += 1
        return self.legs[self._told - 1]

    async def until_talking(self, within_s: float = 30.0) -> Leg:
        """The call it is in once it has answered; raises NotInTime."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while True:
            talking = [leg for leg in self.legs if leg.is_answered]
            if talking:
                return talking[-1]
            if loop.time() > deadline:
                seen = [leg.timeline[-1][1] for leg in self.legs]
                raise NotInTime(f"{self.name}: in no call after {within_s:g} s; legs: {seen}")
            await asyncio.sleep(0.02)

    def take(self, dialog: Dialog, ports: Ports, answering: Answering | None = None) -> Leg | None:
        """Somebody rings: do what was planned. None when the line is engaged or dead."""
        plan = answering or self.answering
        if plan.action == "ignore":
            return None
        if self.one_call_only and self.leg is not None:
            dialog.reject(486)
            return None
        stream = Stream(dialog.agent.host, ports, self.tone_hz, self.sound)
        leg = Leg(dialog, self.name, stream)
        self.legs.append(leg)
        leg.ring()
        if plan.early_sound:
            leg.ring_with_sound()
        if plan.action != "ring":
            leg.later(_follow(leg, plan))
        return leg

    def forget_ended(self) -> None:
        """Drop the legs that are over; for worlds that run for days."""
        self._told -= sum(1 for leg in self.legs[: self._told] if leg.ended_s is not None)
        self.legs = [leg for leg in self.legs if leg.ended_s is None]

    def close(self) -> None:
        """Hang up everything."""
        for leg in self.legs:
            leg.close()


async def _follow(leg: Leg, plan: Answering) -> None:
    await asyncio.sleep(plan.after_s)
    if leg.ended_s is not None:
        return
    if plan.action == "reject":
        leg.reject(plan.status)
        return
    leg.answer()
    if plan.keys:
        leg.later(_press_on_sound(leg, plan))
    if plan.talk_s is not None:
        await asyncio.sleep(plan.talk_s)
        leg.hang_up()


async def _press_on_sound(leg: Leg, plan: Answering) -> None:
    await leg.until_sound(within_s=30.0)
    await asyncio.sleep(plan.key_after_s)
    await leg.press(plan.keys)


class Station(Callee):
    """A health station or duty phone: reached by number through the carrier."""

    def __init__(
        self,
        name: str,
        answering: Answering | None = None,
        tone_hz: int | None = 1500,
        sound: Sound = Sound.FULL,
    ) -> None:
        super().__init__(name, tone_hz, answering or Answering.answers(), sound)


class Phone(Callee):
    """An operator's desk phone: its own SIP address, registered with the product by user and password."""

    def __init__(
        self,
        user: str,
        password: str,
        product: Address,
        host: str = "127.0.0.1",
        port: int = 0,
        answering: Answering | None = None,
        tone_hz: int | None = 620,
        sound: Sound = Sound.FULL,
        ports: Ports | None = None,
        on_call: Callable[[Leg], None] | None = None,
    ) -> None:
        super().__init__(user, tone_hz, answering or Answering.answers(), sound)
        self.user, self.product, self.host, self.port = user, product, host, port
        self.credentials = Credentials(user, password)
        self.ports = ports or Ports()
        self.on_call = on_call
        self.register_status = 0
        """The answer to the last REGISTER: 200, 401/403 for a wrong password, 408 for nobody there."""
        self._agent: UserAgent | None = None
        self._refresh: asyncio.Task[None] | None = None
        self._call_id = new_tag()
        self._cseq = 0
        self._tag = new_tag()

    @property
    def agent(self) -> UserAgent:
        """Its SIP address; only after `plug_in`."""
        if self._agent is None:
            raise RuntimeError(f"Máy {self.user} chưa cắm: gọi plug_in() trước.")
        return self._agent

    async def __aenter__(self) -> Phone:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go()

    async def plug_in(self, expires_s: int = 120, give_up_s: float = 5.0) -> int:
        """Open the socket, register, and keep registered until `go`; the final status of REGISTER."""
        if self._agent is None or not self._agent.is_open:
            self._agent = await UserAgent.open(self.host, self.port)
            self.port = self._agent.port
            self._agent.on_invite = self._rung_by
        status = await self.register(expires_s, give_up_s)
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.get_running_loop().create_task(self._keep_registered(expires_s))
        return status

    async def register(self, expires_s: int = 120, give_up_s: float = 5.0) -> int:
        """One registration (0 seconds: sign off); the final status."""
        agent = self.agent
        host, port = self.product
        self._cseq += 2
        aor = f"<sip:{self.user}@{host}:{port}>"
        request = _register(
            agent, self.user, aor, self._tag, self._call_id, self._cseq, host, port, expires_s
        )
        reply = await agent.ask_as(self.credentials, request, self.product, give_up_s)
        self.register_status = reply.status
        return reply.status

    def dial(self, number: str) -> Leg:
        """Call out from the desk, as a callback does by hand."""
        host, port = self.product
        stream = Stream(self.host, self.ports, self.tone_hz, self.sound)
        from_header = f"<sip:{self.user}@{host}:{port}>"
        dialog = Dialog.outgoing(
            self.agent,
            self.product,
            f"sip:{number}@{host}:{port}",
            from_header,
            offer(stream.host, stream.port),
            credentials=self.credentials,
        )
        leg = Leg(dialog, self.user, stream)
        self.legs.append(leg)
        self._told = len(self.legs)
        dialog.send_invite()
        return leg

    def unplug(self) -> None:
        """Pull the cable: no BYE, no sign-off, nothing is answered any more."""
        if self._refresh is not None:
            self._refresh.cancel()
        for leg in self.legs:
            leg.vanish()
        if self._agent is not None:
            self._agent.close()

    async def go(self) -> None:
        """Sign off and close, as a phone that is switched off properly."""
        if self._refresh is not None:
            self._refresh.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresh
        self.close()
        if self._agent is not None and self._agent.is_open:
            if self.register_status == 200:
                await self.register(0, give_up_s=1.0)
            await self._agent.finish()

    def _rung_by(self, dialog: Dialog) -> None:
        leg = self.take(dialog, self.ports)
        if leg is not None and self.on_call is not None:
            self.on_call(leg)

    async def _keep_registered(self, expires_s: int) -> None:
        while True:
            pause_s = max(expires_s / 2, 1.0) if self.register_status == 200 else 2.0
            await asyncio.sleep(pause_s)
            await self.register(expires_s)


class Citizen:
    """Somebody with a telephone, whose calls go through a carrier."""

    def __init__(
        self,
        carrier: Carrier,
        number: str = "0912345678",
        name: str = "",
        tone_hz: int | None = 440,
        sound: Sound = Sound.FULL,
        withheld: bool = False,
        from_header: str = "",
    ) -> None:
        self.carrier, self.number, self.name, self.tone_hz = carrier, number, name, tone_hz
        self.sound, self.withheld = sound, withheld
        self.from_header = from_header
        """Sent as it is instead of name and number; for forged and broken caller ids."""

    def dial(self, called_number: str) -> Leg:
        """Call; returns at once. The leg tells what becomes of it."""
        return self.carrier.place(
            self.number,
            called_number,
            name=self.name,
            tone_hz=self.tone_hz,
            sound=self.sound,
            withheld=self.withheld,
            from_header=self.from_header,
        )

    async def call(self, called_number: str, within_s: float = 30.0) -> Leg:
        """Call and wait for the answer; raises NotInTime."""
        leg = self.dial(called_number)
        await leg.until_answered(within_s)
        return leg


def _register(
    agent: UserAgent,
    user: str,
    aor: str,
    tag: str,
    call_id: str,
    cseq: int,
    host: str,
    port: int,
    expires_s: int,
) -> Message:
    return Message(
        method="REGISTER",
        uri=f"sip:{host}:{port}",
        headers=(
            agent.via(),
            ("Max-Forwards", "70"),
            ("From", f"{aor};tag={tag}"),
            ("To", aor),
            ("Call-ID", f"{call_id}@{agent.host}"),
            ("CSeq", f"{cseq} REGISTER"),
            agent.contact(user),
            ("Expires", str(expires_s)),
            ("User-Agent", "world"),
        ),
    )
