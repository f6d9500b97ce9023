"""A panel over a real, migrated database in a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from hotline import bus, database
from hotline.events import now
from hotline.settings import PROJECT, settings
from tests import migrated, ports
from tests.softphone_panel import rows

Client = FlaskClient
SignedIn = Callable[[str], Client]


A_WORKING_MORNING = datetime.fromisoformat("2026-11-19T10:00:00+07:00")
"""A Thursday. A quarter of an hour of calls before it is the same day, the same week and the same month."""


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """The clock of every test inside this process starts at one moment and goes on: no test depends on when it is run."""
    if request.node.get_closest_marker("live"):
        yield  # a real browser and a real Asterisk keep the machine's own time
        return
    with time_machine.travel(A_WORKING_MORNING, tick=True):
        yield


@contextmanager
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, database_url: str = "") -> Iterator[Path]:
    """An installation in that folder on that migrated database, else on one of its own; no Redis."""
    for name, value in {
        "VAR": folder / "var",
        "RECORDINGS": folder / "recordings",
        "INSTALLATION": PROJECT / "installation" / "demo.toml",
        "DATABASE_URL": database_url,
        "LIVE_PORT": ports.LIVE,
        "PANEL_PORT": ports.PANEL,
    }.items():
        monkeypatch.setenv(f"HOTLINE_{name}", str(value))
    forget = (settings.cache_clear, database.engine.cache_clear, bus.connection.cache_clear)
    for clear in forget:
        clear()
    if not database_url:
        migrated.at(folder / "var" / "hotline.db")
    yield folder
    database.engine().dispose()
    for clear in forget:
        clear()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with installed(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def who(house: Path) -> dict[str, int]:
    """A busy morning's rows; people's ids by username."""
    with database.transaction() as session:
        return rows.morning(session, house / "recordings", now())


class _Compiled(BytecodeCache):
    """Templates compiled by this process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._kept.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(scope="session")
def compiled() -> Iterator[_Compiled]:
    """Each test has an application of its own; what is the same in all of them, the routes' and templates' code, is compiled once."""
    builder, made = Rule._compile_builder, {}

    def once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # All that the code depends on: it gets the rule itself, with its converters, as an argument.
        key = (rule.rule, repr(rule.defaults), tuple(rule._trace), append_unknown)
        if key not in made:
            made[key] = builder(rule, append_unknown)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield _Compiled()


@pytest.fixture
def app(house: Path, compiled: _Compiled) -> Flask:
    from softphone_panel import create_app

    made = create_app()
    made.jinja_env.bytecode_cache = compiled
    made.testing = True
    made.config["WTF_CSRF_ENABLED"] = False
    return made


@pytest.fixture
def signed_in(app: Flask, who: dict[str, int]) -> SignedIn:
    """A browser of that person's."""

    def sign_in(username: str) -> Client:
        client = app.test_client()
        answer = client.post("/sign-in", data={"username": username, "password": rows.PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    return sign_in


def hidden(page: str, name: str, form: str = "") -> str:
    """A hidden field's value; in the form whose action ends so, if one is named."""
    if form:
        page = page[page.index(f'{form}"') :]
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name} after {form!r}"
    return found.group(1)
