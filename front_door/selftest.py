"""Whether an Asterisk can do what calls need: stereo recording, create + dial, keys pressed in a bridge."""

from __future__ import annotations

import array
import asyncio
import json
import math
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from front_door import parts, places, steps

if TYPE_CHECKING:
    import aiohttp

OLDEST = (22, 2)
"""MixMonitor's option D is younger than 22.0."""
RATE_HZ = 8000
LEFT_HZ, RIGHT_HZ = 1000, 440
WITHIN_S = 15.0
UP_WITHIN_S = 8.0
RESULT = places.PARTS / "self-test.json"
MODULES = (
    *(
        "app_mixmonitor",
        "app_playback",
        "app_playtones",
        "app_senddtmf",
        "app_stasis",
        "bridge_softmix",
    ),
    *(
        "bridge_holding",
        "format_sln",
        "pbx_config",
        "res_http_websocket",
        "res_timing_timerfd",
    ),
    *("res_sorcery_config", "res_sorcery_memory", "res_websocket_client"),
    *("res_ari", "res_ari_model", "res_ari_applications", "res_ari_asterisk"),
    *("res_ari_bridges", "res_ari_channels", "res_ari_events", "res_stasis", "res_stasis_answer"),
    *("res_stasis_playback", "res_stasis_recording", "res_stasis_snoop", "res_stasis_device_state"),
)
DIALPLAN = """
[recorded]
exten => s,1,Answer()
 same => n,MixMonitor({spool}/stereo.raw,D)
 same => n,Playtones({right}/1000)
 same => n,Wait(1.2)
 same => n,Hangup()
[speaking]
exten => s,1,Answer()
 same => n,Playback({sound})
[phone]
exten => quiet,1,Answer()
 same => n,Wait(10)
exten => keys,1,Answer()
 same => n,Wait(0.3)
 same => n,SendDTMF(5,100)
 same => n,Wait(10)
"""


@dataclass(frozen=True)
class Result:
    """What one Asterisk can do."""

    version: str
    faults: tuple[str, ...]
    """A sentence for each thing that it cannot; empty when it is fit."""
    seconds: float = 0.0


def version(command: Sequence[str]) -> str:
    """What `asterisk -V` says, or an empty text."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False)
        found = re.search(r"Asterisk (?:certified/)?(\d\S*)", done.stdout)
        return found[1] if found else ""
    return ""


def is_new_enough(text: str) -> bool:
    """Whether a version is 22.2 or newer."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    return numbers >= OLDEST


def choose() -> Result:
    """Tests the system's Asterisk if it is new enough, else ours, and remembers which one is used."""
    system = steps_of_system()
    for command, root, mark in ((system, Path("/"), True), (parts.program("asterisk"), None, False)):
        if command is None:
            continue
        result = tested(command, parts.modules_dir(root), parts.shared_dir(root))
        if mark and result.faults:
            continue
        if mark:
            steps.write(parts.SYSTEM_CHOSEN, result.version)
        else:
            parts.SYSTEM_CHOSEN.unlink(missing_ok=True)
        return result
    return Result("", ("There is no Asterisk",))


def steps_of_system() -> list[str] | None:
    """The system's own Asterisk, when it is new enough to be tested."""
    own = shutil.which("asterisk")
    return [own] if own and is_new_enough(version([own])) else None


def tested(command: Sequence[str], modules: Path, shared: Path) -> Result:
    """The result for this very program, from the last time or by a test now."""
    found = version(command)
    key = f"{found} {command[-1]} {Path(command[-1]).stat().st_mtime_ns}"
    with suppress(OSError, ValueError, KeyError):
        known = json.loads(RESULT.read_text())
        if known["key"] == key:
            return Result(found, ())
    result = test(command, modules, shared)
    if not result.faults:
        steps.write(RESULT, json.dumps({"key": key, "seconds": round(result.seconds, 1)}))
    return result


def test(command: Sequence[str], modules: Path, shared: Path) -> Result:
    """Starts this Asterisk with a page of configuration in a temporary folder, tries it and ends it."""
    began = time.monotonic()
    found = version(command)
    if not is_new_enough(found):
        return Result(found, (f"Asterisk {found or 'of unknown version'} is older than 22.2",))
    with tempfile.TemporaryDirectory(prefix="1022-") as name:
        folder = Path(name)
        port = _free_port()
        _lay(folder, port, modules, shared)
        with (folder / "log.txt").open("wb") as log:
            child = subprocess.Popen(
                [*command, "-f", "-n", "-C", str(folder / "asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            faults = asyncio.run(_try(folder, port, child))
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(3)
            child.kill()
            child.wait()
    return Result(found, tuple(faults), time.monotonic() - began)


# --- configuration ----------------------------------------------------------------------------------------


def _lay(folder: Path, port: int, modules: Path, shared: Path) -> None:
    parts.lay_data_dir(folder / "data", shared)
    for sub in ("spool", "run", "log"):
        (folder / sub).mkdir()
    directories = {
        "astmoddir": modules,
        "astdatadir": folder / "data",
        "astspooldir": folder / "spool",
        "astrundir": folder / "run",
        "astlogdir": folder / "log",
        **dict.fromkeys(("astetcdir", "astvarlibdir", "astdbdir", "astkeydir", "astagidir"), folder),
    }
    lines = [f"{key} => {value}" for key, value in directories.items()]
    (folder / "asterisk.conf").write_text("\n".join(["[directories]", *lines]) + "\n")
    loads = "\n".join(f"load = {name}.so" for name in MODULES)
    (folder / "modules.conf").write_text(f"[modules]\nautoload = no\n{loads}\n")
    (folder / "http.conf").write_text(f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={port}\n")
    (folder / "ari.conf").write_text("[general]\nenabled=yes\n[test]\ntype=user\npassword=test\n")
    samples = (round(8000 * math.sin(2 * math.pi * LEFT_HZ * n / RATE_HZ)) for n in range(2 * RATE_HZ))
    (folder / "left.sln").write_bytes(array.array("h", samples).tobytes())
    dialplan = DIALPLAN.format(spool=folder / "spool", sound=folder / "left", right=RIGHT_HZ)
    (folder / "extensions.conf").write_text(dialplan)
    (folder / "websocket_client.conf").write_text("")
    (folder / "logger.conf").write_text("[logfiles]\nconsole => error,warning\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


# --- the trial --------------------------------------------------------------------------------------------


async def _try(folder: Path, port: int, child: subprocess.Popen[bytes]) -> list[str]:
    import aiohttp  # a start whose Asterisk was tested before does not wait for it

    try:
        async with asyncio.timeout(WITHIN_S):
            base = f"http://127.0.0.1:{port}/ari/"
            headers = {"Authorization": aiohttp.encode_basic_auth("test", "test")}
            async with aiohttp.ClientSession(base, headers=headers) as ari:
                socket_ = await _connected(ari, child)
                async with socket_:
                    trial = _Trial(ari, socket_)
                    recording = asyncio.create_task(trial.record(folder / "spool" / "stereo.raw"))
                    return [*await trial.dial_and_press(), *await recording]
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        said = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
        last = said[-1] if said else "it logged nothing"
        return [f"Asterisk did not answer its interface ({error or 'no answer'}; {last})"]


async def _connected(
    ari: aiohttp.ClientSession, child: subprocess.Popen[bytes]
) -> aiohttp.ClientWebSocketResponse:
    from aiohttp import ClientError

    until = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            return await ari.ws_connect("events?app=selftest")
        except ClientError:
            if child.poll() is not None or time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


@dataclass
class _Trial:
    ari: aiohttp.ClientSession
    events: aiohttp.ClientWebSocketResponse
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def record(self, file: Path) -> list[str]:
        """Records one channel while each side sends its own tone; left and right must hold one tone each."""
        where = {"endpoint": "Local/s@recorded/n", "context": "speaking", "extension": "s", "priority": "1"}
        where["formats"] = "slin"
        await self._post("channels", where)
        await asyncio.sleep(1.7)
        left, right = await asyncio.to_thread(recorded_tones, file)
        if (left, right) == (LEFT_HZ, RIGHT_HZ):
            return []
        return [f"MixMonitor's option D recorded {left} and {right} Hz instead of {LEFT_HZ} and {RIGHT_HZ}"]

    async def dial_and_press(self) -> list[str]:
        """Makes two legs by create + dial in one bridge, and waits for a key that one of them presses."""
        await self._post("bridges", {"bridgeId": "b", "type": "mixing,dtmf_events"})
        for leg in ("quiet", "keys"):
            made = {"endpoint": f"Local/{leg}@phone/n", "app": "selftest", "channelId": leg}
            await self._post("channels/create", made)
            await self._heard("StasisStart", leg)
            await self._post("bridges/b/addChannel", {"channel": leg})
            await self._post(f"channels/{leg}/dial", {"timeout": "3"})
        try:
            async with asyncio.timeout(3):
                for leg in ("quiet", "keys"):
                    await self._heard("ChannelStateChange", leg, state="Up")
        except TimeoutError:
            return ["A leg made by channels/create and dial was not answered"]
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                await self._heard("ChannelDtmfReceived", "keys")
                return []
        return ["A key pressed inside a mixing bridge was not reported"]

    async def _heard(self, kind: str, leg: str, **facts: str) -> None:
        """Waits until such an event about the leg has come, now or earlier."""
        while not any(_is(event, kind, leg, facts) for event in self.seen):
            self.seen.append(json.loads((await self.events.receive()).data or "{}"))

    async def _post(self, path: str, query: dict[str, str]) -> None:
        async with self.ari.post(path, params=query) as answer:
            answer.raise_for_status()


def _is(event: dict[str, Any], kind: str, leg: str, facts: dict[str, str]) -> bool:
    channel = event.get("channel", {})
    fits = all(channel.get(key) == value for key, value in facts.items())
    return event.get("type") == kind and channel.get("id") == leg and fits


def recorded_tones(file: Path) -> tuple[int, int]:
    """Which of our two tones the left and the right of 16-bit stereo sound hold, in Hz; 0 for none."""
    sound = file.read_bytes() if file.exists() else b""
    samples = array.array("h", sound[: len(sound) // 4 * 4])
    middle = len(samples) // 4 * 2
    window = samples[max(0, middle - RATE_HZ // 4 * 2) : middle + RATE_HZ // 4 * 2]
    return _tone(window[0::2]), _tone(window[1::2])


def _tone(samples: Sequence[int]) -> int:
    power = {hz: _power(samples, hz) for hz in (LEFT_HZ, RIGHT_HZ)}
    best = max(power, key=lambda hz: power[hz])
    return best if samples and power[best] > 100 and power[best] > 10 * min(power.values()) else 0


def _power(samples: Sequence[int], hz: int) -> float:
    # Goertzel: the amplitude of one frequency.
    turn = 2 * math.cos(2 * math.pi * hz / RATE_HZ)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    energy = max(0.0, before * before + last * last - turn * before * last)
    return 2 * math.sqrt(energy) / max(1, len(samples))
