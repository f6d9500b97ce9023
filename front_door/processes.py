"""The product's processes as one supervisord keeps them: each restarted alone, all ended together."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from front_door import front, parts, places, web
from hotline.settings import Settings, settings

LOG_BYTES = 10_000_000
LOG_KEPT = 5
TOGETHER_FROM = 30
"""Processes of this order and later are ended side by side; Asterisk and Redis after them, one by one."""
GROUP = "rooms"


@dataclass(frozen=True)
class Process:
    """One child of the supervisor."""

    name: str
    command: tuple[str, ...]
    order: int
    """Started from the lowest, ended from the highest."""
    environment: Mapping[str, str] = field(default_factory=dict)
    end_within_s: int = 5
    """From SIGTERM to SIGKILL."""


def all_of(given: Settings) -> list[Process]:
    """Every process of this installation."""
    found = [asterisk(given), *(own(name, given) for name in ("agi", "calls", "worker", "rescue"))]
    found += [Process(name, tuple(web.words(name, given)), 40) for name in ("panel", "live")]
    found.append(Process("front", front.words(given), 40))
    return ([] if given.redis_url else [redis(given)]) + found


def redis(given: Settings) -> Process:
    """The private Redis, on a unix socket only; nothing is true only in it, so nothing is written to disk."""
    run = given.var / "run"
    options = {
        "port": "0",
        "unixsocket": str(run / "redis.sock"),
        "unixsocketperm": "700",
        "pidfile": str(run / "redis.pid"),
        "dir": str(run),
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        "daemonize": "no",
    }
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    return Process("redis", (*parts.program("redis-server"), *words), 10)


def asterisk(given: Settings) -> Process:
    """Asterisk with the configuration rendered for this installation."""
    conf = given.asterisk / "etc" / "asterisk.conf"
    return Process("asterisk", (*parts.asterisk(), "-f", "-n", "-C", str(conf)), 20)


def own(name: str, given: Settings) -> Process:
    """A Python process of ours, by its command in app.py."""
    del given
    return Process(name, (str(places.PYTHON), str(places.HOUSE / "app.py"), name), 30)


def note_pid(name: str) -> None:
    """Writes var/run/NAME.pid of the process that calls this."""
    run = settings().var / "run"
    run.mkdir(parents=True, exist_ok=True)
    (run / f"{name}.pid").write_text(f"{os.getpid()}\n")


def supervisord_conf(given: Settings, found: Sequence[Process]) -> str:
    """The text of var/supervisord.conf."""
    log, run = given.var / "log", given.var / "run"
    lines = [
        *("[supervisord]", "nodaemon=true", "silent=true", "identifier=hotline", "minfds=4096"),
        *(
            f"logfile={log / 'supervisord.log'}",
            f"logfile_maxbytes={LOG_BYTES}",
            f"logfile_backups={LOG_KEPT}",
        ),
        *(f"pidfile={run / 'supervisord.pid'}", f"childlogdir={log}", f"directory={places.HOUSE}"),
        *(("user=root",) if os.getuid() == 0 else ()),
        "",
        *("[unix_http_server]", f"file={run / 'supervisor.sock'}", "chmod=0700"),
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "",
        *("[rpcinterface:restarts]", "supervisor.rpcinterface_factory = front_door.restarts:make"),
        "",
        *("[supervisorctl]", f"serverurl=unix://{run / 'supervisor.sock'}"),
    ]
    for process in found:
        lines += ["", *_program(process, log)]
    together = [process.name for process in found if process.order >= TOGETHER_FROM]
    if together:
        lines += ["", f"[group:{GROUP}]", f"programs={','.join(together)}", f"priority={TOGETHER_FROM}"]
    return "\n".join(lines) + "\n"


def _program(process: Process, log: Path) -> list[str]:
    environment = {"PYTHONUNBUFFERED": "1", **process.environment}
    return [
        f"[program:{process.name}]",
        f"command={_escaped(shlex.join(process.command))}",
        "environment=" + ",".join(f'{key}="{_escaped(value)}"' for key, value in environment.items()),
        f"priority={process.order}",
        "autorestart=true",
        # A child that dies within a second waits 1 s, 2 s, 3 s, 3 s … for its next start (front_door.restarts); it is never given up.
        *("startsecs=1", "startretries=1000000"),
        *("stopasgroup=false", "killasgroup=true", f"stopwaitsecs={process.end_within_s}"),
        *("redirect_stderr=true", f"stdout_logfile={log / process.name}.log"),
        *(f"stdout_logfile_maxbytes={LOG_BYTES}", f"stdout_logfile_backups={LOG_KEPT}"),
    ]


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
