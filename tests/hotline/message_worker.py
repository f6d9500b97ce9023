"""A process that sends what is due, and is killed between the gateway's yes and its commit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sqlalchemy import Engine

from hotline import text_messages
from hotline.database import make_engine
from hotline.gateways import Gateways
from hotline.installation import read
from hotline.message_sender import MessageSender


def sender(engine: Engine, installation_file: Path, var: Path) -> MessageSender:
    installation = read(installation_file)
    return MessageSender(
        engine, Gateways(installation_file, var), "https://1022.example", lambda: installation
    )


def run_and_die(url: str, installation_file: str, var: str) -> None:
    """One look, killed with what the gateway said in its hands."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    text_messages.answered = die  # type: ignore[assignment]  # the moment before the answer is written
    sender(make_engine(url, busy_s=5.0), Path(installation_file), Path(var)).look()
