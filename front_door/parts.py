"""The programs that Debian 12 lacks (Asterisk 22 and friends): fetched by a lock, run by their own loader."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from front_door import apt, faults, lock, places, steps

SUITE = "sid"
WANTED = ("asterisk", "nginx", "redis-server", "espeak-ng", "sox")
GIVEN = (
    *(
        "adduser",
        "ca-certificates",
        "debconf",
        "dpkg",
        "init-system-helpers",
        "logrotate",
        "lsb-base",
        "media-types",
    ),
    *("passwd", "procps", "sgml-base", "systemd", "sysvinit-utils", "ucf", "xml-core"),
    *(
        "perl",
        "perl-base",
        "python3",
        "gnupg",
        "gpg",
        "dirmngr",
        "libsnmp45",
        "libsnmp-base",
        "snmp",
        "libcodec2-1.2",
    ),
    *("libnewt0.52", "whiptail", "iproute2"),
)
"""Needed to install those packages into a system, or by modules never loaded; not by what is run here."""
PLACES = {
    "asterisk": "usr/sbin/asterisk",
    "rasterisk": "usr/sbin/asterisk",
    "nginx": "usr/sbin/nginx",
    "redis-server": "usr/bin/redis-server",
    "redis-cli": "usr/bin/redis-cli",
    "espeak-ng": "usr/bin/espeak-ng",
    "sox": "usr/bin/sox",
    "sipp": "usr/bin/sipp",
}
SYSTEM_CHOSEN = places.PARTS / "system-asterisk"
"""Exists while the system's own Asterisk is new enough and passed the self-test (selftest.py)."""
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
LOADERS = {"amd64": "usr/lib64/ld-linux-x86-64.so.2", "arm64": "usr/lib/ld-linux-aarch64.so.1"}


def step() -> steps.Step:
    """The set-up step that brings the parts."""
    return steps.Step(
        name="Asterisk and friends",
        inputs=(places.PARTS_LOCK,),
        product=places.PARTS_ROOT / PLACES["asterisk"],
        make=bring,
    )


def bring(note: Callable[[str], None]) -> None:
    """Fetches what the cache lacks, checks every digest and unpacks into var/parts/root."""
    wanted = lock.read(places.PARTS_LOCK)
    if wanted.architecture != apt.architecture():
        raise faults.Fault(
            f"front_door/parts.lock is for {wanted.architecture}, this machine is {apt.architecture()}; run "
            "'./run parts relock' here, then the same command again."
        )
    apt.see_to_tools()
    debs = fetch(wanted.packages, places.cache() / "debs", note)
    unpack(debs, places.PARTS_ROOT)


def relock() -> str:
    """Asks the archive what the parts are today, and rewrites the lock; a sentence on what changed."""
    archive = apt.PrivateArchive(places.MADE / "apt" / SUITE, SUITE)
    archive.open(GIVEN)
    packages = archive.packages(*WANTED)
    before = set(lock.read(places.PARTS_LOCK).packages) if places.PARTS_LOCK.exists() else set()
    steps.write(places.PARTS_LOCK, lock.text_of(lock.Lock(SUITE, apt.architecture(), packages)))
    return f"{len(packages)} packages locked, {len(set(packages) - before)} of them new or changed."


# --- fetching ----------------------------------------------------------------------------------


def fetch(
    packages: Iterable[lock.Package], folder: Path, note: Callable[[str], None] = lambda what: None
) -> list[Path]:
    """The .deb of each package in `folder`, fetched where missing, every digest checked. Raises Fault."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {package: folder / package.file_name() for package in packages}
    missing = [
        package for package, path in wanted.items() if not (path.exists() and digest(path) == package.sha256)
    ]
    if missing:
        size_mb = sum(package.size for package in missing) / 1e6
        note(f"fetching {len(missing)} packages, {size_mb:.0f} MB")
        _download(missing, folder)
    return list(wanted.values())


def _download(missing: list[lock.Package], folder: Path) -> None:
    partial = folder / "partial"
    partial.mkdir(exist_ok=True)
    code, output = apt.download([(package, partial / package.file_name()) for package in missing])
    gone: list[lock.Package] = []
    for package in missing:
        path = partial / package.file_name()
        if not path.exists():
            gone.append(package)
        elif digest(path) != package.sha256:
            path.unlink()
            raise _not_the_locked(package)
        else:
            path.replace(folder / package.file_name())
    if gone:
        raise _why_gone(gone, output)
    if code != 0:
        steps.write(places.SET_UP_LOG / "set-up-parts.log", output)


def _why_gone(gone: list[lock.Package], output: str) -> faults.Fault:
    if "Hash Sum mismatch" in output:
        return _not_the_locked(gone[0])
    if apt.GONE.search(output) and not faults.NO_NETWORK.search(output):
        return faults.Fault(
            f"Debian {SUITE} has moved on and no longer holds {gone[0].name} {gone[0].version} (one of "
            f"{len(gone)}); use a bundle (./run --bundle FILE …), or run './run parts relock' and repeat."
        )
    log = places.SET_UP_LOG / "set-up-parts.log"
    steps.write(log, output)
    return faults.of_output(f"{len(gone)} packages of Debian {SUITE}", output, log)


def _not_the_locked(package: lock.Package) -> faults.Fault:
    return faults.Fault(
        f"The package {package.name} {package.version} that the mirror served is not the locked one (its "
        "SHA-256 differs); run this again, and if it says the same use a bundle or './run parts relock'."
    )


def digest(path: Path) -> str:
    """The file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(debs: Iterable[Path], root: Path) -> None:
    """Unpacks all packages into `root`, which is swapped in only when it is whole."""
    new = root.with_name(root.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)

    def one(deb: Path) -> None:
        steps.call(f"the package {deb.name}", ["dpkg-deb", "-x", deb, new], log="unpack")

    with ThreadPoolExecutor(max_workers=min(4, (os.cpu_count() or 1) + 1)) as pool:
        list(pool.map(one, debs))
    steps.put_in_place(new, root)


# --- running -----------------------------------------------------------------------------------


def program(name: str, root: Path | None = None) -> list[str]:
    """The words that start a program: ours through its loader, else the system's. Fault if there is none."""
    root = root or places.PARTS_ROOT
    place = root / PLACES.get(name, f"usr/bin/{name}")
    kind = apt.architecture()
    loader = root / LOADERS.get(kind, "")
    if place.exists() and loader.is_file():
        return [str(loader), "--library-path", ":".join(map(str, library_path(root))), str(place)]
    own = shutil.which(name)
    if own is None:
        raise faults.missing_tool(name, "run './run doctor', which brings it or says what to install")
    return [own]


def asterisk() -> list[str]:
    """The words that start Asterisk: the system's where the self-test chose it, else ours."""
    if SYSTEM_CHOSEN.exists() and (own := shutil.which("asterisk")):
        return [own]
    return program("asterisk")


def library_path(root: Path) -> list[Path]:
    """Where the unpacked programs find their libraries."""
    base = root / "usr" / "lib" / TRIPLETS.get(apt.architecture(), "")
    return [base, *(base / sub for sub in ("pulseaudio", "asterisk") if (base / sub).is_dir())]


def environment(name: str, root: Path | None = None) -> dict[str, str]:
    """What a program of ours must find in its environment beside the machine's own."""
    root = root or places.PARTS_ROOT
    if name == "espeak-ng":
        return {"ESPEAK_DATA_PATH": str(root / "usr" / "lib" / TRIPLETS.get(apt.architecture(), ""))}
    return {}


def modules_dir(root: Path | None = None) -> Path:
    """asterisk.conf's astmoddir."""
    root = root or places.PARTS_ROOT
    return root / "usr" / "lib" / TRIPLETS.get(apt.architecture(), "") / "asterisk" / "modules"


def shared_dir(root: Path | None = None) -> Path:
    """What Asterisk brought as its data: the documentation that its modules read at their start, rest-api."""
    return (root or places.PARTS_ROOT) / "usr" / "share" / "asterisk"


def lay_data_dir(folder: Path, shared: Path | None = None) -> Path:
    """Makes asterisk.conf's astdatadir: sounds of our own, the rest linked to what Asterisk brought."""
    shared = shared or shared_dir()
    (folder / "sounds").mkdir(parents=True, exist_ok=True)
    for name in ("documentation", "rest-api", "static-http"):
        link = folder / name
        if link.is_symlink():
            link.unlink()
        if (shared / name).exists() and not link.exists():
            link.symlink_to(shared / name)
    return folder
