"""Calls that the hotline makes, with a real Asterisk: to people it owes one, and to teams that are given an order."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from hotline import agencies, database, due_work, ordering
from hotline.calls import Call
from hotline.database import transaction
from hotline.deadlines import Worker
from hotline.events import CallArrived, RecallDue, now
from hotline.ordering import By, Wanted
from hotline.orders import Actor, Assignment, Happening, Means, OrderTry
from hotline.organisation import Agency
from hotline.recordings import LegRecording, relative_path
from hotline.tickets import Ticket, TicketEntry
from ivr.kept_leg_recordings import KeptLegRecordings
from tests.ivr.calls_house import NOTED_HZ, OFF_HZ, PROMPT_HZ, RESULT_HZ, WHO_HZ, CallsHouse, Decided, seat
from tests.world import Answering, Citizen

pytestmark = [pytest.mark.live]
_ORDERED = count(1)


def test_a_caller_who_leaves_the_line_is_owed_a_call(house: CallsHouse) -> None:
    house.decided["0912000009"] = Decided("YELLOW")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.rings_on()) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000009").call("1022")
            rung = await desk.until_rung()
            leg.hang_up()
            lost_s = time.monotonic()
            await asyncio.to_thread(house.until, lambda: house.recalls_of("0912000009"), 30, "a recall")
            assert time.monotonic() - lost_s < 5, "a task within five seconds"
            await rung.until_ended()
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
            await leg.until_ended()

    asyncio.run(scene())
    house.until(lambda: house.recalls_of("0912000010"), 30, "a recall")
    house.until_ended("0912000010", "callback_asked")


def test_a_recall_rings_the_operator_first_then_the_citizen_and_is_recorded(house: CallsHouse) -> None:
    house.decided["0912000011"] = Decided("GREEN")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            leg = await Citizen(trunk, "0912000011").call("1022")
            await asyncio.sleep(1.5)
            await leg.press("2")
            await leg.until_ended()
            home = trunk.route("0912000011", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking()
            assert desk.leg is not None
            await desk.leg.until_hears(440)
            await citizen.until_hears(620)
            assert "02711022" in citizen.caller_name
            await desk.leg.goes_on_hearing(440, 1.5)
            citizen.hang_up()
            await desk.leg.until_ended()
            await asyncio.to_thread(_dropped, house)
            # One click from a wrap-up that the page holds: this desk, then the same citizen.
            again = await trunk.route("0912000011", Answering.answers(1.0), tone_hz=700).until_talking()
            await desk.leg.until_hears(700)
            await again.until_hears(620)
            again.hang_up()
            await desk.leg.until_ended()

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
    house.until(lambda: file.exists() and file.stat().st_size > 64_000, 30, "a recording of more than 2 s")


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


def test_the_machine_tells_a_result_only_after_1_and_what_is_not_solved_is_open_again(
    house: CallsHouse,
) -> None:
    house.decided["0912000013"] = Decided("GREEN")
    number = "0912000013"

    async def scene() -> None:
        async with house.carrier() as trunk:
            leg = await Citizen(trunk, number).call("1022")
            await asyncio.sleep(1.5)
            await leg.press("2")
            await leg.until_ended()
            house.forget_recalls()
            home = trunk.route(number, Answering.answers(0.5), tone_hz=440)
            await asyncio.to_thread(_result_is_owed, house, number)
            citizen = await home.until_talking()
            await citizen.until_hears(PROMPT_HZ)
            heard = await citizen.listen(2.0)
            assert heard.get(RESULT_HZ, 0.0) < 0.02, f"the result was said before the key: {heard}"
            await citizen.press("1")
            await citizen.until_hears(RESULT_HZ)
            await asyncio.sleep(2.0)
            await citizen.press("2")
            await citizen.until_ended()

    asyncio.run(scene())
    (recall,) = [one for one in house.recalls_of(number) if one.why == "result"]
    ticket = house.rows(Ticket, Ticket.id == recall.ticket_id)[0]
    house.until(lambda: house.rows(TicketEntry, TicketEntry.kind == "reopened"), 30, "opened again")
    house.until(
        lambda: [r.state for r in house.recalls_of(number) if r.why == "result"] == ["done"], 5, "done"
    )
    told = [row.body for row in house.rows(TicketEntry, TicketEntry.kind == "result_told")]
    assert [(body["answer"], body["result"]) for body in told] == [("not_solved", "supplied")]
    assert ticket.state == "open"
    ours = house.rows(Call, Call.direction == "out", Call.ticket_id == ticket.id)
    file = house.settings.recordings / relative_path(ours[-1].id)
    house.until(lambda: file.exists() and file.stat().st_size > 64_000, 30, "a recording of more than 2 s")


def _result_is_owed(house: CallsHouse, number: str) -> None:
    """As the ticket's page does when somebody enters what was done."""
    call = house.call_of(number)
    assert call is not None
    with database.transaction(house.engine) as session:
        entry = TicketEntry(
            ticket_id=call.ticket_id, at=now(), kind="work_done", actor="lan", text="đã giao gạo"
        )
        entry.body = {"result": "supplied"}
        session.add(entry)
    house.record.write(
        RecallDue(
            call_id=call.id, hotline=call.hotline, number=call.caller_number, acuity=call.acuity, why="result",
            due_at=now(), recall_id=f"r-{call.id}-result",
        )
    )  # fmt: skip


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
            await leg.until_ended()
            home = trunk.route("0912000012", Answering.answers(1.0), tone_hz=440)
            await seat(house, lan="101")
            citizen = await home.until_talking()
            await citizen.until_hears(620)
            await asyncio.to_thread(house.kill_calls)
            assert desk.leg is not None
            desk.leg.hang_up()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(house.start_calls)
            await seat(house, minh="102")
            await citizen.until_hears(710)
            citizen.hang_up()
            await citizen.until_ended()

    asyncio.run(scene())


# -- orders --


def ordered(house: CallsHouse, *numbers: str, above: str = "0913000099") -> str:
    """A RED order to a team with these numbers, whose district has another; the order's id."""
    n = next(_ORDERED)
    with transaction(house.engine) as session:
        centre = Agency(f"huyen{n}", "binhphuoc", "Huyện", "centre", "district", "688", (above,))
        team = Agency(f"xa{n}", "binhphuoc", "Đội xã", "team", "commune", "688", numbers, above=centre.key)
        agencies.write(session, "binhphuoc", (team, centre), ())
    call_id = f"n1-{int(time.time())}.9{n}"
    house.record.write(CallArrived(call_id=call_id, hotline="binhphuoc", node="n9", state="ended"))
    wanted = Wanted(
        f"t-{call_id}",
        "Đưa người bệnh đi",
        "relief",
        (team.key,),
        now() + timedelta(minutes=30),
        acuity="RED",
    )
    with transaction(house.engine) as session:
        organisation = agencies.organisation(session)
        return ordering.issue(session, wanted, By("lan", "operator"), now(), organisation, ("relief",))


def parts(house: CallsHouse, order: str) -> dict[str, Assignment]:
    rows: list[Assignment] = house.rows(Assignment, Assignment.order_id == order)
    return {one.team.rstrip("0123456789"): one for one in rows}


def tries(house: CallsHouse, order: str) -> list[str]:
    rows = house.rows(OrderTry, OrderTry.assignment_id.startswith(f"{order}."))
    return [one.state for one in sorted(rows, key=lambda row: row.rung_at)]


def test_a_team_hears_the_order_only_after_its_key_and_the_second_number_accepts(house: CallsHouse) -> None:
    async def scene() -> None:
        async with house.carrier() as trunk:
            first = trunk.route("0913000001", Answering.answers(0.5))
            second = trunk.route("0913000002", Answering.answers(0.5))
            order = await asyncio.to_thread(ordered, house, "0913000001", "0913000002")
            leg = await first.until_talking()
            await leg.until_hears(WHO_HZ)
            assert "02711022" in leg.caller_name
            await leg.press("1")  # the key of a yes, before anybody said that it is the team
            await leg.until_quiet(0.5, 10)
            assert PROMPT_HZ not in leg.heard(), "something of the order was told to a stranger"
            await leg.press("5")
            await leg.until_hears(PROMPT_HZ)
            began_s = time.monotonic()
            heard = await leg.listen(2.0)
            assert heard[PROMPT_HZ] > 0.9 - leg.late_s(began_s), heard
            await leg.press("2")
            await leg.until_ended()
            leg = await second.until_talking()
            await leg.until_hears(WHO_HZ)
            await leg.press("5")
            await leg.until_hears(PROMPT_HZ)
            await leg.press("1")
            await leg.until_hears(NOTED_HZ, for_s=0.3)
            await leg.until_ended()
            (part,) = parts(house, order).values()
            assert (part.state, part.accepted_means) == ("accepted", "telephone")
            assert tries(house, order) == ["declined", "accepted"]
            assert len(first.legs) == len(second.legs) == 1
            legs = KeptLegRecordings(
                house.engine, house.record, house.settings.recordings, house.settings.node
            )
            await asyncio.to_thread(
                house.until, lambda: legs.look() >= 0 and len(house.rows(LegRecording)) == 2, 30, "kept"
            )

    asyncio.run(scene())
    kept = house.rows(LegRecording)
    assert {row.leg_id for row in kept} == {row.dial_id for row in house.rows(OrderTry)}
    assert {row.ticket_id for row in kept} == {row.ticket_id for row in house.rows(Assignment)}
    assert min(row.length_s for row in kept) > 1
    assert max(row.length_s for row in kept) > 2
    sound = (house.settings.recordings / kept[0].path).read_bytes()
    assert max(sound) > 0, "nothing but silence was recorded"


def test_when_no_number_accepts_the_level_above_is_rung_and_calls_may_be_killed_meanwhile(
    house: CallsHouse,
) -> None:
    async def scene() -> None:
        async with house.carrier() as trunk:
            trunk.route("0913000003", Answering.rejects(486))
            centre = trunk.route("0913000004", Answering.answers(0.5))
            order = await asyncio.to_thread(ordered, house, "0913000003", above="0913000004")
            await asyncio.to_thread(house.until, lambda: tries(house, order) == ["busy"], 30, "busy")
            worker = Worker(house.engine, due_work.HANDLERS, "n1")
            await asyncio.to_thread(
                house.until, lambda: worker.look() and "huyen" in parts(house, order), 30, "it climbs"
            )
            assert parts(house, order)["xa"].state == "unanswered"
            leg = await centre.until_talking()
            await leg.until_hears(WHO_HZ)
            await leg.press("5")
            await leg.until_hears(PROMPT_HZ)
            await asyncio.to_thread(house.kill_calls)
            await asyncio.to_thread(house.start_calls)
            await leg.until_ended()
            again = await _next(centre, 2)
            await again.until_hears(WHO_HZ)
            await again.press("5")
            await again.until_hears(PROMPT_HZ)
            # Somebody of the centre says yes by the message's link in the same moment.
            part = parts(house, order)["huyen"]
            await asyncio.to_thread(_accept_by_link, house, part.id)
            await again.press("1")
            await again.until_hears(OFF_HZ, for_s=0.3)
            await again.until_ended()
            part = parts(house, order)["huyen"]
            assert (part.state, part.accepted_means) == ("accepted", "link")
            assert tries(house, order) == ["busy", "interrupted", "cancelled"]

    asyncio.run(scene())


async def _next(station: Any, count: int) -> Any:
    """The leg of the so-manieth call, once it is answered."""
    for _ in range(1500):
        if len(station.legs) >= count and station.legs[count - 1].is_answered:
            return station.legs[count - 1]
        await asyncio.sleep(0.02)
    raise AssertionError(f"no call number {count}")


def _accept_by_link(house: CallsHouse, assignment: str) -> None:
    with transaction(house.engine) as session:
        organisation = agencies.organisation(session)
        ordering.act(
            session, assignment, Happening.ACCEPT, Actor.TEAM, "link", Means.LINK, now(), organisation
        )
