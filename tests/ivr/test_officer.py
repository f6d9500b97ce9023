"""The officers' tool: what stands against a protocol, how it looks, and who may approve it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, select

from hotline import database
from hotline.approvals import Approval, last_approved
from hotline.database import make_engine, reading, transaction
from hotline.operators import Operator, Role
from hotline.settings import PROJECT, settings
from ivr import approved, officer, script
from ivr.approved import ApprovedProtocols, emergency_only
from ivr.protocol import read
from ivr.speech import prompt_set
from ivr.speech.voice import RenderReport
from tests import migrated
from tests.ivr.protocols import FOLDER, text_of

NAME, PASSWORD = "covid-2021", "một mật khẩu dài"
PEOPLE = {"lan": Role.OPERATOR, "truongca": Role.SUPERVISOR, "quantri": Role.ADMINISTRATOR}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """This process's database with three people; rendering is tested where sound is."""
    monkeypatch.setenv("HOTLINE_VAR", str(tmp_path))
    monkeypatch.setenv("HOTLINE_INSTALLATION", str(PROJECT / "installation" / "demo.toml"))
    settings.cache_clear()
    database.engine.cache_clear()
    monkeypatch.setattr(prompt_set, "render", lambda given: RenderReport())
    migrated.at(tmp_path / "hotline.db")
    hashed = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    with transaction() as session:
        for name, role in PEOPLE.items():
            session.add(Operator(username=name, full_name=name, role=role, password_hash=hashed))
    yield database.engine()
    database.engine().dispose()
    settings.cache_clear()
    database.engine.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Protocol files that a test may edit."""
    files = tmp_path / "protocols"
    files.mkdir()
    for path in FOLDER.glob("*.toml"):
        (files / path.name).write_text(path.read_text())
    monkeypatch.setattr(approved, "FOLDER", files)
    return files


def edit(folder: Path, *changes: tuple[str, str], name: str = f"{NAME}.toml") -> None:
    text = (folder / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)


def approve_as(
    monkeypatch: pytest.MonkeyPatch, username: str, password: str = PASSWORD, editor: str = "bac_si"
) -> int:
    monkeypatch.setattr(getpass, "getpass", lambda prompt="": password)
    return officer.main(["approve", NAME, "--edited-by", editor, "--officer", username])


def test_a_sound_protocol_is_said_to_have_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert officer.main(["check", NAME]) == 0
    assert "không có lỗi" in capsys.readouterr().out


def test_all_faults_are_named_at_once_in_vietnamese(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, ('to = "A1"', 'to = "A9"'), ('to = "V1"', 'to = "V9"'))
    assert officer.main(["check", NAME]) == 1
    said = capsys.readouterr().err
    assert "A9" in said
    assert "V9" in said


def test_a_case_that_comes_out_otherwise_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(
        folder,
        (
            'keys = "0",           ends_at = "ROOT", acuity = "YELLOW"',
            'keys = "0", ends_at = "ROOT", acuity = "GREEN"',
        ),
        name=f"{NAME}.scenarios.toml",
    )
    assert officer.main(["check", NAME]) == 1
    assert "YELLOW" in capsys.readouterr().err


def test_an_unknown_name_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert officer.main(["check", "denguê"]) == 1
    assert "covid-2021" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "begins"), [("draw", "flowchart TD"), ("table", "| Phím |")])
def test_a_protocol_is_drawn_and_tabled(verb: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert officer.main([verb, NAME]) == 0
    assert capsys.readouterr().out.startswith(begins)


def test_a_second_person_approves_and_calls_run_that_text(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert approve_as(monkeypatch, "truongca") == 0
    with reading(engine) as session:
        row = last_approved(session, NAME)
    assert row is not None
    assert (row.edited_by, row.text, row.digest) == (
        "bac_si",
        text_of(NAME),
        read(text_of(NAME), NAME).digest,
    )
    protocols = ApprovedProtocols(make_engine(settings().database), [NAME], tmp_path / "approved")
    protocols.reread()
    assert protocols.protocol(NAME).digest == row.digest


@pytest.mark.parametrize(
    ("username", "password", "editor", "why"),
    [
        ("lan", PASSWORD, "bac_si", "không có quyền duyệt"),
        ("truongca", PASSWORD, "truongca", "người thứ hai"),
        ("truongca", "sai", "bac_si", "Tên hoặc mật khẩu không đúng"),
        ("nobody", PASSWORD, "bac_si", "Tên hoặc mật khẩu không đúng"),
    ],
)
def test_who_may_not_approve_is_told_why_and_nothing_is_stored(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    username: str, password: str, editor: str, why: str,
) -> None:  # fmt: skip
    assert approve_as(monkeypatch, username, password, editor) == 1
    assert why in capsys.readouterr().err
    with reading(engine) as session:
        assert session.scalar(select(Approval)) is None


def test_a_protocol_that_fails_its_cases_cannot_be_approved(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        folder,
        ('acuity = "YELLOW", because = "caller asked', 'acuity = "RED", because = "caller asked'),
        name=f"{NAME}.scenarios.toml",
    )
    assert approve_as(monkeypatch, "quantri") == 1
    assert "Chưa duyệt được" in capsys.readouterr().err


def test_a_changed_text_needs_a_new_version_and_is_a_draft_until_then(
    engine: Engine,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert approve_as(monkeypatch, "truongca") == 0
    edit(folder, ("Gặp tổng đài viên, bấm 0.", "Gặp người trực, bấm 0."))
    assert approve_as(monkeypatch, "truongca") == 1
    assert "phiên bản mới" in capsys.readouterr().err
    protocols = ApprovedProtocols(make_engine(settings().database), [NAME], tmp_path / "approved")
    protocols.reread()
    assert "Gặp tổng đài viên" in protocols.protocol(NAME).questions["ROOT"].text["vi"]
    edit(folder, ('version = "0.2-draft"', 'version = "0.3"'))
    assert approve_as(monkeypatch, "truongca") == 0
    protocols.reread()
    assert protocols.protocol(NAME).version == "0.3"


def test_nothing_approved_runs_the_emergency_protocol(engine: Engine, tmp_path: Path) -> None:
    protocols = ApprovedProtocols(make_engine(settings().database), [NAME], tmp_path / "approved")
    protocols.reread()
    assert protocols.protocol(NAME) is emergency_only()


def test_the_demo_approves_once(engine: Engine) -> None:
    for expected in (1, 1):
        with transaction() as session:
            someone = session.scalars(select(Operator).where(Operator.username == "truongca")).one()
            officer.approve_for_demo(session, NAME, someone)
        with reading(engine) as session:
            assert len(list(session.scalars(select(Approval)))) == expected


def test_without_a_database_the_tool_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: Engine
) -> None:
    monkeypatch.setenv("HOTLINE_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    settings.cache_clear()
    database.engine.cache_clear()
    assert approve_as(monkeypatch, "truongca") == 1
    assert "cơ sở dữ liệu" in capsys.readouterr().err


def approve_script_as(monkeypatch: pytest.MonkeyPatch, username: str, editor: str = "bac_si") -> int:
    monkeypatch.setattr(getpass, "getpass", lambda prompt="": PASSWORD)
    return officer.main(["approve", script.NAME, "--edited-by", editor, "--officer", username])


def test_the_operators_script_is_approved_by_a_second_person_too(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve_script_as(monkeypatch, "lan") == 1
    assert approve_script_as(monkeypatch, "truongca", editor="truongca") == 1
    assert approve_script_as(monkeypatch, "truongca") == 0
    with reading(engine) as session:
        row = last_approved(session, script.NAME)
    assert row is not None
    file = folder / f"{script.NAME}.toml"
    assert (row.edited_by, row.text, row.digest) == (
        "bac_si",
        file.read_text(),
        script.read(row.text, "").digest,
    )
    edit(folder, ("SpO2 dưới 94", "SpO2 dưới 95"), name=file.name)
    capsys.readouterr()
    assert approve_script_as(monkeypatch, "truongca") == 1
    assert "hãy ghi phiên bản mới" in capsys.readouterr().err


def test_a_broken_script_is_told_all_its_faults_and_never_approved(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, ('to = "RED"', 'to = "PURPLE"'), ("spo2 < 94", "spo3 < 94"), name=f"{script.NAME}.toml")
    assert officer.main(["check", script.NAME]) == 1
    said = capsys.readouterr().err
    assert ("PURPLE" in said, "spo3" in said) == (True, True)
    assert approve_script_as(monkeypatch, "truongca") == 1


def test_the_table_of_the_script_has_every_question_and_every_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert officer.main(["table", script.NAME]) == 0
    table = capsys.readouterr().out
    found = script.read(script.SHIPPED.read_text(encoding="utf-8"), "")
    assert all(f"| {name} |" in table for name in found.questions)
    assert all(rule.because["vi"] in table for rule in found.rules)
    assert found.digest in table
    page = PROJECT / "docs" / "protocols" / "second-stage.md"
    assert page.read_text() == table, "out of date: ./run protocol table second-stage.script > that page"
    assert officer.main(["draw", script.NAME]) == 1
