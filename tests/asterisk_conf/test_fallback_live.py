"""What a caller meets when every Python process is gone, hung or wrong: tones measured at both ends."""

import array
import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import pytest

from asterisk_conf import live_files, write_live_files
from front_door.selftest import recorded_tones
from hotline.events import now
from hotline.hours import Holiday, Span, is_open
from hotline.recordings import BYTES_A_SECOND, relative_path
from hotline.units import VIETNAM
from ivr.speech.music import tone
from ivr.speech.sound import write_pair
from tests.asterisk_conf.scene import PORTS, agi, carrier, cdrs_of, desk, hangs, run, says
from tests.asterisk_conf.switch import ANNOUNCEMENT_HZ, COMFORT_HZ, Switch
from tests.product import eventually
from tests.world import Answering, Citizen, Phone

FIRST_DUTY, SECOND_DUTY = "02713888001", "02713888002"

pytestmark = pytest.mark.live


def test_with_every_program_dead_a_signed_in_desk_rings_and_both_sides_hear_each_other(
    switch: Switch,
) -> None:
    """ORANGE, as everybody counts of whom nothing is known, rings one desk after another: RED must find one that is free."""

    async def scene() -> tuple[list[int], float]:
        async with (
            carrier(switch) as line,
            desk(switch, "101", 620) as first,
            desk(switch, "102", 760) as second,
            Phone("103", switch.password("103"), switch.address, ports=PORTS) as third,
            Phone("104", switch.password("104"), switch.address, ports=PORTS) as fourth,
        ):
            asked = time.monotonic()
            leg = await Citizen(line, "0912000001", tone_hz=440).call("02711022")
            rings = [asyncio.create_task(phone.until_rung()) for phone in (first, second)]
            await asyncio.wait(rings, return_when=asyncio.FIRST_COMPLETED)
            rang_s = time.monotonic() - asked
            for ring in rings:
                ring.cancel()
            rung = first if first.legs else second
            operator = await rung.until_talking()
            await leg.until_hears(rung.tone_hz or 0)
            await asyncio.gather(
                leg.goes_on_hearing(rung.tone_hz or 0, 1.5), operator.goes_on_hearing(440, 1.5)
            )
            leg.hang_up()
            await leg.until_ended()
            legs = [len(p.legs) for p in (first, second, third, fourth)]
            return legs, rang_s

    legs, rang_s = run(scene())
    assert sorted(legs[:2]) == [0, 1]
    assert legs[2:] == [0, 0], "who is not signed in is not rung"
    assert rang_s < 1


def test_the_call_is_recorded_from_the_answer_with_the_caller_left_and_what_they_hear_right(
    switch: Switch, tmp_path: Path
) -> None:
    async def scene() -> float:
        async with carrier(switch) as line, desk(switch, "101", 440):
            leg = await Citizen(line, "0912000002", tone_hz=1000).call("02711022")
            await leg.until_hears(440)
            await asyncio.sleep(3)
            leg.hang_up()
            await leg.until_ended()
            assert leg.ended_s and leg.answered_s
            return leg.ended_s - leg.answered_s

    lasted_s = run(scene())
    call_id = cdrs_of(switch, "0912000002")[0]["uniqueid"]
    file = switch.settings.recordings / relative_path(call_id)
    eventually(
        lambda: abs(file.stat().st_size / BYTES_A_SECOND - lasted_s) < 0.3, 10, f"{lasted_s:.1f} s of sound"
    )
    sound = file.read_bytes()
    talk = tmp_path / "talk.raw"
    talk.write_bytes(array.array("h", sound[-2 * BYTES_A_SECOND // 4 * 4 :]).tobytes())
    assert recorded_tones(talk) == (1000, 440)


async def waits_in(switch: Switch, queue: str) -> None:
    """Returns when somebody waits in that queue of app_queue's."""
    await asyncio.to_thread(
        eventually, lambda: "(wait:" in switch.console(f"queue show {queue}"), 15, f"somebody in {queue}"
    )


def test_key_1_in_the_line_is_an_emergency_and_jumps_it(switch: Switch) -> None:
    async def scene() -> str:
        async with carrier(switch) as line, desk(switch, "101", 620) as operator:
            talking = await Citizen(line, "0912000010").call("02711022")
            await talking.until_hears(620)
            await operator.until_rung()
            earlier = await Citizen(line, "0912000011", tone_hz=460).call("02711022")
            await waits_in(switch, "binhphuoc")
            emergency = await Citizen(line, "0912000012", tone_hz=480).call("02711022")
            await emergency.until_sound()
            await emergency.press("1")
            await waits_in(switch, "binhphuoc-urgent")
            talking.hang_up()
            rung = await operator.until_rung()
            await emergency.until_hears(620)
            for leg in (earlier, emergency):
                leg.hang_up()
            await emergency.until_ended()
            return rung.caller_name

    assert "0912000012" in run(scene())
    assert cdrs_of(switch, "0912000012")[-1]["acuity"] == "RED"


@pytest.mark.parametrize("earlier_acuity", ["NONMED", "ORANGE"])
def test_an_emergency_rings_while_an_earlier_caller_rings_a_desk(switch: Switch, earlier_acuity: str) -> None:
    async def scene() -> tuple[str, float]:
        async with (
            carrier(switch) as line,
            desk(switch, "101", 620, Answering.rings_on()) as one,
            desk(switch, "102", 760, Answering.rings_on()) as two,
        ):
            earlier = await Citizen(line, "0913000410").call("02711022")
            rings = [asyncio.create_task(phone.until_rung()) for phone in (one, two)]
            await asyncio.wait(rings, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0.5)
            assert len(one.legs) + len(two.legs) == 1, "one desk at a time"
            for ring in rings:
                ring.cancel()
            free = two if one.legs else one
            asked = time.monotonic()
            emergency = await Citizen(line, "0913000411").call("02711022")
            await emergency.until_sound()
            await emergency.press("1")
            await free.until_rung()
            await asyncio.sleep(1.0)  # out of one queue and into the other
            rung = free.leg or await free.until_rung()
            rang_s = time.monotonic() - asked
            rung.answer()
            await emergency.until_hears(free.tone_hz or 0)
            for leg in (earlier, emergency):
                leg.hang_up()
            await emergency.until_ended()
            return rung.caller_name, rang_s

    with agi(switch, says({"ACUITY": earlier_acuity, "NEXT": "line", "TRIAGE_DONE": "1"})):
        caller, rang_s = run(scene())
    assert "0913000411" in caller
    assert rang_s < 3
    assert cdrs_of(switch, "0913000411")[-1]["acuity"] == "RED"


def test_key_1_while_a_desk_rings_is_an_emergency_too(switch: Switch) -> None:
    async def scene() -> None:
        async with carrier(switch) as line, desk(switch, "101", 620, Answering.rings_on()) as operator:
            leg = await Citizen(line, "0912000013").call("02711022")
            await operator.until_rung()
            await leg.press("1")
            again = await operator.until_rung()
            again.answer()
            await leg.until_hears(620)
            leg.hang_up()
            await leg.until_ended()

    run(scene())
    assert cdrs_of(switch, "0912000013")[-1]["acuity"] == "RED"


def test_desks_that_do_not_answer_are_followed_by_the_duty_number_that_presses_1(switch: Switch) -> None:
    async def scene() -> tuple[float, float]:
        async with carrier(switch) as line, desk(switch, "101", 620, Answering.rings_on()):
            line.route(FIRST_DUTY, Answering.answers(0.3), tone_hz=1130, name="machine")
            second = line.route(SECOND_DUTY, Answering.answers(0.3, keys="1"), tone_hz=1210)
            leg = await Citizen(line, "0912000020", tone_hz=440).call("02711022")
            station = await second.until_rung(30)
            rung_s = time.monotonic()
            await leg.until_hears(1210)
            await asyncio.gather(leg.goes_on_hearing(1210, 1.0), station.goes_on_hearing(440, 1.0))
            assert station.heard(until_s=rung_s + 2.5).get(ANNOUNCEMENT_HZ, 0) > 0
            gap_s = leg.longest_gap_s()
            assert "02711022" in station.caller_name, "the hotline's own number is shown"
            station.hang_up()
            await leg.until_ended()
            return gap_s, leg.heard().get(1130, 0)

    gap_s, machine = run(scene())
    assert machine == 0, "an answering machine was connected to the caller"
    assert gap_s < 2
    parties = cdrs_of(switch, "0912000020")
    assert [p["served_by"] for p in parties if p["disposition"] == "ANSWERED"][-1] == "dialplan"


def test_a_duty_number_that_hangs_up_while_it_is_asked_is_followed_by_the_next(switch: Switch) -> None:
    async def scene() -> str:
        async with carrier(switch) as line:
            line.route(FIRST_DUTY, Answering.answers(0.3, talk_s=0.6), tone_hz=1130)
            line.route(SECOND_DUTY, Answering.answers(0.3, keys="1"), tone_hz=1210)
            leg = await Citizen(line, "0912000051", tone_hz=440).call("02711022")
            await leg.until_hears(1210)
            leg.hang_up()
            await leg.until_ended()
            return leg.ended_by

    assert run(scene()) == "us"


def test_key_1_while_a_duty_number_rings_brings_the_emergency_number(switch: Switch) -> None:
    async def scene() -> None:
        async with carrier(switch) as line:
            first = line.route(FIRST_DUTY, Answering.rings_on())
            line.route(SECOND_DUTY, Answering.rejects(486))
            line.route("115", Answering.answers(0.3), tone_hz=1360)
            leg = await Citizen(line, "0912000053", tone_hz=440).call("02711022")
            await first.until_rung()
            await leg.press("1")
            await leg.until_hears(1360)
            await leg.goes_on_hearing(1360, 1.0)
            leg.hang_up()
            await leg.until_ended()

    with agi(switch, says({"ACUITY": "YELLOW", "NEXT": "line", "TRIAGE_DONE": "1"})):
        run(scene())
    assert cdrs_of(switch, "0912000053")[-1]["acuity"] == "RED"


def test_with_nobody_anywhere_the_caller_leaves_a_message_and_is_never_left_in_silence(
    switch: Switch,
) -> None:
    async def scene() -> None:
        async with carrier(switch) as line:
            leg = await Citizen(line, "0912000030", tone_hz=440).call("02711022")
            await leg.until_hears(COMFORT_HZ)
            await leg.goes_on_hearing(COMFORT_HZ, 3.0, share=0.2)
            await leg.until_ended()

    run(scene())
    parties = cdrs_of(switch, "0912000030")
    assert parties[-1]["served_by"] == "message"
    size = (switch.settings.recordings / relative_path(parties[0]["uniqueid"])).stat().st_size
    assert size / BYTES_A_SECOND > TALKED_AT_LEAST_S


TALKED_AT_LEAST_S = 4.0


def test_the_dialplan_alone_knows_the_hours_and_plays_what_the_hotline_recorded(
    switch: Switch,
) -> None:
    """Below ORANGE a closed door rings no duty number; key 2 there is a promise and no message."""
    work = (
        Span(frozenset({1, 2, 3, 4, 5}), clock(7, 30), clock(11, 30)),
        Span(frozenset({1, 5}), clock(13), clock(17)),
    )
    night = (Span(frozenset({5, 6}), clock(18), clock(2)), Span(frozenset({7}), clock(0), clock(0)))
    today = now().astimezone(VIETNAM).date()
    holidays = (
        Holiday(date(2026, 9, 1), date(2026, 9, 2), "lễ"),
        Holiday(date(2026, 9, 2), date(2026, 9, 2), "trực", "binhduong", clock(8), clock(10)),
        Holiday(today, today + timedelta(days=1), "hôm nay", "binhphuoc"),
    )
    hotlines = tuple(
        replace(h, hours=work if h.key == "binhphuoc" else night) for h in switch.installation.hotlines
    )
    province = replace(switch.installation, hotlines=hotlines, holidays=holidays)
    dice = random.Random(1)
    moments = [
        datetime(2026, 8, 29, tzinfo=VIETNAM) + timedelta(minutes=dice.randrange(14 * 1440))
        for _ in range(60)
    ]
    moments += [
        datetime(2026, 9, day, hour, minute, tzinfo=VIETNAM)
        for day in (2, 4, 5)
        for hour, minute in ((2, 0), (7, 30), (11, 30), (23, 59))
    ]
    asked = [(h, at) for at in moments for h in hotlines]
    probe = (
        "\n[probe]\nexten => 1,1,Answer()\n"
        + "".join(
            f" same => n,Set(HOTLINE={h.key})\n same => n,Gosub(open,s,1({at.timestamp():.0f}))\n same => n,Set(SAID=${{SAID}}${{OPEN}})\n"
            for h, at in asked
        )
        + " same => n,Set(GLOBAL(PROBED)=${SAID})\n same => n,Hangup()\n"
    )
    texts = dict(live_files(switch.settings, province).texts)
    before = write_live_files(switch.settings, {"extensions.conf": texts["extensions.conf"] + probe})
    own = switch.settings.prompts / "vi" / "binhphuoc"
    try:
        write_pair(own / "closed", tone(OWN_HZ, 3.0))
        write_pair(own / "callback-confirmed", tone(OWN_HZ + 200, 1.0))
        switch.console("dialplan reload")
        switch.console("channel originate Local/1@probe application Wait 120")
        until = time.monotonic() + 90
        while "PROBED=" not in (told := switch.console("dialplan show globals")) and time.monotonic() < until:
            time.sleep(0.2)
        said = told.partition("PROBED=")[2].split()[0]
        wanted = "".join(str(int(is_open(h.hours, holidays, h.key, at))) for h, at in asked)
        assert said == wanted
        assert {*wanted} == {"0", "1"}

        async def scene() -> list[str]:
            async with carrier(switch) as line:
                leg = await Citizen(line, "0912000033", tone_hz=440).call("02711022")
                await leg.until_hears(OWN_HZ)
                await leg.press("2")
                await leg.until_hears(OWN_HZ + 200)
                await leg.until_ended()
                return [call.to_number for call in line.calls if call.direction == "from product"]

        with agi(switch, says({"ACUITY": "NONMED", "NEXT": "line", "TRIAGE_DONE": "1"})):
            assert run(scene()) == []
        assert cdrs_of(switch, "0912000033")[-1]["served_by"] == "dialplan"
    finally:
        for name in ("closed", "callback-confirmed"):
            for file in own.glob(f"{name}.*"):
                file.unlink()
        write_live_files(switch.settings, before)
        switch.console("dialplan reload")


OWN_HZ = 1700


@pytest.mark.parametrize(
    ("script", "acuity", "within_s"),
    [
        (hangs, "ORANGE", 4.0),
        (says({"ACUITY_REACHED": "RED"}), "RED", 2.0),
        (says({"ACUITY": "GREEN", "ACUITY_REACHED": "YELLOW"}), "YELLOW", 2.0),
        (says({"ACUITY": "YELLOW", "NEXT": "line", "TRIAGE_DONE": "1"}), "YELLOW", 2.0),
    ],
    ids=["hung", "died after the emergency key", "died before its end", "no Stasis application"],
)
def test_a_script_that_hangs_or_dies_leaves_the_caller_to_the_desks(
    switch: Switch, script: Callable[..., None], acuity: str, within_s: float
) -> None:
    number = f"09130001{len(acuity):02d}{int(within_s)}"

    async def scene() -> float:
        async with carrier(switch) as line, desk(switch, "101", 620) as operator:
            asked = time.monotonic()
            leg = await Citizen(line, number).call("02711022")
            await operator.until_rung(within_s + 2)
            rang_s = time.monotonic() - asked
            await leg.until_hears(620)
            leg.hang_up()
            await leg.until_ended()
            return rang_s

    switch.console(f"dialplan set global HOTLINE_BEAT {int(time.time()) + 3600}")
    with agi(switch, script):
        rang_s = run(scene())
    assert rang_s < within_s
    assert cdrs_of(switch, number)[-1]["acuity"] == acuity


def test_a_red_caller_whom_no_duty_number_takes_is_put_through_to_the_emergency_number(
    switch: Switch,
) -> None:
    async def scene() -> None:
        async with carrier(switch) as line:
            line.route(FIRST_DUTY, Answering.rejects(486))
            line.route("115", Answering.answers(0.3), tone_hz=1360)
            leg = await Citizen(line, "0913000210").call("02711022")
            await leg.until_hears(1360)
            await leg.goes_on_hearing(1360, 1.0)
            leg.hang_up()
            await leg.until_ended()

    with agi(switch, says({"ACUITY_REACHED": "RED"})):
        run(scene())


def test_a_caller_who_has_heard_it_all_is_let_go(switch: Switch) -> None:
    async def scene() -> str:
        async with carrier(switch) as line:
            leg = await Citizen(line, "0913000200").call("02711022")
            await leg.until_ended()
            return leg.ended_by

    with agi(switch, says({"ACUITY": "GREEN", "NEXT": "done", "TRIAGE_DONE": "1"})):
        assert run(scene()) == "them"
    [line] = cdrs_of(switch, "0913000200")
    assert (line["acuity"], line["triaged"], line["served_by"]) == ("GREEN", "1", "")


def test_with_every_prompt_and_the_music_missing_the_call_goes_on(switch: Switch) -> None:
    hidden = switch.settings.prompts.with_name("hidden")

    async def scene() -> tuple[float, str]:
        async with carrier(switch) as line, desk(switch, "101", 620, Answering.rings_on()):
            line.route(FIRST_DUTY, Answering.answers(1.5), tone_hz=1130)
            leg = await Citizen(line, "0913000300").call("02711022")
            await leg.until_sound()
            await asyncio.sleep(0.5)
            ringing = leg.rms(0.4)
            await leg.until_hears(1130)
            await leg.goes_on_hearing(1130, 1.0)
            leg.hang_up()
            await leg.until_ended()
            return ringing, leg.ended_by

    switch.settings.prompts.rename(hidden)
    try:
        ringing, ended_by = run(scene())
    finally:
        hidden.rename(switch.settings.prompts)
    assert ringing > 500, "the ringing tone of 425 Hz"
    assert ended_by == "us"
