"""What stops a set-up or a start, each as one sentence that names the thing and what mends it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

NO_NETWORK = re.compile(
    r"Temporary failure (resolving|in name resolution)|Could not resolve|Name or service not known"
    r"|Network is unreachable|Failed to establish a new connection|Could not connect|Unable to connect"
    r"|Cannot initiate the connection|Connection refused|Connection timed out|ConnectTimeoutError|ProxyError"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH"
)
TOO_LARGE = re.compile(r"File too large|EFBIG|File size limit exceeded")
DISK_FULL = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded|You don't have enough free space")


class Fault(Exception):  # noqa: N818 - the house names an exception by its fact
    """The sentence a person reads; the process then ends with status 1."""


def disk_full(place: Path) -> Fault:
    """The disk that holds `place` has no room."""
    return Fault(
        f"The disk that holds {place} is full: free at least 1 GB there and run the same command again."
    )


def too_large() -> Fault:
    """This shell lets no file grow as large as is needed."""
    return Fault(
        "This shell's limit on file sizes is too small: run 'ulimit -f unlimited' and the same command again."
    )


def no_network(what: str) -> Fault:
    """`what` had to be fetched and nothing answered."""
    return Fault(
        f"No network: {what} could not be fetched; connect this machine, or bring a bundle made elsewhere by "
        "'./run bundle FILE' and run './run --bundle FILE COMMAND'."
    )


def missing_tool(tool: str, mend: str) -> Fault:
    """A program that the machine itself must have is not there."""
    return Fault(f"The program '{tool}' is missing; {mend}, then run the same command again.")


def of_output(what: str, output: str, log: Path) -> Fault:
    """Names why a program failed by what it printed; its whole output is in `log`."""
    if DISK_FULL.search(output):
        return disk_full(log.parent)
    if TOO_LARGE.search(output):
        return too_large()
    if NO_NETWORK.search(output):
        return no_network(what)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else "it printed nothing"
    return Fault(f"{what} could not be set up ({last}); the whole output is in {log}.")


def of_os_error(error: OSError, place: Path) -> Fault:
    """Names an error of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(place)
    if error.errno == errno.EFBIG:
        return too_large()
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Fault(f"{error.filename or place} cannot be written; run as the user who owns {place}.")
    return Fault(f"{error.filename or place}: {error.strerror}.")
