"""Sound on the wire: one 20 ms beat for all, key presses, what was received and when (RFC 3550, 4733)."""

import asyncio
import contextlib
import random
import socket
import struct
import time
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

from tests.world import tones
from tests.world.sdp import ALAW_PAYLOAD, KEY_PAYLOAD

FRAME_S = tones.FRAME_MS / 1000
KEYS = "0123456789*#ABCD"
SO_TIMESTAMPNS = 35
"""Linux: the kernel writes down when a datagram arrived, so our own slowness is not mistaken for a gap."""
Address = tuple[str, int]
RTP_HEADER = struct.Struct("!BBHII")


class Sound(Enum):
    """How much a party does with sound."""

    FULL = "sends its tone and keeps all it hears"
    SEND = "sends its tone and throws away what it hears"
    NONE = "sends nothing but keys and hears nothing; for load"


class Ports:
    """A range of UDP ports for sound; each stream takes an even one."""

    def __init__(self, first: int = 30000, last: int = 30999) -> None:
        self._even = range(first + first % 2, last + 1, 2)
        self._next = random.randrange(len(self._even))

    def bind(self, host: str) -> socket.socket:
        """A bound, non-blocking socket; raises OSError when the whole range is taken."""
        for _ in self._even:
            port = self._even[self._next]
            self._next = (self._next + 1) % len(self._even)
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind((host, port))
            except OSError:
                sock.close()
                continue
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            return sock
        raise OSError(
            f"Hết cổng RTP {self._even[0]}-{self._even[-1]} trên {host}: "
            "hãy giảm số cuộc gọi hoặc nới dải cổng."
        )


class MediaClock:
    """The beat: every 20 ms each stream sends its frame. One task for all; it ends when nobody sends."""

    _of_loop: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, "MediaClock"]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._task: asyncio.Task[None] | None = None
        self.late: deque[tuple[float, float]] = deque(maxlen=5000)
        """When a beat was late by more than a frame, and by how much: how far this machine disturbs what it measures."""

    @classmethod
    def here(cls) -> "MediaClock":
        """The clock of the running event loop."""
        loop = asyncio.get_running_loop()
        return cls._of_loop.setdefault(loop, cls())

    def add(self, stream: "Stream") -> None:
        """Let a stream send from the next beat on."""
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._beat())

    def remove(self, stream: "Stream") -> None:
        """Let it send no more."""
        self._streams.discard(stream)

    def latest_s(self, since_s: float) -> float:
        """The worst lateness of a beat since then."""
        return max((late for at, late in self.late if at + late >= since_s), default=0.0)

    async def _beat(self) -> None:
        due = time.monotonic()
        while self._streams:
            late = time.monotonic() - due
            if late > FRAME_S:
                self.late.append((due, late))
            if late > 1.0:
                due += late
            for stream in tuple(self._streams):
                stream.beat()
            due += FRAME_S
            await asyncio.sleep(max(due - time.monotonic(), 0))


class Received:
    """Everything a party heard: frames of 20 ms with their time of arrival (`time.monotonic()` seconds)."""

    def __init__(self) -> None:
        self.times = array("d")
        self.sounding = array("d")
        """When frames louder than line noise came."""
        self.audio = bytearray()
        self.keys: list[tuple[float, str]] = []
        self.packet_count = 0
        self.lost_count = 0
        self._sequence: int | None = None
        self._ssrc = -1
        self._key_timestamp = -1

    def forget(self) -> None:
        """Drop the sound and its times, keep the counts and keys; for worlds that run for days."""
        del self.times[:], self.sounding[:], self.audio[:]

    def take(self, packet: bytes, at: float, key_payload: int) -> None:
        """Take one RTP packet."""
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return
        _, second, sequence, timestamp, ssrc = RTP_HEADER.unpack_from(packet)
        start = 12 + 4 * (packet[0] & 0x0F)
        if ssrc == self._ssrc and self._sequence is not None:
            missing = (sequence - self._sequence - 1) & 0xFFFF
            self.lost_count += missing if missing < 1000 else 0
        self._sequence, self._ssrc = sequence, ssrc
        self.packet_count += 1
        payload = second & 0x7F
        if payload == ALAW_PAYLOAD:
            self._take_sound(packet[start:], at)
        elif payload == key_payload and len(packet) >= start + 4:
            self._take_key(packet[start], packet[start + 1], timestamp, at)

    def _take_sound(self, sound: bytes, at: float) -> None:
        for n in range(0, len(sound), tones.FRAME_BYTES):
            frame = sound[n : n + tones.FRAME_BYTES].ljust(tones.FRAME_BYTES, b"\xd5")
            self.times.append(at)
            self.audio += frame
            if tones.is_sound(frame):
                self.sounding.append(at)

    def _take_key(self, event: int, flags: int, timestamp: int, at: float) -> None:
        if flags & 0x80 and timestamp != self._key_timestamp and event < len(KEYS):
            self._key_timestamp = timestamp
            self.keys.append((at, KEYS[event]))

    def heard(
        self,
        since_s: float,
        until_s: float,
        known_hz: Sequence[int] | None = None,
        energy: float = tones.PRESENT_SHARE,
    ) -> dict[int, float]:
        """{frequency_hz: share of the time} between two times; see `tones.heard`."""
        first, last = bisect_left(self.times, since_s), bisect_right(self.times, until_s)
        audio = bytes(self.audio[first * tones.FRAME_BYTES : last * tones.FRAME_BYTES])
        return tones.heard(self.times[first:last], audio, since_s, until_s, known_hz, energy)

    def silence_gaps(self, since_s: float, until_s: float, min_s: float) -> list[tuple[float, float]]:
        """Spans of at least `min_s` in which nothing louder than line noise arrived."""
        return tones.gaps(self.sounding, since_s, until_s, min_s)

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time without sound; two frames of a steady tone are 0.02 apart."""
        return max(b - a for a, b in self.silence_gaps(since_s, until_s, 0.0))

    def rms(self, since_s: float, until_s: float) -> float:
        """Loudness of what arrived, 0 to 32,767 (a party's own tone: about 4,950)."""
        first, last = bisect_left(self.times, since_s), bisect_right(self.times, until_s)
        return tones.level(bytes(self.audio[first * tones.FRAME_BYTES : last * tones.FRAME_BYTES]))


class Stream:
    """One party's sound in one call: sends from `aim` to `stop`, keeps what comes from the start."""

    def __init__(self, host: str, ports: Ports, tone_hz: int | None, sound: Sound = Sound.FULL) -> None:
        self.sound = sound
        self.received = Received()
        self._frames = tones.tone_frames(tone_hz) if tone_hz else (tones.SILENCE,)
        self._socket = ports.bind(host)
        self.host, self.port = self._socket.getsockname()
        self._clock = MediaClock.here()
        self._loop = asyncio.get_running_loop()
        self._to: Address | None = None
        self._key_payload = KEY_PAYLOAD
        self._sequence = random.randrange(0x10000)
        self._timestamp = random.randrange(0x80000000)
        self._key_timestamp = 0
        self._ssrc = random.randrange(1 << 32)
        self._frame = 0
        self._muted = sound is Sound.NONE
        self._plan: deque[tuple[int, int, bool] | asyncio.Future[None] | None] = deque()
        self._wall_offset_s = time.monotonic() - time.time()
        if sound is Sound.FULL:
            self._loop.add_reader(self._socket, self._read)

    def aim(self, host: str, port: int, key_payload: int = KEY_PAYLOAD) -> None:
        """Send to that address from now on."""
        if self._socket.fileno() < 0:
            return
        self._to, self._key_payload = (host, port), key_payload
        if not self._muted:
            self._clock.add(self)

    def mute(self, muted: bool = True) -> None:
        """Stop or start sending sound altogether, as a dead line does; keys still go out."""
        self._muted = muted
        if self._to is not None and not muted:
            self._clock.add(self)

    async def press(self, keys: str, key_ms: int = 100, gap_ms: int = 100) -> None:
        """Press keys one after another; returns when the last has been let go or the call ended."""
        done: asyncio.Future[None] = self._loop.create_future()
        for key in keys:
            event, frames = KEYS.index(key), max(key_ms // tones.FRAME_MS, 1)
            self._plan.extend((event, n, False) for n in range(1, frames + 1))
            self._plan.extend((event, frames, True) for _ in range(3))
            self._plan.extend([None] * max(gap_ms // tones.FRAME_MS, 1))
        self._plan.append(done)
        if self._to is not None:
            self._clock.add(self)
        await done

    def beat(self) -> None:
        """Send what this 20 ms hold: a frame of sound or a packet of a key."""
        self._timestamp = (self._timestamp + tones.FRAME_BYTES) & 0xFFFFFFFF
        step = self._plan.popleft() if self._plan else None
        while isinstance(step, asyncio.Future):
            if not step.done():
                step.set_result(None)
            step = self._plan.popleft() if self._plan else None
        if step is not None:
            event, frames, end = step
            first = frames == 1 and not end
            if first:
                self._key_timestamp = self._timestamp
            body = struct.pack("!BBH", event, 0x8A if end else 0x0A, frames * tones.FRAME_BYTES)
            self._send(self._key_payload | (0x80 if first else 0), self._key_timestamp, body)
        elif not self._muted:
            self._frame = (self._frame + 1) % len(self._frames)
            self._send(ALAW_PAYLOAD, self._timestamp, self._frames[self._frame])
        elif not self._plan:
            self._clock.remove(self)

    def _send(self, payload: int, timestamp: int, body: bytes) -> None:
        assert self._to is not None
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = RTP_HEADER.pack(0x80, payload, self._sequence, timestamp, self._ssrc)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._socket.sendto(header + body, self._to)

    def latest_s(self, since_s: float) -> float:
        """The worst lateness of the beat since then."""
        return self._clock.latest_s(since_s)

    def stop(self) -> None:
        """End: the port is free again, what was heard stays."""
        self._clock.remove(self)
        if self._socket.fileno() >= 0:
            if self.sound is Sound.FULL:
                self._read()
                self._loop.remove_reader(self._socket)
            self._socket.close()
        for step in self._plan:
            if isinstance(step, asyncio.Future) and not step.done():
                step.set_result(None)
        self._plan.clear()

    def _read(self) -> None:
        for _ in range(50):
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except OSError:
                continue
            at = time.monotonic()
            for level, kind, stamp in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(stamp) >= 16:
                    seconds, nanoseconds = struct.unpack("qq", stamp[:16])
                    at = seconds + nanoseconds / 1e9 + self._wall_offset_s
            self.received.take(packet, at, self._key_payload)
