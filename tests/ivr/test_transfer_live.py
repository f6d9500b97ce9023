"""Hand-overs on a real Asterisk: every party sends its own tone, and what each hears is measured in each state."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hotline import documents, trunk_channels
from hotline.database import transaction
from hotline.in_force import FOLLOWED_WITHIN_S
from hotline.recordings import relative_path
from hotline.settings import PROJECT
from hotline.station_documents import STATION as DOCUMENT
from hotline.transfers import Transfer, TransferTry
from tests.ivr.calls_house import PROMPT_HZ, TRUNK_PORTS, CallsHouse, Decided, calls_house
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg
from tests.world.party import Station

pytestmark = [pytest.mark.live]

CALLER_HZ, OPERATOR_HZ, STATION_HZ = 440, 620, 1900
STATION, FIRST, SECOND, ON_DUTY = "ttyt-dong-xoai", "02713568021", "02713568022", ("0913566901", "0913566902")
NEW_NUMBER = "02713568029"
"""What the station's page says in place of FIRST while a test has it published."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    with calls_house(tmp_path_factory.mktemp("house"), wrap_up_s="1") as house:
        yield house


@pytest.fixture
def house(running: CallsHouse) -> Iterator[CallsHouse]:
    """The running house with nobody signed in."""
    yield running
    running.forget_recalls()
    running.ask("lan", "sign_out")
    running.until_presence("lan", "offline")


def transfer_of(house: CallsHouse, number: str) -> Transfer | None:
    call = house.call_of(number)
    rows = house.rows(Transfer, Transfer.call_id == call.id) if call else []
    return max(rows, key=lambda t: t.asked_at, default=None)


def tries_of(house: CallsHouse, number: str) -> list[tuple[str, str]]:
    transfer = transfer_of(house, number)
    rows = house.rows(TransferTry, TransferTry.transfer_id == transfer.id) if transfer else []
    return [(t.number, t.state) for t in sorted(rows, key=lambda t: t.rung_at)]


async def until_state(house: CallsHouse, number: str, state: str, within_s: float = 15.0) -> None:
    def there() -> bool:
        transfer = transfer_of(house, number)
        return transfer is not None and transfer.state == state

    await asyncio.to_thread(house.until, there, within_s, f"the hand-over is {state}")


async def ask(house: CallsHouse, number: str, kind: str, **body: Any) -> str:
    call = house.call_of(number)
    assert call is not None
    return await asyncio.to_thread(house.ask, "lan", f"transfer_{kind}", call_id=call.id, **body)


async def talking(house: CallsHouse, trunk: Carrier, desk: Phone, number: str, acuity: str = "YELLOW") -> Leg:
    """A caller who talks with the operator at the desk."""
    house.decided[number] = Decided(acuity)
    assert await asyncio.to_thread(house.ask, "lan", "sign_in", phone="101") == ""
    leg = await Citizen(trunk, number, tone_hz=CALLER_HZ).call("1022")
    await leg.until_hears(OPERATOR_HZ)
    return leg


@contextmanager
def published(house: CallsHouse, **changes: Any) -> Iterator[None]:
    """An administrator publishes the station so changed, and undoes it; each is followed by the time this goes on."""
    with transaction(house.engine) as session:
        stands = documents.house(session, house.settings.installation)
        content = {**stands.content(DOCUMENT, STATION), **changes}
        seen = documents.seen(session, DOCUMENT, STATION)
        documents.save(session, stands, DOCUMENT, STATION, content, by="an", seen=seen)
        seen = documents.seen(session, DOCUMENT, STATION)
        documents.publish(session, stands, DOCUMENT, STATION, by="an", seen=seen)
    time.sleep(FOLLOWED_WITHIN_S)
    try:
        yield
    finally:
        with transaction(house.engine) as session:
            seen = documents.seen(session, DOCUMENT, STATION)
            documents.undo(session, stands, DOCUMENT, STATION, 0, by="an", seen=seen)
        time.sleep(FOLLOWED_WITHIN_S)


Heard = dict[str, set[str]]
NAMES = {CALLER_HZ: "caller", OPERATOR_HZ: "operator", STATION_HZ: "station"}
MATRIX: dict[str, Heard] = {
    "private": {"caller": set(), "operator": {"station"}, "station": {"operator"}},
    "back": {"caller": {"operator"}, "operator": {"caller"}, "station": set()},
    "together": {
        "caller": {"operator", "station"},
        "operator": {"caller", "station"},
        "station": {"caller", "operator"},
    },
    "handed_over": {"caller": {"station"}, "station": {"caller"}},
    "cancelled": {"caller": {"operator"}, "operator": {"caller"}},
    "talking": {"caller": {"operator"}, "operator": {"caller"}},
}
"""State → who hears whom."""
SETTLES_WITHIN_S = 15.0


async def matrix(state: str, **parties: Leg | None) -> Heard:
    """Who hears whose tone for most of a second; listened to again until it is as the state wants; how long that took is kept."""
    legs = {name: leg for name, leg in parties.items() if leg is not None}
    began_s = time.monotonic()
    while True:
        listened_s = time.monotonic()
        shares = await asyncio.gather(*(leg.listen(0.8, [*NAMES, PROMPT_HZ]) for leg in legs.values()))
        heard = {
            name: {NAMES[hz] for hz in NAMES if said.get(hz, 0) > 0.8}
            for name, said in zip(legs, shares, strict=True)
        }
        if heard == MATRIX[state] or listened_s - began_s > SETTLES_WITHIN_S:
            _keep(state, listened_s - began_s)
            return heard


def _keep(state: str, settled_s: float) -> None:
    """How long the ears took to hear it after the row said so, for people: var/measured/transfer.json."""
    path = PROJECT / "var" / "measured" / "transfer.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = json.loads(path.read_text()) if path.exists() else {}
    measured.setdefault(state, []).append(round(settled_s, 2))
    path.write_text(json.dumps(measured, indent=1) + "\n")


def test_a_trunk_without_a_channel_costs_no_ringing_time_and_the_operator_has_the_caller(
    house: CallsHouse,
) -> None:
    number = "0912000719"

    async def scene() -> float:
        async with (
            Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"], channel_count=1) as trunk,
            Phone("101", house.switch.password("101"), house.address, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.3)) as desk,
        ):  # fmt: skip
            trunk.anybody = Station("whoever would be rung", Answering.answers(0.3))
            caller = await talking(house, trunk, desk, number)
            began_s = time.monotonic()
            assert await ask(house, number, "ask", station=STATION) == ""
            await until_state(house, number, "exhausted", 25)
            took_s = time.monotonic() - began_s
            await caller.until_hears(OPERATOR_HZ)
            caller.hang_up()
            await asyncio.to_thread(house.until_ended, number, "served")
            return took_s

    took_s = asyncio.run(scene())
    tried = tries_of(house, number)
    assert {state for _, state in tried} == {"no_channel"}
    assert took_s < 3.0 * len(tried), f"{len(tried)} numbers in {took_s:.1f} s, not 20 s each"
    _keep("no channel, a number", took_s / len(tried))


def test_each_party_hears_whom_the_table_says_through_a_whole_hand_over(house: CallsHouse) -> None:
    number = "0912000701"

    async def scene() -> None:
        async with (
            Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"]) as trunk,
            Phone("101", house.switch.password("101"), house.address, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.3)) as desk,
        ):  # fmt: skip
            station = trunk.route(FIRST, Answering.answers(3.0), tone_hz=STATION_HZ)
            caller = await talking(house, trunk, desk, number)
            operator = desk.leg
            assert operator is not None
            assert await matrix("talking", caller=caller, operator=operator) == MATRIX["talking"]
            assert await ask(house, number, "ask", station=STATION, card={"age_band": "elder"}) == ""
            assert "chưa nhận máy" in await ask(house, number, "merge")
            assert await ask(house, number, "note") == ""
            await asyncio.sleep(1.5)
            assert (await caller.listen(0.6, [OPERATOR_HZ])).get(OPERATOR_HZ, 0.0) < 0.2, (
                "the note is not for the caller"
            )
            assert await ask(house, number, "note_end") == ""
            await asyncio.to_thread(house.until, lambda: station.leg is not None, 30, "the station is rung")
            there = station.leg
            assert there is not None
            await there.until_hears(OPERATOR_HZ)  # after the pieces, before the keys
            assert (await operator.listen(0.3, [STATION_HZ])).get(STATION_HZ, 0.0) < 0.2, "it is a recording"
            await there.press("1")
            await until_state(house, number, "private")
            three = {"caller": caller, "operator": operator, "station": there}
            assert await matrix("private", **three) == MATRIX["private"]
            assert caller.rms(1.0) > 50, "the caller has music"
            assert trunk_channels.known(house.settings.var / "run") == {"vnpt": 2}, (
                "the caller and the station"
            )
            steps = ("toggle back", "toggle private", "merge together", "toggle private", "merge together")
            for wish, _, state in (step.partition(" ") for step in steps):
                assert await ask(house, number, wish) == ""
                await until_state(house, number, state)
                assert await matrix(state, **three) == MATRIX[state], state
            assert await ask(house, number, "leave") == ""
            await operator.until_ended()
            await until_state(house, number, "handed_over")
            assert await matrix("handed_over", caller=caller, station=there) == MATRIX["handed_over"]
            await asyncio.to_thread(house.until_presence, "lan", "available")
            await asyncio.sleep(2.5)  # a station that leaves at once would give the caller back to the line
            there.hang_up()
            await caller.until_ended()

    asyncio.run(scene())
    call = house.until_ended(number, "served")
    assert tries_of(house, number) == [(FIRST, "accepted")]
    transfer = transfer_of(house, number)
    assert transfer is not None
    assert transfer.rung_at is not None
    assert transfer.accepted_at is not None
    assert 3.0 < (transfer.accepted_at - transfer.rung_at).total_seconds() < 14
    assert transfer.note == "kept"
    assert 0.7 < transfer.note_s < 4.0
    assert call.answered_by == "lan"


def test_a_station_that_declines_and_one_that_says_nothing_lead_to_the_next_and_cancelling_brings_back(
    house: CallsHouse,
) -> None:
    number = "0912000702"

    async def scene() -> None:
        async with (
            Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"]) as trunk,
            Phone("101", house.switch.password("101"), house.address, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.3)) as desk,
        ):  # fmt: skip
            trunk.route(NEW_NUMBER, Answering.answers(0.5, keys="2", key_after_s=0.5), tone_hz=STATION_HZ)
            silent = trunk.route(SECOND, Answering.answers(0.5), tone_hz=STATION_HZ)
            third = trunk.route(
                ON_DUTY[0], Answering.answers(0.5, keys="31", key_after_s=1.0), tone_hz=STATION_HZ
            )
            trunk.route_to(ON_DUTY[1], third)  # the neighbouring station's doctor, by day or by night
            caller = await talking(house, trunk, desk, number)
            began_s = time.monotonic()
            assert await ask(house, number, "ask", station=STATION) == ""
            await silent.until_rung()  # after the first declined
            gap_s = caller.longest_gap_s(began_s)
            assert gap_s < 1.0, gap_s
            await until_state(house, number, "private", 30)
            there = third.leg
            assert there is not None
            waited = await matrix("private", caller=caller, operator=desk.leg, station=there)
            assert waited == MATRIX["private"]
            assert caller.longest_gap_s(began_s) < 2.0
            assert await ask(house, number, "cancel") == ""
            await there.until_ended()
            assert await matrix("cancelled", caller=caller, operator=desk.leg) == MATRIX["cancelled"]
            caller.hang_up()

    with published(house, numbers=[NEW_NUMBER, SECOND]):  # while calls runs: the next hand-over rings it
        asyncio.run(scene())
    house.until_ended(number, "served")
    tries = tries_of(house, number)
    assert tries[:2] == [(NEW_NUMBER, "declined"), (SECOND, "no_key")]
    assert tries[2][0] in ON_DUTY
    assert tries[2][1] == "accepted"
    transfer = transfer_of(house, number)
    assert transfer is not None
    assert transfer.state == "cancelled"
    folder = (house.settings.recordings / relative_path(transfer.call_id)).parent
    kept = sorted(path.name for path in folder.glob("chain-*.raw") if path.stat().st_size > 32_000)
    assert len(kept) >= 3, "each station's leg is recorded from its answer on"


def test_for_red_two_duty_numbers_ring_side_by_side_and_the_first_yes_has_the_caller(
    house: CallsHouse,
) -> None:
    """No operator is on duty: the hotline's own numbers are rung, the second after 20 s beside the first."""
    number, (first, second) = "0912000703", ("02713888001", "02713888002")
    house.decided[number] = Decided("RED")
    other_hz = 2300

    async def scene() -> None:
        async with Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"]) as trunk:
            slow = trunk.route(first, Answering.rings_on(), tone_hz=other_hz)
            quick = trunk.route(second, Answering.answers(0.3), tone_hz=STATION_HZ)
            caller = await Citizen(trunk, number, tone_hz=CALLER_HZ).call("1022")
            loser = await slow.until_rung()
            began_s = time.monotonic()
            winner = await quick.until_rung(25)
            beside_s = time.monotonic() - began_s
            loser.answer()  # both are on the line and hear their briefing
            await asyncio.gather(loser.until_hears(PROMPT_HZ), winner.until_hears(PROMPT_HZ))
            yes_s = time.monotonic()
            await winner.press("1")
            await loser.press("1")
            talks_s = await caller.until_hears(STATION_HZ) - yes_s
            await winner.goes_on_hearing(CALLER_HZ, 0.8, share=0.8)
            await loser.until_ended()
            let_go_s = time.monotonic() - yes_s
            told = loser.heard(since_s=yes_s + 0.2, until_s=time.monotonic())
            assert told.get(PROMPT_HZ, 0) > 0.05, "the loser hears a sentence before the hang-up"
            for leg, hz in ((caller, other_hz), (winner, other_hz), (loser, CALLER_HZ)):
                assert leg.heard(since_s=yes_s).get(hz, 0.0) < 0.1, "the loser is nobody's company"
            assert caller.longest_gap_s(began_s) < 1.5
            _keep("red beside after", beside_s)
            _keep("red yes to caller hears", talks_s)
            _keep("red loser let go", let_go_s)
            assert 19 < beside_s < 22
            assert talks_s < 2.0
            caller.hang_up()

    asyncio.run(scene())
    house.until_ended(number, "served")
    assert tries_of(house, number) == [(first, "taken"), (second, "accepted")]
