"""The web processes: one gunicorn with the panel's pages, one with the live stream."""

from __future__ import annotations

import os
import sys

from front_door import places
from hotline.settings import Settings, settings


def words(name: str, given: Settings) -> list[str]:
    """The words that start "panel" or "live"."""
    application, port, workers, threads = {
        "panel": ("softphone_panel:create_app()", given.panel_port, 2, 8),
        "live": ("softphone_panel.live:create_app()", given.live_port, 1, 300),
    }[name]
    return [
        *(sys.executable, "-m", "gunicorn", application),
        *("--config", "python:front_door.web_workers", "--preload"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)),
        *("--bind", f"{given.panel_host}:{port}", "--pid", str(given.var / "run" / f"{name}.pid")),
        *(
            "--name",
            f"hotline-{name}",
            "--graceful-timeout",
            "3",
            "--keep-alive",
            "5",
            "--log-level",
            "warning",
        ),
        *("--worker-tmp-dir", str(given.var / "run"), "--no-control-socket"),
    ]


def main(name: str) -> None:
    """Becomes that process."""
    os.chdir(places.HOUSE)
    command = words(name, settings())
    os.execv(command[0], command)  # noqa: S606 - a fixed program of this clone
