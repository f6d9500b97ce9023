"""Processor time as the kernel counts it: a process with its threads, and the children it has reaped."""

import os
from collections.abc import Iterable
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def used_s(pids: Iterable[int]) -> float:
    """utime + stime + cutime + cstime of these processes, seconds; a process that is gone counts nothing."""
    return sum(_of(pid) for pid in pids)


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) * TICK_S


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
