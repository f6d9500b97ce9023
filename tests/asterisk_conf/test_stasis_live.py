"""The hand-over to the Stasis application: what it is told, and what becomes of a caller whom it does not take."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from hotline.secrets import secret
from tests.asterisk_conf.scene import agi, carrier, cdrs_of, desk, run, says
from tests.asterisk_conf.switch import Switch
from tests.world import Citizen

TRIAGED = {
    "ACUITY_REACHED": "YELLOW",
    "ACUITY": "YELLOW",
    "TICKET": "t-1",
    "NEXT": "line",
    "TRIAGE_DONE": "1",
}

pytestmark = pytest.mark.live


class Application:
    """Connected as the Stasis application "hotline"; does nothing by itself."""

    def __init__(self, session: aiohttp.ClientSession, events: aiohttp.ClientWebSocketResponse) -> None:
        self.session, self.events = session, events

    async def next(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(8):
            while True:
                event: dict[str, Any] = json.loads((await self.events.receive()).data)
                if event["type"] == kind:
                    return event

    async def post(self, path: str, **query: str) -> int:
        async with self.session.post(path, params=query) as answer:
            return answer.status


@asynccontextmanager
async def application(switch: Switch) -> AsyncIterator[Application]:
    login = aiohttp.encode_basic_auth("hotline", secret(switch.settings.var, "ari"))
    base = f"http://127.0.0.1:{switch.settings.ari_port}/ari/"
    async with (
        aiohttp.ClientSession(base, headers={"Authorization": login}) as session,
        session.ws_connect("events?app=hotline") as events,
    ):
        app = Application(session, events)
        await app.post("asterisk/variable", variable="HOTLINE_BEAT", value=str(int(time.time())))
        yield app


def test_the_application_is_told_all_of_a_caller_and_keeps_one_whose_timer_it_clears(switch: Switch) -> None:
    async def scene() -> dict[str, Any]:
        async with carrier(switch) as line, application(switch) as app:
            leg = await Citizen(line, "0916000001").call("+842711022")
            event = await app.next("StasisStart")
            caller = event["channel"]["id"]
            await app.post(f"channels/{caller}/variable", variable="TIMEOUT(absolute)", value="0")
            await asyncio.sleep(5)
            assert leg.is_answered
            leg.hang_up()
            await leg.until_ended()
            return event

    with agi(switch, says(TRIAGED)):
        event = run(scene())
    assert event["args"] == ["caller", "binhphuoc"]
    told = event["channel"]["channelvars"]
    assert {k: told[k] for k in ("HOTLINE", "TRUNK", "ACUITY", "TICKET", "CALLED", "CALLER")} == {
        "HOTLINE": "binhphuoc",
        "TRUNK": "vnpt",
        "ACUITY": "YELLOW",
        "TICKET": "t-1",
        "CALLED": "842711022",
        "CALLER": "0916000001",
    }
    assert event["channel"]["id"].startswith("n1-")
    assert cdrs_of(switch, "0916000001")[0]["served_by"] == ""


@pytest.mark.parametrize(
    ("beat_age_s", "from_s", "to_s"), [(0, 3.5, 5.0), (20, 0.0, 1.0)], ids=["hung just now", "hung for long"]
)
def test_a_hung_application_leaves_the_caller_to_the_desks(
    switch: Switch, beat_age_s: int, from_s: float, to_s: float
) -> None:
    async def scene() -> float:
        async with carrier(switch) as line, desk(switch, "101", 620) as operator, application(switch) as app:
            beat = str(int(time.time()) - beat_age_s)
            await app.post("asterisk/variable", variable="HOTLINE_BEAT", value=beat)
            asked = time.monotonic()
            leg = await Citizen(line, "0916000002").call("02711022")
            await operator.until_rung()
            rang_s = time.monotonic() - asked
            await leg.until_hears(620)
            leg.hang_up()
            await leg.until_ended()
            return rang_s

    with agi(switch, says(TRIAGED)):
        assert from_s <= run(scene()) <= to_s


@pytest.mark.parametrize("extension", ["s", "hot"])
def test_a_waiting_caller_can_be_continued_into_the_fallback(switch: Switch, extension: str) -> None:
    async def scene() -> None:
        async with carrier(switch) as line, desk(switch, "101", 620), application(switch) as app:
            leg = await Citizen(line, "0916000003").call("02711022")
            caller = (await app.next("StasisStart"))["channel"]["id"]
            await app.post(
                f"channels/{caller}/continue", context="fallback", extension=extension, priority="1"
            )
            await leg.until_hears(620)
            await leg.goes_on_hearing(620, 1.0)
            leg.hang_up()
            await leg.until_ended()

    with agi(switch, says(TRIAGED)):
        run(scene())


def test_key_1_before_the_message_brings_the_caller_back_into_the_line_at_red(switch: Switch) -> None:
    async def scene() -> str:
        async with carrier(switch) as line, application(switch) as app:
            leg = await Citizen(line, "0916000004").call("02711022")
            event = await app.next("StasisStart")
            leg.hang_up()
            await leg.until_ended()
            return str(event["channel"]["channelvars"]["ACUITY"])

    scripts = iter(
        [
            says({"ACUITY": "NONMED", "NEXT": "message", "TRIAGE_DONE": "1"}),
            says({"ACUITY_REACHED": "RED", "ACUITY": "RED", "NEXT": "line", "TRIAGE_DONE": "1"}),
        ]
    )
    with agi(switch, lambda connection: next(scripts)(connection)):
        assert run(scene()) == "RED"
