"""The dialplan check finds what a caller would otherwise find."""

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_conf import Timing, check, render
from asterisk_conf.check import faults_of, read_dialplan, unknown
from front_door import parts
from front_door.faults import Fault
from hotline.installation import Installation, Trunk, read
from hotline.recordings import relative_path
from hotline.secrets import secret
from hotline.settings import PROJECT, Settings
from ivr.speech.prompts import prompts_of, system_texts

DEMO = read(PROJECT / "installation" / "demo.toml")


def etc(folder: Path, installation: Installation = DEMO, timing: Timing | None = None) -> Path:
    settings = Settings(var=folder, recordings=folder / "recordings", sip_host="127.0.0.1")
    return render(settings, installation, folder, timing).parent


def test_the_dialplan_of_the_demo_has_no_fault(tmp_path: Path) -> None:
    plan = read_dialplan((etc(tmp_path) / "extensions.conf").read_text(encoding="utf-8"))
    assert faults_of(plan) == []
    assert {"from-trunk", "hotline-entry", "fallback", "message", "from-phone"} <= plan.contexts


@pytest.mark.live
def test_the_real_asterisk_loads_all_of_it_without_a_complaint() -> None:
    try:
        parts.program("asterisk")
    except Fault:
        pytest.skip("No Asterisk: let `./run test` fetch it.")
    assert check.check() == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("same => n,Goto(nowhere,s,1)", "line 3: Goto goes to nowhere,s,1, which does not exist."),
        ('same => n,GotoIf($["${A}" = "?"]?gone:s,1)', "GotoIf goes to fallback,s,gone"),
        ("same => n,Set(A=${CUT(B,-,1)", "line 3: a { is not closed."),
        ("same => n,Set(A=$[1 + (2])", "closes nothing"),
        ('same => n,Set(A="b)', "a quotation mark is not closed."),
        ("same => n,Goto(to-trunk,${CALLED},1)", "A caller in [fallback] can reach [to-trunk]"),
        ('same => n,GotoIf($["1" != "${EXTEN}"]?s,1)', "EXTEN is a stranger's text"),
        ("same = n,Hangup()", "is no step of a dialplan"),
        (
            "same => n,Set(A=1)\n[next]\nexten => s,1,Hangup()",
            "[fallback] ends with Set: the call would fall off",
        ),
    ],
)
def test_a_broken_line_is_named(line: str, said: str) -> None:
    head = "[fallback]\nexten => s,1,Answer()\n"
    tail = "\n[to-trunk]\nexten => _X!,1,Hangup()\n"
    end = "" if "[next]" in line else "\nsame => n,Hangup()"
    faults = faults_of(read_dialplan(head + line + end + tail))
    assert any(said in fault for fault in faults), faults


def test_an_application_or_function_that_no_module_has_is_named() -> None:
    text = "[a]\nexten => s,1,ExecIf($[${LEN(${A})}]?Nonsense(1))\nsame => n,Set(A=${NOTHING(b)})\nsame => n,Hangup()\n"
    faults = unknown(read_dialplan(text), {"ExecIf", "Set", "Hangup"}, {"LEN"})
    assert [fault.partition(": ")[2] for fault in faults] == [
        "no loaded module has the application Nonsense.",
        "no loaded module has the function NOTHING.",
    ]


def test_files_with_secrets_are_their_owners_only(tmp_path: Path) -> None:
    folder = etc(tmp_path)
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert secret(tmp_path, "phone:101") in (folder / "pjsip.conf").read_text()
    assert secret(tmp_path, "ari") in (folder / "ari.conf").read_text()


def test_rendering_again_takes_away_what_is_no_longer_told(tmp_path: Path) -> None:
    old = etc(tmp_path) / "old.conf"
    old.write_text("")
    before = {file.name: file.read_bytes() for file in etc(tmp_path).iterdir()}
    assert not old.exists()
    assert {file.name: file.read_bytes() for file in etc(tmp_path).iterdir()} == before


def test_a_trunk_is_known_by_its_port_too_only_where_two_share_a_host(tmp_path: Path) -> None:
    shared = (
        *DEMO.trunks,
        Trunk("second", "127.0.0.2", 5199, "binhphuoc", register=True, username="u", password="p"),
    )
    text = (etc(tmp_path, replace(DEMO, trunks=shared)) / "pjsip.conf").read_text()
    assert "match = 127.0.0.2:5160" in text
    assert "match = 127.0.0.2:5199" in text
    assert "match = 127.0.0.3\n" in text
    assert text.count("type = registration") == 1


def test_every_module_that_is_asked_for_exists(tmp_path: Path) -> None:
    try:
        parts.program("asterisk")
    except Fault:
        pytest.skip("No Asterisk: let `./run test` fetch it.")
    names = [
        line.partition("=")[2].strip()
        for line in (etc(tmp_path) / "modules.conf").read_text().splitlines()
        if line.startswith("load")
    ]
    assert len(names) == len(set(names)) > 80
    assert [name for name in names if not (parts.modules_dir() / name).exists()] == []


def test_the_recordings_folder_is_the_one_the_dialplan_computes() -> None:
    call_id = "n1-1795326514.7"
    assert relative_path(call_id).parts[0] == call_id.partition("-")[2][:5]


def test_ari_ami_and_http_listen_on_loopback_only(tmp_path: Path) -> None:
    folder = etc(tmp_path)
    for name in ("http.conf", "manager.conf"):
        assert "bindaddr = 127.0.0.1\n" in (folder / name).read_text()


def test_every_prompt_that_the_dialplan_plays_is_among_those_that_are_rendered(tmp_path: Path) -> None:
    folder = etc(tmp_path)
    text = "".join((folder / name).read_text(encoding="utf-8") for name in ("extensions.conf", "queues.conf"))
    shared = set(re.findall(r"/vi/all/([\w-]+)", text))
    own = set(re.findall(r"\$\{PROMPTS\}/vi/\$\{ARG1\}/([\w-]+)", text))
    sentences = set(re.findall(r"Gosub\(sound,s,1\(([\w-]+)\)\)", text)) | {"closed", "no-operator"}
    assert '${IF($["${OPEN}" = "0"]?closed:no-operator)}' in text
    hotlines = {h.key: {"tinh": h.tinh, "province": h.province} for h in DEMO.hotlines}
    rendered = {(p.scope, p.id) for p in prompts_of(system_texts(), hotlines) if p.language == "vi"}
    assert (len(shared), len(own), len(sentences)) == (1, 1, 5)
    assert {("all", name) for name in shared} <= rendered
    assert {(key, name) for key in hotlines for name in own} <= rendered
    for name in sentences:
        assert ("all", name) in rendered or {(key, name) for key in hotlines} <= rendered, name
