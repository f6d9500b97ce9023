"""The panel, its stream and a private Redis as real processes, for the browser's tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from front_door import processes
from hotline.settings import PROJECT, settings
from tests import ports

PANEL = f"http://127.0.0.1:{ports.PANEL}"
UP_WITHIN_S = 60.0


class Running:
    """Processes of one test, ended by `close`."""

    def __init__(self, house: Path) -> None:
        self.house = house
        (house / "var" / "run").mkdir(parents=True, exist_ok=True)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """ "redis", "panel" or "live"; returns when it answers."""
        words: Mapping[str, list[str]] = {
            "redis": list(processes.redis(settings()).command),
            "panel": [sys.executable, str(PROJECT / "app.py"), "panel"],
            "live": [sys.executable, str(PROJECT / "app.py"), "live"],
        }
        assert not self._answers(name), f"an earlier run's {name} still listens: end it first"
        with (self.house / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                words[name],
                cwd=PROJECT,
                env=dict(os.environ),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + UP_WITHIN_S
        while not self._answers(name):
            assert time.monotonic() < until, (self.house / f"{name}.log").read_text()
            time.sleep(0.05)

    def _answers(self, name: str) -> bool:
        if name == "redis":
            path = str(self.house / "var" / "run" / "redis.sock")
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(path) == 0
        port = {"panel": ports.PANEL, "live": ports.LIVE}[name]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def kill(self, name: str) -> None:
        """As a power cut would: the whole group, at once."""
        child = self._children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(20)

    def close(self) -> None:
        for child in self._children.values():
            os.killpg(child.pid, signal.SIGTERM)
        for child in self._children.values():
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(5)
