"""Debian's archive read without root and beside the system's own apt: an apt directory of our own."""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from front_door import faults, steps
from front_door.lock import Package

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
HELPER = Path("/usr/lib/apt/apt-helper")
GONE = re.compile(r"\b404\b")
URI_LINE = re.compile(
    r"^'(?P<uri>[^']+)' (?P<file>\S+\.deb) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})", re.M
)
PATIENCE = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20")


def see_to_tools() -> None:
    """Raises Fault when this machine has no apt or dpkg."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise faults.missing_tool(
                tool,
                "use Debian 12 or newer, or bring asterisk (22.2 or newer), redis-server, espeak-ng and sox",
            )


def architecture() -> str:
    """This machine's architecture in Debian's words."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def own_suite() -> str:
    """The code name of the Debian that this machine runs."""
    names = platform.freedesktop_os_release()
    return names.get("VERSION_CODENAME", "stable")


def mirror() -> str:
    """The address of the Debian mirror that this machine's own apt uses, with a slash at its end."""
    see_to_tools()
    wanted = {own_suite(), "stable", "oldstable", "testing", "sid", "unstable"}
    code, output = steps.attempt(
        ["apt-get", "indextargets", "--format", "$(RELEASE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"]
    )
    for line in output.splitlines() if code == 0 else ():
        release, component, uri = [*line.split("|"), "", ""][:3]
        if release in wanted and component == "main":
            return _listed(uri).rstrip("/") + "/"
    raise faults.Fault(
        "This machine's apt names no Debian mirror; use Debian 12 or newer, or bring a bundle made elsewhere "
        "by './run bundle FILE'."
    )


def _listed(uri: str) -> str:
    # Cloud images name a file with the mirrors, one a line.
    if uri.startswith("mirror+file:"):
        return Path(uri.removeprefix("mirror+file:").rstrip("/")).read_text().split()[0]
    return uri


def download(packages: Sequence[tuple[Package, Path]]) -> tuple[int, str]:
    """Fetches each package to its path, checked by apt against the lock; the status and what apt said."""
    base = mirror()
    words: list[str | Path] = [HELPER, *_own_user(), *PATIENCE, "-q", "download-file"]
    for package, path in packages:
        words += [base + package.pool, path, f"SHA256:{package.sha256}"]
    return steps.attempt(words)


def _own_user() -> list[str]:
    # Root's apt would fetch as _apt, who may not write into this user's folders.
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return ["-o", f"APT::Sandbox::User={user}"]


@dataclass(frozen=True)
class PrivateArchive:
    """One suite of the machine's mirror, in an apt directory of its own."""

    folder: Path
    suite: str

    def open(self, given: Iterable[str] = ()) -> None:
        """Reads the suite's index. `given` are taken as installed, so they are not fetched."""
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").write_text("".join(_installed(name) for name in given))
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (self.folder / "sources.list").write_text(f"deb {signed}{mirror()} {self.suite} main\n")
        steps.call(f"the index of Debian {self.suite}", self._apt("update"), log="apt")

    def packages(self, *names: str) -> tuple[Package, ...]:
        """The named packages and all they need, as the index says now."""
        output = steps.call(
            f"the list of packages of Debian {self.suite}",
            self._apt(
                "-o",
                "Acquire::ForceHash=sha256",
                "install",
                "--no-install-recommends",
                "--print-uris",
                "-y",
                *names,
            ),
            log="apt",
        )
        base = mirror()
        return tuple(_package(found, base) for found in URI_LINE.finditer(output))

    def _apt(self, *words: str) -> list[str]:
        options = {
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Acquire::Languages": "none",
        }
        named = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["apt-get", "-q", *named, *_own_user(), *PATIENCE, *words]


def _installed(name: str) -> str:
    return (
        f"Package: {name}\nStatus: install ok installed\nArchitecture: {architecture()}\n"
        "Multi-Arch: foreign\nMaintainer: none\nVersion: 999:1\nDescription: taken as given\n\n"
    )


def _package(found: re.Match[str], base: str) -> Package:
    name, version, _ = found["file"].rsplit("_", 2)
    return Package(
        name, unquote(version), found["sha256"], int(found["size"]), found["uri"].removeprefix(base)
    )
