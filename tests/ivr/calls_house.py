"""The calls process on the product's real Asterisk, with a triage that has already decided; for live tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update

from asterisk_conf import Timing
from hotline import commands, database, documents, people, station_files
from hotline.calls import Call
from hotline.document_kinds import HOLIDAYS
from hotline.events import CallArrived, CallTriaged
from hotline.installation import digits
from hotline.journal import Journal
from hotline.operators import Operator, OperatorPresence
from hotline.recalls import Recall
from hotline.record import Record
from hotline.settings import PROJECT, Settings
from ivr.queue_members import queues_of
from ivr.speech.music import tone, write_music
from ivr.speech.prompts import system_texts
from ivr.speech.sound import write_pair
from tests import ports
from tests.asterisk_conf.switch import Switch
from tests.product import changed
from tests.world import Answering, Carrier, Phone

TRUNK_PORTS = {name: ports.CALLS_HOUSE + 7 + n for n, name in enumerate(("vnpt", "viettel", "mobifone"))}
PROMPT_HZ = 1480
"""Every prompt is half a second of this tone; music is what it is in the product."""
ANNOUNCED_HZ = 1240
CLOSED_HZ = 1120
RESULT_HZ = 1120
"""Of no call that meets closed doors."""
WHO_HZ, NOTED_HZ, OFF_HZ = 1360, 1720, 1840
"""What a team hears before anything of an order, after its yes, and when somebody else was first."""
PHONES = ("101", "102", "103", "104")
OPERATORS = ("lan", "minh", "hoa", "tuan", "nga", "vy")
SUPERVISOR = "truongca"
STATIONS = PROJECT / "installation" / "stations" / "demo.toml"


@dataclass(frozen=True)
class Decided:
    """What the triage would have said of a caller."""

    acuity: str
    branch: str = "medical"
    message: str = ""
    language: str = "vi"


class _Triage(socketserver.ThreadingTCPServer):
    """An AGI server that decides at once, by the caller's number, and tells the record as the real one does."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, decided: dict[str, Decided], record: Record) -> None:
        self.decided, self.record = decided, record
        super().__init__(("127.0.0.1", port), _TriageCall)


class _TriageCall(socketserver.StreamRequestHandler):
    server: _Triage

    def handle(self) -> None:
        said: dict[str, str] = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            said[name] = value
        number, call_id = said["agi_callerid"], said["agi_uniqueid"]
        hotline = self._ask("GET VARIABLE HOTLINE")
        what = self.server.decided[number]
        caller = "+84" + number.removeprefix("0")
        self.server.record.write(
            CallArrived(
                call_id=call_id, hotline=hotline, node="n1", trunk="vnpt", caller_number=caller, called_number="1022"
            )
        )  # fmt: skip
        self.server.record.write(
            CallTriaged(
                call_id=call_id, hotline=hotline, acuity=what.acuity, branch=what.branch, reason="", language="vi",
                path=(), protocol_id="p", protocol_version="1", protocol_digest="d",
            )
        )  # fmt: skip
        values = {
            "ACUITY": what.acuity, "BRANCH": what.branch, "MESSAGE": what.message, "CALLER": caller,
            "LANGUAGE_CODE": what.language, "NEXT": "line", "TRIAGE_DONE": "1",
        }  # fmt: skip
        for name, value in values.items():
            with contextlib.suppress(BrokenPipeError):  # the caller may be gone
                self._ask(f'SET VARIABLE {name} "{value}"')

    def _ask(self, command: str) -> str:
        self.wfile.write(f"{command}\n".encode())
        answer = self.rfile.readline().decode()
        return answer.partition("(")[2].rpartition(")")[0]


@dataclass
class CallsHouse:
    """Asterisk, the triage, the database and the calls process, each of which a test may end and start."""

    settings: Settings
    switch: Switch
    record: Record
    engine: Engine
    decided: dict[str, Decided] = field(default_factory=dict)
    child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.switch.address

    def begin_calls(self) -> None:
        """Start the calls process, as its supervisor would."""
        with (self.settings.var / "calls.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, str(PROJECT / "app.py"), "calls"],
                env={**os.environ, **_environment(self.settings)},
                stdout=log,
                stderr=log,
            )

    @contextlib.contextmanager
    def own(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Another process of the product, for as long as the block lasts."""
        with (self.settings.var / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, str(PROJECT / "app.py"), name],
                env={**os.environ, **_environment(self.settings)},
                stdout=log,
                stderr=log,
            )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(20)

    def start_calls(self) -> None:
        """Start the calls process and wait for its heartbeat."""
        self.begin_calls()
        self.until(lambda: self.beat_age_s() < 1.5, 60, "a heartbeat")

    def beat_age_s(self) -> float:
        said = self.switch.console("dialplan show globals")
        beat = next((x.partition("=")[2] for x in said.splitlines() if "HOTLINE_BEAT" in x), "0")
        return time.time() - float(beat or 0)

    def kill_calls(self) -> None:
        """SIGKILL: nothing is said, nothing is tidied."""
        if self.child is not None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait(20)

    def stop_calls(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            self.child.wait(20)

    def kill_asterisk(self) -> None:
        """SIGKILL: every caller is left without a goodbye."""
        child = self.switch._child
        if child is not None:
            child.kill()
            child.wait(20)

    def log(self) -> str:
        return (self.settings.var / "calls.log").read_text(errors="replace")

    def carrier(self, channel_count: int = 1000) -> Carrier:
        return Carrier(self.address, "127.0.0.2", TRUNK_PORTS["vnpt"], channel_count)

    def phone(self, number: str, hz: int, answering: Answering) -> Phone:
        return Phone(number, self.switch.password(number), self.address, tone_hz=hz, answering=answering)

    def all_leave(self) -> None:
        """Nobody is on duty any more, and nobody will be rung for an earlier test's caller."""
        ours = ("waiting", "ringing", "talking")
        # A caller who has just hung up is owed a call by the fact that ends theirs.
        self.until(
            lambda: not [c for c in self.rows(Call, Call.direction == "in") if c.state in ours],
            30,
            "all ended",
        )
        self.forget_recalls()
        with database.transaction(self.engine) as session:
            here = select(OperatorPresence.operator_id).where(OperatorPresence.state != "offline")
            for operator_id in session.scalars(here).all():
                commands.ask(session, operator_id, "sign_out", f"leave-{time.monotonic_ns()}", {})
        self.until(lambda: {one.state for one in self.rows(OperatorPresence)} <= {"offline"}, 30, "all left")

    def ask(self, username: str, kind: str, **body: Any) -> str:
        """A desk's click; returns the refusal, or "" when done."""
        with database.transaction(self.engine) as session:
            operator = session.scalars(select(Operator).where(Operator.username == username)).one()
            click = f"{kind}-{time.monotonic_ns()}"
            row = commands.ask(session, operator.id, kind, click, body)
        found: list[commands.DeskCommand] = []

        def done() -> bool:
            found[:] = self.rows(commands.DeskCommand, commands.DeskCommand.id == row.id)
            return bool(found and found[0].done_at)

        self.until(done, 30, f"{kind} carried out")
        return found[0].refused

    def presence(self, username: str) -> str:
        """State and reason, as "paused missed"."""
        with database.reading(self.engine) as session:
            row = session.scalars(
                select(OperatorPresence).join(Operator).where(Operator.username == username)
            ).one_or_none()
            return f"{row.state} {row.reason}".strip() if row else "offline"

    def until_presence(self, username: str, said: str, within_s: float = 30.0) -> None:
        self.until(lambda: self.presence(username) == said, within_s, f"{username} {said}")

    def until_queue(self, words: str) -> str:
        """What app_queue shows of Bình Phước's queue, once `words` stand in both of its queues."""

        def shown() -> str:
            texts = [self.switch.console(f"queue show {queue}") for queue in queues_of("binhphuoc")]
            return texts[-1] if all(words in text for text in texts) else ""

        return str(self.until(shown, 30, f"{words} in the queue"))

    def rows(self, kind: type[Any], *where: Any) -> list[Any]:
        with database.reading(self.engine) as session:
            return list(session.scalars(select(kind).where(*where)))

    def call_of(self, number: str) -> Call | None:
        rows = self.rows(Call, Call.caller_number == "+84" + number[1:], Call.direction == "in")
        return max(rows, key=lambda c: c.arrived_at, default=None)

    def until_ended(self, number: str, reason: str) -> Call:
        """The caller's call, once it has ended for this reason."""

        def ended() -> Call | None:
            call = self.call_of(number)
            return call if call is not None and call.state == "ended" else None

        call = self.until(ended, 30, f"the call of {number} ended")
        assert isinstance(call, Call)
        assert call.end_reason == reason, call.end_reason
        return call

    def ended(self, number: str) -> bool:
        call = self.call_of(number)
        return call is not None and call.state == "ended"

    def queued(self, number: str) -> bool:
        call = self.call_of(number)
        return call is not None and call.state in ("waiting", "ringing")

    def change_person(self, username: str, **values: object) -> None:
        """What an administrator saves at /people; returns when `calls` has taken it in."""
        with database.transaction(self.engine) as session:
            row = session.scalars(select(Operator).where(Operator.username == username)).one()
            wanted = {**people.values_of(row), **values}
            people.change(session, row, wanted, by=0, seen=people.last_seen(session, row.id))
        kind = commands.DeskCommand.kind == "person_changed"
        self.until(
            lambda: all(c.done_at for c in self.rows(commands.DeskCommand, kind)),
            30,
            "the person is taken in",
        )

    def publish_holidays(self, *rows: dict[str, str]) -> None:
        """What an administrator publishes at /settings; returns when calls follow it."""
        path = self.settings.installation
        with database.transaction(self.engine) as session:
            house, seen = documents.house(session, path), documents.seen(session, HOLIDAYS, "")
            content = {"holidays": list(rows)}
            documents.save(session, house, HOLIDAYS, "", content, by="quantri", seen=seen)
            seen = documents.seen(session, HOLIDAYS, "")
            number = documents.publish(session, house, HOLIDAYS, "", by="quantri", seen=seen).publication
        followed = (documents.Follower.publication == number, documents.Follower.fault == "")
        self.until(lambda: self.rows(documents.Follower, *followed), 30, f"publication {number} in Asterisk")

    def recalls_of(self, number: str) -> list[Recall]:
        return self.rows(Recall, Recall.number == "+84" + number[1:])

    def forget_recalls(self) -> None:
        """So that nobody is rung for an earlier test's caller."""
        with database.transaction(self.engine) as session:
            session.execute(update(Recall).values(state="cancelled"))

    def until(self, true: Callable[[], Any], within_s: float, what: str) -> Any:
        end = time.monotonic() + within_s
        while not (found := true()):
            assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}\n{self.log()[-3000:]}"
            time.sleep(0.05)
        return found


def _environment(given: Settings) -> dict[str, str]:
    names = ("var", "recordings", "installation", "sip_port", "ari_port", "ami_port", "agi_port", "redis_url")
    return {f"HOTLINE_{name.upper()}": str(getattr(given, name)) for name in names}


def _installation(folder: Path, changes: dict[str, str]) -> Path:
    text = (PROJECT / "installation" / "demo.toml").read_text(encoding="utf-8")
    for name, port in zip(("5160", "5161", "5162"), TRUNK_PORTS.values(), strict=True):
        text = text.replace(f"port = {name}", f"port = {port}")
    lines = text.splitlines()
    units = PROJECT / "installation" / "units"
    changes = {
        "units": f'["{units}/admin_units.csv", "{units}/admin_units_2025_mapping.csv"]',
        "stations": f'["{STATIONS}"]',
        "agencies": f'["{PROJECT}/installation/agencies"]',
        **changes,
    }
    lines = changed(lines, changes)
    path = folder / "installation.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def seat(house: CallsHouse, **desks: str) -> None:
    """Operators sit down at phones: `await seat(house, lan="101")`."""
    for username, number in desks.items():
        assert await asyncio.to_thread(house.ask, username, "sign_in", phone=number) == ""


@contextlib.contextmanager
def calls_house(folder: Path, **changes: str) -> Iterator[CallsHouse]:
    """Everything running, nobody signed in; `changes` are fields of the installation file ("ring_s": "3")."""
    given = Settings(
        var=folder / "var",
        recordings=folder / "recordings",
        installation=_installation(folder, changes),
        sip_host="127.0.0.1",
        sip_port=ports.CALLS_HOUSE,
        ami_port=ports.CALLS_HOUSE + 1,
        agi_port=ports.CALLS_HOUSE + 2,
        ari_port=ports.CALLS_HOUSE + 3,
        rtp_first=ports.RTP_OURS[0],
        rtp_last=ports.RTP_OURS[1],
        redis_url="unix:///nonexistent/redis.sock",
    )
    given.var.mkdir(parents=True)
    database.migrate(given.database)
    engine = database.make_engine(given.database, busy_s=2.0)
    switch = Switch(given, Timing(), TRUNK_PORTS)
    _lay_prompts(given, switch)
    with database.transaction(engine) as session:
        station_files.load(session, [STATIONS], {h.key for h in switch.installation.hotlines})
        for name in (*OPERATORS, SUPERVISOR):
            role = "supervisor" if name == SUPERVISOR else "operator"
            session.add(
                Operator(
                    username=name, full_name=name, role=role, password_hash="x", language="vi", hotlines=[],
                    skills=[], active=True, session_epoch=0,
                )
            )  # fmt: skip
    record = Record(engine, Journal(given.journal, "agi"), "ivr", 1.0)
    house = CallsHouse(given, switch, record, engine)
    triage = _Triage(given.agi_port, house.decided, record)
    threading.Thread(target=triage.serve_forever, daemon=True).start()
    try:
        switch.start()
        house.start_calls()
        yield house
    finally:
        house.stop_calls()
        switch.stop()
        triage.shutdown()
        triage.server_close()
        record.close()
        engine.dispose()


def _lay_prompts(given: Settings, switch: Switch) -> None:
    write_music(given.prompts)
    hz_of = {
        "chain-announcement": ANNOUNCED_HZ, "closed": CLOSED_HZ, "result-intro": RESULT_HZ, "result-supplied": RESULT_HZ,
        "order-who": WHO_HZ, "order-accepted": NOTED_HZ, "order-already": OFF_HZ, "order-recalled": OFF_HZ,
    }  # fmt: skip
    seconds_of = {
        "chain-announcement": 1.5, "closed": 2.0, "result-who": 1.5, "result-supplied": 1.5, "channels-full": 9.0,
        "message-long": 25.0, "order-who": 2.5,
    }  # fmt: skip # as long as when spoken
    more = ("message-RED", "message-YELLOW", "message-long", "unit-688", "unit-689", "category-relief")
    for name in (*system_texts(), *more):
        hz, seconds = hz_of.get(name, PROMPT_HZ), seconds_of.get(name, 0.5)
        write_pair(given.prompts / "vi" / "all" / name, tone(hz, seconds))
    assert digits(switch.installation.hotlines[0].emergency_number) == "115"
