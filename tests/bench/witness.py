"""Callers with ears: each presses a key and times, by the packets it gets, when the next question's tone begins."""

import asyncio
import random
import time
from dataclasses import dataclass, field

import numpy as np

from tests.bench.dialogue import KEYS, TONES_HZ, fresh_caller
from tests.bench.exchange import SIP, WITNESS_HOST, WITNESS_PORT, WITNESS_RTP
from tests.world import Carrier
from tests.world.leg import Leg, NotInTime
from tests.world.rtp import Ports
from tests.world.tones import FRAME_BYTES, RATE_HZ, SAMPLES

_LINES = np.exp(-2j * np.pi * np.outer(np.array(TONES_HZ), np.arange(FRAME_BYTES)) / RATE_HZ)


@dataclass
class Heard:
    """What the witnesses of one run measured."""

    latencies_s: list[float] = field(default_factory=list)
    """From the INFO with the key leaving the caller to the first packet of the next question arriving."""
    good: int = 0
    lost: int = 0


async def run(number: str, rate: float, for_s: float) -> Heard:
    """`rate` witnesses a second call `number` for so long; returns when the last has hung up."""
    heard = Heard()
    async with Carrier(SIP, WITNESS_HOST, WITNESS_PORT, ports=Ports(*WITNESS_RTP)) as carrier:
        begin = time.monotonic()
        calls = []
        for n in range(round(rate * for_s)):
            await asyncio.sleep(max(begin + n / rate - time.monotonic(), 0))
            calls.append(asyncio.create_task(_call(carrier, number, fresh_caller(), heard)))
        await asyncio.gather(*calls)
        await asyncio.sleep(0.2)
    return heard


async def _call(carrier: Carrier, number: str, caller: str, heard: Heard) -> None:
    leg = carrier.place(caller, number, tone_hz=None)
    try:
        await leg.until_answered(5.0)
        await _first_packet(leg, 0, leg.started_s)
        for n, key in enumerate(KEYS):
            await asyncio.sleep(random.uniform(0.3, 0.5))
            pressed_s = time.monotonic()
            leg.later(_press(leg, key))
            if n + 1 < len(KEYS):
                heard.latencies_s.append(await _first_packet(leg, n + 1, pressed_s) - pressed_s)
        await leg.until_ended(4.0)
        heard.good += 1
    except NotInTime:
        heard.lost += 1
    finally:
        leg.close()


async def _press(leg: Leg, key: str) -> None:
    headers = (("Content-Type", "application/dtmf-relay"),)
    await leg.dialog.say("INFO", headers, f"Signal={key}\r\nDuration=100\r\n")


async def _first_packet(leg: Leg, question: int, since_s: float) -> float:
    """When the first packet with that question's tone came; raises NotInTime after 4 s."""
    received = leg.stream.received
    n = 0
    deadline = time.monotonic() + 4.0
    while time.monotonic() < deadline and leg.ended_s is None:
        for at in range(n, len(received.times)):
            if received.times[at] >= since_s and _tone(received.audio, at) == question:
                return received.times[at]
        n = len(received.times)
        await asyncio.sleep(0.01)
    raise NotInTime(f"{leg.who}: question {question} not heard")


def _tone(audio: bytearray, frame: int) -> int | None:
    """Which question's tone fills that frame of 20 ms."""
    samples = SAMPLES[np.frombuffer(audio, np.uint8, FRAME_BYTES, frame * FRAME_BYTES)]
    power = np.abs(_LINES @ samples) ** 2
    loudest = int(power.argmax())
    whole = float(samples @ samples) * FRAME_BYTES / 2
    return loudest if whole > 1e6 and power[loudest] > 0.5 * whole else None
