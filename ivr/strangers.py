"""Strangers who flood the switch with SIP requests are shut out for some minutes; each other stranger meets the usual challenge.

Asterisk itself counts: it tells of an unknown peer only from its fifth request within five seconds on (pjsip.conf). Who pretends to
be one of our phones is challenged as a phone is, and counted here. Shut out is an address: Asterisk then answers 403 before it
looks at anything else. Never shut out is an address from which one of our phones is registered, whatever else lives there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

import structlog

from ivr.ari import Ari, AriError
from ivr.queue_members import Manager, Refused

log = structlog.get_logger(__name__)

UNKNOWN, CHALLENGED = "InvalidAccountID", "ChallengeSent"
CHALLENGES_AT_MOST, WITHIN_S = 100, 10.0
"""A house full of phones registers at once after a power cut; no house sends so many."""
SHUT_OUT_S = 300.0
PLACES = 50
"""So many addresses at once: Asterisk goes through them for each message."""
LOOK_EVERY_S = 1.0


class Strangers:
    def __init__(
        self, ari: Ari, manager: Manager, trunks: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ari, self._manager, self._trunks, self._clock = ari, manager, frozenset(trunks), clock
        self._out: dict[str, tuple[int, float]] = {}
        """Address → its place in Asterisk's list, and until when."""
        self._challenged: dict[str, tuple[float, int]] = {}
        """Address → since when, and how often."""
        self._wanted: asyncio.Queue[str] = asyncio.Queue(PLACES)
        manager.hears = self.heard

    def heard(self, event: Mapping[str, str]) -> None:
        """One of Asterisk's security events."""
        kind, (transport, address) = event.get("Event", ""), _from(event.get("RemoteAddress", ""))
        if kind not in (UNKNOWN, CHALLENGED) or event.get("Service") != "PJSIP":
            return
        if transport in ("WS", "WSS") or address in self._trunks or address in self._out:
            return  # behind a WebSocket is the front, which limits by itself
        if (kind == UNKNOWN or self._too_many(address)) and not self._wanted.full():
            self._wanted.put_nowait(address)

    def _too_many(self, address: str) -> bool:
        now_s = self._clock()
        since_s, count = self._challenged.get(address, (now_s, 0))
        if now_s - since_s > WITHIN_S:
            since_s, count = now_s, 0
        self._challenged[address] = (since_s, count + 1)
        return count >= CHALLENGES_AT_MOST

    async def run(self) -> None:
        for place in range(PLACES):  # an earlier process's
            await self._tried(self._ari.request("DELETE", _path(place)))
        while True:
            try:
                address = await asyncio.wait_for(self._wanted.get(), LOOK_EVERY_S)
            except TimeoutError:
                await self._let_in()
                continue
            if address not in self._out:
                await self._shut_out(address)

    async def _shut_out(self, address: str) -> None:
        try:
            contacts = await self._manager.listed("PJSIPShowContacts")
        except Refused as refused:
            log.warning("a flood of strange requests goes on", error=str(refused))
            return
        until_s = self._clock() + SHUT_OUT_S
        if any(_host(contact.get("Uri", "")) == address for contact in contacts):
            log.warning("strange requests come from where our phones are", address=address)
            self._out[address] = (PLACES, until_s)  # in no place: only not looked at again for a while
            return
        place = next(n for n in range(PLACES + 1) if n not in {taken for taken, _ in self._out.values()})
        if place == PLACES:
            return
        body = {"fields": [{"attribute": "deny", "value": address}]}
        if await self._tried(self._ari.request("PUT", _path(place), body)):
            self._out[address] = (place, until_s)
            log.warning("a stranger is shut out", address=address, for_s=SHUT_OUT_S)

    async def _let_in(self) -> None:
        """Whose time is over may come again; what was counted long ago is forgotten."""
        now_s = self._clock()
        for address, (place, until_s) in list(self._out.items()):
            if now_s >= until_s and (
                place == PLACES or await self._tried(self._ari.request("DELETE", _path(place)))
            ):
                del self._out[address]
        self._challenged = {a: seen for a, seen in self._challenged.items() if now_s - seen[0] <= WITHIN_S}

    async def _tried(self, request: Coroutine[Any, Any, Any]) -> bool:
        try:
            await request
        except AriError as error:
            if not error.is_gone:
                log.warning("Asterisk's list of strangers was not changed", error=str(error))
                return False
        return True


def _path(place: int) -> str:
    return f"asterisk/config/dynamic/res_pjsip/acl/stranger-{place}"


def _from(remote: str) -> tuple[str, str]:
    """Transport and address of "IPV4/UDP/203.0.113.9/5060"."""
    _, transport, address, *_ = [*remote.split("/"), "", "", ""]
    return transport, address


def _host(uri: str) -> str:
    """The address in "sip:101@10.0.0.5:5060;transport=udp"."""
    place = uri.rpartition("@")[2] or uri.partition(":")[2]
    return place.partition(";")[0].partition(":")[0]
