"""The lock of the privately fetched packages: name, version, SHA-256, size and place, a package a line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from front_door.faults import Fault

LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.+-]+) (?P<version>\S+) (?P<sha256>[0-9a-f]{64}) (?P<size>\d+) "
    r"(?P<pool>pool/\S+\.deb)"
)
HEAD = re.compile(r"suite=(?P<suite>\S+) architecture=(?P<architecture>\S+)")


@dataclass(frozen=True)
class Package:
    """One locked Debian package."""

    name: str
    version: str
    sha256: str
    size: int
    """Bytes."""
    pool: str
    """Its path under the mirror, as the archive's own index writes it."""

    def file_name(self) -> str:
        """Its name in the cache; the digest makes it the package's own."""
        return f"{self.name}_{self.sha256[:16]}.deb"


@dataclass(frozen=True)
class Lock:
    """All packages of one suite and architecture."""

    suite: str
    architecture: str
    packages: tuple[Package, ...]


def read(path: Path) -> Lock:
    """Reads a lock; raises Fault naming every line that is wrong."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise Fault(f"{path} is missing; restore it from git or make it with './run parts relock'.") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Lock:
    """Reads the text of a lock; `name` stands in the message when lines are wrong."""
    head: re.Match[str] | None = None
    packages: list[Package] = []
    wrong: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if head is None and (head := HEAD.fullmatch(line)):
            continue
        found = LINE.fullmatch(line)
        if not found or any(found["name"] == package.name for package in packages):
            wrong.append(str(number))
            continue
        packages.append(
            Package(found["name"], found["version"], found["sha256"], int(found["size"]), found["pool"])
        )
    if wrong or head is None or not packages:
        where = f"line {', '.join(wrong)}" if wrong else "its heading or its packages"
        raise Fault(
            f"{name} cannot be read ({where}); restore it from git or make it with './run parts relock'."
        )
    return Lock(head["suite"], head["architecture"], tuple(packages))


def text_of(lock: Lock) -> str:
    """The lock as it is written to a file."""
    lines = [
        "# The packages that set-up fetches privately (docs/decisions/0002-private-parts.md).",
        "# Made by './run parts relock'. Columns: name version sha256 bytes place-under-the-mirror",
        f"suite={lock.suite} architecture={lock.architecture}",
        *sorted(_lines(lock.packages)),
    ]
    return "\n".join(lines) + "\n"


def _lines(packages: Iterable[Package]) -> Iterable[str]:
    for package in packages:
        yield f"{package.name} {package.version} {package.sha256} {package.size} {package.pool}"
