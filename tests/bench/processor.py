"""Processor time as the kernel counts it: a process with its threads, and the children it has reaped."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def used_s(pids: Iterable[int]) -> float:
    """What these processes and the children they reaped have used, seconds; a process that is gone counts nothing."""
    return sum(_of(pid) for pid in pids)


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        own_s = time.clock_gettime(_clock(pid))
    except OSError:
        return 0.0
    return own_s + (int(fields[13]) + int(fields[14])) * TICK_S


def _clock(pid: int) -> int:
    """A process's own clock, in nanoseconds and with its ended threads: clock_getcpuclockid(3), which Python lacks."""
    return (~pid << 3) | 2


def machine_used_s() -> float:
    """Processor seconds that all programs of this machine have used, idle and waiting left out."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * TICK_S


def model() -> str:
    """The processor's name and how many of it this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
    return f"{name}, {len(os.sched_getaffinity(0))} processors"
