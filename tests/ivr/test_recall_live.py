"""People the hotline owes a call, with a real Asterisk: who leaves, who asks, who is rung."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from hotline.calls import Call
from hotline.events import RecallDue, now
from hotline.recordings import relative_path
from tests.ivr.calls_house import CallsHouse, Decided, seat
from tests.world import Answering, Citizen

pytestmark = [pytest.mark.live]


def test_a_caller_who_leaves_the_line_is_owed_a_call(house: CallsHouse) -> None:
    house.decided["0912000009"] = Decided("YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000009").call("1022")
            rung = await desk.until_rung(15)
            leg.hang_up()
            lost_s = time.monotonic()
            await asyncio.to_thread(house.until, lambda: house.recalls_of("0912000009"), 15, "a recall")
            assert time.monotonic() - lost_s < 5, "a task within five seconds"
            await rung.until_ended(15)
            await asyncio.to_thread(house.until_presence, "lan", "available")
            await asyncio.to_thread(house.ask, "lan", "sign_out")

    asyncio.run(scene())
    (recall,) = house.recalls_of("0912000009")
    assert (recall.acuity, recall.why) == ("YELLOW", "lost")
    house.until_ended("0912000009", "abandoned")


def test_with_nobody_on_duty_a_green_caller_is_offered_a_callback_by_key_2(house: CallsHouse) -> None:
    house.decided["0912000010"] = Decided("GREEN")

    async def scene() -> None:
        async with house.carrier() as trunk:
            leg = await Citizen(trunk, "0912000010").call("1022")
            await asyncio.sleep(2.5)
            await leg.press("2")
            await leg.until_ended(15)

    asyncio.run(scene())
    house.until(lambda: house.recalls_of("0912000010"), 15, "a recall")
    house.until_ended("0912000010", "callback_asked")


def test_a_recall_rings_the_operator_first_then_the_citizen_and_is_recorded(house: CallsHouse) -> None:
    house.decided["0912000011"] = Decided("GREEN")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            leg = await Citizen(trunk, "0912000011").call("1022")
            await asyncio.sleep(1.5)
            await leg.press("2")
            await leg.until_ended(15)
            home = trunk.route("0912000011", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking(15)
            assert desk.leg is not None
            await desk.leg.until_hears(440, within_s=15)
            await citizen.until_hears(620, within_s=15)
            assert "02711022" in citizen.caller_name
            heard = await desk.leg.listen(1.5)
            assert heard[440] > 0.9, heard
            citizen.hang_up()
            await desk.leg.until_ended(15)
            await asyncio.to_thread(_dropped, house)
            # One click from a wrap-up that the page holds: this desk, then the same citizen.
            again = await trunk.route("0912000011", Answering.answers(1.0), tone_hz=700).until_talking(15)
            await desk.leg.until_hears(700, within_s=15)
            await again.until_hears(620, within_s=15)
            again.hang_up()
            await desk.leg.until_ended(15)

    asyncio.run(scene())
    states = {one.why: one.state for one in house.recalls_of("0912000011")}
    assert states == {"asked": "done", "dropped": "done"}
    asked = [one for one in house.recalls_of("0912000011") if one.why == "asked"]
    recall = max(asked, key=lambda one: one.made_at)
    ours = house.rows(Call, Call.direction == "out", Call.ticket_id == recall.ticket_id)
    assert len(ours) == 2
    out = min(ours, key=lambda call: call.arrived_at)
    assert (out.ticket_id, out.answered_by) == (recall.ticket_id, "lan")
    file = house.settings.recordings / relative_path(out.id)
    house.until(lambda: file.exists() and file.stat().st_size > 64_000, 15, "a recording of more than 2 s")


def _dropped(house: CallsHouse) -> None:
    """The citizen's line was lost: the page holds lan's wrap-up beyond its 2 s, and lan asks for the recall."""
    house.until_presence("lan", "wrap_up")
    ours = house.rows(Call, Call.direction == "out", Call.caller_number == "+84912000011")
    out = max(ours, key=lambda call: call.arrived_at)
    assert house.ask("lan", "hold_wrap_up", call_id=out.id) == ""
    house.until_presence("lan", "wrap_up page")
    time.sleep(2.5)
    assert house.presence("lan") == "wrap_up page"
    recall_id, later = f"r-{out.id}-1", now() + timedelta(hours=1)
    house.record.write(
        RecallDue(
            call_id=out.id, hotline=out.hotline, number=out.caller_number, acuity=out.acuity, why="dropped",
            due_at=now(), recall_id=recall_id, next_try_at=later,
        )
    )  # fmt: skip
    assert house.ask("lan", "recall_now", recall_id=recall_id, mine=True) == ""


def test_a_citizen_we_rang_whose_operator_leaves_while_calls_is_dead_is_first_in_line_again(
    house: CallsHouse,
) -> None:
    house.decided["0912000012"] = Decided("GREEN")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, Answering.answers(0.5)) as desk,
            house.phone("102", 710, Answering.answers(0.5)),
        ):
            leg = await Citizen(trunk, "0912000012").call("1022")
            await asyncio.sleep(1.5)
            await leg.press("2")
            await leg.until_ended(15)
            home = trunk.route("0912000012", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking(15)
            await citizen.until_hears(620, within_s=15)
            await asyncio.to_thread(house.kill_calls)
            assert desk.leg is not None
            desk.leg.hang_up()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(house.start_calls)
            await seat(house, minh="102")
            await citizen.until_hears(710, within_s=15)
            citizen.hang_up()
            await citizen.until_ended(15)

    asyncio.run(scene())
