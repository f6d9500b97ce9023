"""Settings documents: drafts, publication, undo, who was faster, and processes that follow."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from hotline import documents, installation, ledger, tables
from hotline.database import make_engine, reading, transaction
from hotline.document_kinds import HOLIDAYS, HOTLINE, HOURS, KINDS, RULES, in_force
from hotline.documents import FOLLOWS, House, Kind, Refused, Stale, State, Version
from hotline.events import now
from hotline.in_force import InForce
from hotline.settings import PROJECT, Settings

FILE = PROJECT / "installation" / "demo.toml"
KEY = "binhphuoc"


def publish(engine: Engine, kind: Kind, key: str, **changes: Any) -> Version:
    """The standing content with some fields changed, saved and published."""
    with transaction(engine) as session:
        house = documents.house(session, FILE)
        content = {**house.content(kind, key), **changes}
        seen = documents.seen(session, kind, key)
        documents.save(session, house, kind, key, content, by="quantri", seen=seen)
        seen = documents.seen(session, kind, key)
        return documents.publish(session, house, kind, key, by="quantri", seen=seen, note="thử")


def house_of(engine: Engine) -> House:
    with reading(engine) as session:
        return documents.house(session, FILE)


def test_what_may_follow_what_is_told_for_every_state() -> None:
    assert set(FOLLOWS) == set(State)
    assert FOLLOWS[State.SUPERSEDED] == frozenset()
    assert State.DRAFT not in FOLLOWS[State.PUBLISHED]


def test_before_anything_is_published_the_file_is_what_stands(base: Engine) -> None:
    house = house_of(base)
    assert house.published == {}
    assert house.content(HOTLINE, KEY)["outbound_number"] == "02711022"
    assert house.content(RULES, "")["ring_s"] == 12
    assert house.content(HOURS, KEY) == {"hours": []}
    assert HOTLINE.keys(house) == ("binhphuoc", "binhduong")
    for kind in KINDS.values():
        for key in kind.keys(house):
            assert documents.faults(house, kind, key, house.content(kind, key)) == []


def test_a_published_document_lies_over_the_file_and_undo_brings_the_earlier_one_back(
    database: Engine,
) -> None:
    first = publish(database, HOTLINE, KEY, numbers=["02713999999"])
    assert (first.number, first.state, first.published_by) == (1, "published", "quantri")
    assert in_force(house_of(database)).aliases["02713999999"] == KEY
    publish(database, HOTLINE, KEY, numbers=["02713888888"])
    with transaction(database) as session:
        house = documents.house(session, FILE)
        seen = documents.seen(session, HOTLINE, KEY)
        third = documents.undo(session, house, HOTLINE, KEY, 1, by="quantri", seen=seen)
        assert (third.number, third.restores) == (3, 1)
    assert in_force(house_of(database)).aliases.get("02713999999") == KEY
    with transaction(database) as session:
        house = documents.house(session, FILE)
        seen = documents.seen(session, HOTLINE, KEY)
        documents.undo(session, house, HOTLINE, KEY, 0, by="quantri", seen=seen)
        states = [(v.number, v.state) for v in documents.history(session, HOTLINE, KEY)]
    assert states == [(4, "published"), (3, "superseded"), (2, "superseded"), (1, "superseded")]
    assert in_force(house_of(database)).aliases == in_force(House(house.raw, FILE)).aliases


def test_each_publication_is_a_line_of_a_ledger_that_verifies(database: Engine, tmp_path: Path) -> None:
    publish(database, RULES, "", ring_s=25)
    publish(database, HOTLINE, KEY, wait_limit_s=300)
    with reading(database) as session:
        lines = session.scalars(select(ledger.LedgerEntry).order_by(ledger.LedgerEntry.seq)).all()
        assert [(line.hotline, line.kind, line.subject) for line in lines] == [
            (documents.LEDGER, "settings_published", "rules"),
            (documents.LEDGER, "settings_published", "hotline/binhphuoc"),
        ]
        assert list(ledger.verify(session, tmp_path, now())) == []
        assert documents.publication(session) == 2


@pytest.mark.parametrize(
    ("kind", "key", "changes", "said"),
    [
        (HOTLINE, KEY, {"numbers": ["02741022"]}, "thuộc cả"),
        (HOTLINE, KEY, {"chain": [{"name": "Trực", "number": "x"}]}, "chưa có số để gọi"),
        (HOTLINE, KEY, {"emergency_number": "không"}, "không có chữ số"),
        (HOTLINE, KEY, {"wait_limit_s": 5}, "phải từ 10 đến 3600"),
        (RULES, "", {"ring_s": 500}, "phải từ 2 đến 120"),
        (RULES, "", {"dial_roles": ["anybody"]}, "không có vai trò"),
        (RULES, "", {"channels": 3}, "không có ô này"),
        (HOURS, KEY, {"hours": [{"days": [1], "from": "7h", "to": "11:00"}]}, "cần giờ dạng 07:30"),
        (HOLIDAYS, "", {"holidays": [{"date": "2026-02-30", "name": "x"}]}, "cần ngày hợp lệ"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_that_names_the_field(
    kind: Kind, key: str, changes: dict[str, Any], said: str
) -> None:
    house = House(installation.raw(FILE), FILE)
    faults = documents.faults(house, kind, key, {**house.content(kind, key), **changes})
    assert any(said in fault.vi and fault.field and fault.en for fault in faults), faults


def test_what_has_faults_is_not_published(base: Engine) -> None:
    with pytest.raises(Refused) as refused:
        publish(base, RULES, "", ring_s=500)
    assert (refused.value.status, len(refused.value.faults)) == (422, 1)
    assert house_of(base).published == {}


def _begin(session: Session, kind: Kind, key: str, **changes: Any) -> tuple[House, str]:
    """A draft by somebody, and what their page saw."""
    house = documents.house(session, FILE)
    content = {**house.content(kind, key), **changes}
    seen = documents.seen(session, kind, key)
    documents.save(session, house, kind, key, content, by="an", seen=seen)
    return house, documents.seen(session, kind, key)


def test_a_draft_over_which_something_else_was_published_is_stale(database: Engine) -> None:
    with transaction(database) as session:
        house, before = _begin(session, RULES, "", ring_s=30)
        undone = documents.seen(session, RULES, "")
        documents.publish(session, house, RULES, "", by="an", seen=undone)
        house, saved = _begin(session, RULES, "", ring_s=40)
        documents.undo(session, house, RULES, "", 0, by="binh", seen=saved)
    with transaction(database) as session:
        house = documents.house(session, FILE)
        with pytest.raises(Stale, match="published a new version"):
            documents.save(session, house, RULES, "", {}, by="an", seen=before)
        now_seen = documents.seen(session, RULES, "")
        with pytest.raises(Stale, match="look at the differences"):
            documents.publish(session, house, RULES, "", by="an", seen=now_seen)
        content = {**house.content(RULES, ""), "ring_s": 40}
        documents.save(session, house, RULES, "", content, by="an", seen=now_seen)
        again = documents.seen(session, RULES, "")
        assert documents.publish(session, house, RULES, "", by="an", seen=again).number == 3


def test_a_draft_that_somebody_else_has_saved_meanwhile_is_not_overwritten_nor_published(
    database: Engine,
) -> None:
    with transaction(database) as session:
        house, seen = _begin(session, RULES, "", ring_s=30)
        documents.save(session, house, RULES, "", {"name": "x"}, by="binh", seen=seen)
    with transaction(database) as session:
        for change in (
            lambda: documents.save(session, house, RULES, "", {}, by="an", seen=seen),
            lambda: documents.publish(session, house, RULES, "", by="an", seen=seen),
            lambda: documents.discard(session, RULES, "", seen=seen),
        ):
            with pytest.raises(Stale, match="just changed this draft"):
                change()
        draft = documents.draft(session, RULES, "")
        assert draft is not None and draft.content == {"name": "x"}


def test_nothing_is_published_twice_and_what_stands_is_not_published_again(base: Engine) -> None:
    publish(base, RULES, "", ring_s=30)
    with transaction(base) as session:
        house = documents.house(session, FILE)
        seen = documents.seen(session, RULES, "")
        with pytest.raises(Refused, match="no draft"):
            documents.publish(session, house, RULES, "", by="an", seen=seen)
        with pytest.raises(Refused, match="stands already"):
            documents.undo(session, house, RULES, "", 1, by="an", seen=seen)
        with pytest.raises(Refused, match="no version 9"):
            documents.undo(session, house, RULES, "", 9, by="an", seen=seen)


def test_of_two_numbers_published_at_once_for_two_hotlines_only_one_stands(database_url: str) -> None:
    engine = make_engine(database_url, busy_s=5.0)
    with transaction(engine) as session:
        begun = {key: _begin(session, HOTLINE, key, numbers=["02719999"]) for key in (KEY, "binhduong")}

    def at_once(key: str) -> str:
        house, seen = begun[key]
        try:
            with transaction(engine) as session:
                documents.publish(session, house, HOTLINE, key, by="an", seen=seen)
        except Refused as refused:
            return f"refused {refused.status}"
        return "published"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(at_once, begun))
    assert said == ["published", "refused 422"]
    engine.dispose()


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Engine]:
    """The tables alone, for what does not depend on the database."""
    engine = make_engine(f"sqlite:///{tmp_path / 'hotline.db'}")
    tables.Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    return Settings(var=tmp_path, installation=FILE)


def test_a_process_follows_what_is_published_and_tells_who_asked(given: Settings, base: Engine) -> None:
    here = InForce(given, base)
    told: list[int] = []
    here.on_change(lambda now: told.append(now.ring_s))
    assert not here.look()
    publish(base, RULES, "", ring_s=33)
    assert here.look()
    assert not here.look()
    assert (here.installation.ring_s, told) == (33, [33])


def test_without_the_database_the_last_known_values_stand_also_after_a_new_start(
    given: Settings, base: Engine, tmp_path: Path
) -> None:
    publish(base, RULES, "", ring_s=33)
    here = InForce(given, base)
    here.look()
    away = make_engine(f"sqlite:///{tmp_path / 'nowhere' / 'away.db'}")
    here._engine = away
    assert not here.look()
    assert here.installation.ring_s == 33
    assert InForce(given, away).installation.ring_s == 33


def test_a_damaged_copy_is_not_believed(given: Settings, base: Engine) -> None:
    publish(base, RULES, "", ring_s=33)
    InForce(given, base).look()
    copy = given.var / "settings-in-force.json"
    kept = json.loads(copy.read_text())
    kept["documents"][0][2]["ring_s"] = 34
    copy.write_text(json.dumps(kept))
    assert InForce(given, base).installation.ring_s == 12


def test_documents_that_no_longer_fit_the_file_leave_the_last_known_values(
    given: Settings, base: Engine
) -> None:
    here = InForce(given, base)
    publish(base, RULES, "", ring_s=33)
    with transaction(base) as session:
        session.execute(update(Version).values(content={"name": "x", "ring_s": "many"}))
    assert not here.look()
    assert here.installation.ring_s == 12
    assert "ring_s must be int" in here.fault


def test_hours_of_a_hotline_that_the_file_has_no_more_speak_of_nothing(base: Engine) -> None:
    publish(base, HOURS, KEY, hours=[{"days": [1], "from": "07:00", "to": "08:00"}])
    house = house_of(base)
    raw = {**house.raw, "hotline": {k: v for k, v in house.raw["hotline"].items() if k != KEY}}
    raw["trunk"] = {"vnpt": {**house.raw["trunk"]["vnpt"], "hotline": "binhduong"}}
    left = in_force(House(raw, FILE, house.published))
    assert [hotline.key for hotline in left.hotlines] == ["binhduong"]


def test_a_kind_of_its_own_is_judged_and_writes_with_its_publication(base: Engine) -> None:
    """What a new kind needs: its row here, nothing else."""
    written: list[dict[str, Any]] = []

    def also(session: Session, house: House, key: str, content: dict[str, Any]) -> None:
        written.append(content)

    judge: Callable[..., Any] = lambda house, key, content: []  # noqa: E731 - one line of a table
    kind = Kind("notes", lambda house: ("",), lambda house, key: {"text": ""}, judge, also)
    publish(base, kind, "", text="hello")
    assert written == [{"text": "hello"}]
    assert in_force(house_of(base)) == replace(in_force(House(house_of(base).raw, FILE)))
