"""The doctor: each part's line says what is wrong and what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import app
from front_door import __main__ as front
from front_door import doctor, preparation
from front_door.faults import Fault
from hotline import database, deadlines, events
from hotline.directory import Station
from hotline.journal import Journal
from hotline.settings import PROJECT, Settings, settings
from hotline.stations import directory
from ivr import approved
from tests import migrated

DEMO = PROJECT / "installation" / "demo.toml"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An installation of the demo's two provinces, with a database."""
    text = DEMO.read_text(encoding="utf-8").replace('"units/', f'"{DEMO.parent}/units/')
    (tmp_path / "installation.toml").write_text(text, encoding="utf-8")
    for name, value in {"VAR": tmp_path / "var", "INSTALLATION": tmp_path / "installation.toml"}.items():
        monkeypatch.setenv(f"HOTLINE_{name}", str(value))
    settings.cache_clear()
    database.engine.cache_clear()
    migrated.at(tmp_path / "var" / "hotline.db")
    yield settings()
    database.engine().dispose()
    settings.cache_clear()
    database.engine.cache_clear()


def lines(part: str, given: Settings) -> list[str]:
    return [str(finding) for finding in doctor._seen(part, doctor.CHECKS[part], given)]


def write(given: Settings, old: str, new: str) -> None:
    text = given.installation.read_text(encoding="utf-8")
    assert old in text
    given.installation.write_text(text.replace(old, new), encoding="utf-8")


def test_a_sound_installation_is_named_with_its_size(given: Settings) -> None:
    assert lines("Installation", given) == [
        "OK     Installation         2 hotlines, 2 trunks, 4 desk phones",
        "OK     Units                455 of all times",
    ]


def test_a_broken_installation_file_is_one_fault_and_the_other_parts_say_so(given: Settings) -> None:
    write(given, 'name = "1022', 'name = 1022"')
    (wrong,) = lines("Installation", given)
    assert "is not TOML" in wrong
    assert f"→ correct {given.installation}" in wrong
    for part in ("Prompts and sounds", "Protocol"):
        (line,) = lines(part, given)
        assert "the installation file is broken" in line


def test_a_broken_units_file_is_named_with_its_line(given: Settings, tmp_path: Path) -> None:
    text = (DEMO.parent / "units" / "admin_units.csv").read_text(encoding="utf-8")
    (tmp_path / "units.csv").write_text(text.replace("\n70,", "\nseventy,"), encoding="utf-8")
    write(given, f"{DEMO.parent}/units/admin_units.csv", str(tmp_path / "units.csv"))
    assert "units.csv line 2: the code 'seventy'" in lines("Installation", given)[1]
    with pytest.raises(Fault) as told:
        preparation.units(given)
    assert str(told.value).startswith("The units files cannot be used:\n  units.csv line 2")
    assert "more: mend these first" in str(told.value)


def test_a_fault_in_a_stations_file_keeps_the_last_known_stations_and_is_told(
    given: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stations.toml"
    file.write_text((DEMO.parent / "stations" / "demo.toml").read_text(encoding="utf-8"), encoding="utf-8")
    write(given, '"stations/demo.toml"', f'"{file}"')
    preparation.stations(given)
    before = known()
    assert (len(before), capsys.readouterr().out) == (40, "")
    assert lines("Stations", given) == ["OK     Stations             40 take hand-overs"]
    for broken in (
        "[station.x\n",
        file.read_text(encoding="utf-8").replace('level = "district"', 'level = "?"', 1),
    ):
        file.write_text(broken, encoding="utf-8")
        preparation.stations(given)
        assert known() == before
        assert "the last known stations stand" in capsys.readouterr().out
        (line,) = lines("Stations", given)
        assert "WRONG  Stations" in line
        assert "The last known stations stand." in line


def known() -> list[Station]:
    with database.reading() as session:
        return list(directory(session))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[trunk.vnpt]", "[trunk.vnpt]\nchannels = 'many'\n[other]", "channels must be int, not 'many'"),
        ("name = ", "hotline = 5\n[was]", "hotline must be tables"),
    ],
)
def test_what_an_installation_cannot_be_is_said_before_anything_starts(
    given: Settings, old: str, new: str, sentence: str
) -> None:
    text = given.installation.read_text(encoding="utf-8")
    begin, _, rest = text.partition(old)
    rest = "[hotline.x]".join(rest.split("[hotline.binhduong]")) if "hotline" not in new else ""
    given.installation.write_text(f"{begin}{new}{rest}", encoding="utf-8")
    with pytest.raises(Fault) as told:
        preparation.province(given)
    assert sentence in str(told.value)


def test_a_fact_that_the_database_never_took_is_pointed_at(given: Settings) -> None:
    assert lines("Journal", given) == ["OK     Journal              empty: the database has every fact"]
    journal = Journal(given.journal, "agi")
    fact = events.CallQueued(call_id="n1-1.1", hotline="binhphuoc", acuity="RED")
    journal.refuse(fact, "CHECK constraint failed")
    journal.append(fact)
    refused, waiting = lines("Journal", given)
    assert f"{journal.refused}: 1 facts that the database never took" in refused
    assert "move the file away" in refused
    assert "facts wait for the database in agi.jsonl" in waiting
    assert "run ./run up, which replays them" in waiting


def test_an_unapproved_a_missing_and_a_broken_protocol_are_told_apart(
    given: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = lines("Protocol", given)
    assert "covid-2021 is not approved: everybody goes to a human at ORANGE" in line
    assert "./run protocol approve covid-2021" in line
    monkeypatch.setattr(approved, "FOLDER", tmp_path)
    missing, _ = lines("Protocol", given)
    assert "Không có bộ câu hỏi “covid-2021”" in missing
    (tmp_path / "covid-2021.toml").write_text("[protocol]\nid = 5\n")
    broken, _ = lines("Protocol", given)
    assert "./run protocol check covid-2021 lists all" in broken


def test_a_damaged_database_is_one_sentence_with_its_mend(given: Settings) -> None:
    database.engine().dispose()
    for path in given.var.glob("hotline.db*"):
        path.write_bytes(b"not a database" * 500)
    with pytest.raises(
        Fault, match=r"cannot be used \(file is not a database\); move .* aside, put a backup"
    ):
        preparation.database()
    assert "file is not a database" in lines("Database", given)[0]


def test_every_command_of_the_app_is_known_at_the_front_door() -> None:
    assert set(app.commands) <= set(front.SEEN_BY_APP)


def test_a_slip_of_the_pen_is_named_before_anything_is_fetched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "_set_up", lambda: pytest.fail("something was set up"))
    assert front.main(["dmeo"]) == 2
    assert "There is no command 'dmeo'" in capsys.readouterr().err


def test_a_broken_scoring_form_is_named_with_its_file_and_the_others_go_on(given: Settings) -> None:
    assert lines("Quality", given)[-1].endswith("vn1022-emergency-call 1; 4 rules of sampling")
    own = given.installation.parent / "quality"
    own.mkdir()
    (own / "own.form.toml").write_text("[form]\n", encoding="utf-8")
    (own / "sampling.toml").write_bytes(b"\xff")
    told = "\n".join(lines("Quality", given))
    assert "own.form.toml: 5 lỗi." in told
    assert "sampling.toml: 1 lỗi." in told
    assert "no form; 0 rules of sampling" in told


def test_the_clocks_line_tells_how_far_the_worker_is_behind(
    given: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines("Clocks", given) == ["OK     Clocks               waiting deadlines: 0, nothing overdue"]
    with database.transaction() as session:
        deadlines.set(session, "test", "x", events.now() - timedelta(seconds=100))
    assert lines("Clocks", given)[0].startswith("OK     Clocks               waiting deadlines: 1, 100.")
    monkeypatch.setattr(doctor, "_is_running", lambda given: True)
    (wrong,) = lines("Clocks", given)
    assert wrong.startswith("WRONG") and "overdue deadlines: 1, the oldest for 100 s" in wrong
