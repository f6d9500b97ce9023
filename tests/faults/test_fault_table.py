"""Every fault strikes four callers at once, one in each phase; what each then hears is measured at their own ear."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.faults.conftest import Struck
from tests.faults.losing import WAYS, at_a_full_trunk
from tests.faults.scene import OPERATOR_HZ, RINGER_HZ, Scene, four_callers, number_of
from tests.faults.striking import STRIKES
from tests.faults.table import EXPECTED, Fault, Phase
from tests.postgres import Server
from tests.product import PROJECT, Product
from tests.world import Carrier

WATCHED_S = 12.0
TASK_WITHIN_S = 5.0
"""From a caller's loss to the task of ringing them back."""
SERVED_WITHIN_S = 3.0
"""From the moment an operator picks up to the first caller who hears them."""
RECALLED_WITHIN_S = 90.0
"""How long the test looks at recalls; the table's own limits may be longer."""
Story = dict[str, Any]


def test_every_phase_meets_every_fault_in_the_table() -> None:
    assert {fault: set(row) for fault, row in EXPECTED.items()} == {fault: set(Phase) for fault in Fault}
    assert set(STRIKES) == set(Fault)


@pytest.mark.live
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.replace(" ", "-"))
def test_no_caller_is_left_in_silence_and_none_is_missing(struck: Struck, fault: Fault) -> None:
    on, server = struck.by(fault)
    measured, wrong = asyncio.run(_measure(on, fault, server))
    _keep(fault, measured)
    assert not wrong, "\n".join([*wrong, json.dumps(measured, indent=1)])


@pytest.mark.live
@pytest.mark.timeout(300)
def test_whoever_is_lost_in_any_way_is_a_task_within_five_seconds_by_the_carriers_own_list(
    struck: Struck,
) -> None:
    on, _ = struck.by(Fault.AGI_KILLED)
    took_s, missing = asyncio.run(_lose_everybody(on))
    path = PROJECT / "var" / "measured" / "losses.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(took_s, indent=1) + "\n")
    assert missing == [], took_s
    assert {way: s for way, s in took_s.items() if s > TASK_WITHIN_S} == {}


async def _lose_everybody(on: Product) -> tuple[dict[str, float], list[str]]:
    """By each way: seconds from the loss to the task; and who of the carrier's list is owed nothing although they should be."""
    plan = on.plan()
    trunk = plan.trunks[0]
    took_s = {}
    async with Carrier(plan.product, trunk.host, trunk.port) as carrier:
        for n, (way, lose) in enumerate(WAYS.items(), 1):
            number = f"09179{n}5000"
            lost_s = await lose(on, carrier, number)
            await asyncio.to_thread(_until_owed, on, number, lost_s + 3 * TASK_WITHIN_S)
            took_s[way] = round(time.monotonic() - lost_s, 2)
            if lose is at_a_full_trunk:
                await asyncio.sleep(TASK_WITHIN_S)  # the others' hang-ups
        lost = {
            call.from_number
            for call in carrier.calls
            if call.direction == "to product"
            and (call.keys or call.talked_s > 5.5 or call.final_status == 503)
        }
        assert len(lost) >= len(WAYS)
        return took_s, sorted(number for number in lost if not on.recalls_of(number))


def _until_owed(on: Product, number: str, until_s: float) -> None:
    while not on.recalls_of(number) and time.monotonic() < until_s:
        time.sleep(0.05)


async def _measure(on: Product, fault: Fault, server: Server | None) -> tuple[dict[Phase, Story], list[str]]:
    async with four_callers(on, fault) as scene:
        lost = fault is Fault.ASTERISK_KILLED
        # Sound reaches the disk a second at a time: a call that Asterisk's death ends sooner leaves none.
        await asyncio.sleep(1.5 if lost else 0.5)
        with STRIKES[fault](on, server):
            struck_s = time.monotonic()
            if lost:
                measured = await _recalls(scene, struck_s)
            else:
                # An answer that a dead script will not hear; a living one puts the caller in the line.
                await scene.legs[Phase.IVR].press("0")
                await asyncio.sleep(max(0.0, struck_s + WATCHED_S - time.monotonic()))
                measured = {phase: _heard(scene, phase, struck_s) for phase in Phase}
                measured[Phase.RINGING]["served_s"] = served_s = await _served(scene)
        expected = EXPECTED[fault]
        wrong = [said for phase in Phase for said in _faults(expected[phase], phase, measured[phase])]
        if not lost and served_s is None:
            wrong.append(f"nobody heard the operator who picked up within {SERVED_WITHIN_S:.0f} s")
        await scene.over()
        wrong += await asyncio.to_thread(on.missing, scene.carrier)
        return measured, wrong


def _heard(scene: Scene, phase: Phase, since_s: float) -> Story:
    leg, until_s = scene.legs[phase], since_s + WATCHED_S
    share = leg.heard(since_s=since_s, until_s=until_s).get(OPERATOR_HZ, 0.0)
    return {
        "silence_s": round(leg.longest_gap_s(since_s, until_s), 2),
        "operator_share": round(share, 2),
        "ended": leg.ended_s is not None,
    }


async def _served(scene: Scene) -> float | None:
    """The operator whose phone rings picks up: seconds until a waiting caller hears them, None for nobody.

    A call handed to the dialplan rings the phone anew, so whatever rings is answered.
    """
    began_s = time.monotonic()
    waiting = [scene.legs[phase] for phase in Phase if phase is not Phase.TALKING]
    while time.monotonic() - began_s < SERVED_WITHIN_S:
        leg = scene.ringer.leg
        if leg is not None and not leg.is_answered:
            leg.answer()
        if any(caller.heard(last_s=0.6).get(RINGER_HZ, 0.0) > 0.5 for caller in waiting):
            return round(time.monotonic() - began_s, 1)
        await asyncio.sleep(0.1)
    return None


async def _recalls(scene: Scene, struck_s: float) -> dict[Phase, Story]:
    """Seconds until the phone of each lost caller rang."""
    for leg in scene.legs.values():
        leg.vanish()
    await asyncio.sleep(3.0)
    scene.put_down()
    found: dict[Phase, Story] = {phase: {"recalled_s": None} for phase in Phase}
    numbers = {number_of(Fault.ASTERISK_KILLED, phase)[1:]: phase for phase in Phase}
    while time.monotonic() - struck_s < RECALLED_WITHIN_S:
        for call in scene.carrier.calls:
            phase = numbers.get(call.to_number[-9:])
            if call.direction != "to product" and phase and found[phase]["recalled_s"] is None:
                found[phase]["recalled_s"] = round(time.monotonic() - struck_s, 1)
        if all(story["recalled_s"] for story in found.values()):
            break
        await asyncio.sleep(0.1)
    return found


def _faults(expected: Any, phase: Phase, story: Story) -> list[str]:
    if expected.recalled_within_s is not None:
        took_s = story["recalled_s"]
        late = took_s is None or took_s > expected.recalled_within_s
        return [f"{phase}: rung back after {took_s} s, not {expected.recalled_within_s:.0f}"] if late else []
    found = []
    if story["silence_s"] > expected.silence_s:
        found.append(f"{phase}: {story['silence_s']} s of silence, not {expected.silence_s}")
    if expected.hears_operator and story["operator_share"] < 0.9:
        found.append(f"{phase}: heard the operator only {story['operator_share']:.0%} of the time")
    if story["ended"]:
        found.append(f"{phase}: was hung up")
    return found


def _keep(fault: Fault, measured: dict[Phase, Story]) -> None:
    """The measured table, for people: var/measured/faults.json."""
    path = PROJECT / "var" / "measured" / "faults.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = json.loads(path.read_text()) if path.exists() else {}
    table[str(fault)] = {str(phase): story for phase, story in measured.items()}
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
