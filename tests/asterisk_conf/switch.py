"""The product's own Asterisk with its rendered configuration, and no Python process of the product beside it."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asterisk_conf import Timing, cdr_path, render
from front_door import parts
from front_door.faults import Fault
from hotline.installation import Installation, Trunk, read
from hotline.secrets import secret
from hotline.settings import PROJECT, Settings
from ivr.queue_members import queues_of
from ivr.speech.music import tone, write_music
from ivr.speech.sound import write_pair
from tests import ports

ANNOUNCEMENT_HZ, COMFORT_HZ = 1240, 1480
TRUNK_CHANNELS = {"vnpt": 30, "viettel": 2, "mobifone": 5}
REGISTERING = Trunk(
    "mobifone", "127.0.0.4", 5060, "binhduong", register=True, username="province", password="trunk-word"
)
SHARED = ("no-operator", "after-beep", "message-thanks", "comfort")


def settings_in(folder: Path, first_port: int, rtp: tuple[int, int]) -> Settings:
    """Settings of an installation in a folder of its own; it uses four ports from `first_port` on."""
    return Settings(
        var=folder / "var",
        recordings=folder / "recordings",
        installation=PROJECT / "installation" / "demo.toml",
        sip_host="127.0.0.1",
        sip_port=first_port,
        ami_port=first_port + 1,
        agi_port=first_port + 2,
        ari_port=first_port + 3,
        rtp_first=rtp[0],
        rtp_last=rtp[1],
    )


class Switch:
    """One Asterisk, as the supervisor would start it; prompts are tones so that tests know what is heard."""

    def __init__(self, settings: Settings, timing: Timing, trunk_ports: dict[str, int]) -> None:
        self.settings, self.timing = settings, timing
        demo = read(settings.installation)
        trunks = tuple(
            dataclasses.replace(t, port=trunk_ports[t.key], channels=TRUNK_CHANNELS[t.key])
            for t in (*demo.trunks, REGISTERING)
        )
        self.installation: Installation = dataclasses.replace(demo, trunks=trunks)
        self.address = (settings.sip_host, settings.sip_port)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.settings.var / "asterisk.log"

    def lay_prompts(self) -> None:
        """Each prompt is a second of its own tone."""
        vi = self.settings.prompts / "vi"
        write_music(self.settings.prompts)
        for name in SHARED:
            write_pair(vi / "all" / name, tone(COMFORT_HZ, 1.0))
        for hotline in self.installation.hotlines:
            write_pair(vi / hotline.key / "chain-announcement", tone(ANNOUNCEMENT_HZ, 1.5))

    def start(self) -> None:
        """Renders, starts, waits until it is up; RuntimeError with its log."""
        conf = render(self.settings, self.installation, self.settings.var, self.timing)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*parts.asterisk(), "-f", "-n", "-C", str(conf)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 20
        while time.monotonic() < until and self._child.poll() is None:
            if "fully booted" in self.console("core waitfullybooted"):
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(self.log.read_text(errors="replace")[-3000:])

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def console(self, command: str) -> str:
        """What a console command prints."""
        conf = self.settings.asterisk / "etc" / "asterisk.conf"
        words = [*parts.asterisk(), "-C", str(conf), "-rx", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
        return done.stdout

    def ask(self, action: str, **fields: str) -> str:
        """One AMI action as the product's own user; the answer."""
        with socket.create_connection(("127.0.0.1", self.settings.ami_port), timeout=5) as line:
            stream = line.makefile("rw", encoding="utf-8", newline="")
            stream.readline()
            secret_text = secret(self.settings.var, "ami")
            answers = []
            for name, values in (
                ("Login", {"Username": "hotline", "Secret": secret_text, "Events": "off"}),
                (action, fields),
            ):
                stream.write("".join(f"{k}: {v}\r\n" for k, v in {"Action": name, **values}.items()) + "\r\n")
                stream.flush()
                answers.append("".join(iter(lambda: stream.readline().strip("\r\n") + "\n", "\n")))
        assert "Success" in answers[0], answers
        return answers[1]

    def sign_in(self, phone: str, hotlines: tuple[str, ...] = ()) -> None:
        """What `calls` tells app_queue when an operator signs in."""
        for hotline in hotlines or tuple(h.key for h in self.installation.hotlines):
            for queue in queues_of(hotline):
                answer = self.ask("QueueAdd", Queue=queue, Interface=f"PJSIP/{phone}")
                assert "Success" in answer or "Already there" in answer, answer

    def sign_out(self, phone: str) -> None:
        for hotline in self.installation.hotlines:
            for queue in queues_of(hotline.key):
                self.ask("QueueRemove", Queue=queue, Interface=f"PJSIP/{phone}")

    def password(self, phone: str) -> str:
        return secret(self.settings.var, f"phone:{phone}")

    def cdr_lines(self) -> list[str]:
        path = cdr_path(self.settings)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@contextmanager
def running_switch(folder: Path, first_port: int, timing: Timing) -> Iterator[Switch]:
    """An Asterisk alone in a folder of its own, on eight ports from `first_port`; skips where there is none."""
    try:
        parts.program("asterisk")
    except Fault:
        pytest.skip("No Asterisk: let `./run test` fetch it.")
    trunk_ports = {name: first_port + 5 + n for n, name in enumerate(("vnpt", "viettel", "mobifone"))}
    made = Switch(settings_in(folder, first_port, ports.RTP_OURS), timing, trunk_ports)
    made.lay_prompts()
    try:
        made.start()
        (made.settings.var / "run").mkdir(exist_ok=True)
        yield made
    finally:
        made.stop()
