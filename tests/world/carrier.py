"""The carrier: takes calls to the product and the product's calls to stations, and keeps its own list.

The list is the outside witness of a run: it is written from SIP alone and knows nothing of the product.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tests.world.dialog import Dialog
from tests.world.leg import Leg
from tests.world.messages import (
    Message,
    digest_fields,
    digest_response,
    name_addr,
    new_tag,
    reply_to,
    user_of,
)
from tests.world.party import Answering, Callee, Station
from tests.world.rtp import Ports, Sound, Stream
from tests.world.sdp import offer
from tests.world.sip import UserAgent
from tests.world.transactions import Address


@dataclass
class CarrierCall:
    """One line of the carrier's list. Times are aware UTC."""

    call_id: str
    direction: Literal["to product", "from product"]
    from_number: str
    """As the caller's network sent it; "" when withheld."""
    to_number: str
    started_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    final_status: int = 0
    """200 when answered, else the code that ended it."""
    ended_by: str = ""
    """caller, product, called party, or carrier (no free channel, unknown number)."""
    reached_product: bool = True
    """False when no channel was free: the product cannot know of this call."""
    keys: str = ""

    @property
    def talked_s(self) -> float:
        """Seconds from the answer to the end; 0 when it was not answered or still lasts."""
        if self.answered_at is None or self.ended_at is None:
            return 0.0
        return (self.ended_at - self.answered_at).total_seconds()

    def as_dict(self) -> dict[str, object]:
        """For JSON: times in ISO 8601."""
        values = asdict(self) | {"talked_s": round(self.talked_s, 3)}
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


@dataclass
class Carrier:
    """One trunk as the carrier sees it: its own SIP address, a number of channels, numbers it can reach.

    `accounts` (user → password) lets the product register, for trunks that are not known by address.
    """

    product: Address
    host: str = "127.0.0.2"
    port: int = 0
    channel_count: int = 1000
    ports: Ports = field(default_factory=Ports)
    accounts: dict[str, str] = field(default_factory=dict)
    name: str = "carrier"
    calls: list[CarrierCall] = field(default_factory=list)
    routes: dict[str, Callee] = field(default_factory=dict)
    anybody: Callee | None = None
    """Who answers numbers that have no route; None: 404."""
    legs: list[Leg] = field(default_factory=list)
    registered: dict[str, Address] = field(default_factory=dict)
    _agent: UserAgent | None = None
    _nonces: set[str] = field(default_factory=set)

    @property
    def agent(self) -> UserAgent:
        """Its SIP address; only inside `async with`."""
        if self._agent is None:
            raise RuntimeError("Nhà mạng chưa mở: dùng `async with Carrier(...)`.")
        return self._agent

    async def __aenter__(self) -> "Carrier":
        self._agent = await UserAgent.open(self.host, self.port)
        self.port = self._agent.port
        self._agent.on_invite = self._from_product
        self._agent.on_register = self._register
        return self

    async def __aexit__(self, *_: object) -> None:
        for leg in self.legs:
            leg.close()
        await self.agent.finish()

    @property
    def channels_used(self) -> int:
        """Calls on the trunk now, both directions."""
        return sum(1 for leg in self.legs if leg.ended_s is None)

    def place(
        self,
        from_number: str,
        to_number: str,
        name: str = "",
        tone_hz: int | None = 440,
        sound: Sound = Sound.FULL,
        withheld: bool = False,
        from_header: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Leg:
        """A citizen's call to the product; with no free channel it ends at once with 503, unseen by it."""
        uri = f"sip:{from_number}@{self.host}:{self.port}"
        sender = from_header or name_addr(name, uri)
        if withheld:
            sender = '"Anonymous" <sip:anonymous@anonymous.invalid>'
            headers = (*headers, ("Privacy", "id"))
        full = self.channels_used >= self.channel_count
        stream = Stream(self.host, self.ports, tone_hz, sound)
        target = f"sip:{to_number}@{self.product[0]}:{self.product[1]}"
        sdp = offer(stream.host, stream.port)
        dialog = Dialog.outgoing(self.agent, self.product, target, sender, sdp, headers)
        leg = Leg(dialog, f"{from_number or 'unknown'} → {to_number}", stream)
        self._write_down(leg, "to product", "" if withheld else from_number, to_number, ("caller", "product"))
        self.legs.append(leg)
        if full:
            self.calls[-1].reached_product = False
            dialog.refuse_here(503)
            self.calls[-1].ended_by = "carrier"
        else:
            dialog.send_invite()
        return leg

    def route(
        self, number: str, answering: Answering | None = None, tone_hz: int | None = 1500, name: str = ""
    ) -> Station:
        """Put a station behind a number; returns it."""
        station = Station(name or number, answering, tone_hz)
        self.route_to(number, station)
        return station

    def route_to(self, number: str, callee: Callee) -> None:
        """Put somebody who exists already behind a number, also on a second carrier."""
        self.routes[national(number)] = callee

    def forget_ended(self) -> None:
        """Drop the sound of calls that are over, keep the list; for worlds that run for days."""
        self.legs = [leg for leg in self.legs if leg.ended_s is None]

    def list_as_json(self) -> str:
        """The whole list, oldest first."""
        return json.dumps([call.as_dict() for call in self.calls], ensure_ascii=False, indent=1)

    def export(self, path: Path) -> None:
        """Write the list into a file."""
        path.write_text(self.list_as_json(), encoding="utf-8")

    def _from_product(self, dialog: Dialog) -> None:
        assert dialog.invite is not None
        called = user_of(dialog.invite.uri)
        caller = user_of(dialog.invite.header("from"))
        callee = self.routes.get(national(called), self.anybody)
        call = self._line(dialog.call_id, "from product", caller, called)
        if callee is None or self.channels_used >= self.channel_count:
            call.final_status, call.ended_by, call.ended_at = 404 if callee is None else 503, "carrier", now()
            dialog.reject(call.final_status)
            return
        leg = callee.take(dialog, self.ports)
        if leg is None:
            self._watch_refused(dialog, call)
            return
        leg.who = f"{callee.name} ({called})"
        self.legs.append(leg)
        self._watch(leg, call, ("called party", "product"))
        if leg.rang_s is not None:
            call.ringing_at = now()

    def _watch_refused(self, dialog: Dialog, call: CarrierCall) -> None:
        if dialog.state == "ended":
            call.final_status, call.ended_by, call.ended_at = dialog.final_status, "called party", now()
            return

        def changed(what: str, _message: Message | None) -> None:
            if what == "ended":
                call.final_status, call.ended_by, call.ended_at = dialog.final_status, "product", now()

        dialog.listeners.append(changed)

    def _write_down(
        self,
        leg: Leg,
        direction: Literal["to product", "from product"],
        caller: str,
        called: str,
        sides: tuple[str, str],
    ) -> None:
        self._watch(leg, self._line(leg.call_id, direction, caller, called), sides)

    def _line(
        self, call_id: str, direction: Literal["to product", "from product"], caller: str, called: str
    ) -> CarrierCall:
        call = CarrierCall(call_id, direction, caller, called, now())
        self.calls.append(call)
        return call

    def _watch(self, leg: Leg, call: CarrierCall, sides: tuple[str, str]) -> None:
        def changed(what: str, _message: Message | None) -> None:
            if what == "ringing":
                call.ringing_at = call.ringing_at or now()
            elif what == "answered":
                call.answered_at, call.final_status = now(), 200
            elif what == "ended":
                call.ended_at, call.final_status = now(), leg.final_status
                call.ended_by = sides[0] if leg.ended_by == "us" else sides[1]
                call.keys = "".join(key for _, key in leg.keys_sent)

        leg.dialog.listeners.append(changed)

    def _register(self, request: Message) -> Message:
        user = user_of(request.header("to"))
        password = self.accounts.get(user)
        given = digest_fields(request.header("authorization"))
        if password is None:
            return reply_to(request, 403, new_tag())
        if given.get("nonce") not in self._nonces:
            nonce = new_tag()
            self._nonces.add(nonce)
            challenge = f'Digest realm="carrier", nonce="{nonce}", algorithm=MD5, qop="auth"'
            return reply_to(request, 401, new_tag(), (("WWW-Authenticate", challenge),))
        wanted = digest_response(
            user,
            password,
            "carrier",
            given["nonce"],
            "REGISTER",
            given.get("uri", ""),
            given.get("qop", ""),
            given.get("nc", ""),
            given.get("cnonce", ""),
        )
        if given.get("response") != wanted:
            return reply_to(request, 403, new_tag())
        contact = request.header("contact")
        found = re.search(r"@([\d.]+):(\d+)", contact)
        if found:
            self.registered[user] = (found.group(1), int(found.group(2)))
        expires = request.header("expires") or "3600"
        return reply_to(request, 200, new_tag(), (("Contact", f"{contact};expires={expires}"),))


def national(number: str) -> str:
    """A dialled number as the carrier's routes know it: `+84912…`, `84912…` and `0912…` are one."""
    digits = re.sub(r"[^\d]", "", number)
    if number.startswith("+84") or (digits.startswith("84") and len(digits) >= 10):
        return "0" + digits[2:]
    return digits


def now() -> datetime:
    """The carrier's clock."""
    return datetime.now(UTC)
