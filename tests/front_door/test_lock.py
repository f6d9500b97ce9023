"""The lock of the fetched packages."""

from pathlib import Path

import pytest

from front_door import lock, places
from front_door.faults import Fault

HEAD = "suite=sid architecture=amd64\n"
LINE = f"sox 14.4.2+git-1 {'a' * 64} 1234 pool/main/s/sox/sox_14.4.2%2bgit-1_amd64.deb\n"


def test_the_shipped_lock_can_be_read_and_holds_asterisk_22() -> None:
    shipped = lock.read(places.PARTS_LOCK)
    versions = {package.name: package.version for package in shipped.packages}
    assert versions["asterisk"].removeprefix("1:").startswith("22.")
    assert {"redis-server", "espeak-ng", "sox"} <= set(versions)


def test_a_lock_that_is_written_reads_back_the_same() -> None:
    once = lock.parse("# words\n" + HEAD + LINE, "parts.lock")
    assert lock.parse(lock.text_of(once), "parts.lock") == once


@pytest.mark.parametrize(
    "wrong",
    [
        "sox 14.4.2 short 1234 pool/main/s/sox.deb\n",
        LINE.replace("pool/", "../"),
        LINE.replace("1234", "-1"),
        "sox\n",
    ],
)
def test_a_line_that_is_no_package_is_named_by_its_number(wrong: str) -> None:
    with pytest.raises(Fault, match=r"parts\.lock cannot be read \(line 3\)"):
        lock.parse(HEAD + LINE + wrong.replace("sox", "other", 1), "parts.lock")


def test_a_package_locked_twice_is_named() -> None:
    with pytest.raises(Fault, match=r"\(line 3\)"):
        lock.parse(HEAD + LINE + LINE, "parts.lock")


def test_an_empty_lock_says_what_to_do() -> None:
    with pytest.raises(Fault, match="relock"):
        lock.parse("", "parts.lock")


def test_a_missing_lock_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="restore it from git"):
        lock.read(tmp_path / "parts.lock")
