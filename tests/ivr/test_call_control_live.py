"""Real callers, real phones, a real Asterisk and the real calls process; what is claimed of sound is measured."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from hotline.events import now
from hotline.tickets import Ticket, TicketEntry
from hotline.units import VIETNAM
from tests.ivr.calls_house import CLOSED_HZ, PROMPT_HZ, CallsHouse, Decided, seat
from tests.world import Answering, Citizen
from tests.world.leg import Leg

pytestmark = [pytest.mark.live]


def test_caller_and_operator_hear_each_other_and_the_call_ends_in_wrap_up(house: CallsHouse) -> None:
    house.decided["0912000001"] = Decided("YELLOW", message="message-YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(1.0)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000001", tone_hz=440).call("1022")
            await desk.until_talking()
            await leg.until_hears(620)
            assert desk.leg is not None
            await asyncio.gather(leg.goes_on_hearing(620, 2.0), desk.leg.goes_on_hearing(440, 2.0))
            await asyncio.to_thread(house.until_presence, "lan", "talking")
            desk.leg.hang_up()
            await leg.until_ended()
            await asyncio.to_thread(house.until_presence, "lan", "wrap_up")
            await asyncio.to_thread(house.until_presence, "lan", "available")

    asyncio.run(scene())
    assert house.until_ended("0912000001", "served").answered_by == "lan"


def test_a_waiting_caller_hears_music_and_the_message_without_a_gap_of_silence(house: CallsHouse) -> None:
    house.decided["0912000002"] = Decided("YELLOW", message="message-YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()):
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000002").call("1022")
            await leg.until_hears(PROMPT_HZ, for_s=0.2)
            await asyncio.sleep(2.0)
            assert leg.silence_gaps(0.4) == [], leg.silence_gaps(0.2)
            leg.hang_up()

    asyncio.run(scene())


def test_red_rings_every_desk_at_once_and_the_first_answer_wins(house: CallsHouse) -> None:
    house.decided["0912000003"] = Decided("RED", message="message-RED")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, Answering.rings_on()) as one,
            house.phone("102", 710, Answering.answers(2.0)) as two,
        ):
            await seat(house, lan="101", minh="102")
            leg = await Citizen(trunk, "0912000003").call("1022")
            first, second = await asyncio.gather(one.until_rung(), two.until_rung())
            assert abs(first.started_s - second.started_s) < 0.5, first.started_s - second.started_s
            assert first.header("X-Call-Id").startswith("n1-")
            await leg.until_hears(710)
            await first.until_ended()
            await asyncio.to_thread(house.until_presence, "lan", "available")
            await asyncio.to_thread(house.until_presence, "minh", "talking")
            leg.hang_up()

    asyncio.run(scene())
    assert house.until_ended("0912000003", "served").answered_by == "minh"


def test_a_missed_ring_goes_to_the_next_desk_and_pauses_the_one_that_missed(house: CallsHouse) -> None:
    house.decided["0912000004"] = Decided("GREEN")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, Answering.rings_on()) as one,
            house.phone("102", 710, Answering.answers(1.0)) as two,
        ):
            await seat(house, lan="101")
            await seat(house, minh="102")
            leg = await Citizen(trunk, "0912000004").call("1022")
            await one.until_rung()
            assert not two.legs
            await leg.until_hears(710)
            await asyncio.to_thread(house.until_presence, "lan", "paused missed")
            leg.hang_up()

    asyncio.run(scene())


def test_key_1_while_waiting_is_red_and_rings_everybody(house: CallsHouse) -> None:
    house.decided["0912000005"] = Decided("NONMED", branch="services")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, Answering.rings_on()) as one,
            house.phone("102", 710, Answering.rings_on()) as two,
        ):
            await seat(house, lan="101", minh="102")
            leg = await Citizen(trunk, "0912000005").call("1022")
            rings = [asyncio.create_task(phone.until_rung()) for phone in (one, two)]
            await asyncio.wait(rings, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0.5)
            assert len(one.legs) + len(two.legs) == 1
            await leg.press("1")
            await asyncio.gather(*rings)
            assert two.leg is not None
            two.leg.answer()
            await leg.until_hears(710)
            leg.hang_up()

    asyncio.run(scene())
    call = house.call_of("0912000005")
    assert call is not None
    assert call.acuity == "RED"


def test_after_ten_seconds_a_duty_number_takes_a_red_call_by_key_1(house: CallsHouse) -> None:
    house.decided["0912000006"] = Decided("RED")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()):
            duty = trunk.route("02713888001", Answering.answers(1.0, keys="1", key_after_s=1.0), tone_hz=1500)
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000006", tone_hz=440).call("1022")
            await leg.until_hears(1500)
            assert duty.leg is not None
            assert 9.5 < duty.leg.started_s - (leg.answered_s or 0) < 12.5
            await duty.leg.until_hears(440)
            await duty.leg.goes_on_hearing(440, 1.5)
            duty.leg.hang_up()
            await leg.until_ended()

    asyncio.run(scene())
    assert house.until_ended("0912000006", "served").answered_by == "chain:Trực Sở Y tế Bình Phước"


def test_talkers_go_on_while_calls_is_dead_and_the_next_one_ends_the_call_properly(house: CallsHouse) -> None:
    house.decided["0912000007"] = Decided("ORANGE")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000007", tone_hz=440).call("1022")
            await leg.until_hears(620)
            killed_s = time.monotonic()
            await asyncio.to_thread(house.kill_calls)
            await leg.goes_on_hearing(620, 2.0)
            await asyncio.to_thread(house.start_calls)
            await leg.goes_on_hearing(620, 2.0)
            # Late packets of a busy machine are shorter; a talk that was cut and healed is longer.
            assert leg.silence_gaps(1.0, since_s=killed_s) == []
            await asyncio.to_thread(house.until_presence, "lan", "talking")
            assert desk.leg is not None
            desk.leg.hang_up()
            await leg.until_ended()

    asyncio.run(scene())
    house.until_ended("0912000007", "served")


def test_a_waiter_is_served_by_the_next_process_after_a_kill(house: CallsHouse) -> None:
    house.decided["0912000008"] = Decided("ORANGE", message="message-long")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            leg = await Citizen(trunk, "0912000008").call("1022")
            await leg.until_hears(PROMPT_HZ)
            await asyncio.to_thread(house.kill_calls)
            await asyncio.to_thread(house.start_calls)
            await seat(house, lan="101")
            rung = await desk.until_rung()
            assert leg.heard(last_s=0.5)[PROMPT_HZ] > 0.8, "the message still plays"
            rung.answer()
            await leg.until_hears(620)
            leg.hang_up()

    asyncio.run(scene())


def test_desks_are_mirrored_into_the_dialplans_own_queues(house: CallsHouse) -> None:
    async def scene() -> None:
        async with house.carrier(), house.phone("101", 620, Answering.rings_on()):
            await seat(house, lan="101")
            shown = await asyncio.to_thread(house.until_queue, "PJSIP/101")
            assert "paused" not in shown
            clicked_s = time.monotonic()
            assert await asyncio.to_thread(house.ask, "lan", "pause", reason="lunch") == ""
            assert time.monotonic() - clicked_s < 2.0, "a click acts in two seconds although Redis is away"
            await asyncio.to_thread(house.until_queue, "paused")
            refused = await asyncio.to_thread(house.ask, "minh", "sign_in", phone="101")
            assert "101" in refused
            refused = await asyncio.to_thread(house.ask, "minh", "sign_in", phone="103")
            assert "chưa đăng ký" in refused

    asyncio.run(scene())


def test_what_an_administrator_changes_of_a_person_holds_for_the_next_call_and_cuts_no_talk(
    house: CallsHouse,
) -> None:
    """Hotlines, a language and the right to sign in, each while the shift goes on."""
    house.decided |= {n: Decided("YELLOW") for n in ("0912000401", "0912000402")}
    house.decided["0912000403"] = Decided("YELLOW", language="en")

    async def scene() -> None:
        answers = Answering.answers(0.5)
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, answers) as lan,
            house.phone("102", 760, answers) as minh,
        ):
            await seat(house, lan="101", minh="102")

            async def meets(number: str, hz: int, switched_off: str = "") -> None:
                leg = await Citizen(trunk, number, tone_hz=440).call("1022")
                await leg.until_hears(hz)
                if switched_off:
                    await asyncio.to_thread(house.change_person, switched_off, active=False)
                    await leg.goes_on_hearing(hz, 1.5)  # whoever is switched off talks to the end
                leg.hang_up()
                await leg.until_ended()

            await asyncio.to_thread(house.change_person, "lan", hotlines=["binhduong"])
            await asyncio.to_thread(
                house.until, lambda: "PJSIP/101" not in house.until_queue("PJSIP/102"), 30, "left"
            )
            await meets("0912000401", 760)
            await asyncio.to_thread(house.until_presence, "minh", "available")
            assert not lan.legs
            await asyncio.to_thread(house.change_person, "lan", hotlines=[], skills=["en"])
            await meets("0912000403", 620)
            await asyncio.to_thread(house.until_presence, "lan", "available")
            await asyncio.to_thread(house.change_person, "lan", hotlines=["binhduong"])
            await meets("0912000402", 760, switched_off="minh")
            await asyncio.to_thread(house.until_presence, "minh", "offline")
            assert len(minh.legs) == 2

    try:
        asyncio.run(scene())
    finally:
        house.change_person("lan", hotlines=[], skills=[])
        house.change_person("minh", active=True)


def test_a_caller_names_their_area_while_waiting_confirms_it_the_next_time_and_key_1_is_red_at_once(
    house: CallsHouse,
) -> None:
    number, other = "0912000012", "0912000013"
    house.decided[number] = house.decided[other] = Decided("ORANGE")

    def unit_of(caller: str) -> str:
        call = house.call_of(caller)
        found = house.rows(Ticket, Ticket.id == call.ticket_id) if call is not None else []
        return found[0].unit_code if found else ""

    def how(caller: str) -> list[str]:
        call = house.call_of(caller)
        assert call is not None
        chosen = house.rows(
            TicketEntry, TicketEntry.ticket_id == call.ticket_id, TicketEntry.kind == "unit_chosen"
        )
        return [entry.body["how"] for entry in chosen]

    async def asked(leg: Leg) -> None:
        """The words after the first ones: the question."""
        await leg.until_hears(PROMPT_HZ, for_s=0.2)
        await asyncio.sleep(1.5)
        await leg.until_hears(PROMPT_HZ, for_s=0.2)

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            leg = await Citizen(trunk, number).call("1022")
            await asked(leg)
            await leg.press("3")
            await leg.press("4")
            await asyncio.to_thread(
                house.until, lambda: unit_of(number) == "689", 30, "the area on the ticket"
            )
            assert how(number) == ["keys"]
            leg.hang_up()
            await asyncio.to_thread(house.until_ended, number, "abandoned")
            await asyncio.sleep(1.0)  # Asterisk's ids count on, the database's order is by time
            leg = await Citizen(trunk, number).call("1022")
            await asyncio.to_thread(
                house.until, lambda: unit_of(number) == "689", 30, "the earlier one supposed"
            )
            await asked(leg)
            await leg.press("5")
            await asyncio.to_thread(
                house.until, lambda: how(number) == ["earlier", "ticket"], 30, "confirmed"
            )
            leg.hang_up()
            await asyncio.to_thread(house.until_ended, number, "abandoned")
            house.forget_recalls()
            leg = await Citizen(trunk, other).call("1022")
            await asked(leg)
            await leg.press("1")
            call = house.call_of(other)
            assert call is not None
            await asyncio.to_thread(
                house.until, lambda: getattr(house.call_of(other), "acuity", "") == "RED", 30, "RED at once"
            )
            await seat(house, lan="101")
            await desk.until_rung()
            leg.hang_up()

    asyncio.run(scene())


def test_out_of_hours_a_nonmedical_caller_hears_so_and_is_promised_a_call_and_a_red_one_has_the_duty_numbers_rung(
    house: CallsHouse,
) -> None:
    house.decided["0912000061"], house.decided["0912000062"] = Decided("NONMED"), Decided("RED")

    async def scene() -> None:
        async with house.carrier() as trunk:
            leg = await Citizen(trunk, "0912000061").call("1022")
            await leg.until_hears(CLOSED_HZ)
            await leg.press("2")
            await leg.until_ended()
            duty = trunk.route("02713888001", Answering.answers(0.5), tone_hz=700)
            red = await Citizen(trunk, "0912000062").call("1022")
            station = await duty.until_talking()
            await station.until_hears(PROMPT_HZ)
            red.hang_up()
            await red.until_ended()

    today = now().astimezone(VIETNAM).date()
    house.publish_holidays(
        {"date": str(today), "until": str(today + timedelta(days=1)), "name": "nghỉ"},
    )
    try:
        asyncio.run(scene())
    finally:
        house.publish_holidays()
    house.until_ended("0912000061", "callback_asked")
    house.until_ended("0912000062", "abandoned")
