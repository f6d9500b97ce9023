"""The start-up test of Asterisk."""

import array
import math
from pathlib import Path

import pytest

from front_door import parts, places, selftest


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("22.10.1+dfsg~cs6", True),
        ("22.2.0", True),
        ("22.1.1", False),
        ("20.6.0", False),
        ("23.0.0", True),
        ("", False),
    ],
)
def test_only_asterisk_22_2_and_newer_are_tried(version: str, enough: bool) -> None:
    assert selftest.is_new_enough(version) is enough


def stereo(left_hz: int, right_hz: int) -> bytes:
    rate = selftest.RATE_HZ
    pairs = ((left_hz, n) if side == 0 else (right_hz, n) for n in range(rate) for side in (0, 1))
    return array.array(
        "h", (round(8000 * math.sin(2 * math.pi * hz * n / rate)) for hz, n in pairs)
    ).tobytes()


@pytest.mark.parametrize(
    ("sides", "heard"),
    [((1000, 440), (1000, 440)), ((440, 1000), (440, 1000)), ((0, 440), (0, 440)), ((700, 440), (0, 440))],
)
def test_each_side_of_a_recording_is_heard_for_itself(
    tmp_path: Path, sides: tuple[int, int], heard: tuple[int, int]
) -> None:
    file = tmp_path / "stereo.raw"
    file.write_bytes(stereo(*sides))
    assert selftest.recorded_tones(file) == heard


def test_no_recording_is_no_tone(tmp_path: Path) -> None:
    assert selftest.recorded_tones(tmp_path / "none.raw") == (0, 0)


@pytest.mark.live
def test_the_fetched_asterisk_passes_within_five_seconds() -> None:
    result = selftest.test(parts.program("asterisk"), parts.modules_dir(), parts.shared_dir())
    assert result.faults == ()
    assert result.seconds < 5.0


@pytest.mark.live
def test_an_asterisk_that_cannot_record_in_stereo_is_refused(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    for module in parts.modules_dir().iterdir():
        if module.name != "app_mixmonitor.so":
            (modules / module.name).symlink_to(module)
    result = selftest.test(parts.program("asterisk"), modules, parts.shared_dir())
    assert result.faults == ("MixMonitor's option D recorded 0 and 0 Hz instead of 1000 and 440",)


@pytest.mark.live
def test_an_asterisk_that_does_not_start_is_refused(tmp_path: Path) -> None:
    result = selftest.test(parts.program("asterisk"), tmp_path, places.PARTS_ROOT)
    assert len(result.faults) == 1
    assert "did not answer its interface" in result.faults[0]
