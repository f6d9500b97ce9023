"""espeak-ng and sox as the product runs them, and settings that keep every test to its own folder."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from ivr.speech.engines import Program, program_in_root
from ivr.speech.voice import VoiceSettings

settings.register_profile("shared machine", deadline=None)  # the machine is shared: time says nothing here
settings.load_profile("shared machine")

PROJECT = Path(__file__).parents[3]


def program(name: str) -> Program:
    """The program of the unpacked parts, else the system's; the test is skipped where there is neither."""
    roots = [os.environ.get("HOTLINE_ASTERISK_ROOT", ""), str(PROJECT / "var/parts/root")]
    for root in filter(None, roots):
        if (Path(root) / "usr/bin" / name).exists():
            return program_in_root(Path(root), name)
    if found := shutil.which(name):
        return Program((found,))
    pytest.skip(f"{name} is missing: ./run test brings it")


@pytest.fixture
def sox() -> Program:
    return program("sox")


@pytest.fixture
def voice_settings(tmp_path: Path, sox: Program) -> VoiceSettings:
    """espeak-ng only, nothing recorded, empty cache."""
    return VoiceSettings(
        sox=sox,
        espeak=program("espeak-ng"),
        recorded=tmp_path / "recorded",
        cache=tmp_path / "cache",
        use_gtts=False,
    )
