"""Our AGI server as it runs in production: its own process, SQLite, the shipped protocol approved, ticket and ledger written."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from front_door import parts, places
from hotline import database
from hotline.approvals import Approval
from hotline.ledger import LedgerEntry
from hotline.operators import Operator
from hotline.tickets import Ticket
from ivr.approved import file_of
from tests.bench.dialogue import PROTOCOL, shipped


def prepare(folder: Path, prompts: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """A fresh database in `folder` with the protocol approved; the words and environment that start the server."""
    var = folder / "ours"
    (var / "log").mkdir(parents=True, exist_ok=True)
    file = var / "hotline.db"
    for old in var.glob("hotline.db*"):
        old.unlink()
    url = f"sqlite:///{file}"
    database.migrate(url)
    _approve(url)
    environment = {
        "HOTLINE_VAR": str(var),
        "HOTLINE_NODE": "bench",
        "HOTLINE_INSTALLATION": str(places.HOUSE / "installation/demo.toml"),
        "HOTLINE_AGI_PORT": str(port),
        "HOTLINE_DATABASE_URL": url,
        "HOTLINE_RECORDINGS": str(var / "recordings"),
        "HOTLINE_LOG_LEVEL": "INFO",
    }
    link = var / "prompts"
    if not link.is_symlink():
        link.symlink_to(prompts)
    return [sys.executable, "-c", "from agi_scripts.server import main; main()"], environment


def _approve(url: str) -> None:
    text, read = file_of(PROTOCOL).read_text(encoding="utf-8"), shipped()
    officer = Operator(
        username="officer", full_name="Cán bộ duyệt", role="administrator", password_hash="-", active=True
    )
    engine = database.make_engine(url, busy_s=2.0)
    with database.transaction(engine) as session:
        session.add(officer)
        session.flush()
        session.add(
            Approval(
                name=PROTOCOL, version=read.version, digest=read.digest, text=text, edited_by="editor",
                approved_by=officer.id, approved_at=datetime.now(UTC),
            )
        )  # fmt: skip
    engine.dispose()


def redis(folder: Path) -> list[str]:
    """The words that start the private Redis its messages go to."""
    run = folder / "ours" / "run"
    run.mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(run / "redis.sock"),
        "save": "",
        "appendonly": "no",
        "dir": str(run),
    }
    return [
        *parts.program("redis-server"),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]


def calls_kept(folder: Path) -> int:
    """Calls that have their ticket and their opening line in the ledger."""
    engine = database.make_engine(f"sqlite:///{folder / 'ours' / 'hotline.db'}", busy_s=2.0)
    with database.reading(engine) as session:
        tickets = session.scalar(select(func.count()).select_from(Ticket)) or 0
        opened = select(func.count()).select_from(LedgerEntry).where(LedgerEntry.kind == "call_opened")
        kept = min(tickets, session.scalar(opened) or 0)
    engine.dispose()
    return kept
