"""A bundle: all downloads of a set-up in one file, for a machine without a network."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path

from front_door import apt, faults, lock, places

FOLDERS = ("debs", "wheels", "vendor")
MANIFEST = "bundle.json"


def is_offline() -> bool:
    """Whether this command was given a bundle: then nothing is asked of a network."""
    return bool(os.environ.get("HOTLINE_BUNDLE"))


def _kind() -> dict[str, str]:
    # Wheels fit one Python and one kind of processor.
    return {
        "python": f"Python {sys.version_info.major}.{sys.version_info.minor}",
        "architecture": apt.architecture(),
    }


def export(file: Path) -> int:
    """Writes the bundle of what the cache holds now; its size in bytes. `file` appears only when whole."""
    cache = places.cache()
    locked = {package.file_name() for package in lock.read(places.PARTS_LOCK).packages}
    manifest = cache / MANIFEST
    manifest.write_text(json.dumps(_kind()))
    new = file.with_name(file.name + ".new")
    with tarfile.open(new, "w") as tar:
        tar.add(manifest, MANIFEST)
        for folder in FOLDERS:
            for path in sorted((cache / folder).rglob("*")):
                if path.is_file() and (folder != "debs" or path.name in locked):
                    tar.add(path, str(path.relative_to(cache)))
    new.replace(file)
    return file.stat().st_size


def bring(file: Path) -> None:
    """Unpacks a bundle into the cache. Raises Fault when it is none, cut off, or for another machine."""
    if not file.is_file():
        raise faults.Fault(
            f"The bundle {file} does not exist; give the path of a file made by './run bundle FILE'."
        )
    cache = places.cache()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(file) as tar:
            named = tar.extractfile(MANIFEST)
            kind = json.loads(named.read()) if named else {}
            if kind != _kind():
                raise faults.Fault(
                    f"The bundle {file} is for {' on '.join(kind.values())}, and this machine has "
                    f"{' on '.join(_kind().values())}; make one on a machine like this."
                )
            _extract(tar, cache)
    except (tarfile.TarError, KeyError, EOFError, json.JSONDecodeError):
        raise faults.Fault(f"The bundle {file} is damaged or is no bundle; copy it again.") from None
    except OSError as error:
        raise faults.of_os_error(error, cache) from error


def _extract(tar: tarfile.TarFile, cache: Path) -> None:
    # Debian 12's Python has no extraction filters yet: only plain files of the three folders are taken.
    for member in tar.getmembers():
        parts = Path(member.name).parts
        if member.isfile() and ".." not in parts and parts[0] in (*FOLDERS, MANIFEST):
            tar.extract(member, cache)
