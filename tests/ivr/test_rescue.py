"""When the rescue takes a process for hung: by its own heartbeat alone, never by what an older one left."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr import rescue
from ivr.rescue import ORPHANED_S, STALE_S, STARTS_WITHIN_S, Rescue, Switch, SwitchAway


@dataclass(frozen=True)
class Beating(Switch):
    """An Asterisk that holds what the last heartbeat said, and no calls."""

    said: str = "1700000000"

    def value(self, name: str, of: str = "asterisk") -> str:
        return self.said

    def ask(self, method: str, path: str, **query: str) -> tuple[int, list[object]]:
        return 200, []


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rescue's clock, moved by the test."""
    clock = [1000.0]
    monkeypatch.setattr("ivr.rescue.time.monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def process(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Something that bears the name of `app.py calls`; its pid is in the pid file."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "app.py", "calls"])
    (tmp_path / "calls.pid").write_text(f"{child.pid}\n")
    yield child
    child.kill()
    child.wait()


def looked(watch: Rescue, now: list[float], seconds: float) -> None:
    """It looks as often as it does in that time."""
    for _ in range(int(seconds / rescue.LOOK_EVERY_S)):
        now[0] += rescue.LOOK_EVERY_S
        watch.look()


def lives(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_a_slow_start_beside_an_older_process_heartbeat_is_left_alone(
    tmp_path: Path, now: list[float], process: "subprocess.Popen[bytes]"
) -> None:
    (tmp_path / "calls.beat").write_text("1")
    watch = Rescue(Beating("", ""), tmp_path)
    looked(watch, now, STARTS_WITHIN_S - 1)
    assert lives(process)
    looked(watch, now, 2)
    assert not lives(process), "but it does not start for ever"


def test_the_last_beat_of_the_process_before_is_no_beat_of_this_one(
    tmp_path: Path, now: list[float], process: "subprocess.Popen[bytes]"
) -> None:
    beat = tmp_path / "calls.beat"
    (tmp_path / "calls.pid").write_text("1")
    beat.write_text("1")
    watch = Rescue(Beating("", ""), tmp_path)
    looked(watch, now, 1)
    os.utime(beat, (5, 5))  # it beats once more, is killed, and is replaced between two looks
    (tmp_path / "calls.pid").write_text(str(process.pid))
    looked(watch, now, STALE_S + 5)
    assert lives(process)


def test_a_process_that_has_beaten_and_stops_is_killed_within_five_seconds(
    tmp_path: Path, now: list[float], process: "subprocess.Popen[bytes]"
) -> None:
    beat = tmp_path / "calls.beat"
    beat.write_text(str(process.pid))
    watch = Rescue(Beating("", ""), tmp_path)
    for second in range(20):
        os.utime(beat, (second, second))
        looked(watch, now, 1)
    assert lives(process)
    looked(watch, now, STALE_S)
    assert not lives(process)


@dataclass(frozen=True)
class Refusing(Beating):
    """An Asterisk with one caller alone in our application, that does not take them over the first time it is asked."""

    met: tuple[list[str], list[object]] = ([], [])
    """What was asked, and what is answered next: a status or a fault."""

    def value(self, name: str, of: str = "asterisk") -> str:
        return "1" if name.startswith("DIALPLAN_EXISTS") else self.said

    def ask(self, method: str, path: str, **query: str) -> tuple[int, list[object]]:
        if path == "channels":
            dialplan = {"app_name": "Stasis", "app_data": "hotline,caller,binhphuoc"}
            return 200, [{"id": "n1-1.1", "name": "PJSIP/trunk-1", "state": "Up", "dialplan": dialplan}]
        if path.endswith("/continue"):
            asked, answers = self.met
            asked.append(path)
            answer = answers.pop(0) if answers else 204
            if isinstance(answer, Exception):
                raise answer
            return int(str(answer)), []
        return 200, []


@pytest.mark.parametrize("first", [SwitchAway("timed out"), 500], ids=["no answer", "refused"])
def test_a_caller_whom_asterisk_did_not_take_over_is_handed_over_again_and_then_left_alone(
    tmp_path: Path, now: list[float], first: object
) -> None:
    switch = Refusing("", "", met=([], [first]))
    looked(Rescue(switch, tmp_path), now, ORPHANED_S + 3)
    assert len(switch.met[0]) == 2


def in_stasis(channel: str, data: str, state: str = "Up") -> dict[str, object]:
    return {
        "id": channel,
        "name": f"PJSIP/{channel}",
        "state": state,
        "dialplan": {"app_name": "Stasis", "app_data": data},
    }


CALL, OPERATOR, STATION = "n1-1.1", "op-n1-1.1-1", "chain-n1-1.1-2"


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({f"held-{CALL}": [OPERATOR]}, [OPERATOR]),
        ({f"consult-{CALL}": [OPERATOR, STATION]}, [OPERATOR, STATION]),
        ({f"consult-{CALL}": ["Recorder/1", OPERATOR]}, [OPERATOR]),
        ({"held-n1-1.2": [OPERATOR]}, []),
        ({f"held-{CALL}": ["op-gone"]}, []),
    ],
    ids=["on hold", "private talk", "with a recorder", "another's", "gone"],
)
def test_a_caller_with_music_has_those_for_company_who_stand_beside_them(
    beside: dict[str, list[str]], expected: list[str]
) -> None:
    channels = [in_stasis(one, "hotline,x") for one in (CALL, OPERATOR, STATION)]
    bridges = [{"id": i, "channels": c} for i, c in ({f"call-{CALL}": [CALL]} | beside).items()]
    assert rescue.company(CALL, channels, bridges) == expected
    assert rescue.company(CALL, channels, bridges[1:]) == [], "who has no bridge cannot be joined"


@dataclass(frozen=True)
class Holding(Beating):
    """An Asterisk with a caller on hold; keeps what was asked of it."""

    met: tuple[list[str], ...] = ()

    def ask(self, method: str, path: str, **query: str) -> tuple[int, list[object]]:
        if path == "channels":
            return 200, [in_stasis(CALL, "hotline,caller,binhphuoc"), in_stasis(OPERATOR, "hotline,operator")]
        asked = self.met[0]
        if path == "bridges":
            joined = any("addChannel" in one for one in asked)
            places = [
                [f"call-{CALL}", [CALL, OPERATOR] if joined else [CALL]],
                [f"held-{CALL}", [] if joined else [OPERATOR]],
            ]
            return 200, [{"id": bridge, "channels": members} for bridge, members in places]
        asked.append(" ".join([method, path, *query.values()]))
        return 204, []


def test_whoever_is_on_hold_when_the_application_hangs_has_their_operator_again(
    tmp_path: Path, now: list[float]
) -> None:
    switch = Holding("", "", met=([],))
    looked(Rescue(switch, tmp_path), now, ORPHANED_S + 3)
    asked = switch.met[0]
    assert asked[0] == f"POST bridges/call-{CALL}/addChannel {OPERATOR}"
    assert f"DELETE channels/{CALL}/moh" in asked
    assert f"POST channels/{CALL}/variable KEPT_BY " in asked
    assert not any("continue" in one for one in asked)
    assert sum("addChannel" in one for one in asked) == 1


NEXT_CALL, RINGS = "n1-1.2", "op-n1-1.1-3"


@dataclass(frozen=True)
class Turned(Beating):
    """An Asterisk whose operator keeps one caller with music and talks, at the same phone, with the next."""

    met: tuple[list[str], ...] = ()

    def value(self, name: str, of: str = "asterisk") -> str:
        return "1" if name.startswith("DIALPLAN_EXISTS") else self.said

    def ask(self, method: str, path: str, **query: str) -> tuple[int, list[object]]:
        if path == "channels":
            callers = [in_stasis(one, "hotline,caller,binhphuoc") for one in (CALL, NEXT_CALL)]
            desks = [in_stasis(OPERATOR, "hotline,operator"), in_stasis(RINGS, "hotline,operator", "Ringing")]
            return 200, [*callers, *desks]
        if path == "bridges":
            places = {f"call-{CALL}": [CALL], f"call-{NEXT_CALL}": [NEXT_CALL, OPERATOR], f"held-{CALL}": []}
            return 200, [{"id": bridge, "channels": members} for bridge, members in places.items()]
        self.met[0].append(f"{method} {path}")
        return 204, []


def test_a_phone_rung_for_one_caller_that_talks_with_another_is_not_hung_up_when_the_first_is_handed_over(
    tmp_path: Path, now: list[float]
) -> None:
    switch = Turned("", "", met=([],))
    looked(Rescue(switch, tmp_path), now, ORPHANED_S + 3)
    asked = switch.met[0]
    assert f"POST channels/{CALL}/continue" in asked
    assert f"DELETE channels/{RINGS}" in asked
    assert f"DELETE channels/{OPERATOR}" not in asked
    assert f"POST channels/{NEXT_CALL}/continue" not in asked
