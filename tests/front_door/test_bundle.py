"""The bundle: what a set-up downloads, carried to a machine without a network."""

import io
import tarfile
from pathlib import Path

import pytest

from front_door import apt, bundle, lock, places
from front_door.faults import Fault

PACKAGE = lock.Package("alpha", "1-1", "a" * 64, 1, "pool/alpha.deb")


@pytest.fixture
def filled(clone: Path) -> Path:
    places.PARTS_LOCK.write_text(lock.text_of(lock.Lock("sid", apt.architecture(), (PACKAGE,))))
    for name, content in {
        f"debs/{PACKAGE.file_name()}": "locked",
        "debs/alpha_old.deb": "of an earlier lock",
        "wheels/flask.whl": "wheel",
        "vendor/1/htmx.min.js": "script",
    }.items():
        file = places.cache() / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return clone


def test_a_bundle_carries_the_cache_to_another_machine(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.export(filled / "b.tar")
    monkeypatch.setenv("HOTLINE_CACHE", str(filled / "other"))
    bundle.bring(filled / "b.tar")
    assert (places.cache() / "wheels" / "flask.whl").read_text() == "wheel"
    assert [path.name for path in (places.cache() / "debs").iterdir()] == [PACKAGE.file_name()]


def test_a_bundle_for_another_python_is_refused(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(bundle, "_kind", lambda: {"python": "Python 3.99", "architecture": "amd64"})
        bundle.export(filled / "b.tar")
    with pytest.raises(Fault, match=r"is for Python 3\.99 on amd64, and this machine has Python 3"):
        bundle.bring(filled / "b.tar")


def test_a_bundle_that_was_cut_off_is_refused(filled: Path) -> None:
    (places.cache() / "wheels" / "flask.whl").write_bytes(b"x" * 100_000)
    bundle.export(filled / "b.tar")
    whole = (filled / "b.tar").read_bytes()
    (filled / "b.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Fault, match="is damaged or is no bundle; copy it again"):
        bundle.bring(filled / "b.tar")


def test_a_file_that_is_no_bundle_is_refused(filled: Path) -> None:
    (filled / "b.tar").write_text("a letter")
    with pytest.raises(Fault, match="is damaged or is no bundle"):
        bundle.bring(filled / "b.tar")


def test_a_missing_bundle_is_named(filled: Path) -> None:
    with pytest.raises(Fault, match="does not exist"):
        bundle.bring(filled / "b.tar")


def test_a_bundle_writes_nowhere_but_into_the_cache(filled: Path) -> None:
    bundle.export(filled / "b.tar")
    with tarfile.open(filled / "b.tar", "a") as tar:
        for name in ("../outside", "wheels/../../outside", "/outside", "elsewhere/file"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    bundle.bring(filled / "b.tar")
    assert not (filled / "outside").exists()
    assert not (places.cache() / "elsewhere").exists()
