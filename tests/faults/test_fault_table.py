"""Every fault strikes four callers at once, one in each phase; what each then hears is measured at their own ear."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.faults.table import EXPECTED, Fault, Phase
from tests.product import PROJECT, Product, eventually, running_product
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg
from tests.world.party import Station

OPERATOR_HZ, RINGER_HZ = 620, 760
WATCHED_S = 14.0


def number_of(fault: Fault, phase: Phase) -> str:
    """A number of its own for each cell: a number known from an earlier one would be a repeat caller."""
    return f"09120000{list(Fault).index(fault)}{list(Phase).index(phase)}"


def test_every_phase_meets_every_fault_in_the_table() -> None:
    assert set(EXPECTED) == set(product(Fault, Phase))


@dataclass
class Scene:
    carrier: Carrier
    legs: dict[Phase, Leg]
    citizen: Station
    """Whoever the product calls back through the carrier."""
    phones: tuple[Phone, ...]

    def put_down(self) -> None:
        for phone in self.phones:
            phone.answering = Answering.answers(0.5)
            if phone.leg is not None:
                phone.leg.vanish()


@asynccontextmanager
async def four_callers(on: Product, fault: Fault) -> AsyncIterator[Scene]:
    """One caller talks, one's operator rings, one waits, one is asked by the machine."""
    plan = on.plan()
    trunk = plan.trunks[0]
    citizen = Station("citizen", Answering.answers(1.0), 1580)
    citizen.one_call_only = False
    first, second = plan.desks[:2]
    async with (
        Carrier(plan.product, trunk.host, trunk.port) as carrier,
        Phone(
            first.user, first.password, plan.product, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.5)
        ) as answerer,
        Phone(
            second.user, second.password, plan.product, tone_hz=RINGER_HZ, answering=Answering.rings_on()
        ) as ringer,
    ):
        carrier.anybody = citizen
        tones = {Phase.TALKING: 1600, Phase.RINGING: 1700, Phase.WAITING: 1800, Phase.IVR: 1900}
        people = {phase: Citizen(carrier, number_of(fault, phase), tone_hz=tones[phase]) for phase in Phase}
        legs = {Phase.TALKING: await people[Phase.TALKING].call("02711022")}
        await asyncio.to_thread(on.sign_in, 1)
        await legs[Phase.TALKING].until_sound()
        await legs[Phase.TALKING].press("0")
        await legs[Phase.TALKING].until_hears(OPERATOR_HZ, within_s=15)
        await asyncio.to_thread(on.sign_in, 2)
        legs[Phase.RINGING] = await _asks_for_a_human(people[Phase.RINGING], "0")
        await ringer.until_rung(within_s=15)
        legs[Phase.WAITING] = await _asks_for_a_human(
            people[Phase.WAITING], "1" if fault is Fault.ASTERISK_KILLED else "0"
        )
        await asyncio.to_thread(
            eventually,
            lambda: (call := on.call_of(number_of(fault, Phase.WAITING))) and call.queued_at,
            10.0,
            "the third caller waits in the line",
        )
        legs[Phase.IVR] = await people[Phase.IVR].call("02711022")
        await legs[Phase.IVR].until_sound()
        yield Scene(carrier, legs, citizen, (answerer, ringer))
        for leg in (*legs.values(), ringer.leg):
            if leg is not None and leg.ended_s is None:
                leg.hang_up()


async def _asks_for_a_human(citizen: Citizen, key: str) -> Leg:
    leg = await citizen.call("02711022")
    await leg.until_sound()
    await leg.press(key)
    return leg


@contextmanager
def struck(on: Product, fault: Fault) -> Iterator[None]:
    """The fault, from the beginning of the block; mended at its end unless the product mends it itself."""
    if fault in (Fault.AGI_KILLED, Fault.CALLS_KILLED, Fault.REDIS_GONE, Fault.ASTERISK_KILLED):
        name = {
            Fault.AGI_KILLED: "agi",
            Fault.CALLS_KILLED: "calls",
            Fault.REDIS_GONE: "redis",
            Fault.ASTERISK_KILLED: "asterisk",
        }[fault]
        on.tell(name, signal.SIGKILL)
        yield
    elif fault in (Fault.AGI_HUNG, Fault.CALLS_HUNG):
        name = "agi" if fault is Fault.AGI_HUNG else "calls"
        pid = on.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if on.pid(name) == pid:  # nobody ended it: let the next test have it awake
                os.kill(pid, signal.SIGCONT)
    else:
        with _database_struck(on.given.var / "hotline.db", fault):
            yield


@contextmanager
def _database_struck(path: Path, fault: Fault) -> Iterator[None]:
    if fault is Fault.DATABASE_LOCKED:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    # Gone: its file cannot be opened or written any more (a dead disk), and comes back later as it was.
    aside = path.with_suffix(".aside")
    aside.mkdir()
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        if (path.parent / name).exists():
            (path.parent / name).rename(aside / name)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        for kept in aside.iterdir():
            kept.rename(path.parent / kept.name)
        aside.rmdir()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by the scenes, so that prompts are rendered once."""
    return tmp_path_factory.mktemp("p")


@pytest.fixture
def on(folder: Path) -> Iterator[Product]:
    """A product with nothing left of the scene before: no calls, no recalls, nobody on duty."""
    for kept in (folder / "var").glob("hotline.db*"):
        kept.unlink()
    for name in ("asterisk", "journal"):  # Asterisk's own list of calls would be told to the new database
        shutil.rmtree(folder / "var" / name, ignore_errors=True)
    with running_product(folder, ring_s="60", wrap_up_s="1") as found:
        yield found


@pytest.mark.live
@pytest.mark.timeout(150)
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.replace(" ", "-"))
def test_no_caller_is_left_in_silence(on: Product, fault: Fault) -> None:
    measured = asyncio.run(_measure(on, fault))
    _keep(fault, measured)
    wrong = [
        f"{fault}, {phase}: {story['said']} ({story})"
        for phase, story in measured.items()
        if story["said"] != "as the table says"
    ]
    assert not wrong, "\n".join(wrong)


async def _measure(on: Product, fault: Fault) -> dict[Phase, dict[str, object]]:
    async with four_callers(on, fault) as scene:
        await asyncio.sleep(1.0)
        struck_s = time.monotonic()
        with struck(on, fault):
            if fault is Fault.AGI_HUNG:
                await scene.legs[Phase.IVR].press("2")  # an answer that the hung script will not hear
            if fault is Fault.ASTERISK_KILLED:
                await asyncio.sleep(3.0)  # operators hear nothing any more, and put their handsets down
                scene.put_down()
            recalled_s = await _recalled(scene, struck_s) if fault is Fault.ASTERISK_KILLED else None
            await asyncio.sleep(max(0.0, struck_s + WATCHED_S - time.monotonic()))
        return {phase: _story(fault, phase, leg, struck_s, recalled_s) for phase, leg in scene.legs.items()}


async def _recalled(scene: Scene, struck_s: float) -> float | None:
    """Seconds until the lost RED caller's phone rang; the others' recalls may come before it."""
    waiting = number_of(Fault.ASTERISK_KILLED, Phase.WAITING)
    while time.monotonic() - struck_s < 70:
        for call in scene.carrier.calls:
            if call.direction != "to product" and call.to_number.endswith(waiting[1:]):
                return time.monotonic() - struck_s
        await asyncio.sleep(0.2)
    return None


def _story(
    fault: Fault, phase: Phase, leg: Leg, struck_s: float, recalled_s: float | None
) -> dict[str, object]:
    expected = EXPECTED[fault, phase]
    until_s = struck_s + WATCHED_S
    silence_s = round(leg.longest_gap_s(struck_s, until_s), 2)
    share = round(leg.heard(since_s=struck_s, until_s=until_s).get(OPERATOR_HZ, 0.0), 2)
    story: dict[str, object] = {
        "silence_s": silence_s,
        "operator_share": share,
        "ended": leg.ended_s is not None,
    }
    said = "as the table says"
    if expected.recalled_within_s is not None:
        story["recalled_s"] = None if recalled_s is None else round(recalled_s, 1)
        if recalled_s is None or recalled_s > expected.recalled_within_s:
            said = "was not recalled in time"
    elif silence_s > expected.silence_s:
        said = f"met silence longer than {expected.silence_s} s"
    elif expected.hears_operator and share < 0.9:
        said = "did not hear the operator all the time"
    elif leg.ended_s is not None and fault is not Fault.ASTERISK_KILLED:
        said = "was hung up"
    return story | {"said": said}


def _keep(fault: Fault, measured: dict[Phase, dict[str, object]]) -> None:
    """The measured table, for people: var/measured/faults.json."""
    path = PROJECT / "var" / "measured" / "faults.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = json.loads(path.read_text()) if path.exists() else {}
    table[str(fault)] = {str(phase): story for phase, story in measured.items()}
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
