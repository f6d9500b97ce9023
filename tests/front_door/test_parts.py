"""Fetching and unpacking locked packages from a mirror, by the real apt and dpkg."""

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from front_door import apt, lock, parts, places
from front_door.faults import Fault


class Mirror:
    """A mirror on this machine with tiny packages; `asked` lists the paths that were fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        asked = self.asked

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                asked.append(self.path)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, name: str, content: str = "hello") -> lock.Package:
        """Builds a package that holds one file and gives its line of the lock."""
        tree = self.folder.parent / "build" / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: 1-1\nArchitecture: all\nMaintainer: none\nDescription: x\n"
        )
        file = tree / "usr" / "share" / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
        pool = Path("pool") / f"{name}_1-1_all.deb"
        (self.folder / "pool").mkdir(exist_ok=True)
        subprocess.run(["dpkg-deb", "-Zxz", "-b", tree, self.folder / pool], check=True, capture_output=True)
        whole = (self.folder / pool).read_bytes()
        return lock.Package(name, "1-1", hashlib.sha256(whole).hexdigest(), len(whole), str(pool))


@pytest.fixture
def mirror(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    folder = clone / "mirror"
    folder.mkdir()
    found = Mirror(folder)
    monkeypatch.setattr(apt, "mirror", lambda: found.url)
    yield found
    found.server.shutdown()
    found.server.server_close()


def write_lock(*packages: lock.Package) -> None:
    places.PARTS_LOCK.write_text(lock.text_of(lock.Lock("sid", apt.architecture(), packages)))


def test_locked_packages_are_fetched_and_unpacked(mirror: Mirror) -> None:
    write_lock(mirror.publish("alpha"), mirror.publish("beta", "world"))
    parts.bring(lambda note: None)
    assert (places.PARTS_ROOT / "usr/share/alpha").read_text() == "hello"
    assert (places.PARTS_ROOT / "usr/share/beta").read_text() == "world"


def test_a_later_clone_takes_the_packages_from_the_cache(mirror: Mirror) -> None:
    write_lock(mirror.publish("alpha"))
    parts.bring(lambda note: None)
    asked = len(mirror.asked)
    parts.bring(lambda note: None)
    assert len(mirror.asked) == asked


def test_a_damaged_package_in_the_cache_is_fetched_again(mirror: Mirror) -> None:
    package = mirror.publish("alpha")
    write_lock(package)
    parts.bring(lambda note: None)
    (places.cache() / "debs" / package.file_name()).write_bytes(b"half a pack")
    parts.bring(lambda note: None)
    assert (places.PARTS_ROOT / "usr/share/alpha").read_text() == "hello"


def test_a_package_whose_digest_differs_is_refused_and_not_kept(mirror: Mirror) -> None:
    package = mirror.publish("alpha")
    write_lock(package)
    whole = bytearray((mirror.folder / package.pool).read_bytes())
    whole[-1] ^= 1
    (mirror.folder / package.pool).write_bytes(whole)
    with pytest.raises(
        Fault, match=r"alpha 1-1 that the mirror served is not the locked one .*SHA-256 differs"
    ):
        parts.bring(lambda note: None)
    assert not (places.cache() / "debs" / package.file_name()).exists()
    assert not places.PARTS_ROOT.exists()


def test_a_version_that_sid_no_longer_holds_says_bundle_or_relock(mirror: Mirror) -> None:
    there, gone = mirror.publish("alpha"), mirror.publish("beta")
    (mirror.folder / gone.pool).unlink()
    write_lock(there, gone)
    with pytest.raises(Fault, match=r"no longer holds beta 1-1 .*--bundle FILE.*parts relock"):
        parts.bring(lambda note: None)
    assert (places.cache() / "debs" / there.file_name()).exists()


def test_no_network_says_so_in_one_sentence(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(mirror.publish("alpha"))
    monkeypatch.setattr(apt, "mirror", lambda: "http://127.0.0.1:1/")
    with pytest.raises(Fault, match=r"^No network: 1 packages of Debian sid could not be fetched; .*bundle"):
        parts.bring(lambda note: None)


def test_a_lock_for_another_processor_says_relock(mirror: Mirror) -> None:
    package = mirror.publish("alpha")
    places.PARTS_LOCK.write_text(lock.text_of(lock.Lock("sid", "riscv64", (package,))))
    with pytest.raises(Fault, match=r"is for riscv64.*relock"):
        parts.bring(lambda note: None)


def test_an_unpacking_that_was_interrupted_is_begun_anew(mirror: Mirror) -> None:
    write_lock(mirror.publish("alpha"))
    half = places.PARTS_ROOT.with_name("root.new")
    (half / "usr").mkdir(parents=True)
    (half / "usr" / "stale").touch()
    parts.bring(lambda note: None)
    assert not (places.PARTS_ROOT / "usr" / "stale").exists()


def test_a_machine_without_apt_says_what_it_needs(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(lock.Package("alpha", "1-1", "a" * 64, 1, "pool/alpha.deb"))
    monkeypatch.setenv("PATH", str(clone))
    with pytest.raises(Fault, match=r"'apt-get' is missing; use Debian 12 or newer"):
        parts.bring(lambda note: None)


def test_the_mirror_is_read_from_the_machines_own_apt(clone: Path) -> None:
    assert apt.mirror().startswith(("http", "file", "cdrom", "copy"))
    assert apt.mirror().endswith("/")


def test_a_program_that_is_nowhere_is_named(clone: Path) -> None:
    with pytest.raises(Fault, match="'no-such-program' is missing"):
        parts.program("no-such-program")
