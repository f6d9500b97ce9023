"""The supervisor with real children: one restarted alone, all ended together, one run in one place."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from front_door import leftovers, places, ports, processes, supervision
from front_door.faults import Fault
from front_door.processes import Process
from front_door.restarts import LONGEST_PAUSE_S
from hotline.settings import Settings

pytestmark = pytest.mark.live

READY = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.end_headers(); self.wfile.write({body!r})
    def log_message(self, *args): pass
HTTPServer(("127.0.0.1", {port}), Ready).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place whose name is short enough for a socket in it, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="house-") as name:
        yield Path(name)


@pytest.fixture
def given(folder: Path) -> Settings:
    names = (
        "sip_port",
        "ari_port",
        "ami_port",
        "agi_port",
        "panel_port",
        "live_port",
        "front_port",
        "plain_port",
    )
    numbers = {name: free_port() for name in names}
    folders = {"var": folder / "var", "recordings": folder / "rec"}
    return Settings.model_validate({**folders, "sip_host": "127.0.0.1", **numbers})


def panel(given: Settings, status: int = 200, body: str = "{}") -> Process:
    program = given.var.parent / "ready.py"
    program.write_text(READY.format(port=given.plain_port, status=status, body=body.encode()))
    return Process("panel", (sys.executable, str(program)), 40)


def sleeper(name: str) -> Process:
    return Process(name, ("sleep", "600"), 30)


def until(what: Callable[[], object], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pid_of(supervisor: supervision.Supervisor, name: str) -> int:
    return supervisor.pid(name)


def lives(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


@pytest.fixture
def supervisor(given: Settings) -> Iterator[supervision.Supervisor]:
    children = [processes.redis(given), panel(given), sleeper("calls"), sleeper("agi")]
    with supervision.installation(given), supervision.running(given, children) as found:
        found.wait_until_ready(30)
        yield found


def test_the_private_redis_listens_on_its_unix_socket_only(
    given: Settings, supervisor: supervision.Supervisor
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(given.var / "run" / "redis.sock"))
        client.sendall(b"CONFIG GET port\r\n")
        assert b"$1\r\n0\r\n" in client.recv(100)


def test_a_killed_child_is_started_again_while_the_others_go_on(supervisor: supervision.Supervisor) -> None:
    until(lambda: supervisor.states().get("calls") == "RUNNING")
    before, other = pid_of(supervisor, "calls"), pid_of(supervisor, "agi")
    killed = time.monotonic()
    os.kill(before, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "calls") not in (0, before))
    assert time.monotonic() - killed < 2.0
    assert pid_of(supervisor, "agi") == other


def test_a_child_that_cannot_start_is_tried_again_every_few_seconds_however_often_it_has_failed(
    given: Settings,
) -> None:
    starts = given.var.parent / "starts"
    fails = Process("calls", ("sh", "-c", f"date +%s.%N >> {starts}; exit 1"), 30)
    with supervision.installation(given), supervision.running(given, [panel(given), fails]):
        until(lambda: starts.exists() and len(starts.read_text().split()) >= 7, 30)
    at = [float(text) for text in starts.read_text().split()]
    pauses = [later - before for before, later in itertools.pairwise(at)]
    assert max(pauses) < LONGEST_PAUSE_S + 1.5, pauses


def test_one_child_can_be_started_anew_alone(supervisor: supervision.Supervisor) -> None:
    until(lambda: supervisor.states().get("calls") == "RUNNING")
    before, other = pid_of(supervisor, "calls"), pid_of(supervisor, "agi")
    supervisor.restart("calls")
    assert pid_of(supervisor, "calls") != before
    assert pid_of(supervisor, "agi") == other


def test_a_second_run_in_the_same_place_says_it_is_running(
    given: Settings, supervisor: supervision.Supervisor
) -> None:
    with (
        pytest.raises(Fault, match=rf"already running here \(process {os.getpid()}, .*HOTLINE_VAR"),
        supervision.installation(given),
    ):
        pytest.fail("a second run was let in")


def test_the_end_takes_all_children_along(given: Settings) -> None:
    children = [processes.redis(given), panel(given), sleeper("calls"), sleeper("agi")]
    with supervision.installation(given):
        with supervision.running(given, children) as found:
            found.wait_until_ready(30)
            numbers = [pid_of(found, name) for name in ("redis", "panel", "calls", "agi")]
            began = time.monotonic()
        assert time.monotonic() - began < 5.0
    assert not any(map(lives, numbers))
    assert not list((given.var / "run").glob("*.sock"))


def test_a_child_that_does_not_listen_is_ended_by_force(given: Settings) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    children = [panel(given), Process("deaf", (sys.executable, "-c", deaf), 30, end_within_s=1)]
    with supervision.installation(given):
        with supervision.running(given, children) as found:
            found.wait_until_ready(30)
            time.sleep(0.3)
            number = pid_of(found, "deaf")
        assert not lives(number)


def test_sigterm_ends_the_wait(given: Settings) -> None:
    with (
        supervision.installation(given),
        pytest.raises(supervision.Ended),
        supervision.running(given, [panel(given)]) as found,
    ):
        found.wait_until_ready(30)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        found.wait()


STRUCK = """
import asyncio, os, signal
from front_door.supervision import Ended
def end(*_):
    raise Ended
signal.signal(signal.SIGTERM, end)
async def citizen():
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
async def world():
    task = asyncio.create_task(citizen())
    await asyncio.sleep(5)
try:
    asyncio.run(world())
except Ended:
    raise SystemExit(7)
"""


def test_sigterm_is_not_lost_in_whatever_task_it_strikes() -> None:
    done = subprocess.run([sys.executable, "-c", STRUCK], cwd=places.HOUSE, capture_output=True, check=False)
    assert done.returncode == 7


def test_what_a_killed_run_left_is_cleared_before_the_next(given: Settings) -> None:
    run = given.var / "run"
    run.mkdir(parents=True)
    (run / "calls.pid").write_text("1\n")
    (run / "redis.sock").touch()
    orphan = subprocess.Popen(["sleep", "600"], env={**os.environ, leftovers.KEPT: str(given.var)})
    stranger = subprocess.Popen(["sleep", "600"], env={**os.environ, leftovers.KEPT: "/somewhere/else"})
    try:
        with supervision.installation(given):
            assert orphan.wait(20) == -signal.SIGTERM
            assert stranger.poll() is None
            assert not (run / "redis.sock").exists()
            assert not (run / "calls.pid").exists()
    finally:
        for process in (orphan, stranger):
            process.kill()
            process.wait()


def test_children_end_when_run_itself_is_killed(given: Settings) -> None:
    numbers = {port.setting.removeprefix("HOTLINE_").lower(): port.number for port in ports.all_of(given)}
    words = (
        "from pathlib import Path; from front_door import supervision as s, processes as p;"
        "from hotline.settings import Settings;"
        f"given = Settings(var=Path({str(given.var)!r}), recordings=Path({str(given.recordings)!r}),"
        f" sip_host='127.0.0.1', **{numbers!r});"
        "child = p.Process('calls', ('sleep', '600'), 1);"
        "i = s.installation(given); i.__enter__(); r = s.running(given, [child]); x = r.__enter__(); x.wait()"
    )
    front = subprocess.Popen([sys.executable, "-c", words], cwd=places.HOUSE)
    try:
        until(lambda: leftovers._marked(given.var), 10)
        until(lambda: len(leftovers._marked(given.var)) >= 2)
        front.kill()
        front.wait()
        until(lambda: not leftovers._marked(given.var), 8)
    finally:
        front.kill()
        front.wait()
        leftovers.clear(given.var)


def test_a_child_that_cannot_start_is_named_with_its_log(given: Settings) -> None:
    broken = Process("calls", (sys.executable, "-c", "raise SystemExit('no such room')"), 30)
    with (
        supervision.installation(given),
        supervision.running(given, [broken]) as found,
        pytest.raises(Fault, match=r"calls could not be started; .*calls\.log says why"),
    ):
        found.wait_until_ready(1.5)
    assert "no such room" in (given.var / "log" / "calls.log").read_text()


def test_a_degraded_part_does_not_stop_the_start_and_is_told(given: Settings) -> None:
    body = '{"parts": {"database": "ok", "protocols": "no approved protocol: 1022"}}'
    with supervision.installation(given), supervision.running(given, [panel(given, 200, body)]) as found:
        assert found.wait_until_ready(30) == {"protocols": "no approved protocol: 1022"}


def test_a_part_without_which_nobody_is_answered_is_named(given: Settings) -> None:
    body = '{"parts": {"asterisk": "never reached", "protocols": "ok"}}'
    with (
        supervision.installation(given),
        supervision.running(given, [panel(given, 503, body)]) as found,
        pytest.raises(Fault, match=r"not ready \(asterisk: never reached\)"),
    ):
        found.wait_until_ready(2)


@pytest.mark.parametrize("kind", ["TCP", "UDP"])
def test_a_taken_port_is_named_with_its_setting(given: Settings, kind: str) -> None:
    number, setting = {
        "TCP": (given.ari_port, "HOTLINE_ARI_PORT"),
        "UDP": (given.sip_port, "HOTLINE_SIP_PORT"),
    }[kind]
    family = socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, family) as other:
        other.bind(("127.0.0.1", number))
        if kind == "TCP":
            other.listen()
        with (
            pytest.raises(
                Fault, match=rf"^Port {number} \({kind}\) is taken by another program; .*{setting}"
            ),
            supervision.installation(given),
        ):
            pytest.fail("the port was not noticed")


def test_a_port_below_1024_without_the_right_to_it_is_explained() -> None:
    port = ports.Port("HOTLINE_PANEL_PORT", "192.0.2.1", 80, "TCP")
    with pytest.raises(
        Fault, match=r"^Port 80 \(TCP\) cannot be opened on 192\.0\.2\.1 .*HOTLINE_PANEL_PORT"
    ):
        port.is_taken()


def test_a_var_folder_too_deep_for_a_socket_is_explained(tmp_path: Path) -> None:
    given = Settings.model_validate({"var": tmp_path / ("x" * 100)})
    with (
        pytest.raises(Fault, match="too long for a socket; set HOTLINE_VAR"),
        supervision.installation(given),
    ):
        pytest.fail("the path was not noticed")
