"""The whole product for a live test: every process under its supervisor, in a folder and on ports of its own."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import select, update

from front_door import accounting, demo_data, preparation, processes, supervision
from hotline import commands, database
from hotline.calls import Call
from hotline.operators import Operator, OperatorPresence, Role
from hotline.recalls import Recall
from hotline.settings import Settings, settings
from tests import ports
from tests.world import Carrier
from tests.world.plan import Desk, Plan

PROJECT = Path(__file__).resolve().parent.parent
SAID = PROJECT / "var" / "tests" / "prompts"
"""Prompts that an earlier product of a test rendered; whatever has changed since is rendered anew, by its digest."""


def environment(folder: Path, installation: Path) -> dict[str, str]:
    """Settings of a product that disturbs nobody: its own var, recordings and ports."""
    base = ports.PRODUCT
    names = (
        "SIP_PORT",
        "AMI_PORT",
        "AGI_PORT",
        "ARI_PORT",
        "PANEL_PORT",
        "LIVE_PORT",
        "FRONT_PORT",
        "PLAIN_PORT",
    )
    return {
        "HOTLINE_VAR": str(folder / "var"),
        "HOTLINE_RECORDINGS": str(folder / "recordings"),
        "HOTLINE_INSTALLATION": str(installation),
        "HOTLINE_SIP_HOST": "127.0.0.1",
        "HOTLINE_FRONT_HOST": "127.0.0.1",
        "HOTLINE_GTTS": "false",
        "HOTLINE_DEMO": "true",
        "HOTLINE_RTP_FIRST": str(ports.RTP_OURS[0]),
        "HOTLINE_RTP_LAST": str(ports.RTP_OURS[1]),
        **{f"HOTLINE_{name}": str(base + n) for n, name in enumerate(names)},
    }


def installation_file(folder: Path, **changes: str) -> Path:
    """The demo's province with trunk ports of this test worker, and other values for some fields ("ring_s": "30")."""
    text = (PROJECT / "installation" / "demo.toml").read_text(encoding="utf-8")
    text = text.replace("port = 5160", f"port = {ports.PRODUCT + 10}").replace(
        "port = 5161", f"port = {ports.PRODUCT + 11}"
    )
    text = text.replace('units = ["units/', f'units = ["{PROJECT}/installation/units/')
    text = text.replace(', "units/', f', "{PROJECT}/installation/units/')
    text = text.replace('stations = ["stations/', f'stations = ["{PROJECT}/installation/stations/')
    text = text.replace('agencies = ["agencies"', f'agencies = ["{PROJECT}/installation/agencies"')
    text = text.replace('articles = ["articles"', f'articles = ["{PROJECT}/installation/articles"')
    lines = changed(text.splitlines(), changes)
    path = folder / "installation.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def changed(lines: list[str], changes: dict[str, str]) -> list[str]:
    """These lines with other values for some fields; how long a team is rung ([orders]) has a desk's name and keeps its own."""
    found, table = [], ""
    for line in lines:
        table = line if line.startswith("[") else table
        name = line.partition(" = ")[0]
        found.append(f"{name} = {changes[name]}" if name in changes and table != "[orders]" else line)
    return found


class Product:
    """A running product; what the tests ask of it."""

    def __init__(self, given: Settings, supervisor: supervision.Supervisor, desks: int) -> None:
        self.given, self.supervisor, self.desks = given, supervisor, desks

    def plan(self) -> Plan:
        """The outside world that fits it."""
        return demo_data.plan(self.given, self.desks)

    @property
    def phones(self) -> tuple[Desk, ...]:
        return self.plan().desks

    def sign_in(self, count: int | None = None) -> None:
        """Signs the first operators in at the first phones, which must be registered."""
        demo_data.sign_in(self.given, count or self.desks)

    def sign_in_at(self, username: str, phone: str) -> None:
        """Signs one operator in at a phone, which must be registered."""
        demo_data.sign_in_at(self.given, {username: phone})

    def pid(self, name: str) -> int:
        return self.supervisor.pid(name)

    def tell(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to one process of the product."""
        os.kill(self.pid(name), number)

    def rows(self, kind: type[Any], *where: Any) -> list[Any]:
        with database.reading() as session:
            return list(session.scalars(select(kind).where(*where)))

    def call_of(self, number: str) -> Call | None:
        """The newest call of a caller's number as dialled ("0912345678")."""
        found = self.rows(Call, Call.caller_number == "+84" + number[1:])
        return max(found, key=lambda call: call.arrived_at, default=None)

    def missing(self, carrier: Carrier, within_s: float = 30.0) -> list[str]:
        """A sentence for each call of the carrier's list that is no call, ticket and recording here, once that has had its time."""
        witnessed = [
            accounting.Witnessed(call.from_number, call.to_number, call.started_at, call.talked_s)
            for call in carrier.calls
            if call.direction == "to product" and call.answered_at is not None
        ]
        since = min(one.started_at for one in witnessed) - timedelta(seconds=1)
        until = time.monotonic() + within_s
        while True:
            lines = accounting.account(witnessed, demo_data.calls_since(since))
            faults = [fault for line in lines for fault in line.faults()]
            if not faults or time.monotonic() > until:
                return faults
            time.sleep(0.5)

    def put_in_order(self) -> None:
        """For the next scene: nobody on duty, and nobody to be rung for an earlier caller."""
        with database.transaction() as session:
            session.execute(update(Recall).values(state="cancelled"))
            here = session.scalars(select(Operator.id).where(Operator.role == Role.OPERATOR)).all()
            for operator in here:
                commands.ask(session, operator, "sign_out", token_hex(8), {})
        eventually(
            lambda: {one.state for one in self.rows(OperatorPresence)} <= {"offline"},
            30.0,
            "everybody is off duty",
        )

    def recalls_of(self, number: str) -> list[Recall]:
        return self.rows(Recall, Recall.number == "+84" + number[1:])


def eventually(true: Callable[[], Any], within_s: float, what: str) -> Any:
    """The first truthy answer, asked five times a second; AssertionError naming `what` when the time is up."""
    until = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)
    return found


@contextmanager
def running_product(
    folder: Path,
    desks: int = 2,
    *,
    approved: bool = True,
    more: Mapping[str, str] | None = None,
    **changes: str,
) -> Iterator[Product]:
    """Prepares and starts everything as `./run demo` does, without its callers; ends all of it afterwards.

    `more` are other settings ("HOTLINE_FRONT_HOST": …), `changes` other values of the installation's fields.
    Not `approved`: as `./run up` finds a new installation, with no protocol that anybody has signed.
    """
    before = dict(os.environ)
    os.environ.update({**environment(folder, installation_file(folder, **changes)), **(more or {})})
    _forget()
    try:
        given = preparation.read_settings()
        with supervision.installation(given):
            if approved and SAID.is_dir():
                shutil.copytree(SAID, given.prompts)
            preparation.all_of(given)
            demo_data.lay(given, desks)
            if approved:
                demo_data.approve(given)
                _keep_what_is_said(given.prompts)
            with supervision.running(given, processes.all_of(given)) as supervisor:
                supervisor.wait_until_ready()
                yield Product(given, supervisor, desks)
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


def _keep_what_is_said(prompts: Path) -> None:
    """Lays the rendered prompts aside for the next product of this clone."""
    if SAID.exists():
        return
    mine = SAID.with_name(f"{SAID.name}-{os.getpid()}")
    shutil.copytree(prompts, mine)
    try:
        mine.rename(SAID)
    except OSError:  # another worker was quicker
        shutil.rmtree(mine)


def _forget() -> None:
    """Settings and the engine are made once a process; a product of a test has its own."""
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    settings.cache_clear()
    database.engine.cache_clear()
