"""How calls follow published settings: at once, with Asterisk's dialplan; what Asterisk refuses stands as before and is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

import asterisk_conf
from hotline import database, documents, tables
from hotline.document_kinds import HOTLINE, RULES
from hotline.documents import Follower, Kind
from hotline.in_force import InForce
from hotline.installation import Installation
from hotline.settings import PROJECT, Settings, settings
from hotline.station_documents import STATION
from ivr import settings_followed
from ivr.ari import AriError
from ivr.desk import Desks
from ivr.floor import Floor
from ivr.queue_members import QueueMembers
from ivr.settings_followed import SettingsFollowed
from ivr.speech import prompt_set
from ivr.speech.spoken_settings import SpokenSettings


@dataclass
class Switch:
    """In place of Asterisk: runs the dialplan that lies in its folder when it reloads, unless it refuses."""

    etc: Path
    mark: str = ""
    refuses: str = ""
    connected: bool = True
    reloads: list[str] = field(default_factory=list)

    async def global_value(self, name: str) -> str:
        return self.mark

    async def reload(self, module: str) -> None:
        if module == self.refuses:
            raise AriError(409, "Module could not be reloaded")
        self.reloads.append(module)
        if module == "pbx_config":
            self.mark = self.told()

    def told(self) -> str:
        lines = (self.etc / "extensions.conf").read_text(encoding="utf-8").splitlines()
        return next(line.partition(" = ")[2] for line in lines if line.startswith("DIALPLAN = "))


@dataclass
class Scene:
    given: Settings
    switch: Switch
    floor: Floor
    followed: SettingsFollowed

    def look(self) -> None:
        asyncio.run(self.followed._look())

    def publish(self, kind: Kind, key: str, **changes: Any) -> None:
        with database.transaction() as session:
            house = documents.house(session, self.given.installation)
            content = {**house.content(kind, key), **changes}
            seen = documents.seen(session, kind, key)
            documents.save(session, house, kind, key, content, by="an", seen=seen)
            seen = documents.seen(session, kind, key)
            documents.publish(session, house, kind, key, by="an", seen=seen)

    def told(self) -> list[tuple[int, str]]:
        with database.reading() as session:
            return [(one.publication, one.fault) for one in session.query(Follower)]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("HOTLINE_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("HOTLINE_RECORDINGS", str(tmp_path / "recordings"))
    monkeypatch.setenv("HOTLINE_INSTALLATION", str(PROJECT / "installation" / "demo.toml"))
    settings.cache_clear()
    database.engine.cache_clear()
    given = settings()
    given.var.mkdir()
    tables.Base.metadata.create_all(database.engine())
    in_force = InForce(given)
    etc = asterisk_conf.render(given, in_force.installation).parent
    switch = Switch(etc)
    switch.mark = switch.told()
    floor = cast(Floor, _Floor(switch, in_force.installation))
    members = cast(QueueMembers, _Members())
    monkeypatch.setattr(settings_followed, "TRY_EVERY_S", 0.0)
    yield Scene(given, switch, floor, SettingsFollowed(given, in_force, floor, members))
    database.engine().dispose()
    settings.cache_clear()
    database.engine.cache_clear()


@dataclass
class _Floor:
    ari: Switch
    installation: Installation
    desks: Desks = field(default_factory=lambda: Desks(lambda event: None))
    now_s: float = 0.0
    serve: Callable[[], None] = lambda: None
    published: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> float:
        return self.now_s


class _Members:
    def follow(self, installation: Installation, desks: Desks) -> None:
        """The queues are another test's."""


def test_nothing_is_asked_of_asterisk_before_something_is_published(scene: Scene) -> None:
    scene.look()
    assert (scene.switch.reloads, scene.told()) == ([], [])


def test_a_new_number_is_in_the_dialplan_and_the_limits_count_at_once(scene: Scene) -> None:
    scene.publish(HOTLINE, "binhduong", numbers=["02743999"])
    scene.publish(RULES, "", ring_s=33, wrap_up_s=44)
    scene.look()
    assert scene.switch.reloads == ["pbx_config", "app_queue"]
    assert "exten => 02743999,1,Set(HOTLINE=binhduong)" in (scene.switch.etc / "extensions.conf").read_text()
    assert "timeout = 33" in (scene.switch.etc / "queues.conf").read_text()
    assert (scene.floor.installation.ring_s, scene.floor.desks.wrap_up_s) == (33, 44)
    assert scene.told() == [(2, "")]
    scene.look()
    assert scene.switch.reloads == ["pbx_config", "app_queue"]


def test_a_published_station_wakes_who_reads_the_stations_and_reloads_nothing(scene: Scene) -> None:
    scene.look()
    assert not scene.floor.published.is_set()
    scene.publish(STATION, "ttyt-loc-ninh", numbers=["02713568099"])
    scene.look()
    assert scene.floor.published.is_set()
    assert (scene.switch.reloads, scene.told()) == ([], [(1, "")])


@pytest.mark.parametrize("refuses", ["pbx_config", "app_queue"])
def test_what_asterisk_refuses_leaves_its_files_as_they_were_and_is_told_and_tried_again(
    scene: Scene, refuses: str
) -> None:
    before = (scene.switch.etc / "extensions.conf").read_text()
    scene.switch.refuses = refuses
    scene.publish(HOTLINE, "binhduong", numbers=["02743999"])
    scene.look()
    assert (scene.switch.etc / "extensions.conf").read_text() == before
    ((number, fault),) = scene.told()
    assert number == 1 and "could not be reloaded" in fault
    scene.switch.refuses = ""
    scene.look()
    assert scene.told()[0][1], "it rests before it tries again"
    cast(_Floor, scene.floor).now_s += settings_followed.AGAIN_AFTER_S
    scene.look()
    assert scene.told() == [(1, "")]
    assert scene.switch.told() == scene.switch.mark


def test_a_dialplan_that_asterisk_did_not_take_over_is_noticed(scene: Scene) -> None:
    async def deaf(module: str) -> None:
        """Says yes and goes on as before, as for a file with an error in it."""

    scene.switch.reload = deaf  # type: ignore[method-assign]  # a switch of one test
    scene.publish(HOTLINE, "binhduong", numbers=["02743999"])
    scene.look()
    assert "did not take the new dialplan" in scene.told()[0][1]


def test_while_asterisk_is_away_nothing_is_told_and_then_it_is_made_good(scene: Scene) -> None:
    scene.switch.connected = False
    scene.publish(RULES, "", ring_s=33)
    scene.look()
    assert (scene.floor.installation.ring_s, scene.told()) == (33, [])
    scene.switch.connected = True
    scene.look()
    assert scene.told() == [(1, "")]


def test_a_new_process_finds_that_asterisk_runs_what_is_published_and_reloads_nothing(scene: Scene) -> None:
    scene.publish(RULES, "", ring_s=33)
    scene.look()
    scene.switch.reloads.clear()
    again = InForce(scene.given)
    members = cast(QueueMembers, _Members())
    followed = SettingsFollowed(scene.given, again, scene.floor, members)
    assert again.installation.ring_s == 33, "from the copy"
    asyncio.run(followed._look())
    assert (scene.switch.reloads, scene.told()) == ([], [(1, "")])


def test_prompts_are_rendered_only_when_something_that_is_said_has_changed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[int] = []

    class Report:
        rendered = ("vi/binhphuoc/greeting",)

    def render(given: Settings) -> Report:
        rendered.append(1)
        return Report()

    monkeypatch.setattr(prompt_set, "render", render)
    in_force = InForce(scene.given)
    spoken = SpokenSettings(scene.given, in_force.installation)
    in_force.on_change(spoken.follow)
    scene.publish(RULES, "", ring_s=33)
    in_force.look()
    assert (spoken.look(), rendered) == (0, [])
    scene.publish(HOTLINE, "binhphuoc", tinh="Bình Phước mới")
    in_force.look()
    assert (spoken.look(), spoken.look(), rendered) == (1, 0, [1])
