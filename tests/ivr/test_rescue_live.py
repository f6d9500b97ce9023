"""The rescue on a real Asterisk: a hung application is killed, its waiting callers reach the desks, its talkers talk on."""

import asyncio
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asterisk_conf import Timing
from hotline.secrets import secret
from hotline.settings import PROJECT
from ivr.rescue import LOOK_EVERY_S, Rescue, rescue
from tests import ports
from tests.asterisk_conf.scene import agi, says
from tests.asterisk_conf.switch import Switch, running_switch, settings_in
from tests.world import Carrier, Citizen, Leg, Phone, Ports

log = logging.getLogger(__name__)
pytestmark = pytest.mark.live

PORTS = Ports(*ports.RTP_WORLD)
TIMING = Timing(desks_ring_s=20, stasis_takes_s=4, agi_first_command_s=2)
TRIAGED = {"ACUITY_REACHED": "YELLOW", "ACUITY": "YELLOW", "NEXT": "line", "TRIAGE_DONE": "1"}


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    with running_switch(tmp_path_factory.mktemp("r"), ports.RESCUE, TIMING) as made:
        yield made


@contextmanager
def application(switch: Switch, how: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The stand-in, beating; killed in the end."""
    given = switch.settings
    run = given.var / "run"
    (run / "calls.beat").unlink(missing_ok=True)
    words = [str(given.ari_port), secret(given.var, "ari"), str(run), how]
    # The rescue kills only a process whose command line is "app.py calls".
    code = "import sys; sys.path.insert(0, '.'); from runpy import run_module; run_module('tests.ivr.stand_in', run_name='__main__')"
    child = subprocess.Popen([sys.executable, "-c", code, "app.py", "calls", *words], cwd=PROJECT)
    try:
        until = time.monotonic() + 30
        while not (run / "calls.beat").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.5)
        yield child
    finally:
        child.kill()
        child.wait()


@contextmanager
def watching(switch: Switch) -> Iterator[Rescue]:
    """The rescue's own loop, in a thread."""
    ends = threading.Event()
    watch = rescue(switch.settings)

    def look() -> None:
        while not ends.wait(LOOK_EVERY_S):
            watch.look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ends.set()
        thread.join(5)


def _carrier(switch: Switch) -> Carrier:
    trunk = next(t for t in switch.installation.trunks if t.key == "vnpt")
    return Carrier(switch.address, trunk.host, trunk.port, ports=PORTS)


async def _waiting(line: Carrier, number: str, tone_hz: int) -> Leg:
    leg = await Citizen(line, number, tone_hz=tone_hz).call("02711022")
    await asyncio.sleep(1.0)  # through the triage, into the application
    return leg


def test_a_hung_application_is_killed_and_its_waiting_caller_rings_a_desk(switch: Switch) -> None:
    async def scene(child: "subprocess.Popen[bytes]") -> tuple[float, float]:
        phone = Phone("101", switch.password("101"), switch.address, tone_hz=620, ports=PORTS)
        async with _carrier(switch) as line, phone:
            await asyncio.to_thread(switch.sign_in, "101")
            leg = await _waiting(line, "0912000001", 440)
            assert not phone.legs
            child.send_signal(signal.SIGSTOP)
            hung_s = time.monotonic()
            while child.poll() is None:
                assert time.monotonic() - hung_s < 8
                await asyncio.sleep(0.02)
            killed_s = time.monotonic() - hung_s
            await phone.until_rung()
            rung_s = time.monotonic() - hung_s
            await leg.until_hears(620)
            leg.hang_up()
            await leg.until_ended()
            await asyncio.to_thread(switch.sign_out, "101")
            return killed_s, rung_s

    with agi(switch, says(TRIAGED)), application(switch, "hold") as child, watching(switch):
        killed_s, rung_s = asyncio.run(asyncio.wait_for(scene(child), 60))
    log.info(f"killed after {killed_s:.2f} s, the desk rang after {rung_s:.2f} s")
    assert 3.5 < killed_s <= 6
    assert killed_s < rung_s <= 9


def test_two_who_talk_talk_on_when_the_application_is_gone_and_one_left_alone_is_handed_over(
    switch: Switch,
) -> None:
    async def scene(child: "subprocess.Popen[bytes]") -> tuple[float, dict[int, float], float]:
        phone = Phone("101", switch.password("101"), switch.address, tone_hz=620, ports=PORTS)
        async with _carrier(switch) as line, phone:
            await asyncio.to_thread(switch.sign_in, "101")
            first = await _waiting(line, "0912000001", 440)
            second = await _waiting(line, "0912000002", 520)
            await first.until_hears(520)
            child.kill()
            await asyncio.sleep(11)
            heard, gap_s = first.heard(8.0), first.longest_gap_s()
            assert not phone.legs, "nobody was taken out of a talk"
            second.hang_up()
            left_s = time.monotonic()
            await phone.until_rung()
            alone_s = time.monotonic() - left_s
            first.hang_up()
            await first.until_ended()
            await asyncio.to_thread(switch.sign_out, "101")
            return alone_s, heard, gap_s

    with agi(switch, says(TRIAGED)), application(switch, "join") as child, watching(switch):
        alone_s, heard, gap_s = asyncio.run(asyncio.wait_for(scene(child), 60))
    log.info(f"heard {heard.get(520)}, longest gap {gap_s:.2f} s, alone for {alone_s:.2f} s")
    assert heard[520] > 0.95
    assert alone_s < 1.5


def test_without_a_fallback_context_the_caller_is_left_where_they_are(switch: Switch) -> None:
    async def scene(child: "subprocess.Popen[bytes]") -> bool:
        async with _carrier(switch) as line:
            leg = await _waiting(line, "0912000001", 440)
            child.kill()
            await asyncio.to_thread(switch.console, "dialplan remove context fallback")
            await asyncio.sleep(10)
            still = leg.ended_s is None
            leg.hang_up()
            await leg.until_ended()
            return still

    try:
        with agi(switch, says(TRIAGED)), application(switch, "hold") as child, watching(switch):
            assert asyncio.run(asyncio.wait_for(scene(child), 60))
    finally:
        switch.console("dialplan reload")


def test_the_rescue_waits_while_asterisk_is_away(tmp_path: Path) -> None:
    given = settings_in(tmp_path, ports.RESCUE + 5, ports.RTP_OURS)
    watch = rescue(given)
    watch.look()
    watch.look()
