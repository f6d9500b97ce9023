"""One supervisord for one installation: started, watched until ready, ended with all its children."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from types import FrameType
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from front_door import leftovers, places, ports, processes, steps
from front_door.faults import Fault
from hotline.settings import Settings

READY_WITHIN_S = 90.0
"""Two cores that others load as well have taken more than 30 s; what ends at once is told at once."""
SETTLED_WITHIN_S = 6.0
"""What calls can do without is waited for so long, so that a slow start is not told as a fault."""
STARTED_WITHOUT = frozenset({"protocols"})
"""Nothing that starts brings these: people do."""
END_WITHIN_S = 20.0
SOCKET_PATH_BYTES = 95
"""Linux takes 107; supervisord adds a process id while it makes its socket."""
PR_SET_PDEATHSIG = 1


ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which somebody asks for the end."""


class Ended(KeyboardInterrupt):
    """Ctrl-C or SIGTERM: the person asked for the end."""


@contextmanager
def installation(given: Settings) -> Iterator[None]:
    """Holds the installation's lock, with nothing left of an earlier run. Raises Fault when it is running."""
    run = given.var / "run"
    if len(str(run / "supervisor.sock").encode()) > SOCKET_PATH_BYTES:
        raise Fault(f"The path {given.var} is too long for a socket; set HOTLINE_VAR to a shorter folder.")
    for folder in (run, given.var / "log", given.recordings):
        folder.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Fault(
                f"It is already running here (process {lock.read().strip() or 'unknown'}, {given.var}); end "
                "that one first, or set HOTLINE_VAR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        leftovers.clear(given.var)
        ports.see_to(given)
        yield


@contextmanager
def running(given: Settings, found: Sequence[processes.Process]) -> Iterator[Supervisor]:
    """The installation's processes, running; they are ended at the end of the block, however it ends."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Ended

    before = {number: signal.signal(number, end) for number in ASKED}
    supervisor = Supervisor(given, found)
    try:
        yield supervisor
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        supervisor.end()
        for number, was in before.items():
            signal.signal(number, was)


class Supervisor:
    """A supervisord child of ours and what it says of its children."""

    def __init__(self, given: Settings, found: Sequence[processes.Process]) -> None:
        conf = given.var / "supervisord.conf"
        steps.write(conf, processes.supervisord_conf(given, found))
        self._given = given
        self._child = subprocess.Popen(
            [places.PYTHON, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", conf],
            cwd=places.HOUSE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, leftovers.KEPT: str(given.var)},
            # Ctrl-C reaches this process alone, which then ends the children in their order.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._transport = SupervisorTransport(None, None, f"unix://{given.var / 'run' / 'supervisor.sock'}")
        self.rpc: Any = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=self._transport).supervisor

    def states(self) -> dict[str, str]:
        """Process → supervisord's word for its state (RUNNING, BACKOFF, …); empty before it answers."""
        return states_in(self._given)

    def restart(self, name: str) -> None:
        """Ends one child and starts it again; the others go on."""
        whole = next(f"{one['group']}:{one['name']}" for one in self._children() if one["name"] == name)
        with suppress(xmlrpc.client.Fault):
            self.rpc.stopProcess(whole)
        self.rpc.startProcess(whole)

    def pid(self, name: str) -> int:
        """The process id of one child; 0 while it is not running."""
        return next((int(one["pid"]) for one in self._children() if one["name"] == name), 0)

    def _children(self) -> list[dict[str, Any]]:
        return list(self.rpc.getAllProcessInfo())

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> dict[str, str]:
        """Waits until /ready says that calls are answered; what is degraded all the same, a word for each part.

        Raises Fault naming what is in the way.
        """
        began = time.monotonic()
        said: dict[str, str] = {}
        while time.monotonic() - began < within_s:
            if self._child.poll() is not None:
                raise Fault(
                    f"The supervisor ended at once; {self._given.var / 'log' / 'supervisord.log'} says why."
                )
            ready, said = readiness(self._given)
            if ready and (set(said) <= STARTED_WITHOUT or time.monotonic() - began > SETTLED_WITHIN_S):
                return said
            # supervisord looks at its children once a second, and at once when it is asked something.
            self.states()
            time.sleep(0.1)
        raise Fault(self._why_not_ready(said, within_s))

    def _why_not_ready(self, said: dict[str, str], within_s: float) -> str:
        log = self._given.var / "log"
        down = sorted(name for name, state in self.states().items() if state != "RUNNING")
        if down:
            why = log / f"{down[0]}.log"
            return f"After {within_s:.0f} s {', '.join(down)} could not be started; {why} says why."
        wrong = (
            ", ".join(f"{name}: {text}" for name, text in said.items()) or "panel or front does not answer"
        )
        return (
            f"After {within_s:.0f} s the product is not ready ({wrong}); look into {log} or run ./run doctor."
        )

    def wait(self) -> None:
        """Until supervisord ends by itself, or Ended."""
        self._child.wait()

    def end(self) -> None:
        """Ends all children in their order, and whoever does not listen by force."""
        self._transport.close()
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        leftovers.clear(self._given.var)


def states_in(given: Settings) -> dict[str, str]:
    """Process → supervisord's word for its state, asked from outside; empty when nothing runs."""
    transport = SupervisorTransport(None, None, f"unix://{given.var / 'run' / 'supervisor.sock'}")
    try:
        rpc: Any = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
        return _states(rpc)
    finally:
        transport.close()


def _states(rpc: Any) -> dict[str, str]:
    try:
        return {str(one["name"]): str(one["statename"]) for one in rpc.getAllProcessInfo()}
    except (OSError, HTTPException, xmlrpc.client.Error):
        return {}


def readiness(given: Settings) -> tuple[bool, dict[str, str]]:
    """What /ready says at the front: whether calls are answered, and a word for each part that is not well."""
    url = f"http://127.0.0.1:{given.plain_port}/ready"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return True, _said(answer.read())
    except urllib.error.HTTPError as error:
        return False, _said(error.read())
    except OSError:
        return False, {}


def _said(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    parts = found.get("parts", found) if isinstance(found, dict) else {}
    return {str(name): str(text) for name, text in parts.items() if text not in (True, "ok", "OK")}


def _end_with_parent() -> None:
    # The children must not outlive a killed ./run.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
