"""Triage on real calls: the product's Asterisk and AGI server, keys pressed into sounding prompts, the database afterwards."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from asterisk_conf import CDR_COLUMNS, Timing
from front_door import parts
from front_door.faults import Fault
from hotline.calls import Call
from hotline.database import make_engine, migrate, reading
from hotline.recalls import Recall
from hotline.settings import PROJECT, Settings
from hotline.tickets import Ticket
from ivr.review import Scenario, read_scenarios
from ivr.speech import prompt_set
from ivr.speech.music import tone, write_tones
from ivr.speech.sound import write_pair
from ivr.triage import Asking, Decision, answer, start
from tests import ports
from tests.agi_scripts.conftest import approve
from tests.asterisk_conf.switch import COMFORT_HZ, Switch, settings_in
from tests.ivr.protocols import FOLDER, covid
from tests.product import eventually
from tests.world import Carrier, Citizen, Ports
from tests.world.leg import Leg

PORTS = Ports(*ports.RTP_WORLD)
PROMPT_S = 1.7
MESSAGE_HZ, LANGUAGE_HZ = 400, 460
TONE_HZ = {name: 520 + 60 * n for n, name in enumerate(covid().questions)}
"""Each question is a tone of its own, so that what a caller hears says where they are."""
CASES = read_scenarios((FOLDER / "covid-2021.scenarios.toml").read_text(), "scenarios").each
T = TypeVar("T")


def run(work: Coroutine[object, object, T], within_s: float = 170.0) -> T:
    return asyncio.run(asyncio.wait_for(work, within_s))


class Machine:
    """Asterisk, the AGI server, and what they left in the database."""

    def __init__(self, given: Settings) -> None:
        self.given = given
        self.engine = make_engine(given.database, busy_s=2.0)
        trunk_ports = {name: ports.TRIAGE + 5 + n for n, name in enumerate(("vnpt", "viettel", "mobifone"))}
        self.switch = Switch(given, Timing(), trunk_ports)
        self.agi: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        migrate(self.given.database)
        self._lay_prompts()
        approve(self.engine)
        self.start_agi()
        self.switch.start()

    def _lay_prompts(self) -> None:
        sounds: dict[str, Any] = {}
        for prompt in prompt_set.wanted(self.given):
            question = prompt.id.removeprefix("question-").partition("-")[0]
            if prompt.id.startswith("language-"):
                write_pair(self.given.prompts / prompt.key, tone(LANGUAGE_HZ, 0.5))
                continue
            hz = TONE_HZ.get(question, MESSAGE_HZ) if prompt.id.startswith("question-") else MESSAGE_HZ
            sounds.setdefault(str(hz), tone(hz, PROMPT_S))
            write_pair(self.given.prompts / prompt.key, sounds[str(hz)])
        write_tones(self.given.prompts / "vi" / "all")
        self.switch.lay_prompts()

    def program(self, name: str) -> subprocess.Popen[bytes]:
        """A process of the product, as the supervisor starts it."""
        names = ("var", "recordings", "installation", "agi_port", "ari_port")
        environment = {f"HOTLINE_{name.upper()}": str(getattr(self.given, name)) for name in names}
        with (self.given.var / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "app.py", name],
                cwd=PROJECT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def start_agi(self) -> None:
        self.agi = self.program("agi")
        until = time.monotonic() + 20
        while (
            f"port={self.given.agi_port}".encode()
            not in (self.given.var / "agi.log").read_bytes().rpartition(b"\0")[2]
        ):
            assert time.monotonic() < until, (self.given.var / "agi.log").read_text()
            time.sleep(0.1)
        with (self.given.var / "agi.log").open("ab") as log:
            log.write(b"\0")  # what a next start says comes after this

    def stop(self) -> None:
        self.switch.stop()
        if self.agi is not None:
            self.agi.terminate()
            self.agi.wait(10)
        self.engine.dispose()

    def carrier(self) -> Carrier:
        trunk = next(t for t in self.switch.installation.trunks if t.key == "vnpt")
        return Carrier(self.switch.address, trunk.host, trunk.port, ports=PORTS)

    def rows(self, kind: type[T], number: str) -> list[T]:
        column = kind.number if kind is Recall else kind.caller_number  # type: ignore[attr-defined]  # by its kind
        with reading(self.engine) as session:
            return list(session.scalars(select(kind).where(column == "+84" + number[1:])))

    def ticket(self, number: str, within_s: float = 15.0) -> Ticket:
        """The caller's ticket once triage is in it."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if found := [ticket for ticket in self.rows(Ticket, number) if ticket.branch]:
                return found[-1]
            time.sleep(0.1)
        raise AssertionError(f"no ticket of {number}: {(self.given.var / 'agi.log').read_text()[-2000:]}")

    def cdr(self, number: str, within_s: float = 15.0) -> dict[str, str]:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            rows = [dict(zip(CDR_COLUMNS, row, strict=True)) for row in csv.reader(self.switch.cdr_lines())]
            if found := [row for row in rows if row["caller"] == number]:
                return found[-1]
            time.sleep(0.1)
        raise AssertionError(f"no CDR of {number}")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        parts.program("asterisk")
    except Fault:
        pytest.skip("No Asterisk: let `./run test` fetch it.")
    made = Machine(settings_in(tmp_path_factory.mktemp("m"), ports.TRIAGE, ports.RTP_OURS))
    made.given.var.mkdir(parents=True, exist_ok=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def questions_on(keys: tuple[str | None, ...]) -> list[str]:
    """The question heard before each key."""
    at: Asking | Decision = start(covid())
    heard = []
    for key in keys:
        assert isinstance(at, Asking)
        heard.append(at.question)
        at = answer(at, key)
    return heard


async def press_through(leg: Leg, keys: tuple[str | None, ...]) -> None:
    """Each key is pressed 0.3 s into its prompt."""
    for question, key in zip(questions_on(keys), keys, strict=True):
        await leg.until_hears(TONE_HZ[question], for_s=0.3)
        if key is not None:
            await leg.press(key)
        else:
            await leg.until_quiet(1.0)


@pytest.mark.live
def test_every_case_of_the_officers_comes_out_over_real_keys_on_real_calls(machine: Machine) -> None:
    at_once = asyncio.Semaphore(8)

    async def one(carrier: Carrier, number: str, case: Scenario) -> None:
        async with at_once:
            leg = await Citizen(carrier, number).call("02711022")
            await press_through(leg, case.keys)
            if case.acuity == "GREEN":
                await leg.until_hears(MESSAGE_HZ)
                await leg.until_ended()
            else:
                await asyncio.to_thread(machine.ticket, number)
                await asyncio.sleep(0.3)
                leg.hang_up()

    async def scene() -> None:
        async with machine.carrier() as carrier:
            await asyncio.gather(*(one(carrier, f"09120000{n:02}", case) for n, case in enumerate(CASES)))

    run(scene())
    assert len(CASES) == 43
    for n, case in enumerate(CASES):
        number = f"09120000{n:02}"
        ticket, cdr = machine.ticket(number), machine.cdr(number)
        assert [step["key"] for step in ticket.path] == list(case.keys), case.written
        assert (ticket.acuity, cdr["acuity"], cdr["triaged"]) == (case.acuity, case.acuity, "1"), case.written


@pytest.mark.live
def test_the_slowest_legal_caller_is_not_cut_off(machine: Machine) -> None:
    number, keys = "0913000001", ("2", "2", "2", "3", "3", "3")

    async def scene() -> float:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            for question, key in zip(questions_on(keys), keys, strict=True):
                for pressed in ("*", "*", key):
                    # Every prompt is heard three times to its end, and answered in the last half second.
                    await leg.until_hears(TONE_HZ[question], for_s=0.3)
                    if question == "ROOT":
                        await leg.until_hears(LANGUAGE_HZ, for_s=0.3)
                    ended = await leg.until_quiet(0.5)
                    await asyncio.sleep(ended - 0.5 + 3.5 - time.monotonic())
                    await leg.press(pressed)
            await leg.until_hears(MESSAGE_HZ)
            assert leg.answered_s is not None
            return await leg.until_ended() - leg.answered_s

    assert run(scene()) > 90
    ticket = machine.ticket(number)
    assert "".join(str(step["key"]) for step in ticket.path) == "**2**2**2**3**3**3"
    assert (ticket.acuity, machine.cdr(number)["triaged"]) == ("GREEN", "1")


@pytest.mark.live
def test_english_is_offered_after_the_first_question_and_chosen_by_key_8(machine: Machine) -> None:
    number = "0913000006"

    async def scene() -> None:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            await leg.until_hears(TONE_HZ["ROOT"], for_s=0.3)
            await leg.until_hears(LANGUAGE_HZ, for_s=0.3)
            await leg.press("8")
            await leg.until_hears(TONE_HZ["ROOT"], for_s=0.3)
            await leg.press("1")
            await asyncio.to_thread(machine.ticket, number)
            leg.hang_up()

    run(scene())
    assert (machine.rows(Call, number)[0].language, machine.ticket(number).acuity) == ("en", "RED")


@pytest.mark.live
def test_key_8_during_the_vietnamese_question_is_english_before_it_is_offered(machine: Machine) -> None:
    number = "0913000007"

    async def scene() -> None:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            await leg.until_hears(TONE_HZ["ROOT"], for_s=0.3)
            await leg.press("8")
            await asyncio.sleep(0.5)
            await leg.press("0")
            assert leg.heard().get(LANGUAGE_HZ, 0.0) == 0.0  # it was cut off and asked again before the offer
            await asyncio.to_thread(machine.ticket, number)
            leg.hang_up()

    run(scene())
    assert [step["key"] for step in machine.ticket(number).path] == ["8", "0"]
    assert machine.rows(Call, number)[0].language == "en"


@pytest.mark.live
def test_a_hang_up_in_the_questions_leaves_a_ticket_and_a_recall(machine: Machine) -> None:
    number = "0913000002"

    async def scene() -> None:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            await press_through(leg, ("2", "2"))
            await leg.until_hears(TONE_HZ["A2"], for_s=0.3)
            leg.hang_up()
            await asyncio.to_thread(machine.ticket, number)

    run(scene())
    ticket = machine.ticket(number)
    assert [step["key"] for step in ticket.path] == ["2", "2"]
    recall = eventually(lambda: machine.rows(Recall, number), 15, "a recall")[0]
    call = eventually(lambda: [one for one in machine.rows(Call, number) if one.end_reason], 15, "the end")[0]
    assert (recall.acuity, recall.why, call.state, call.end_reason) == (
        "ORANGE",
        "lost",
        "ended",
        "abandoned",
    )


@pytest.mark.live
def test_a_killed_server_in_a_prompt_hands_the_caller_to_the_fallback_at_the_level_reached(
    machine: Machine,
) -> None:
    number = "0913000003"

    async def scene() -> float:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            await press_through(leg, ("2", "2"))
            await leg.until_hears(TONE_HZ["A2"], for_s=0.3)
            assert machine.agi is not None
            machine.agi.kill()
            killed = time.monotonic()
            # No desk and no duty number answers here, so the fallback comes to its message at once.
            await leg.until_hears(COMFORT_HZ, for_s=0.3)
            took = time.monotonic() - killed
            assert leg.ended_s is None
            leg.hang_up()
            return took

    try:
        assert run(scene()) < 3.0
    finally:
        assert machine.agi is not None
        machine.agi.wait(5)
        machine.start_agi()
    assert machine.cdr(number)["acuity"] == "ORANGE"


@pytest.mark.live
def test_with_no_server_at_all_the_caller_is_in_the_fallback_at_once(machine: Machine) -> None:
    machine.agi.terminate()  # type: ignore[union-attr]  # it was started
    machine.agi.wait(10)  # type: ignore[union-attr]
    number = "0913000004"

    async def scene() -> None:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            heard_s = await leg.until_hears(COMFORT_HZ, for_s=0.3)
            assert heard_s - (leg.answered_s or 0.0) < 3.0
            leg.hang_up()

    try:
        run(scene())
    finally:
        machine.start_agi()


@pytest.mark.live
def test_a_hung_server_is_killed_and_its_callers_are_in_the_fallback_within_eight_seconds(
    machine: Machine,
) -> None:
    number = "0913000005"

    async def scene() -> float:
        async with machine.carrier() as carrier:
            leg = await Citizen(carrier, number).call("02711022")
            await leg.until_hears(TONE_HZ["ROOT"], for_s=0.3)
            assert machine.agi is not None
            machine.agi.send_signal(signal.SIGSTOP)
            hung = time.monotonic()
            await leg.press("2")
            await leg.until_hears(COMFORT_HZ, for_s=0.3)
            leg.hang_up()
            return time.monotonic() - hung

    rescue = machine.program("rescue")
    try:
        said = machine.given.var / "rescue.log"
        eventually(lambda: "the rescue watches" in said.read_text(), 30, "the rescue")
        assert run(scene()) < 8.0
    finally:
        rescue.terminate()
        rescue.wait(10)
        assert machine.agi is not None
        machine.agi.kill()
        machine.agi.wait(5)
        machine.start_agi()
    assert machine.cdr(number)["acuity"] == "ORANGE"
    assert not [call for call in machine.rows(Call, number) if call.state == "ended"]
