"""Every fault strikes callers in each state of a hand-over at once, on a real Asterisk; what each then hears is measured at their ear.

Neither Redis nor the worker runs in this house at all: their loss is part of every scene.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from hotline.operators import Operator
from hotline.settings import PROJECT
from hotline.transfers import Transfer, TransferState
from hotline.transfers import TransferState as S
from tests.faults.transfer_table import EXPECTED, Fault
from tests.ivr.calls_house import OPERATORS, TRUNK_PORTS, CallsHouse, Decided, calls_house
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg
from tests.world.party import Station

pytestmark = [pytest.mark.live]

BRIEFING = "briefing"
"""Ringing, and somebody has picked up and hears the briefing."""
GROUPS: dict[str, tuple[str, ...]] = {
    "first": (S.PRIVATE, S.BACK, BRIEFING, S.RINGING),
    "second": (S.HANDED_OVER, S.TOGETHER, S.RINGING_BACK, S.BLIND),
    "third": (S.DIRECT,),
    "with a station": (S.PRIVATE, S.BACK, S.TOGETHER, S.HANDED_OVER),
    "with an operator": (S.PRIVATE, S.BACK, S.TOGETHER, S.RINGING_BACK),
}
STRIKES: dict[str, Fault] = {
    "calls killed": Fault.CALLS_KILLED,
    "calls killed while the database is locked": Fault.CALLS_KILLED_WITHOUT_DATABASE,
    "calls frozen": Fault.CALLS_FROZEN,
    "operator hangs up": Fault.OPERATOR_LOST,
    "station hangs up": Fault.STATION_LOST,
    "station's line goes silent": Fault.STATION_SILENT,
    "operator's phone dies": Fault.OPERATOR_SILENT,
}
OF_SILENCE = {"station's line goes silent": "with a station", "operator's phone dies": "with an operator"}
"""Whose sound stops must have been heard before: in these states only."""
CASES = [
    (strike, group)
    for strike, group in product(STRIKES, GROUPS)
    if OF_SILENCE.get(strike, group) == group
    and (strike in OF_SILENCE) == (group in OF_SILENCE.values())
    # A caller who waits while `calls` is frozen is in the other fault table.
    and (strike, group) != ("calls frozen", "third")
]
HEARD_BEFORE_S = 2.5
STEADY_BEFORE_S = 4.0
"""How long a telephone must have been heard before its silence means anything, and a little more."""
TALKS_AGAIN_WITHIN_S = {"calls frozen": 8.0}
"""And 3 s for everything else."""
WATCHED_S = 5.0
"""After that time."""
RECALLED_WITHIN_S = 60.0
CALLER_HZ, OPERATOR_HZ, STATION_HZ = 440, 620, 1900
PHONES = ("101", "102", "103", "104")
NUMBERS = ("02713568021", "02713568041", "02713568061", "02713568081")
"""Of stations without a roster: on duty at every hour."""


def test_every_state_meets_every_strike() -> None:
    states = {state for group in GROUPS.values() for state in group} - {BRIEFING}
    wanted = {(fault, TransferState(state)) for fault, state in product(STRIKES.values(), states)}
    assert wanted <= set(EXPECTED)
    assert {state for _, state in EXPECTED} == states


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    with calls_house(tmp_path_factory.mktemp("house"), wrap_up_s="3", ring_s="60") as running:
        yield running


@dataclass
class Party:
    """One caller with their operator and station, in the state that was asked for."""

    state: str
    number: str
    username: str
    caller: Leg
    desk: Phone
    station: Station
    operator: Leg
    trunk: Carrier

    def expected(self, fault: Fault) -> set[int]:
        """Tones that the caller must hear; none means music."""
        state = S.RINGING if self.state == BRIEFING else S(self.state)
        tones = {"operator": OPERATOR_HZ, "station": STATION_HZ}
        return {tones[one] for one in EXPECTED[fault, state] if one in tones}


def state_of(house: CallsHouse, number: str) -> str:
    call = house.call_of(number)
    rows = house.rows(Transfer, Transfer.call_id == call.id) if call else []
    return max(rows, key=lambda t: t.asked_at).state if rows else ""


async def ask(house: CallsHouse, username: str, caller: str, kind: str, **body: str) -> None:
    call = house.call_of(caller)
    assert call is not None
    refused = await asyncio.to_thread(house.ask, username, f"transfer_{kind}", call_id=call.id, **body)
    assert refused == "", refused


async def until(house: CallsHouse, number: str, state: str, within_s: float = 20.0) -> None:
    await asyncio.to_thread(
        house.until, lambda: state_of(house, number) == state, within_s, f"{number} is {state}"
    )


WISHES: dict[str, tuple[str, ...]] = {
    S.PRIVATE: (), S.BACK: ("toggle",), S.TOGETHER: ("merge",), S.HANDED_OVER: ("leave",), BRIEFING: (), S.RINGING: (),
    S.RINGING_BACK: ("toggle",), S.BLIND: ("leave",), S.DIRECT: (),
}  # fmt: skip
ACCEPTED = (S.PRIVATE, S.BACK, S.TOGETHER, S.HANDED_OVER)


@contextlib.asynccontextmanager
async def scene(
    house: CallsHouse, group: tuple[str, ...], round_: int, acuity: str = "YELLOW"
) -> AsyncIterator[list[Party]]:
    """Each state of the group with a caller of its own; those that last shortest come last."""
    async with contextlib.AsyncExitStack() as stack:
        carrier = Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"])
        trunk = await stack.enter_async_context(carrier)
        trunk.anybody = Station("the rest of the chain", Answering.rings_on())
        trunk.anybody.one_call_only = False
        parties = []
        for n, state in enumerate(group):
            phone = Phone(
                PHONES[n], house.switch.password(PHONES[n]), house.address, tone_hz=OPERATOR_HZ,
                answering=Answering.answers(0.2),
            )  # fmt: skip
            desk = await stack.enter_async_context(phone)
            parties.append(await _party(house, trunk, desk, state, n, f"09120{round_:03d}{n:02d}", acuity))
        yield parties
        # Off duty first: nobody is rung for the recalls of those who leave now.
        for username in OPERATORS[: len(group)]:
            await asyncio.to_thread(house.ask, username, "sign_out")
        for party in parties:
            for leg in (party.caller, party.station.leg, party.desk.leg):
                if leg is not None and leg.ended_s is None:
                    leg.hang_up()
        for party in parties:
            await asyncio.to_thread(house.until, partial(_is_over, house, party.number), 15, "ended")
        for username in OPERATORS[: len(group)]:
            await asyncio.to_thread(house.until_presence, username, "offline")
        await asyncio.to_thread(house.forget_recalls)


def _is_over(house: CallsHouse, number: str) -> bool:
    """Ended, or with the dialplan, whose calls the worker ends; there is none in this house."""
    call = house.call_of(number)
    return call is not None and call.state in ("ended", "fallback")


async def _party(
    house: CallsHouse, trunk: Carrier, desk: Phone, state: str, n: int, number: str, acuity: str
) -> Party:
    username = OPERATORS[n]
    if state in ACCEPTED:
        answering = Answering.answers(0.2, keys="1", key_after_s=0.3)
    else:
        answering = Answering.answers(0.2) if state == BRIEFING else Answering.rings_on()
    station = trunk.route(NUMBERS[n], answering, tone_hz=STATION_HZ)
    house.decided[number] = Decided(acuity)
    refused = await asyncio.to_thread(house.ask, username, "sign_in", phone=desk.user)
    assert refused == "", refused
    caller = await Citizen(trunk, number, tone_hz=CALLER_HZ).call("1022")
    await caller.until_hears(OPERATOR_HZ)
    operator = desk.leg
    assert operator is not None
    desk.answering = Answering.rings_on()
    await ask(house, username, number, "ask", number=NUMBERS[n])
    if state in ACCEPTED:
        await until(house, number, S.PRIVATE)
    else:
        await station.until_rung()
    for wish in WISHES[state]:
        await ask(house, username, number, wish)
    if state in (S.HANDED_OVER, S.BLIND):
        await asyncio.to_thread(house.until_presence, username, "wrap_up")
        await asyncio.to_thread(house.ask, username, "pause", reason="meal")  # the next caller is another's
    if state == S.DIRECT:
        operator.hang_up()
    await until(house, number, S.RINGING if state == BRIEFING else state)
    return Party(state, number, username, caller, desk, station, operator, trunk)


@contextlib.contextmanager
def _frozen(house: CallsHouse) -> Iterator[None]:
    """SIGSTOP; the product's own rescue, which runs beside it, ends it, and somebody starts it again as the supervisor does."""
    child = house.child
    assert child is not None
    child.send_signal(signal.SIGSTOP)

    def again() -> None:
        child.wait(20)
        house.begin_calls()

    supervisor = threading.Thread(target=again)
    supervisor.start()
    yield
    supervisor.join(20)


@contextlib.contextmanager
def struck(house: CallsHouse, strike: str, parties: list[Party]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if strike == "calls killed while the database is locked":
            other = sqlite3.connect(Path(house.settings.var) / "hotline.db", isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            stack.callback(other.close)
            stack.callback(other.execute, "ROLLBACK")
        if strike.startswith("calls killed"):
            house.kill_calls()
            house.begin_calls()
        if strike == "calls frozen":
            stack.enter_context(_frozen(house))
        for party in parties:
            leg = {"operator hangs up": party.operator, "station hangs up": party.station.leg}.get(strike)
            if leg is not None and leg.ended_s is None:
                leg.hang_up()
            if strike == "station's line goes silent" and party.station.leg is not None:
                party.station.leg.vanish()
            if strike == "operator's phone dies":
                party.desk.unplug()
        yield


@pytest.mark.parametrize(("strike", "group"), CASES)
def test_the_caller_of_a_hand_over_is_never_left(house: CallsHouse, strike: str, group: str) -> None:
    round_ = list(STRIKES).index(strike) * len(GROUPS) + list(GROUPS).index(group)
    faults = asyncio.run(_measure(house, strike, GROUPS[group], round_))
    assert not faults, "\n".join(faults)


async def _measure(house: CallsHouse, strike: str, group: tuple[str, ...], round_: int) -> list[str]:
    fault = STRIKES[strike]
    async with scene(house, group, round_) as parties, contextlib.AsyncExitStack() as beside:
        if strike == "calls frozen":
            beside.enter_context(house.own("rescue"))
        await asyncio.sleep(STEADY_BEFORE_S if strike in OF_SILENCE else HEARD_BEFORE_S)
        limit_s = TALKS_AGAIN_WITHIN_S.get(strike, 3.0)
        struck_s = time.monotonic()
        with struck(house, strike, parties):
            await asyncio.sleep(limit_s + WATCHED_S)
            now_s = time.monotonic()
        faults = []
        for party in parties:
            said = _judged(party, fault, struck_s, now_s, limit_s)
            _keep(strike, party.state, said)
            if said["wrong"]:
                faults.append(f"{strike}, {party.state}: {said}")
        if strike.startswith("calls"):
            await asyncio.to_thread(house.until, lambda: house.beat_age_s() < 1.5, 30, "a heartbeat")
    return faults


COLLEAGUE_HZ = 1040


def test_at_desk_phones_a_dead_line_is_noticed_and_a_station_that_saves_packets_is_left_alone(
    house: CallsHouse,
) -> None:
    """Three callers at once: with a colleague asked in private, alone with their operator, alone with such a station."""
    asyncio.run(_at_desk_phones(house))


async def _at_desk_phones(house: CallsHouse) -> None:
    private, alone, saving = "0912099001", "0912099002", "0912099003"
    async with contextlib.AsyncExitStack() as stack:
        trunk = await stack.enter_async_context(Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"]))
        phones = [
            await stack.enter_async_context(house.phone(number, hz, Answering.answers(0.2)))
            for number, hz in zip(PHONES, (OPERATOR_HZ, COLLEAGUE_HZ, OPERATOR_HZ, OPERATOR_HZ), strict=True)
        ]
        station = trunk.route(NUMBERS[0], Answering.answers(0.2), tone_hz=STATION_HZ)
        saver = await _talk(house, trunk, phones[0], OPERATORS[0], saving)
        await ask(house, OPERATORS[0], saving, "ask", number=NUMBERS[0])
        await station.until_rung()
        there = station.leg
        assert there is not None
        await there.until_answered()
        await asyncio.sleep(1.0)
        there.stream.mute()  # listens to the briefing and sends nothing, as its kind does
        await asyncio.sleep(1.5)
        there.stream.mute(False)
        await there.press("1")
        await until(house, saving, S.PRIVATE)
        await ask(house, OPERATORS[0], saving, "leave")
        await saver.until_hears(STATION_HZ)

        left = await _talk(house, trunk, phones[2], OPERATORS[2], alone)
        consulted = await _talk(house, trunk, phones[3], OPERATORS[3], private)
        await asyncio.to_thread(house.ask, OPERATORS[1], "sign_in", phone=PHONES[1])
        colleague = house.rows(Operator, Operator.username == OPERATORS[1])[0].id
        call = house.call_of(private)
        assert call is not None
        asked = await asyncio.to_thread(
            house.ask, OPERATORS[3], "transfer_ask", call_id=call.id, colleague=colleague
        )
        assert asked == ""
        await until(house, private, S.PRIVATE)
        await asyncio.sleep(STEADY_BEFORE_S)
        muting = phones[3].leg
        assert muting is not None
        muting.stream.mute()  # as some do at their own key: nothing comes, and the phone is there
        await asyncio.sleep(3.5)
        assert state_of(house, private) == S.PRIVATE
        assert (await asyncio.to_thread(house.presence, OPERATORS[3])) == "talking"
        muting.stream.mute(False)

        struck_s = time.monotonic()
        there.stream.mute()
        phones[1].unplug()
        phones[2].unplug()
        await asyncio.sleep(3.0 + WATCHED_S)
        assert consulted.stream.received.heard(struck_s + 3.0, struck_s + 4.5).get(OPERATOR_HZ, 0.0) > 0.8
        silence_s = left.longest_gap_s(struck_s, time.monotonic())
        assert silence_s < 3.0, "music and a word"
        assert left.ended_s is None
        assert (await asyncio.to_thread(house.presence, OPERATORS[1])) == "paused phone"
        again_s = _first_heard_s(left, OPERATOR_HZ, struck_s + 1.0)
        assert again_s is not None, "the operator who has become free has them"
        assert (await asyncio.to_thread(house.presence, OPERATORS[2])) == "paused phone"
        said: dict[str, object] = {
            "private": _first_heard_s(consulted, OPERATOR_HZ, struck_s),
            "alone": {"silence_s": round(silence_s, 2), "next_operator_s": round(again_s + 1.0, 1)},
        }
        assert saver.longest_gap_s(struck_s + 0.5, time.monotonic()) > 6.0, (
            "no comfort, nobody else: it is there"
        )
        assert there.ended_s is None
        there.stream.mute(False)
        await saver.until_hears(STATION_HZ)
        _keep("at desk phones", "all", said)
        for leg in (saver, left, consulted):
            leg.hang_up()
        for username in OPERATORS[:4]:
            await asyncio.to_thread(house.ask, username, "sign_out")
            await asyncio.to_thread(house.until_presence, username, "offline")
    await asyncio.to_thread(house.forget_recalls)


async def _talk(house: CallsHouse, trunk: Carrier, desk: Phone, username: str, number: str) -> Leg:
    """A caller with their operator; no other is rung at that desk."""
    house.decided[number] = Decided("YELLOW")
    assert await asyncio.to_thread(house.ask, username, "sign_in", phone=desk.user) == ""
    caller = await Citizen(trunk, number, tone_hz=CALLER_HZ).call("1022")
    await caller.until_hears(OPERATOR_HZ)
    return caller


def _first_heard_s(leg: Leg, hz: int, since_s: float) -> float | None:
    """How long after `since_s` that tone began to be heard."""
    tenths = (
        n
        for n in range(80)
        if leg.stream.received.heard(since_s + n / 10, since_s + n / 10 + 0.5).get(hz, 0) > 0.8
    )
    first = next(tenths, None)
    return None if first is None else first / 10


def test_whoever_has_music_has_their_operator_again_when_call_control_stays_away(house: CallsHouse) -> None:
    asyncio.run(_stays_away(house))


async def _stays_away(house: CallsHouse) -> None:
    """One on hold and one whose operator asks a station; the rescue brings them together, the next process goes on."""
    kept = "0912099011"
    async with scene(house, (S.PRIVATE,), 98) as (party,), contextlib.AsyncExitStack() as beside:
        phone = await beside.enter_async_context(house.phone(PHONES[1], OPERATOR_HZ, Answering.answers(0.2)))
        held = await _talk(house, party.trunk, phone, OPERATORS[1], kept)
        call = house.call_of(kept)
        assert call is not None
        assert await asyncio.to_thread(house.ask, OPERATORS[1], "hold", call_id=call.id) == ""
        beside.enter_context(house.own("rescue"))
        await asyncio.sleep(2.0)
        struck_s = time.monotonic()
        await asyncio.to_thread(house.kill_calls)
        await asyncio.gather(held.until_hears(OPERATOR_HZ, 12), party.caller.until_hears(OPERATOR_HZ, 12))
        _keep("calls stays away", "on hold, private", {"together_s": round(time.monotonic() - struck_s, 1)})
        await asyncio.to_thread(house.start_calls)
        await asyncio.sleep(1.5)
        assert (await held.listen(1.0)).get(OPERATOR_HZ, 0.0) > 0.8, "nobody puts them on hold again"
        assert state_of(house, party.number) == S.PRIVATE
        assert (await party.caller.listen(1.0)).get(OPERATOR_HZ, 0.0) < 0.2, "the private talk goes on"
        held.hang_up()
        await asyncio.to_thread(house.ask, OPERATORS[1], "sign_out")
        await asyncio.to_thread(house.until_presence, OPERATORS[1], "offline")


def test_urgent_callers_whom_asterisk_takes_with_it_in_a_hand_over_are_rung_back(house: CallsHouse) -> None:
    took = asyncio.run(_rung_back(house))
    for state, took_s in took.items():
        _keep("Asterisk killed", state, {"rung_back_s": took_s})
    assert max(took.values()) < RECALLED_WITHIN_S, took


async def _rung_back(house: CallsHouse) -> dict[str, float]:
    """State → seconds from Asterisk's death until the caller hears an operator again."""
    group = (S.PRIVATE, S.TOGETHER, S.RINGING)
    async with scene(house, group, 90, "RED") as parties:
        struck_s = time.monotonic()
        await asyncio.to_thread(house.kill_asterisk)
        for party in parties:
            for leg in (party.caller, party.operator, party.station.leg):
                if leg is not None:
                    leg.vanish()
            party.desk.answering = Answering.answers(0.3)
        homes = {p.state: p.trunk.route(p.number, Answering.answers(0.3), tone_hz=CALLER_HZ) for p in parties}
        await asyncio.to_thread(house.switch.start)
        await asyncio.gather(*(party.desk.register(60) for party in parties))

        async def back(state: str) -> float:
            citizen = await homes[state].until_talking(RECALLED_WITHIN_S)
            await citizen.until_hears(OPERATOR_HZ)
            took_s = time.monotonic() - struck_s
            citizen.hang_up()
            return round(took_s, 1)

        found = await asyncio.gather(*(back(party.state) for party in parties))
        return dict(zip(group, found, strict=True))


def _judged(party: Party, fault: Fault, struck_s: float, now_s: float, limit_s: float) -> dict[str, object]:
    caller, tones = party.caller, party.expected(fault)
    silence_s = round(caller.longest_gap_s(struck_s, now_s), 2)
    since_s = struck_s + limit_s
    heard = caller.stream.received.heard(since_s, now_s, [OPERATOR_HZ, STATION_HZ, CALLER_HZ])
    shares = {hz: round(heard.get(hz, 0.0), 2) for hz in (OPERATOR_HZ, STATION_HZ)}
    again_s = _talks_again_s(party, tones, struck_s, now_s)
    wrong = ""
    if fault is Fault.STATION_LOST and party.state == S.HANDED_OVER:
        # A station that hangs up after a talk has ended the call; only one whose line dies leaves the caller to us.
        wrong = "" if caller.ended_s is not None else "goes on with nobody"
    elif caller.ended_s is not None:
        wrong = "was hung up"
    elif silence_s > limit_s:
        wrong = "met silence"
    elif any(shares[hz] < 0.8 for hz in tones) or any(shares[hz] > 0.1 for hz in set(shares) - tones):
        wrong = f"does not hear {sorted(tones) or 'music alone'}"
    return {"silence_s": silence_s, "again_s": again_s, "shares": shares, "wrong": wrong}


def _talks_again_s(party: Party, tones: set[int], struck_s: float, now_s: float) -> float | None:
    """How long after the blow the caller hears whom they should, and nobody else; None when never, or when it is music."""
    heard, both = party.caller.stream.received.heard, [OPERATOR_HZ, STATION_HZ]
    for tenth in range(round((now_s - struck_s) * 10) - 5 if tones else 0):
        since_s = struck_s + tenth / 10
        shares = heard(since_s, since_s + 0.5, [*both, CALLER_HZ])
        if {hz for hz in both if shares.get(hz, 0.0) >= 0.8} == tones:
            return tenth / 10
    return None


def _keep(strike: str, state: str, said: dict[str, object]) -> None:
    """The measured table, for people: var/measured/transfer-faults.json."""
    path = PROJECT / "var" / "measured" / "transfer-faults.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = json.loads(path.read_text()) if path.exists() else {}
    table.setdefault(strike, {})[state] = said
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
