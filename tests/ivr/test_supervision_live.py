"""Supervisors in a talk, and strangers who flood the door, with a real Asterisk; what each hears is measured."""

from __future__ import annotations

import asyncio
import time

import pytest

from hotline.tickets import TicketEntry
from tests.ivr.calls_house import CallsHouse, Decided, seat
from tests.world import Answering, Citizen
from tests.world.messages import Message, new_tag
from tests.world.sip import UserAgent

pytestmark = [pytest.mark.live]


def test_a_stranger_who_floods_us_is_shut_out_while_a_call_goes_on_undisturbed(house: CallsHouse) -> None:
    house.decided["0912000066"] = house.decided["0912000067"] = Decided("YELLOW")

    async def scene() -> tuple[list[int], float]:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000066", tone_hz=440).call("1022")
            await leg.until_hears(620)
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
            assert leg.longest_gap_s(began_s) < 0.2 + 2 * leg.late_s(began_s), (
                "but for what this machine sent late"
            )
            assert desk.leg is not None
            assert desk.leg.heard(2.0)[440] > 0.9 - leg.late_s(began_s)
            await stranger.finish()
            another = await Citizen(trunk, "0912000067").call("1022")
            for one in (leg, another):
                one.hang_up()
                await one.until_ended()
            return list(met), heard[620] + leg.late_s(began_s)

    met, heard = asyncio.run(scene())
    assert heard > 0.9
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
            await leg.until_hears(operator_hz)
            call = await asyncio.to_thread(house.call_of, number)
            assert call is not None
            await seat(house, truongca="104")

            async def act(kind: str) -> None:
                assert await asyncio.to_thread(house.ask, "truongca", kind, call_id=call.id) == ""

            async def heard() -> dict[str, set[int]]:
                """Whose tone each party hears for two seconds."""
                assert desk.leg is not None
                assert chief.leg is not None
                parties = {"caller": leg, "operator": desk.leg, "supervisor": chief.leg}
                shares = await asyncio.gather(*(one.listen(2.0) for one in parties.values()))
                tones = (caller_hz, operator_hz, supervisor_hz)
                found = {
                    who: {hz for hz in tones if share.get(hz, 0.0) > 0.5}
                    for who, share in zip(parties, shares, strict=True)
                }
                print(found, [{hz: round(share.get(hz, 0.0), 2) for hz in tones} for share in shares])  # noqa: T201 - the audio matrix, for reports
                return found

            async def hear(expected: dict[str, set[int]]) -> None:
                """Each hears whom they may, as soon as the bridges have been changed."""
                began_s = time.monotonic()
                while (found := await heard()) != expected:
                    assert time.monotonic() - began_s < 8, found

            alone = {"caller": {operator_hz}, "operator": {caller_hz}, "supervisor": {caller_hz, operator_hz}}
            await act("listen")
            await chief.until_talking()
            await hear(alone)
            await act("whisper")
            await hear({**alone, "operator": {caller_hz, supervisor_hz}})
            await act("barge")
            everybody = {"caller": {operator_hz, supervisor_hz}, "operator": {caller_hz, supervisor_hz}}
            await hear({**alone, **everybody})
            await act("listen")
            await hear(alone)
            await act("take_over")
            await leg.until_hears(supervisor_hz)
            share = await leg.listen(1.5)
            assert share.get(operator_hz, 0.0) < 0.1, share
            await asyncio.to_thread(house.until_presence, "lan", "wrap_up")
            await asyncio.to_thread(house.until_presence, "truongca", "talking")
            assert chief.leg is not None
            chief.leg.hang_up()
            await leg.until_ended()

    asyncio.run(scene())
    call = house.until_ended(number, "served")
    assert call.answered_by == "truongca"
    entries = house.rows(
        TicketEntry, TicketEntry.ticket_id == call.ticket_id, TicketEntry.kind == "call_watched"
    )
    assert [one.body["mode"] for one in entries] == ["listen", "whisper", "barge", "listen", "take_over"]
