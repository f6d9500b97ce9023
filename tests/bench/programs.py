"""Where SIPp is: named by HOTLINE_SIPP, installed, unpacked beside Asterisk, or fetched into var/parts/sipp."""

import os
import shutil
from pathlib import Path

from front_door import apt, parts, places

OWN_ROOT = places.PARTS / "sipp"


def sipp() -> list[str]:
    """The words that start SIPp; brings Debian's sip-tester (20 MB) when the machine has none. Raises front_door's Fault."""
    if named := os.environ.get("HOTLINE_SIPP"):
        return [named]
    if installed := shutil.which("sipp"):
        return [installed]
    beside = [Path(root) for root in (os.environ.get("HOTLINE_ASTERISK_ROOT"),) if root]
    for root in (*beside, places.PARTS_ROOT, OWN_ROOT):
        if (root / parts.PLACES["sipp"]).exists():
            return parts.program("sipp", root)
    _bring()
    return parts.program("sipp", OWN_ROOT)


def _bring() -> None:
    apt.see_to_tools()
    archive = apt.PrivateArchive(places.MADE / "apt" / "sipp", parts.SUITE)
    archive.open()
    parts.unpack(parts.fetch(archive.packages("sip-tester"), places.cache() / "debs"), OWN_ROOT)
