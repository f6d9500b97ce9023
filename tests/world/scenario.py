"""A busy day outside: the whole world against one product, any number of calls, and what became of each."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from tests.world.carrier import Carrier, CarrierCall
from tests.world.company import CalledBack, Company
from tests.world.kinds import KINDS, Caller, Ends, Kind
from tests.world.leg import Leg, NotInTime
from tests.world.party import Answering, Callee, Citizen, Phone, Station
from tests.world.plan import Desk, Plan, WorldFault
from tests.world.rtp import Ports, Sound

DESK_TONES_HZ = (430, 480, 510, 540, 570, 600, 640, 680, 720, 760, 810, 860, 910, 960, 1020, 1070)
"""Between the notes of the scale, so that music on hold is not mistaken for an operator."""
STATION_TONES_HZ = (1130, 1210, 1280, 1360, 1440, 1520)
DEAD_AIR_S = 20.0
CITIZEN_TONES_HZ = tuple(range(1600, 3300, 20))


@dataclass
class Played:
    """What became of one citizen's call, as the citizen saw it."""

    call_id: str
    kind: str
    says: str
    hotline: str
    from_number: str
    """ "" when withheld."""
    to_number: str
    expected_acuity: str
    started_at: datetime
    keys: str = ""
    final_status: int = 0
    first_sound_s: float | None = None
    """From the answer to the first sound."""
    human: str = ""
    """Whose tone was heard: a desk's user, "duty", or "" for nobody."""
    human_after_s: float | None = None
    """From the last key (or the answer) to that tone."""
    talked_s: float = 0.0
    ended_by: str = ""
    note: str = ""
    """What was not as the kind of call expects; "" when all was."""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"started_at": self.started_at.isoformat()}


class World:
    """Everybody outside. `async with World(plan) as world: results = await world.run(20)`."""

    def __init__(
        self,
        plan: Plan,
        seed: int | None = None,
        kinds: Sequence[Kind] = KINDS,
        talk_s: tuple[float, float] = (4.0, 9.0),
        patience_s: float = 120.0,
        ready_within_s: float = 30.0,
        busy_within_s: float = 30.0,
        at_browser_desks: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self.plan, self.kinds = plan, tuple(kinds)
        self.seed = random.randrange(1 << 30) if seed is None else seed
        """The same seed makes the same calls; without one every run has callers nobody has seen before."""
        self.talk_s, self.patience_s, self.ready_within_s = talk_s, patience_s, ready_within_s
        self.busy_within_s = busy_within_s
        """How long a caller of a `when_busy` kind waits until every desk is talking before calling anyway."""
        self.company = Company(at_browser_desks)
        """Citizens whom a person at a browser's desk has stay as long as that person likes."""
        self.carriers: list[Carrier] = []
        self.phones: list[Phone] = []
        self.duty: list[Station] = []
        self._recalled = CalledBack(self.company, 8.0, 1580)
        self._ports = Ports(plan.rtp_first, plan.rtp_last)
        self._random = random.Random(self.seed)
        self._tones: Iterator[int] = cycle(CITIZEN_TONES_HZ)
        self._stack = AsyncExitStack()
        self._used_numbers: set[str] = set()

    async def __aenter__(self) -> "World":
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        plan = self.plan
        self.duty = [
            Station(
                f"duty {number}",
                Answering.answers(2.0, keys="1", key_after_s=2.0),
                STATION_TONES_HZ[n % len(STATION_TONES_HZ)],
            )
            for n, number in enumerate(plan.duty_numbers)
        ]
        team = Answering.answers(2.0, keys="5www1", key_after_s=3.0)
        tones = len(STATION_TONES_HZ)
        teams = [
            Station(f"team {n}", team, STATION_TONES_HZ[n % tones]) for n in range(len(plan.team_numbers))
        ]
        self.duty += teams
        for trunk in plan.trunks:
            carrier = Carrier(
                plan.product, trunk.host, trunk.port, trunk.channel_count, self._ports, name=trunk.hotline
            )
            numbers = (*plan.duty_numbers, *plan.team_numbers)
            for number, station in zip(numbers, self.duty, strict=True):
                carrier.route_to(number, station)
            carrier.anybody = self._recalled
            try:
                self.carriers.append(await self._stack.enter_async_context(carrier))
            except OSError as error:
                raise WorldFault(
                    f"Địa chỉ nhà mạng {trunk.host}:{trunk.port} không mở được ({error.strerror}): "
                    "hãy tắt chương trình đang giữ cổng đó."
                ) from error
        await self._stack.enter_async_context(self.company.kept())
        await asyncio.gather(*(self._open_phone(n, desk) for n, desk in enumerate(plan.desks)))

    async def _open_phone(self, n: int, desk: Desk) -> None:
        phone = Phone(
            desk.user,
            desk.password,
            self.plan.product,
            self.plan.desk_host,
            answering=Answering.answers(self._random.uniform(1.8, 3.0)),
            tone_hz=DESK_TONES_HZ[n % len(DESK_TONES_HZ)],
            ports=self._ports,
        )
        self.phones.append(phone)
        self._stack.push_async_callback(phone.go)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.ready_within_s
        while (status := await phone.plug_in(give_up_s=2.0)) != 200:
            if loop.time() >= deadline:
                host, port = self.plan.product
                raise WorldFault(
                    f"Máy bàn {desk.user} không đăng ký được với {host}:{port} (mã {status}): kiểm tra"
                    " Asterisk đang chạy và mật khẩu của máy."
                )
            await asyncio.sleep(0.5)

    @property
    def calls(self) -> list[CarrierCall]:
        """The carriers' own list, oldest first: the outside witness."""
        return sorted((c for carrier in self.carriers for c in carrier.calls), key=lambda c: c.started_at)

    def export(self, path: Path) -> None:
        """Write the carriers' list as JSON."""
        text = json.dumps([call.as_dict() for call in self.calls], ensure_ascii=False, indent=1)
        path.write_text(text, encoding="utf-8")

    async def run(
        self,
        count: int,
        at_once: int = 6,
        pause_s: tuple[float, float] = (0.3, 2.0),
        on_result: Callable[[Played], None] | None = None,
    ) -> list[Played]:
        """Play so many calls, each kind once before any comes twice; at most `at_once` citizens at a time."""
        playing = [one async for one in self._begin(count, asyncio.Semaphore(at_once), pause_s, on_result)]
        return list(await asyncio.gather(*playing))

    async def _begin(
        self,
        count: int,
        free: asyncio.Semaphore,
        pause_s: tuple[float, float],
        on_result: Callable[[Played], None] | None,
    ) -> AsyncIterator[asyncio.Task[Played]]:
        """So many calls, each as soon as there is a free citizen for it."""

        async def one(kind: Kind) -> Played:
            try:
                result = await self.play(kind)
            finally:
                free.release()
            if on_result is not None:
                on_result(result)
            return result

        for kind in self._choose(count):
            await free.acquire()
            yield asyncio.create_task(one(kind))
            await asyncio.sleep(self._random.uniform(*pause_s))

    async def run_for_ever(
        self,
        calls_a_minute: float = 10.0,
        at_once: int = 6,
        on_result: Callable[[Played], None] | None = None,
    ) -> None:
        """Keep calling until cancelled."""
        pause, free = 60.0 / calls_a_minute, asyncio.Semaphore(at_once)
        playing: set[asyncio.Task[Played]] = set()
        while True:
            # Nobody waits for the last of a round: somebody at a browser's desk may talk with one for minutes.
            async for one in self._begin(len(self.kinds), free, (pause * 0.5, pause * 1.5), on_result):
                playing.add(one)
                one.add_done_callback(playing.discard)
            for carrier in self.carriers:
                carrier.forget_ended()
            callees: list[Callee] = [*self.phones, *self.duty, self._recalled]
            for callee in callees:
                callee.forget_ended()

    async def settle(self, within_s: float = 30.0, quiet_s: float = 3.0) -> bool:
        """Wait until no call was on any trunk for a while (recalls included); False when time ran out."""
        loop = asyncio.get_running_loop()
        deadline, quiet_since = loop.time() + within_s, loop.time()
        while loop.time() < deadline:
            if any(carrier.channels_used for carrier in self.carriers):
                quiet_since = loop.time()
            if loop.time() - quiet_since >= quiet_s:
                return True
            await asyncio.sleep(0.1)
        return False

    def _choose(self, count: int) -> list[Kind]:
        first = self._random.sample(self.kinds, len(self.kinds))
        more = self._random.choices(self.kinds, [k.weight for k in self.kinds], k=max(count - len(first), 0))
        return [*first, *more][:count]

    # ---- one citizen ----

    async def play(self, kind: Kind, trunk_number: int | None = None) -> Played:
        """One call of that kind, from dialling to the end; never raises for what the product does wrong."""
        rng = random.Random(self._random.random())
        chosen = rng.randrange(len(self.carriers)) if trunk_number is None else trunk_number
        carrier, trunk = self.carriers[chosen], self.plan.trunks[chosen]
        number = self._new_number(kind.caller, rng)
        if kind.when_busy:
            await self._until_desks_busy()
        citizen = Citizen(
            carrier,
            number,
            tone_hz=next(self._tones) if kind.speaks else None,
            sound=Sound.FULL,
            withheld=kind.caller is Caller.WITHHELD,
        )
        called = rng.choice(trunk.numbers)
        leg = citizen.dial(called)
        played = Played(
            leg.call_id,
            kind.name,
            kind.says,
            trunk.hotline,
            "" if citizen.withheld else number,
            called,
            kind.acuity,
            datetime.now(UTC),
        )
        leg.later(_despair(leg, played))
        try:
            await self._live(leg, kind, played, rng)
        except NotInTime as fact:
            played.note = str(fact).partition(";")[0]
        finally:
            leg.close()
        played.keys = "".join(key for _, key in leg.keys_sent)
        played.final_status, played.ended_by = leg.final_status, leg.ended_by
        return played

    async def _live(self, leg: Leg, kind: Kind, played: Played, rng: random.Random) -> None:
        answered_s = await leg.until_answered(20.0)
        if kind.ends is Ends.AT_ONCE:
            await asyncio.sleep(rng.uniform(1.5, 3.5))
            return
        sound_s = await leg.until_sound(10.0, since_s=answered_s)
        played.first_sound_s = round(sound_s - answered_s, 3)
        for key in kind.keys:
            await asyncio.sleep(rng.uniform(0.6, 1.6))
            await leg.press(key)
            if key != kind.keys[-1] or kind.ends is Ends.IN_IVR:
                await asyncio.sleep(0.3)
                await leg.until_sound(10.0)
        last_s = leg.keys_sent[-1][0] if leg.keys_sent else answered_s
        await ENDINGS[kind.ends](self, leg, played, rng, last_s)

    async def _talk(
        self, leg: Leg, played: Played, rng: random.Random, last_s: float, operator_ends: bool = False
    ) -> None:
        voices = {phone.tone_hz or 0: phone.name for phone in self.phones}
        voices |= {station.tone_hz or 0: "duty" for station in self.duty}
        tone = await self._until_human(leg, played.from_number, tuple(voices))
        now = asyncio.get_running_loop().time()
        played.human, played.human_after_s = voices.get(tone, "browser"), round(now - last_s, 2)
        if tone == 0:
            await self.company.until_alone(leg, played.from_number)
            played.talked_s = round(asyncio.get_running_loop().time() - now, 2)
            return
        talk_s = rng.uniform(*self.talk_s)
        await _until_over(leg, talk_s)
        if not leg.is_answered:
            played.note = "the product ended the talk"
        phone = next((p for p in self.phones if p.name == played.human), None)
        if operator_ends and leg.is_answered and phone is not None and phone.leg is not None:
            phone.leg.hang_up()
            await _until_over(leg, 10.0)
            played.note = "still connected after the operator hung up" if leg.is_answered else ""
        played.talked_s = round(asyncio.get_running_loop().time() - now, 2)

    async def _until_human(self, leg: Leg, number: str, voices: tuple[int, ...]) -> int:
        """Whose tone is heard; 0: a person at a browser's desk has them. Raises NotInTime."""
        heard = asyncio.create_task(leg.until_hears_one_of(voices, self.patience_s))
        try:
            while not heard.done():
                if self.company.has(number):
                    return 0
                await asyncio.wait((heard,), timeout=0.5)
            return heard.result()
        finally:
            heard.cancel()

    async def _talk_to_the_end(self, leg: Leg, played: Played, rng: random.Random, last_s: float) -> None:
        await self._talk(leg, played, rng, last_s, operator_ends=True)

    async def _leave_menu(self, _leg: Leg, _played: Played, rng: random.Random, _last_s: float) -> None:
        await asyncio.sleep(rng.uniform(2.0, 4.0))

    async def _leave_line(self, _leg: Leg, _played: Played, rng: random.Random, _last_s: float) -> None:
        await asyncio.sleep(rng.uniform(0.8, 1.5))

    async def _hear_out(self, leg: Leg, _played: Played, _rng: random.Random, _last_s: float) -> None:
        await leg.until_ended(self.patience_s)

    async def _until_desks_busy(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.busy_within_s
        while loop.time() < deadline and not all(phone.is_talking for phone in self.phones):  # noqa: ASYNC110 many phones, no one event
            await asyncio.sleep(0.1)

    def _new_number(self, caller: Caller, rng: random.Random) -> str:
        while True:
            digits = f"{rng.randrange(10**7):07}"
            number = {
                Caller.MOBILE: f"{rng.choice(('091', '097', '090', '088'))}{digits}",
                Caller.WITHHELD: f"091{digits}",
                Caller.LANDLINE: f"02713{digits[:6]}",
                Caller.FOREIGN: f"+8552{digits}",
            }[caller]
            if number not in self._used_numbers:
                self._used_numbers.add(number)
                return number


async def _despair(leg: Leg, played: Played) -> None:
    """A citizen who hears nothing at all for long puts the phone down."""
    await leg.until_dead_air(DEAD_AIR_S)
    played.note = "dead air"
    leg.hang_up()


async def _until_over(leg: Leg, within_s: float) -> None:
    with contextlib.suppress(NotInTime):
        await leg.until_ended(within_s)


ENDINGS = {
    Ends.TALK: World._talk,
    Ends.OPERATOR: World._talk_to_the_end,
    Ends.IN_IVR: World._leave_menu,
    Ends.AT_ONCE: World._leave_menu,
    Ends.WAITING: World._leave_line,
    Ends.MESSAGE: World._hear_out,
}
