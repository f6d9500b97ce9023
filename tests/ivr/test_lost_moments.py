"""What happens while nobody listens, or never comes: no caller is left in silence for it, and nobody is rung for a ghost."""

from __future__ import annotations

import asyncio
import csv
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from asterisk_conf import CDR_COLUMNS
from hotline import events as e
from hotline.calls import Call
from hotline.database import make_engine, reading
from hotline.journal import Journal
from hotline.operators import Operator, Presence
from hotline.recalls import Recall
from hotline.record import Record
from ivr import dialplan_calls, reconcile
from ivr.caller import Caller
from ivr.dialplan_calls import DialplanCalls
from tests import migrated
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

CALL = "n1-1.1"


async def _again(s: Stage) -> None:
    """The event stream breaks and comes back."""
    s.asterisk.shut = True
    await s.asterisk.cut()
    await s.until(lambda: not s.floor.ari.connected, "cut")
    s.asterisk.shut = False
    await s.until(lambda: s.floor.ari.connected, "connected again")


async def _waits(s: Stage, acuity: str = "YELLOW", **variables: str) -> Caller:
    await s.asterisk.caller(CALL, acuity, **variables)
    await s.until(lambda: CALL in s.asterisk.bridges.get(f"call-{CALL}", ()), "in the line")
    await asyncio.sleep(0.1)
    visit = s.floor.visits[CALL]
    assert isinstance(visit, Caller)
    return visit


def test_no_desk_rings_for_a_caller_whom_the_rescue_took_while_nobody_listened(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await _waits(s, "RED")
        s.asterisk.channels[CALL].in_app = False
        await _again(s)
        assert CALL not in s.floor.visits
        s.seat(1, "101")
        s.floor.serve()
        await asyncio.sleep(0.2)
        assert s.asterisk.legs(CALL) == []

    played(tmp_path, scene)


def test_words_whose_end_nobody_heard_do_not_silence_the_comfort(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        visit = await _waits(s)
        visit.announcer._playback = "say-whose-end-was-lost"
        await _again(s)
        assert not visit.announcer.speaks

    played(tmp_path, scene)


def test_a_database_that_hangs_keeps_no_caller_waiting_for_the_reconciliation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "READ_WITHIN_S", 0.1)

    async def scene(s: Stage) -> None:
        await _waits(s)
        s.floor.visits.clear()  # as a process that has just begun
        monkeypatch.setattr(reconcile, "open_calls", lambda node: time.sleep(2.5))
        began_s = time.monotonic()
        await _again(s)
        assert time.monotonic() - began_s < 2.5
        assert CALL in s.floor.visits

    played(tmp_path, scene)


def test_operators_whom_the_database_could_not_name_at_first_are_rung_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "LEARN_AGAIN_S", 0.1)
    lan = Operator(id=1, username="lan", hotlines=[], skills=[])

    def away() -> list[Any]:
        raise OperationalError("", {}, OSError())

    async def scene(s: Stage) -> None:
        monkeypatch.setattr(reconcile, "operators", away)
        await _again(s)
        monkeypatch.setattr(reconcile, "operators", lambda: [(lan, None)])
        desk = await s.until(lambda: s.floor.desks.of(1), "known")
        assert desk.state is Presence.OFFLINE

    played(tmp_path, scene)


@pytest.mark.parametrize(("cause", "sip"), [(19, 480), (19, 0), (0, 0)], ids=["phone", "limit", "unsaid"])
def test_a_red_call_that_rings_out_pauses_nobody_and_all_ring_again(
    tmp_path: Path, cause: int, sip: int
) -> None:
    async def scene(s: Stage) -> None:
        desks = [s.seat(1, "101"), s.seat(2, "102")]
        await s.asterisk.caller(CALL, "RED")
        legs = await s.rings(CALL, 2)
        s.ahead_s += 120
        for leg in legs:
            await s.asterisk.gone(leg, cause=cause, tech_cause=sip)
        again = await s.rings(CALL, 2)
        assert not set(legs) & set(again)
        assert [desk.state for desk in desks] == [Presence.RINGING] * 2

    played(tmp_path, scene)


def test_a_phone_that_turns_red_away_at_once_is_paused_not_rung_without_end(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        await s.asterisk.caller(CALL, "RED")
        [leg] = await s.rings(CALL)
        s.ahead_s += 1
        await s.asterisk.gone(leg, cause=19, tech_cause=480)
        await s.until(lambda: desk.state is Presence.PAUSED, "paused")

    played(tmp_path, scene)


def test_a_duty_number_is_joined_at_once_when_there_is_no_recording_to_ask_for_a_key(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        (s.floor.prompts / "vi" / "all" / "chain-announcement.alaw").unlink()
        await _waits(s, "RED")
        await s.later(0.1)
        [leg] = await s.rings(CALL)
        await s.asterisk.answer(leg)
        await s.until(lambda: leg in s.asterisk.bridges[f"call-{CALL}"], "joined")

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("keys", "then"),
    [("0", "RED"), ("0912345678", "+84912345678"), ("19001234", "RED")],
    ids=["broken off", "without #", "a premium number"],
)
def test_after_a_number_that_is_typed_no_further_key_1_is_an_emergency_again(
    tmp_path: Path, keys: str, then: str
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        visit = await _waits(s, CALLER="")
        visit.number = ""
        for key in "2" + keys:
            await s.asterisk.key(CALL, key)
        await asyncio.sleep(0.1)
        await s.later(9)
        if then == "RED":
            await s.asterisk.key(CALL, "1")
            await s.until(lambda: visit.acuity == "RED", "an emergency")
            assert s.told.of(e.CallbackNumberGiven) == []
        else:
            assert [given.number for given in s.told.of(e.CallbackNumberGiven)] == [then]

    played(tmp_path, scene)


def _row(call_id: str, ended_s: float) -> list[str]:
    row = {
        **dict.fromkeys(CDR_COLUMNS, ""),
        "uniqueid": call_id,
        "hotline": "binhphuoc",
        "trunk": "vnpt",
        "caller": "0912000001",
        "acuity": "YELLOW",
        "start": f"{ended_s - 60}",
        "answer": f"{ended_s - 60}",
        "end": f"{ended_s}",
        "disposition": "ANSWERED",
    }
    return [row[name] for name in CDR_COLUMNS]


def test_a_call_that_a_human_answered_is_served_and_waits_for_facts_still_in_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url)
    record = Record(engine, Journal(tmp_path / "journal", "dialplan"), "dialplan", 10.0)
    at = e.now() - timedelta(minutes=2)
    record.write(
        e.CallArrived(call_id=CALL, at=at, hotline="binhphuoc", node="n1", caller_number="+84912000001")
    )
    record.write(e.CallQueued(call_id=CALL, at=at, hotline="binhphuoc", acuity="YELLOW"))
    record.write(e.CallAnswered(call_id=CALL, at=at, leg_id=f"op-{CALL}-1", answered_by="lan"))
    with (tmp_path / "cdr.csv").open("w", newline="") as file:
        csv.writer(file).writerow(_row(CALL, time.time() - 60))
    waiting = tmp_path / "journal" / "calls.jsonl"
    waiting.write_text("{}\n")
    calls = DialplanCalls(engine, record, tmp_path / "cdr.csv", CDR_COLUMNS, tmp_path / "journal" / "place")
    assert calls.look() == 0, "the journal may tell more"
    monkeypatch.setattr(dialplan_calls, "JOURNALS_WITHIN_S", 0.0)
    assert calls.look() == 1
    record.close()
    with reading(engine) as session:
        assert [c.end_reason for c in session.scalars(select(Call))] == ["served"]
        assert session.scalars(select(Recall)).all() == []
    engine.dispose()


def test_key_1_in_the_message_puts_the_call_in_the_line_again(tmp_path: Path) -> None:
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url)
    record = Record(engine, Journal(tmp_path / "journal", "calls"), "calls", 10.0)
    record.write(e.CallArrived(call_id=CALL, hotline="binhphuoc", node="n1", caller_number="+84912000001"))
    record.write(e.MessageStarted(call_id=CALL))
    record.write(e.CallQueued(call_id=CALL, hotline="binhphuoc", acuity="RED"))
    record.close()
    with reading(engine) as session:
        assert [(c.state, c.acuity) for c in session.scalars(select(Call))] == [("waiting", "RED")]
    engine.dispose()
