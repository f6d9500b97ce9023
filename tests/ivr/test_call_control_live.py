"""Real callers, real phones, a real Asterisk and the real calls process; what is claimed of sound is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hotline.calls import Call
from hotline.events import RecallDue, now
from hotline.recordings import relative_path
from hotline.tickets import Ticket, TicketEntry
from hotline.units import VIETNAM
from tests.ivr.calls_house import CLOSED_HZ, PROMPT_HZ, CallsHouse, Decided, calls_house, seat
from tests.world import Answering, Citizen
from tests.world.leg import Leg
from tests.world.messages import Message, new_tag
from tests.world.sip import UserAgent

pytestmark = [pytest.mark.live]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    with calls_house(tmp_path_factory.mktemp("house"), ring_s="3", wrap_up_s="2") as house:
        yield house


@pytest.fixture
def house(running: CallsHouse) -> Iterator[CallsHouse]:
    """The running house with nobody signed in."""
    yield running
    running.all_leave()


def test_caller_and_operator_hear_each_other_and_the_call_ends_in_wrap_up(house: CallsHouse) -> None:
    house.decided["0912000001"] = Decided("YELLOW", message="message-YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(1.0)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000001", tone_hz=440).call("1022")
            await desk.until_talking(8)
            await leg.until_hears(620, within_s=3)
            heard = await leg.listen(2.0)
            assert desk.leg is not None
            desk_heard = await desk.leg.listen(2.0)
            assert heard[620] > 0.9, heard
            assert desk_heard[440] > 0.9, desk_heard
            await asyncio.to_thread(house.until_presence, "lan", "talking")
            desk.leg.hang_up()
            await leg.until_ended(3)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(house.until_presence, "lan", "wrap_up")
            await asyncio.sleep(2.5)
            await asyncio.to_thread(house.until_presence, "lan", "available")

    asyncio.run(scene())
    assert house.until_ended("0912000001", "served").answered_by == "lan"


def test_a_waiting_caller_hears_music_and_the_message_without_a_gap_of_silence(house: CallsHouse) -> None:
    house.decided["0912000002"] = Decided("YELLOW", message="message-YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()):
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000002").call("1022")
            await leg.until_hears(PROMPT_HZ, within_s=2, for_s=0.2)
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
            first, second = await asyncio.gather(one.until_rung(3), two.until_rung(3))
            assert abs(first.started_s - second.started_s) < 0.5, first.started_s - second.started_s
            assert first.header("X-Call-Id").startswith("n1-")
            await leg.until_hears(710, within_s=5)
            await first.until_ended(2)
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
            await one.until_rung(3)
            assert not two.legs
            await leg.until_hears(710, within_s=8)
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
            await asyncio.sleep(1.0)
            assert len(one.legs) + len(two.legs) == 1
            await leg.press("1")
            await asyncio.sleep(1.0)
            assert one.leg is not None
            assert two.leg is not None
            two.leg.answer()
            await leg.until_hears(710, within_s=3)
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
            await leg.until_hears(1500, within_s=16)
            assert duty.leg is not None
            assert 9.5 < duty.leg.started_s - (leg.answered_s or 0) < 12.5
            await duty.leg.until_hears(440, within_s=1)
            heard = await duty.leg.listen(1.5)
            assert heard[440] > 0.95, heard
            duty.leg.hang_up()
            await leg.until_ended(3)

    asyncio.run(scene())
    assert house.until_ended("0912000006", "served").answered_by == "chain:Trực Sở Y tế Bình Phước"


def test_talkers_go_on_while_calls_is_dead_and_the_next_one_ends_the_call_properly(house: CallsHouse) -> None:
    house.decided["0912000007"] = Decided("ORANGE")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000007", tone_hz=440).call("1022")
            await leg.until_hears(620, within_s=6)
            await asyncio.to_thread(house.kill_calls)
            heard = await leg.listen(2.0)
            assert heard[620] > 0.95, heard
            await asyncio.to_thread(house.start_calls)
            heard = await leg.listen(2.0)
            assert heard[620] > 0.95, heard
            await asyncio.to_thread(house.until_presence, "lan", "talking")
            assert desk.leg is not None
            desk.leg.hang_up()
            await leg.until_ended(3)

    asyncio.run(scene())
    house.until_ended("0912000007", "served")


def test_a_waiter_is_served_by_the_next_process_after_a_kill(house: CallsHouse) -> None:
    house.decided["0912000008"] = Decided("ORANGE", message="message-long")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            leg = await Citizen(trunk, "0912000008").call("1022")
            await asyncio.sleep(1.0)
            await asyncio.to_thread(house.kill_calls)
            await asyncio.to_thread(house.start_calls)
            await seat(house, lan="101")
            rung = await desk.until_rung(6)
            assert leg.heard(last_s=0.5)[PROMPT_HZ] > 0.8, "the message still plays"
            rung.answer()
            await leg.until_hears(620, within_s=2)
            leg.hang_up()

    asyncio.run(scene())


def test_a_caller_who_leaves_the_line_is_owed_a_call(house: CallsHouse) -> None:
    house.decided["0912000009"] = Decided("YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000009").call("1022")
            rung = await desk.until_rung(3)
            leg.hang_up()
            await rung.until_ended(2)
            await asyncio.to_thread(house.until_presence, "lan", "available")
            await asyncio.to_thread(house.ask, "lan", "sign_out")

    asyncio.run(scene())
    house.until(lambda: house.recalls_of("0912000009"), 3, "a recall")
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
            await leg.until_ended(6)

    asyncio.run(scene())
    house.until(lambda: house.recalls_of("0912000010"), 3, "a recall")
    house.until_ended("0912000010", "callback_asked")


def test_out_of_hours_a_nonmedical_caller_hears_so_and_is_promised_a_call_and_a_red_one_has_the_duty_numbers_rung(
    house: CallsHouse,
) -> None:
    house.decided["0912000061"], house.decided["0912000062"] = Decided("NONMED"), Decided("RED")

    async def scene() -> None:
        async with house.carrier() as trunk:
            leg = await Citizen(trunk, "0912000061").call("1022")
            await leg.until_hears(CLOSED_HZ, within_s=6)
            await leg.press("2")
            await leg.until_ended(6)
            duty = trunk.route("02713888001", Answering.answers(0.5), tone_hz=700)
            red = await Citizen(trunk, "0912000062").call("1022")
            station = await duty.until_talking(8)
            await station.until_hears(PROMPT_HZ, within_s=4)
            red.hang_up()
            await red.until_ended(4)

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


def test_a_recall_rings_the_operator_first_then_the_citizen_and_is_recorded(house: CallsHouse) -> None:
    house.decided["0912000011"] = Decided("GREEN")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            leg = await Citizen(trunk, "0912000011").call("1022")
            await asyncio.sleep(1.5)
            await leg.press("2")
            await leg.until_ended(6)
            home = trunk.route("0912000011", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking(10)
            assert desk.leg is not None
            await desk.leg.until_hears(440, within_s=4)
            await citizen.until_hears(620, within_s=4)
            assert "02711022" in citizen.caller_name
            heard = await desk.leg.listen(1.5)
            assert heard[440] > 0.9, heard
            citizen.hang_up()
            await desk.leg.until_ended(3)
            await asyncio.to_thread(_dropped, house)
            # One click from a wrap-up that the page holds: this desk, then the same citizen.
            again = await trunk.route("0912000011", Answering.answers(1.0), tone_hz=700).until_talking(12)
            await desk.leg.until_hears(700, within_s=4)
            await again.until_hears(620, within_s=4)
            again.hang_up()
            await desk.leg.until_ended(3)

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
    house.until(lambda: file.exists() and file.stat().st_size > 64_000, 4, "a recording of more than 2 s")


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
            await leg.until_ended(6)
            home = trunk.route("0912000012", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking(10)
            await citizen.until_hears(620, within_s=4)
            await asyncio.to_thread(house.kill_calls)
            assert desk.leg is not None
            desk.leg.hang_up()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(house.start_calls)
            await seat(house, minh="102")
            await citizen.until_hears(710, within_s=8)
            citizen.hang_up()
            await citizen.until_ended(3)

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
        await leg.until_hears(PROMPT_HZ, within_s=3, for_s=0.2)
        await asyncio.sleep(1.5)
        await leg.until_hears(PROMPT_HZ, within_s=5, for_s=0.2)

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            leg = await Citizen(trunk, number).call("1022")
            await asked(leg)
            await leg.press("3")
            await leg.press("4")
            await asyncio.to_thread(
                house.until, lambda: unit_of(number) == "689", 4, "the area on the ticket"
            )
            assert how(number) == ["keys"]
            leg.hang_up()
            await asyncio.to_thread(house.until_ended, number, "abandoned")
            await asyncio.sleep(1.0)  # Asterisk's ids count on, the database's order is by time
            leg = await Citizen(trunk, number).call("1022")
            await asyncio.to_thread(
                house.until, lambda: unit_of(number) == "689", 5, "the earlier one supposed"
            )
            await asked(leg)
            await leg.press("5")
            await asyncio.to_thread(house.until, lambda: how(number) == ["earlier", "ticket"], 4, "confirmed")
            leg.hang_up()
            await asyncio.to_thread(house.until_ended, number, "abandoned")
            house.forget_recalls()
            leg = await Citizen(trunk, other).call("1022")
            await asked(leg)
            await leg.press("1")
            call = house.call_of(other)
            assert call is not None
            await asyncio.to_thread(
                house.until, lambda: getattr(house.call_of(other), "acuity", "") == "RED", 2, "RED at once"
            )
            await seat(house, lan="101")
            await desk.until_rung(3)
            leg.hang_up()

    asyncio.run(scene())


def test_a_stranger_who_floods_us_is_shut_out_while_a_call_goes_on_undisturbed(house: CallsHouse) -> None:
    house.decided["0912000066"] = house.decided["0912000067"] = Decided("YELLOW")

    async def scene() -> tuple[list[int], dict[int, float]]:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000066", tone_hz=440).call("1022")
            await leg.until_hears(620, within_s=8)
            stranger = await UserAgent.open("127.0.0.9", 0)

            async def ask(n: int) -> int:
                await asyncio.sleep(n * 0.02)
                request = Message(
                    method="INVITE",
                    uri=f"sip:1022@{house.address[0]}:{house.address[1]}",
                    headers=(
                        stranger.via(),
                        ("Max-Forwards", "70"),
                        ("From", f"<sip:09{n:08d}@127.0.0.9>;tag={new_tag()}"),
                        ("To", "<sip:1022@127.0.0.1>"),
                        ("Call-ID", f"{new_tag()}@127.0.0.9"),
                        ("CSeq", "1 INVITE"),
                        stranger.contact("x"),
                    ),
                )
                return (await stranger.ask(request, house.address)).status

            began_s = time.monotonic()
            met = await asyncio.gather(*(ask(n) for n in range(200)))
            heard = leg.heard(time.monotonic() - began_s)
            assert leg.longest_gap_s(began_s) < 0.2
            assert desk.leg is not None
            assert desk.leg.heard(2.0)[440] > 0.9
            await stranger.finish()
            another = await Citizen(trunk, "0912000067").call("1022")
            for one in (leg, another):
                one.hang_up()
                await one.until_ended(3)
            return list(met), heard

    met, heard = asyncio.run(scene())
    assert heard[620] > 0.9
    assert set(met) == {401, 403}
    assert met.count(401) < 60, "so many were looked at before the stranger was shut out"
    assert set(met[100:]) == {403}


def test_a_supervisor_listens_whispers_joins_and_takes_over_and_each_hears_only_whom_they_may(
    house: CallsHouse,
) -> None:
    number, caller_hz, operator_hz, supervisor_hz = "0912000021", 440, 620, 1500
    house.decided[number] = Decided("ORANGE")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", operator_hz, Answering.answers(0.5)) as desk,
            house.phone("104", supervisor_hz, Answering.answers(0.5)) as chief,
        ):
            await seat(house, lan="101")
            leg = await Citizen(trunk, number, tone_hz=caller_hz).call("1022")
            await leg.until_hears(operator_hz, within_s=6)
            call = await asyncio.to_thread(house.call_of, number)
            assert call is not None
            await seat(house, truongca="104")

            async def act(kind: str) -> None:
                assert await asyncio.to_thread(house.ask, "truongca", kind, call_id=call.id) == ""

            async def heard() -> dict[str, set[int]]:
                """Whose tone each party hears for two seconds."""
                assert desk.leg is not None
                assert chief.leg is not None
                await asyncio.sleep(0.7)
                parties = {"caller": leg, "operator": desk.leg, "supervisor": chief.leg}
                shares = await asyncio.gather(*(one.listen(2.0) for one in parties.values()))
                tones = (caller_hz, operator_hz, supervisor_hz)
                found = {
                    who: {hz for hz in tones if share.get(hz, 0.0) > 0.5}
                    for who, share in zip(parties, shares, strict=True)
                }
                print(found, [{hz: round(share.get(hz, 0.0), 2) for hz in tones} for share in shares])  # noqa: T201 - the audio matrix, for reports
                return found

            alone = {"caller": {operator_hz}, "operator": {caller_hz}, "supervisor": {caller_hz, operator_hz}}
            await act("listen")
            await chief.until_talking(6)
            assert await heard() == alone
            await act("whisper")
            assert await heard() == {**alone, "operator": {caller_hz, supervisor_hz}}
            await act("barge")
            assert await heard() == {
                "caller": {operator_hz, supervisor_hz},
                "operator": {caller_hz, supervisor_hz},
                "supervisor": {caller_hz, operator_hz},
            }
            await act("listen")
            assert await heard() == alone
            await act("take_over")
            await leg.until_hears(supervisor_hz, within_s=2)
            share = await leg.listen(1.5)
            assert share.get(operator_hz, 0.0) < 0.1, share
            await asyncio.to_thread(house.until_presence, "lan", "wrap_up")
            await asyncio.to_thread(house.until_presence, "truongca", "talking")
            assert chief.leg is not None
            chief.leg.hang_up()
            await leg.until_ended(3)

    asyncio.run(scene())
    call = house.until_ended(number, "served")
    assert call.answered_by == "truongca"
    entries = house.rows(
        TicketEntry, TicketEntry.ticket_id == call.ticket_id, TicketEntry.kind == "call_watched"
    )
    assert [one.body["mode"] for one in entries] == ["listen", "whisper", "barge", "listen", "take_over"]
