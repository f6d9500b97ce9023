"""The machines that turn text into sound: gTTS over the network while it works, espeak-ng always."""

import io
import os
import subprocess
import threading
import time
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ivr.speech.sound import RATE_HZ

PROGRAM_LIMIT_S: Final = 30.0
"""espeak-ng and sox need milliseconds for a prompt; one that takes so long hangs."""


class SpeechFailed(Exception):  # noqa: N818 - an exception is named after the fact
    """This engine cannot say this text now; the message tells why in one sentence."""


@dataclass(frozen=True)
class Program:
    """A program with what stands before its own arguments (a private loader) and its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """What it wrote to standard output; SpeechFailed when it is missing, fails or hangs."""
        try:
            ended = subprocess.run(  # noqa: S603 - fixed argument lists; text goes in by standard input
                [*self.command, *arguments],
                input=given,
                capture_output=True,
                env={**os.environ, **self.environment},
                timeout=PROGRAM_LIMIT_S,
                check=False,
            )
        except FileNotFoundError as missing:
            raise SpeechFailed(f"{self.command[-1]} is not installed.") from missing
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise SpeechFailed(f"{self.command[-1]} did not run: {failure}.") from failure
        if ended.returncode != 0:
            said = ended.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise SpeechFailed(f"{self.command[-1]} failed: {said[-1]}.")
        return ended.stdout


def program_in_root(root: Path, name: str) -> Program:
    """Program `name` of an unpacked Debian folder, run through that folder's own loader and libraries."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    search = f"{libraries}:{libraries / 'pulseaudio'}:{libraries / 'blas'}:{libraries / 'lapack'}"
    return Program(
        (
            str(root / "usr/lib64/ld-linux-x86-64.so.2"),
            "--library-path",
            search,
            str(root / "usr/bin" / name),
        ),
        {"ESPEAK_DATA_PATH": str(libraries)},
    )


class EngineRests(SpeechFailed):
    """It failed a moment ago and is not asked again yet."""


class Engine(Protocol):
    """Something that says text."""

    @property
    def name(self) -> str:
        """In the manifest and in the cache's key; with the voice, so that another voice is another name."""

    def say(self, text: str, language: str, folder: Path) -> Path:
        """A new sound file in `folder` saying `text`; SpeechFailed when that cannot be had now."""


@dataclass(frozen=True)
class Espeak:
    """espeak-ng: robotic, always there, 300 times faster than speech."""

    program: Program
    name: str = "espeak-vi-140-en-150"

    def say(self, text: str, language: str, folder: Path) -> Path:
        path = folder / "said.wav"
        speed = {"vi": "140"}.get(language, "150")
        self.program.run("-v", language, "-s", speed, "-w", str(path), "--stdin", given=text.encode())
        return path


@dataclass
class Breaker:
    """Keeps a failing engine out of the way: after a failure it rests before it is asked again."""

    rest_s: float
    now: Callable[[], float] = time.monotonic
    open_until: float = field(default=float("-inf"), init=False)

    def is_open(self) -> bool:
        """True while the engine rests."""
        return self.now() < self.open_until

    def failed(self) -> None:
        """Let it rest from now on."""
        self.open_until = self.now() + self.rest_s


@dataclass
class Gtts:
    """gTTS 2.5.4: an unofficial internet service, so it gets prompt texts only, never what a caller said."""

    timeout_s: float = 5.0
    """A single request; gTTS sends one for each 100 characters."""
    deadline_s: float = 15.0
    """The whole prompt."""
    breaker: Breaker = field(default_factory=lambda: Breaker(rest_s=60.0))
    name: str = "gtts-com"

    def say(self, text: str, language: str, folder: Path) -> Path:
        if self.breaker.is_open():
            raise EngineRests("gTTS rests after a failure.")
        try:
            sound = self._fetched(text, language)
        except SpeechFailed:
            self.breaker.failed()
            raise
        path = folder / "said.mp3"
        path.write_bytes(sound)
        return path

    def _fetched(self, text: str, language: str) -> bytes:
        """Fetch in a thread left behind at the deadline: the library's limit restarts with each read."""
        answer: list[bytes | str] = []

        def fetch() -> None:
            from gtts import gTTS
            from gtts.tts import gTTSError

            sound = io.BytesIO()
            try:
                gTTS(text, lang=language, lang_check=False, timeout=self.timeout_s).write_to_fp(sound)
                answer.append(sound.getvalue())
            except (gTTSError, AssertionError, ValueError, TypeError, OSError) as failure:
                answer.append(f"gTTS failed: {failure}.")

        fetching = threading.Thread(target=fetch, name="gtts", daemon=True)
        fetching.start()
        fetching.join(self.deadline_s)
        sound = answer[0] if answer else f"gTTS gave no answer within {self.deadline_s:g} s."
        if isinstance(sound, str):
            raise SpeechFailed(sound)
        if not sound:
            raise SpeechFailed("gTTS sent an empty sound.")
        return sound


def telephone_samples(sox: Program, sound: Path) -> "array[int]":
    """Any sound file as 8 kHz mono samples of the telephone band; SpeechFailed when it is no sound file."""
    raw = sox.run(
        "-V1", "-D", str(sound),
        "-t", "raw", "-e", "signed", "-b", "16", "-L", "-r", str(RATE_HZ), "-c", "1", "-",
        # Without the first gain the filters clip; the level is set afterwards (sound.mastered).
        "gain", "-6", "highpass", "120", "lowpass", "3400", "rate", "-h", str(RATE_HZ),
    )  # fmt: skip
    return array("h", raw[: len(raw) // 2 * 2])
