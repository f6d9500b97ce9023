"""What a restart of `calls`, a slow database or a second visit must not lose, ring twice or mix up."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hotline import events as e
from hotline.acuity import Acuity
from hotline.calls import Call, CallState
from hotline.database import make_engine, reading
from hotline.journal import Journal
from hotline.recalls import Recall
from hotline.record import Record
from ivr import call_control, reconcile, rescue
from ivr.caller import Caller
from ivr.reconcile import OpenCall
from tests import migrated
from tests.ivr.fake_ari import FakeAri, FakeChannel
from tests.ivr.stage import Stage, _no_database, played, stage  # noqa: F401 - a fixture, by its name

CALL = "n1-1.1"


def _there(asterisk: FakeAri, app_data: str = "hotline,caller,binhphuoc", **said: str) -> None:
    """A caller whom an earlier process had brought in."""
    known = {"ACUITY": "RED", "TRIAGE_DONE": "1", "HOTLINE": "binhphuoc", "CALLER": "+84912000000"}
    asterisk.channels[CALL] = FakeChannel(
        CALL, f"PJSIP/trunk-vnpt-{CALL}", app_data=app_data, channelvars=known | said
    )
    asterisk.bridges[f"call-{CALL}"] = {CALL}


def test_a_citizen_whom_we_rang_and_who_is_alone_after_a_restart_is_first_in_line(tmp_path: Path) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk:
            _there(asterisk, "hotline,citizen,binhphuoc,r-n1-1.0")
            async with stage(tmp_path, asterisk) as s:
                s.seat(1, "101")
                s.floor.serve()
                [leg] = await s.rings(CALL)
                await s.asterisk.answer(leg)
                await s.until(lambda: asterisk.bridges[f"call-{CALL}"] == {CALL, leg}, "they hear each other")

    asyncio.run(whole())


def test_a_duty_number_that_an_earlier_process_rang_is_not_rung_a_second_time(tmp_path: Path) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk, stage(tmp_path, asterisk) as s:
            await asterisk.caller(CALL, "RED")
            await s.until(lambda: CALL in asterisk.bridges.get(f"call-{CALL}", ()), "in the line")
            await s.later(0.1)
            [first] = await s.rings(CALL)
            [rung] = [said for said in asterisk.said if said.startswith("POST channels/create")]
            # Asterisk names a leg's channel after its trunk.
            asterisk.channels[first].name = "PJSIP/trunk-vnpt-0001"
            await s.next_process()
            await s.until(lambda: CALL in s.floor.visits, "taken over")
            await s.later(21)
            assert first in await s.rings(CALL, 2), "the next one rings beside it"
            assert asterisk.said.count(rung) == 1

    asyncio.run(whole())


def test_an_operator_who_answers_after_a_restart_is_heard_at_once_though_a_message_still_plays(
    tmp_path: Path,
) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk:
            asterisk.playback_s = 60.0
            async with stage(tmp_path, asterisk) as s:
                s.seat(1, "101")
                await asterisk.caller(CALL, "YELLOW", MESSAGE="message-RED")
                [leg] = await s.rings(CALL)
                await s.until(lambda: asterisk.playing, "the message plays")
                await s.next_process()
                await s.until(lambda: CALL in s.floor.visits, "taken over")
                visit = s.floor.visits[CALL]
                assert isinstance(visit, Caller)
                await s.until(lambda: visit.announcer.speaks, "what plays is known")
                await s.asterisk.answer(leg)
                await s.until(lambda: asterisk.bridges[f"call-{CALL}"] == {CALL, leg}, "they hear each other")
                await s.until(lambda: asterisk.playing == set(), "the message is over")

    asyncio.run(whole())


def _known(promised: str) -> Mapping[str, OpenCall]:
    now = e.now()
    return {
        CALL: OpenCall(
            CALL,
            "binhphuoc",
            CallState.WAITING,
            Acuity.YELLOW,
            "+84912000000",
            "in",
            now,
            now,
            None,
            promised,
        )
    }


@pytest.mark.parametrize(("promised", "reason"), [("asked", "callback_asked"), ("released", "released")])
def test_who_was_promised_a_callback_hears_so_and_is_let_go_not_served_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promised: str, reason: str
) -> None:
    monkeypatch.setattr(reconcile, "open_calls", lambda node: _known(promised))

    async def whole() -> None:
        async with FakeAri() as asterisk:
            _there(asterisk, ACUITY="YELLOW")
            async with stage(tmp_path, asterisk) as s:
                await s.until(lambda: s.told.of(e.CallEnded), "let go")
                assert [fact.reason for fact in s.told.of(e.CallEnded)] == [reason]
                assert s.told.of(e.RecallDue) == []
                assert any("/play/" in said for said in asterisk.said)
                await s.until(lambda: asterisk.bridges == {}, "the bridge is gone")

    asyncio.run(whole())


def test_an_open_call_tells_of_the_callback_that_is_owed_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    record, engine = _book(tmp_path)
    now = e.now()
    record.write(e.CallArrived(call_id=CALL, hotline="binhphuoc", node="n1", caller_number="+84912000001"))
    monkeypatch.setattr(reconcile, "reading", lambda: reading(engine))
    assert [c.promised for c in reconcile.open_calls("n1").values()] == [""]
    record.write(
        e.RecallDue(
            call_id=CALL, hotline="binhphuoc", number="+84912000001", acuity="YELLOW", why="asked", due_at=now
        )
    )  # fmt: skip
    assert [c.promised for c in reconcile.open_calls("n1").values()] == ["asked"]
    record.close()
    engine.dispose()


def test_a_caller_who_comes_into_the_line_again_has_legs_of_new_names(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller(CALL, "YELLOW")
        [first] = await s.rings(CALL)
        visit = s.floor.visits[CALL]
        assert isinstance(visit, Caller)
        visit.left_to_dialplan("a message")
        await s.until(lambda: s.asterisk.legs(CALL) == [], "nobody rings")
        await s.asterisk.caller(CALL, "YELLOW")
        [second] = await s.rings(CALL)
        assert first != second

    played(tmp_path, scene)


def test_reads_of_a_frozen_database_do_not_stop_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_control, "BEAT_EVERY_S", 0.1)
    thawed = threading.Event()

    async def scene(s: Stage) -> None:
        for _ in range((os.cpu_count() or 1) + 40):
            asyncio.get_running_loop().run_in_executor(None, thawed.wait, 30)
        beating = asyncio.create_task(s.control.beat_for_ever())
        file = tmp_path / "run" / "calls.beat"
        try:
            await s.until(file.exists, "a heartbeat")
            before = file.stat().st_mtime_ns
            await s.until(lambda: file.stat().st_mtime_ns > before, "another")
            assert file.read_text() == str(os.getpid())
        finally:
            thawed.set()
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    played(tmp_path, scene)


def test_no_call_is_taken_for_vanished_while_facts_wait_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_control, "VANISHED_EVERY_S", 0.05)
    monkeypatch.setattr(call_control, "SETTLED_AFTER_S", 0.05)
    monkeypatch.setattr(call_control, "open_calls", lambda node: _known(""))

    async def scene(s: Stage) -> None:
        s.told.waits = True
        looking = asyncio.create_task(s.control.find_vanished_for_ever())
        await asyncio.sleep(0.5)
        assert s.told.of(e.RecallDue) == []
        s.told.waits = False
        await s.until(lambda: s.told.of(e.RecallDue), "owed now")
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    played(tmp_path, scene)


def _book(folder: Path) -> tuple[Record, Engine]:
    url = migrated.at(folder / "hotline.db")
    engine = make_engine(url)
    return Record(engine, Journal(folder / "journal", "calls"), "calls", 10.0), engine


def _lost(acuity: str = "RED") -> e.RecallDue:
    return e.RecallDue(
        call_id=CALL, hotline="binhphuoc", number="+84912000001", acuity=acuity, why="lost", due_at=e.now()
    )


def test_a_loss_that_is_told_of_a_call_that_was_served_owes_nothing(tmp_path: Path) -> None:
    record, engine = _book(tmp_path)
    record.write(e.CallArrived(call_id=CALL, hotline="binhphuoc", node="n1", caller_number="+84912000001"))
    record.write(e.CallAnswered(call_id=CALL, leg_id=f"op-{CALL}-1", answered_by="lan"))
    record.write(e.CallEnded(call_id=CALL, reason="served"))
    record.write(_lost())
    record.close()
    with reading(engine) as session:
        assert session.query(Recall).all() == []
    engine.dispose()


def test_an_emergency_that_is_lost_after_a_withdrawn_promise_is_owed_a_call(tmp_path: Path) -> None:
    record, engine = _book(tmp_path)
    record.write(e.CallArrived(call_id=CALL, hotline="binhphuoc", node="n1", caller_number="+84912000001"))
    record.write(
        e.RecallDue(
            call_id=CALL, hotline="binhphuoc", number="+84912000001", acuity="YELLOW", why="asked", due_at=e.now()
        )
    )  # fmt: skip
    record.write(e.RecallChanged(recall_id=f"r-{CALL}", call_id=CALL, state="cancelled"))
    record.write(_lost(), e.CallEnded(call_id=CALL, reason="abandoned"))
    record.close()
    with reading(engine) as session:
        assert [(r.state, r.acuity, r.why) for r in session.query(Recall)] == [("due", "RED", "lost")]
        assert [c.end_reason for c in session.query(Call)] == ["abandoned"]
    engine.dispose()


@pytest.mark.parametrize(
    ("app_data", "state", "orphaned"),
    [
        ("hotline,caller,binhphuoc", "Up", True),
        ("hotline,citizen,binhphuoc,r-n1-1.0", "Up", True),
        ("hotline,citizen,binhphuoc,r-n1-1.0", "Ringing", False),
        ("hotline,operator,n1-1.1", "Up", False),
        ("other,citizen", "Up", False),
    ],
)
def test_a_citizen_whom_we_rang_is_rescued_as_a_caller_is_once_they_answered(
    app_data: str, state: str, orphaned: bool
) -> None:
    dialplan = {"app_name": "Stasis", "app_data": app_data}
    channel = {"id": CALL, "name": "PJSIP/trunk-vnpt-1", "state": state, "dialplan": dialplan}
    assert rescue.orphans([channel], [{"channels": [CALL]}]) == ([CALL] if orphaned else [])
