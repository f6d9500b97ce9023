"""Who is shut out for flooding the switch, for how long, and who never is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, cast

import pytest

from ivr import strangers
from ivr.ari import Ari
from ivr.queue_members import Manager, Refused
from ivr.strangers import CHALLENGES_AT_MOST, SHUT_OUT_S, Strangers
from tests.ivr.fake_ari import FakeAri


class Contacts:
    """In place of the manager interface: where phones are registered."""

    def __init__(self) -> None:
        self.hears: Callable[[Mapping[str, str]], None] = lambda event: None
        self.uris: list[str] = []
        self.away = False

    async def listed(self, action: str) -> list[Mapping[str, str]]:
        if self.away:
            raise Refused("not connected")
        return [{"Event": "ContactList", "Uri": uri} for uri in self.uris]


class Scene:
    def __init__(self, asterisk: FakeAri, ari: Ari) -> None:
        self.asterisk, self.contacts, self.now_s = asterisk, Contacts(), 1000.0
        manager = cast(Manager, self.contacts)
        self.strangers = Strangers(ari, manager, ["127.0.0.2"], lambda: self.now_s)

    def told(self, address: str, kind: str = "InvalidAccountID", transport: str = "UDP") -> None:
        remote = f"IPV4/{transport}/{address}/5060"
        self.contacts.hears({"Event": kind, "Service": "PJSIP", "RemoteAddress": remote})

    async def done(self, method: str) -> list[str]:
        """What was changed in Asterisk's list."""
        await asyncio.sleep(0.3)
        return [said for said in self.asterisk.said if said.startswith(f"{method} asterisk/config")]


def played(scene: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk, Ari(asterisk.port, "hotline", "x", "hotline") as ari:
            made = Scene(asterisk, ari)
            running = asyncio.create_task(made.strangers.run())
            try:
                await made.done("DELETE")  # what an earlier process left
                asterisk.said.clear()
                await scene(made)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    asyncio.run(asyncio.wait_for(whole(), 20))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "LOOK_EVERY_S", 0.05)


def test_a_stranger_of_whom_asterisk_complains_is_shut_out_once_and_let_in_again_later() -> None:
    async def scene(s: Scene) -> None:
        for _ in range(5):
            s.told("127.0.0.9")
        assert len(await s.done("PUT")) == 1
        s.now_s += SHUT_OUT_S - 1
        assert await s.done("DELETE") == []
        s.now_s += 2
        assert len(await s.done("DELETE")) == 1
        s.told("127.0.0.9")
        assert len(await s.done("PUT")) == 2

    played(scene)


@pytest.mark.parametrize(
    ("address", "transport"), [("127.0.0.2", "UDP"), ("127.0.0.5", "UDP"), ("127.0.0.9", "WS")]
)
def test_a_trunk_a_house_with_our_phones_and_the_front_are_never_shut_out(
    address: str, transport: str
) -> None:
    async def scene(s: Scene) -> None:
        s.contacts.uris = ["sip:101@127.0.0.5:5066;transport=udp"]
        s.told(address, transport=transport)
        assert await s.done("PUT") == []

    played(scene)


def test_who_is_challenged_without_end_is_shut_out_and_phones_that_register_together_are_not() -> None:
    async def scene(s: Scene) -> None:
        for _ in range(CHALLENGES_AT_MOST):
            s.told("127.0.0.5", "ChallengeSent")
        assert await s.done("PUT") == []
        s.now_s += 11
        for _ in range(CHALLENGES_AT_MOST + 1):
            s.told("127.0.0.5", "ChallengeSent")
        assert len(await s.done("PUT")) == 1

    played(scene)


def test_without_the_manager_interface_nobody_is_shut_out_blindly() -> None:
    async def scene(s: Scene) -> None:
        s.contacts.away = True
        s.told("127.0.0.9")
        assert await s.done("PUT") == []
        s.contacts.away = False
        s.told("127.0.0.9")
        assert len(await s.done("PUT")) == 1

    played(scene)
