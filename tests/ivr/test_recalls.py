"""Owed calls on the real wire without sound: who is rung for one, who dials it, and what is told of each try."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hotline import events as e
from hotline.acuity import Acuity
from hotline.operators import Presence
from hotline.recalls import Recall
from ivr import recall_call, recall_dialler
from ivr.ari import AriEvent
from ivr.caller import Caller
from ivr.desk import NotPossible
from ivr.recall_call import Owed, RecallCall, _tried
from tests.ivr.fake_ari import FakeAri, FakeChannel
from tests.ivr.stage import Stage, _no_database, played, stage  # noqa: F401 - the fixture is used by its name

RECALL = "r-n1-1.1"


def owed(acuity: Acuity = Acuity.RED, tries: int = 0) -> Owed:
    return Owed(RECALL, "n1-1.1", "t-n1-1.1", "binhphuoc", "+84912000000", acuity, tries, 0.0)


@dataclass
class Debts:
    """In place of the recall's row."""

    owed: list[Owed] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    taken: list[tuple[str, int | None]] = field(default_factory=list)
    others: bool = False
    """Another process, or an operator who claimed it, makes the call."""
    left: list[Recall] = field(default_factory=list)

    def begin(self, recall_id: str, dial_id: str, at: object, operator_id: int | None) -> int:
        if self.others:
            return 0
        self.taken.append((recall_id, operator_id))
        return len(self.taken)


@pytest.fixture
def debts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Debts]:
    made = Debts()
    monkeypatch.setattr(recall_dialler, "due", lambda wanted: [] if made.settled else made.owed)
    monkeypatch.setattr(recall_dialler, "no_more_owed", lambda ids: frozenset(made.settled) & ids)
    monkeypatch.setattr(recall_dialler, "left_behind", lambda node, alive: made.left)
    monkeypatch.setattr(recall_call, "begin", made.begin)
    yield made


async def _rings(s: Stage, count: int) -> list[str]:
    """The operators' legs once so many ring."""

    def ringing() -> list[str]:
        legs = [i for i, c in s.asterisk.channels.items() if i.startswith("op-") and c.state == "Ringing"]
        return legs if len(legs) == count else []

    return list(await s.until(ringing, f"{count} desks ring"))


async def _citizen(s: Stage) -> FakeChannel:
    found = await s.until(
        lambda: next((c for c in s.asterisk.channels.values() if "0912000000@trunk-vnpt" in c.name), None),
        "the citizen is dialled",
    )
    assert isinstance(found, FakeChannel)
    return found


def test_a_red_recall_rings_every_free_desk_and_the_first_who_picks_up_makes_it(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        desks = [s.seat(n, f"10{n}") for n in (1, 2, 3)]
        debts.owed = [owed()]
        await s.recalls.look()
        legs = await _rings(s, 3)
        await s.asterisk.answer(legs[1])
        await _citizen(s)
        assert [d.state for d in desks] == [Presence.AVAILABLE, Presence.TALKING, Presence.AVAILABLE]
        assert debts.taken == [(RECALL, 2)], "taken once, by who picked up"

    played(tmp_path, scene)


def test_a_red_recall_takes_the_desks_that_ring_for_less_and_interrupts_wrap_up(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        one, two = s.seat(1, "101"), s.seat(2, "102")
        s.floor.desks.change(two, Presence.RINGING, call_id="x")
        s.floor.desks.change(two, Presence.TALKING, call_id="x")
        s.floor.desks.freed(two, "x")
        await s.asterisk.caller("n1-1.5", "YELLOW")
        await s.rings("n1-1.5")
        debts.owed = [owed()]
        await s.recalls.look()
        await s.until(lambda: s.asterisk.legs("n1-1.5") == [], "the other is let go")
        await _rings(s, 2)
        assert {one.state, two.state} == {Presence.RINGING}

    played(tmp_path, scene)


def test_an_orange_recall_rings_one_desk_and_then_the_next(tmp_path: Path, debts: Debts) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        s.seat(2, "102")
        debts.owed = [owed(Acuity.ORANGE)]
        await s.recalls.look()
        [first] = await _rings(s, 1)
        await s.later(13)
        [second] = await _rings(s, 1)
        assert first != second

    played(tmp_path, scene)


def test_who_picks_up_for_a_recall_that_is_another_s_by_now_dials_nobody_and_is_free(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        debts.owed, debts.others = [owed()], True
        await s.recalls.look()
        [leg] = await _rings(s, 1)
        await s.asterisk.answer(leg)
        await s.until(lambda: leg not in s.asterisk.channels, "let go")
        await s.until(lambda: desk.state is not Presence.TALKING, "free")
        assert not any("trunk" in c.name for c in s.asterisk.channels.values())
        assert s.told.of(e.RecallTried) == []

    played(tmp_path, scene)


def test_a_recall_that_an_operator_claims_stops_ringing_at_the_others(tmp_path: Path, debts: Debts) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        debts.owed = [owed(Acuity.YELLOW)]
        await s.recalls.look()
        await _rings(s, 1)
        debts.owed = []  # a claim puts it off
        await s.recalls.look()
        await s.until(lambda: desk.state is Presence.AVAILABLE, "free again")

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("cause", "sip", "outcome"), [
        (17, 486, "busy"), (19, 480, "no_answer"), (0, 0, "no_answer"), (21, 603, "declined"), (34, 503, "failed"),
    ],
)  # fmt: skip
def test_each_try_is_told_with_what_became_of_it(
    tmp_path: Path, debts: Debts, cause: int, sip: int, outcome: str
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        debts.owed = [owed()]
        await s.recalls.look()
        [leg] = await _rings(s, 1)
        await s.asterisk.answer(leg)
        citizen = await _citizen(s)
        await s.until(lambda: citizen.state == "Ringing", "rings")
        debts.owed = []
        await s.asterisk.gone(citizen.id, cause, sip)
        [tried] = await s.until(lambda: s.told.of(e.RecallTried), "told")
        assert (tried.recall_id, tried.dial_id, tried.number_of_try) == (RECALL, citizen.id, 1)
        assert tried.outcome == outcome

    played(tmp_path, scene)


def test_a_phone_that_never_rang_is_not_said_to_have_been_left_unanswered() -> None:
    gone = AriEvent("ChannelDestroyed", cause=19, tech_cause=480)
    assert _tried(gone, rang=False) == "unavailable" and _tried(gone, rang=True) == "no_answer"


def test_an_operator_who_hangs_up_while_the_citizen_rings_has_made_a_try(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        debts.owed = [owed()]
        await s.recalls.look()
        [leg] = await _rings(s, 1)
        await s.asterisk.answer(leg)
        citizen = await _citizen(s)
        debts.owed = []
        await s.asterisk.gone(leg)
        [tried] = await s.until(lambda: s.told.of(e.RecallTried), "told")
        assert tried.outcome == "operator_left"
        await s.until(lambda: citizen.id not in s.asterisk.channels, "their phone stops ringing")

    played(tmp_path, scene)


def test_what_a_dead_process_was_dialling_is_told_as_interrupted(tmp_path: Path, debts: Debts) -> None:
    async def scene(s: Stage) -> None:
        debts.left = [Recall(id=RECALL, call_id="n1-1.1", dial_id="n1-1.5000000", tries=2)]
        await s.recalls.look()
        [tried] = s.told.of(e.RecallTried)
        assert (tried.dial_id, tried.outcome) == ("n1-1.5000000", "interrupted")

    played(tmp_path, scene)


def test_a_recall_of_a_dead_process_is_taken_over_with_its_level_and_ticket(tmp_path: Path) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk:
            call = "n1-1.5000000"
            asterisk.channels[call] = FakeChannel(
                call, f"PJSIP/trunk-vnpt-{call}", app_data="hotline,citizen,binhphuoc,r-n1-1.1",
                channelvars={"ACUITY": "RED", "TICKET": "t-n1-1.1", "CALLER": "+84912000000"},
            )  # fmt: skip
            leg = FakeChannel(f"op-{call}-1", "PJSIP/101-0001", "Up", f"hotline,operator,{call}")
            asterisk.channels[leg.id] = leg
            asterisk.bridges[f"call-{call}"] = {call, leg.id}
            async with stage(tmp_path, asterisk) as s:
                taken = s.floor.visits[call]
                assert isinstance(taken, Caller)
                assert taken.humans.talking is not None
                assert (taken.acuity, taken.number) == ("RED", "+84912000000")
                assert [(t.recall_id, t.outcome) for t in s.told.of(e.RecallTried)] == [
                    ("r-n1-1.1", "reached")
                ]

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_a_recall_stops_ringing_when_its_citizen_has_rung_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        owed = Owed("r-n1-1.1", "n1-1.1", "t-n1-1.1", "binhphuoc", "+84912000000", Acuity.RED, 0, 0.0)
        settled: set[str] = set()
        monkeypatch.setattr(recall_dialler, "due", lambda wanted: [] if settled else [owed])
        monkeypatch.setattr(recall_dialler, "left_behind", lambda node, alive: [])
        monkeypatch.setattr(recall_dialler, "no_more_owed", lambda ids: frozenset(settled) & ids)
        desk = s.seat(1, "101")
        dialling = asyncio.create_task(s.recalls.run())
        await s.until(lambda: desk.state is Presence.RINGING, "the desk rings for the recall")
        settled.add(owed.id)
        await s.until(lambda: desk.state is Presence.AVAILABLE, "the desk is free again")
        assert not [v for v in s.floor.visits.values() if isinstance(v, RecallCall)]
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("acuity", "in_use", "begins"),
    [(Acuity.YELLOW, 24, True), (Acuity.YELLOW, 25, False), (Acuity.RED, 29, True), (Acuity.RED, 30, False)],
)
def test_a_call_of_ours_leaves_the_emergencies_reserve_alone_and_never_passes_the_carriers_limit(
    tmp_path: Path, debts: Debts, acuity: Acuity, in_use: int, begins: bool
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        trunk = s.floor.installation.outbound_trunk
        assert trunk.channels == 30
        s.floor.in_use = {trunk.key: in_use}
        debts.owed = [owed(acuity)]
        await s.recalls.look()
        assert bool([v for v in s.floor.visits.values() if isinstance(v, RecallCall)]) is begins
        s.floor.in_use = {trunk.key: 25}
        desk = s.seat(2, "102")
        with pytest.raises(NotPossible):
            s.recalls.dial("+84912345678", desk)

    played(tmp_path, scene)


def test_a_channel_that_was_free_when_the_desk_rang_and_is_taken_when_it_answers_is_not_dialled(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        debts.owed = [owed(Acuity.YELLOW)]
        await s.recalls.look()
        [leg] = await _rings(s, 1)
        debts.owed = []
        s.floor.in_use = {s.floor.installation.outbound_trunk.key: 30}
        await s.asterisk.answer(leg)
        await s.until(lambda: leg not in s.asterisk.channels, "let go")
        assert debts.taken == [], "no try is used up"

    played(tmp_path, scene)


def test_a_red_recall_that_finds_no_operator_rings_the_citizen_first_and_then_the_duty_numbers_for_them(
    tmp_path: Path, debts: Debts
) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        s.floor.desks.change(desk, Presence.RINGING, call_id="x")
        s.floor.desks.change(desk, Presence.TALKING, call_id="x")
        debts.owed = [owed()]
        await s.recalls.look()
        await s.later(29)
        assert debts.taken == []
        await s.later(2)
        citizen = await _citizen(s)
        assert debts.taken == [(RECALL, None)], "before the minute is over"
        debts.owed = []
        await s.recalls.look()
        await s.until(lambda: citizen.state == "Ringing", "their phone rings")
        await s.asterisk.answer(citizen.id)
        visit = await s.until(lambda: isinstance(s.floor.visits.get(citizen.id), Caller), "in the line")
        assert visit
        assert [t.outcome for t in s.told.of(e.RecallTried)] == ["reached"]
        await s.until(
            lambda: citizen.id in s.asterisk.bridges.get(f"call-{citizen.id}", ()), "in their bridge"
        )
        await s.until(lambda: f"POST channels/{citizen.id}/moh" in s.asterisk.said, "music")
        await s.later(0.3)
        [duty] = await s.rings(citizen.id)
        assert duty.startswith("chain-")
        s.floor.desks.freed(desk, "x")
        s.floor.serve()
        await s.rings(citizen.id, 2)
        await s.asterisk.gone(citizen.id)
        [due] = await s.until(lambda: s.told.of(e.RecallDue), "who leaves again is owed a call again")
        assert (due.number, due.acuity) == ("+84912000000", "RED")

    played(tmp_path, scene)
