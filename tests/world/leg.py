"""A party's part in one call: its SIP dialog, its sound, and a timeline of what it saw and heard."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Sequence

from tests.world.dialog import Dialog
from tests.world.messages import Message
from tests.world.rtp import Stream
from tests.world.sdp import MIRRORED, MediaOffer, offer, read_offer

POLL_S = 0.04


class NotInTime(AssertionError):  # noqa: N818 exceptions are named for the fact
    """What a party waited for did not happen; the text tells what it saw instead."""


class Leg:
    """One call of one party, in the party's own words. Times are `time.monotonic()` seconds."""

    def __init__(self, dialog: Dialog, who: str, stream: Stream) -> None:
        self.dialog, self.who, self.stream = dialog, who, stream
        self.timeline: list[tuple[float, str]] = []
        self.keys_sent: list[tuple[float, str]] = []
        self.started_s = time.monotonic()
        self.rang_s: float | None = None
        self.answered_s: float | None = None
        self.ended_s: float | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._note("incoming" if dialog.invite and dialog.state == "calling" else "dialled")
        dialog.listeners.append(self._changed)

    # ---- what happened ----

    @property
    def call_id(self) -> str:
        """The Call-ID on the wire: the key into the carrier's list."""
        return self.dialog.call_id

    @property
    def is_answered(self) -> bool:
        """Whether it is answered and not over."""
        return self.answered_s is not None and self.ended_s is None

    @property
    def final_status(self) -> int:
        """200 when answered, else the code that ended it (486 busy, 487 given up, 408 nobody there)."""
        return self.dialog.final_status

    @property
    def ended_by(self) -> str:
        """ "us" (this party), "them" (the product), or "" while it lasts."""
        return self.dialog.ended_by

    @property
    def first_sound_s(self) -> float | None:
        """When the first sound came, early media included; None so far."""
        sounding = self.stream.received.sounding
        return sounding[0] if sounding else None

    @property
    def caller_name(self) -> str:
        """For a call that came in: the From header, name and number as the product shows them."""
        return self.dialog.invite.header("from") if self.dialog.invite else ""

    def header(self, name: str) -> str:
        """A header of the INVITE."""
        return self.dialog.invite.header(name) if self.dialog.invite else ""

    # ---- what it does ----

    def ring(self) -> None:
        """Tell the caller that it rings."""
        self.dialog.progress(100)
        self.dialog.progress(180)

    def ring_with_sound(self) -> None:
        """Early media: the caller already hears our tone before the answer (183)."""
        self.dialog.progress(183, self._our_offer())
        self._aim()

    def answer(self) -> None:
        """Pick up."""
        self.dialog.accept(self._our_offer())

    def reject(self, status: int = 486) -> None:
        """Refuse."""
        self.dialog.reject(status)

    def hang_up(self) -> None:
        """End it in whatever way fits its state: BYE, CANCEL or a refusal."""
        self.dialog.hang_up()

    def vanish(self) -> None:
        """The line goes dead: no BYE, no more sound."""
        self.dialog.vanish()

    async def press(self, keys: str, key_ms: int = 100, gap_ms: int = 100) -> None:
        """Press keys; returns when the last has been let go. A "w" waits three seconds, as a dial string has it."""
        for key in keys:
            if self.ended_s is not None:
                return
            if key == "w":
                await asyncio.sleep(3.0)
                continue
            self.keys_sent.append((time.monotonic(), key))
            self._note(f"key {key}")
            await self.stream.press(key, key_ms, gap_ms)

    def press_at(self, after_answer_s: float, keys: str) -> None:
        """Press keys at a time counted from the answer, whatever is heard then."""

        async def press_then() -> None:
            base = self.answered_s or time.monotonic()
            await asyncio.sleep(max(base + after_answer_s - time.monotonic(), 0))
            await self.press(keys)

        self.later(press_then())

    async def hold(self) -> int:
        """Press the phone's own hold key (re-INVITE, sendonly); the final status."""
        status = await self.dialog.offer_again(self._our_offer("sendonly"))
        self.stream.mute()
        return status

    async def resume(self) -> int:
        """Take it off hold."""
        self.stream.mute(False)
        return await self.dialog.offer_again(self._our_offer())

    def later(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside; it is cancelled when the leg is closed."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Hang up if need be and give the ports back."""
        if self.ended_s is None:
            self.hang_up()
        for task in tuple(self._tasks):
            task.cancel()
        self.stream.stop()

    # ---- what it waits for ----

    async def until_ringing(self, within_s: float = 30.0) -> float:
        """When it rings; raises NotInTime."""
        return await self._until(lambda: self.rang_s, within_s, "nobody rang")

    async def until_answered(self, within_s: float = 30.0) -> float:
        """When it was answered; raises NotInTime, at once when it was refused."""
        await self._wait(self._settled, within_s)
        if self.answered_s is None:
            raise NotInTime(self._story(f"not answered in {within_s:g} s"))
        return self.answered_s

    async def until_ended(self, within_s: float = 30.0) -> float:
        """When it ended, answered or not; raises NotInTime."""
        await self._wait(self._ended, within_s)
        if self.ended_s is None:
            raise NotInTime(self._story(f"not over in {within_s:g} s"))
        return self.ended_s

    async def until_sound(self, within_s: float = 30.0, since_s: float | None = None) -> float:
        """When the first sound arrived after `since_s` (default: now); raises NotInTime."""
        since = time.monotonic() if since_s is None else since_s
        sounding = self.stream.received.sounding

        def first() -> float | None:
            n = bisect_left(sounding, since)
            return sounding[n] if n < len(sounding) else None

        return await self._until(first, within_s, "no sound")

    async def until_quiet(self, for_s: float = 0.5, within_s: float = 30.0) -> float:
        """When it has been quiet for so long; raises NotInTime."""
        received, start = self.stream.received, time.monotonic()

        def quiet() -> float | None:
            last = received.sounding[-1] if received.sounding else start
            return last + for_s if time.monotonic() - max(last, start) >= for_s else None

        return await self._until(quiet, within_s, "never quiet")

    async def until_hears(
        self, frequency_hz: int, within_s: float = 30.0, for_s: float = 0.5, share: float = 0.8
    ) -> float:
        """When that tone has been there for `for_s`; raises NotInTime with what was heard instead."""

        def there() -> float | None:
            now = time.monotonic()
            got = self.stream.received.heard(now - for_s, now).get(frequency_hz, 0.0)
            return now if got >= share else None

        return await self._until(there, within_s, f"{frequency_hz} Hz not heard")

    async def until_hears_one_of(
        self, tones_hz: Sequence[int], within_s: float = 30.0, for_s: float = 0.6, energy: float = 0.5
    ) -> int:
        """The first of these tones that is alone on the line for `for_s`; raises NotInTime.

        `energy` is the share of the sound's energy it must carry: music and speech are not mistaken for it.
        """

        def there() -> float | None:
            now = time.monotonic()
            got = self.stream.received.heard(now - for_s, now, tones_hz, energy)
            return next((float(hz) for hz, share in got.items() if share >= 0.8), None)

        return int(await self._until(there, within_s, f"none of {list(tones_hz)} Hz heard"))

    async def until_dead_air(self, for_s: float = 10.0, within_s: float = 3600.0) -> float:
        """When not one packet of sound came for so long, as when the product died; raises NotInTime."""
        times = self.stream.received.times

        def dead() -> float | None:
            now = time.monotonic()
            last = max(times[-1] if times else 0.0, self.answered_s or now)
            return now if now - last >= for_s else None

        return await self._until(dead, within_s, "the air was never dead")

    async def goes_on_hearing(
        self, frequency_hz: int, for_s: float, share: float = 0.9, within_s: float = 30.0
    ) -> None:
        """That tone for so long, in one piece and all of it after now; raises NotInTime.

        Listened to once more where the piece has holes, as they come from a machine with too much to do.
        """
        deadline = time.monotonic() + within_s
        while True:
            since = time.monotonic()
            got = (await self.listen(for_s)).get(frequency_hz, 0.0)
            if got >= share:
                return
            if self.ended_s is not None or since >= deadline:
                raise NotInTime(self._story(f"{frequency_hz} Hz heard for {got:.0%} of {for_s:g} s"))

    # ---- what it heard ----

    def heard(
        self, last_s: float | None = None, since_s: float | None = None, until_s: float | None = None
    ) -> dict[int, float]:
        """{frequency_hz: share of the time}, of the last seconds or between two times (default: all)."""
        since, until = self._span(last_s, since_s, until_s)
        return self.stream.received.heard(since, until)

    async def listen(self, for_s: float, known_hz: Sequence[int] | None = None) -> dict[int, float]:
        """Listen from now on for so long; {frequency_hz: share}."""
        since = time.monotonic()
        await asyncio.sleep(for_s)
        return self.stream.received.heard(since, since + for_s, known_hz)

    def silence_gaps(
        self, min_s: float, since_s: float | None = None, until_s: float | None = None
    ) -> list[tuple[float, float]]:
        """Spans of at least `min_s` without sound, as (from, to)."""
        since, until = self._span(None, since_s, until_s)
        return self.stream.received.silence_gaps(since, until, min_s)

    def longest_gap_s(self, since_s: float | None = None, until_s: float | None = None) -> float:
        """The longest time without sound."""
        since, until = self._span(None, since_s, until_s)
        return self.stream.received.longest_gap_s(since, until)

    def rms(self, last_s: float = 1.0) -> float:
        """Loudness of the last seconds, 0 to 32,767."""
        since, until = self._span(last_s, None, None)
        return self.stream.received.rms(since, until)

    def late_s(self, since_s: float) -> float:
        """The worst lateness of what we sent since then: so much of a gap may be this machine's own."""
        return self.stream.latest_s(since_s)

    @property
    def keys_heard(self) -> str:
        """Keys the other side sent to us."""
        return "".join(key for _, key in self.stream.received.keys)

    # ---- inside ----

    def _span(
        self, last_s: float | None, since_s: float | None, until_s: float | None
    ) -> tuple[float, float]:
        until = until_s if until_s is not None else self.ended_s or time.monotonic()
        if last_s is not None:
            return until - last_s, until
        return since_s if since_s is not None else self.answered_s or self.started_s, until

    def _our_offer(self, direction: str = "sendrecv") -> str:
        return offer(self.stream.host, self.stream.port, direction)

    def _changed(self, what: str, _message: Message | None) -> None:
        now = time.monotonic()
        self._note(what if what != "ended" else f"ended by {self.ended_by} ({self.final_status})")
        if what == "ringing" and self.rang_s is None:
            self.rang_s = now
        elif what == "answered":
            self.answered_s = now
            self._aim()
            self._settled.set()
        elif what in ("early", "media"):
            self._aim()
        elif what == "ended":
            self.ended_s = now
            self._settled.set()
            self._ended.set()
            self.stream.stop()

    def _aim(self) -> None:
        theirs: MediaOffer | None = read_offer(self.dialog.remote_sdp)
        if theirs is not None and theirs.port:
            self.stream.aim(theirs.host, theirs.port, theirs.key_payload)
            self.dialog.local_sdp = self._our_offer(MIRRORED[theirs.direction])

    def _note(self, what: str) -> None:
        self.timeline.append((time.monotonic(), what))

    async def _wait(self, event: asyncio.Event, within_s: float) -> None:
        try:
            await asyncio.wait_for(event.wait(), within_s)
        except TimeoutError:
            return

    async def _until(self, look: Callable[[], float | None], within_s: float, complaint: str) -> float:
        deadline = time.monotonic() + within_s
        while True:
            seen = look()
            if seen is not None:
                return seen
            if self.ended_s is not None:
                raise NotInTime(self._story(f"{complaint} before the call ended"))
            if time.monotonic() >= deadline:
                raise NotInTime(self._story(f"{complaint} in {within_s:g} s"))
            await asyncio.sleep(POLL_S)

    def _story(self, complaint: str) -> str:
        told = ", ".join(f"{t - self.started_s:.2f} s {what}" for t, what in self.timeline)
        heard = self.heard(last_s=2.0) if self.answered_s else {}
        return f"{self.who}: {complaint}; {told}; heard in the last 2 s: {heard}, rms {self.rms(2.0):.0f}"


async def _quietly(work: Coroutine[None, None, None]) -> None:
    """A party's plan ends with its call: what it still waited for is then no fault."""
    try:
        await work
    except NotInTime:
        return
