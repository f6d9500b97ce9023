"""A process that does what is due, and is killed now and then between a handler's work and its commit."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from hotline import deadlines
from hotline.database import make_engine


def run(url: str, node: str, folder: str, seed: int, dies: float) -> None:
    """Until the file `stop` is there; notes each try in a file of its own before it may die."""
    chance = random.Random(seed)
    engine = make_engine(url, busy_s=5.0)
    notes = (Path(folder) / f"tries-{node}").open("a")

    def do(session: Session, due: deadlines.Due, at: datetime) -> None:
        notes.write(f"{due.about}\n")
        notes.flush()
        session.execute(
            text("INSERT INTO done (about, node) VALUES (:about, :node)"), {"about": due.about, "node": node}
        )
        if chance.random() < dies:
            os.kill(os.getpid(), signal.SIGKILL)

    worker = deadlines.Worker(engine, {"test": do}, node)
    while not (Path(folder) / "stop").exists():
        if not worker.look():
            time.sleep(0.01)
