"""With every Python process dead, each call of the carrier is a call, a ticket and a recording afterwards."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from asterisk_conf import CDR_COLUMNS, Timing, cdr_path
from hotline import events as e
from hotline import ledger
from hotline.calls import Call
from hotline.database import make_engine, reading
from hotline.journal import Journal
from hotline.recalls import Recall
from hotline.record import Record
from ivr import dialplan_calls, kept_recordings
from ivr.dialplan_calls import DialplanCalls
from ivr.kept_recordings import KeptRecordings
from tests import migrated, ports
from tests.asterisk_conf.switch import Switch, running_switch
from tests.world import Answering, Carrier, Citizen, Phone, Ports

pytestmark = pytest.mark.live

PORTS = Ports(*ports.RTP_WORLD)
TIMING = Timing(desks_ring_s=3, desks_ring_red_s=3, duty_rings_s=3, message_s=3, agi_first_command_s=2)


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """An Asterisk of this file's own, with nothing of Python beside it."""
    with running_switch(tmp_path_factory.mktemp("d"), ports.RESCUE, TIMING) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url)
    yield engine
    engine.dispose()


async def _calls(switch: Switch) -> list[str]:
    """Four callers with no program there: a desk, nobody, a duty number that presses 1, a message; the carrier's list."""
    trunk = next(t for t in switch.installation.trunks if t.key == "vnpt")
    async with Carrier(switch.address, trunk.host, trunk.port, ports=PORTS) as line:
        async with Phone("101", switch.password("101"), switch.address, tone_hz=620, ports=PORTS):
            await asyncio.to_thread(switch.sign_in, "101")
            served = await Citizen(line, "0912000001").call("02711022")
            await served.until_hears(620)
            await asyncio.sleep(1.5)
            served.hang_up()
            await served.until_ended()
            await asyncio.to_thread(switch.sign_out, "101")
        line.route("02713888001", Answering.rings_on())
        line.route("02713888002", Answering.rings_on())
        lost = await Citizen(line, "0912000002").call("02711022")
        await asyncio.sleep(5.5)
        lost.hang_up()
        await lost.until_ended()
        line.route("02713888002", Answering.answers(0.3, keys="1"), tone_hz=1210)
        duty = await Citizen(line, "0912000003").call("02711022")
        await duty.until_hears(1210)
        await asyncio.sleep(1.5)
        duty.hang_up()
        await duty.until_ended()
        short = await Citizen(line, "0912000004", withheld=True).call("02711022")
        await asyncio.sleep(1.0)
        short.hang_up()
        await short.until_ended()
        return ["0912000001", "0912000002", "0912000003", ""]


def test_calls_that_no_program_saw_are_told_with_tickets_and_recordings(
    switch: Switch, database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witnessed = asyncio.run(asyncio.wait_for(_calls(switch), 90))
    monkeypatch.setattr(dialplan_calls, "GRACE_S", 0.0)
    record = Record(database, Journal(tmp_path / "journal", "dialplan"), "dialplan", 10.0)
    place = tmp_path / "place"

    def importer() -> DialplanCalls:
        return DialplanCalls(database, record, cdr_path(switch.settings), CDR_COLUMNS, place)

    asyncio.run(asyncio.sleep(kept_recordings.CLOSED_AFTER_S + 0.5))
    first = importer()
    assert first.look() == len(witnessed)
    assert first.look() == 0
    assert importer().look() == 0, "a restart reads on where the list was left"
    place.unlink()
    assert importer().look() == 0, "and reading all again tells nothing twice"
    recordings = KeptRecordings(database, record, switch.settings.recordings, switch.settings.node)
    assert recordings.look() == len(witnessed)
    assert recordings.look() == 0
    record.close()
    with reading(database) as session:
        calls = {call.caller_number: call for call in session.scalars(select(Call))}
        recalls = {one.number: one.why for one in session.scalars(select(Recall))}
        faults = list(ledger.verify(session, switch.settings.recordings, e.now() + timedelta(hours=1)))
        counts = ledger.counts(session)
    assert {number: (call.end_reason, call.answered_by) for number, call in calls.items()} == {
        "+84912000001": ("served", "phone:101"),
        "+84912000002": ("abandoned", ""),
        "+84912000003": ("served", "phone:trunk-vnpt"),
        "": ("too_short", ""),
    }
    assert {call.hotline for call in calls.values()} == {"binhphuoc"}
    assert recalls == {"+84912000002": "lost"}
    assert faults == []
    assert counts == (4, 4, 4)
