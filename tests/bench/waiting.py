"""Waiting until a server is there, with an end."""

import subprocess
import time
from pathlib import Path


def until_listening(port: int, process: subprocess.Popen[bytes], log: Path, within_s: float = 20.0) -> None:
    """Until something listens on that TCP port; RuntimeError with the end of `log` when it does not come."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        if _listens(port):
            return
        time.sleep(0.1)
    raise RuntimeError(f"Nothing listens on port {port}: {log.read_text(errors='replace')[-2000:]}")


def _listens(port: int) -> bool:
    # Read from the kernel: panoramisk spins for ever on somebody who only connects and leaves.
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and int(row[1].partition(":")[2], 16) == port for row in rows)
