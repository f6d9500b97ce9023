"""How long the search of many tickets takes, beside the search by LIKE that was here before.

`.venv/bin/python -m tests.bench.ticket_search [URL of an empty database] [tickets]`; without a URL, SQLite in a folder of its own.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, Text, cast, func, insert, or_, select
from sqlalchemy.orm import Session

from hotline import ticket_words
from hotline.database import make_engine, migrate, reading, transaction
from hotline.installation import read
from hotline.settings import PROJECT
from hotline.tickets import Ticket, TicketEntry
from softphone_panel import ticket_search, unit_search
from softphone_panel.ticket_search import Wanted

TICKETS = 1_000_000
BATCH = 5000
BEGINS = datetime(2021, 7, 1, tzinfo=UTC)
SAID = (
    "khó thở sốt cao đau ngực người già trẻ em hết gạo cần sữa khu cách ly chốt kiểm soát xét nghiệm dương tính tiêm mũi hai "
    "phường xã thị trấn Đồng Xoài Chơn Thành Lộc Ninh Bù Đăng Thuận An Dĩ An nhà trọ công nhân mất điện nước đường hỏng hồ sơ "
    "giấy đi đường hỗ trợ tiền thai phụ sắp sinh xe cấp cứu oxy trạm y tế chưa ai đến gọi lại lần thứ ba"
)
FIRST = ("b", "ch", "d", "gh", "kh", "l", "m", "nh", "ph", "qu", "r", "tr", "v")
LAST = ("", "n", "ng", "nh", "c", "t", "p", "m")
SYLLABLES = [f"{a}{b}{c}" for a in FIRST for b in "aeiou" for c in LAST]
REASONS = (
    "Khó thở",
    "Đau ngực sau tiêm",
    "Xin hỗ trợ lương thực",
    "Hỏi thủ tục",
    "Nghi mắc bệnh",
    "Mất điện",
)
ASKED = ("kho tho", "sua tre em", "Đồng Xoài", "het gao", "khóa", "ghanh", "xe cap cuu oxy", "nhanh vang", "BP-77777",
         "0912000345", "4400", "quenp khong co", "phuong", "sap sin")  # fmt: skip
"""Words that many tickets have and few, beginnings, a ticket's number, a whole telephone number and a part, and what nobody wrote."""
LIKES = ("sua tre em", "khóa", "ghanh", "quenp khong co")
ROUNDS = 20
READER: Any = SimpleNamespace(supervises=True, hotlines=(), id=1)


def fill(engine: Engine, tickets: int) -> float:
    """Tickets with a note each; seconds that the index took. It is built at the end, as the migration of a full database does."""
    dice, plain = random.Random(1), unit_search.folded(SAID).split()
    with engine.begin() as connection:
        ticket_words.remove(connection)
        for name in ("words", "number_endings") if engine.dialect.name != "sqlite" else ():
            connection.exec_driver_sql(f"ALTER TABLE ticket_text DROP COLUMN {name}")
    for first in range(0, tickets, BATCH):
        rows: list[dict[str, Any]] = []
        notes: list[dict[str, Any]] = []
        for n in range(first, min(tickets, first + BATCH)):
            at = BEGINS + timedelta(seconds=6 * n)
            id_ = f"t-n1-{int(at.timestamp())}.{n}"
            rows.append({
                "id": id_, "hotline": ("binhphuoc", "binhduong")[n % 2], "number": n // 2 + 1, "call_id": id_[2:], "opened_at": at,
                "reason": dice.choice(REASONS), "caller_number": f"+849{dice.randrange(10**8):08}",
            })  # fmt: skip
            note = " ".join([*dice.choices(plain, k=12), *dice.choices(SYLLABLES, k=3)])
            body = {"folded": note}
            notes.append(
                {"ticket_id": id_, "at": at, "kind": "note", "actor": "lan", "text": note, "body": body}
            )
        with transaction(engine) as session:
            session.execute(insert(Ticket), rows)
            session.execute(insert(TicketEntry), notes)
    began_s = time.perf_counter()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT 1" if engine.dialect.name == "sqlite" else "SET LOCAL statement_timeout = 0"
        )
        ticket_words.install(connection)
    return time.perf_counter() - began_s


def times_ms(work: Callable[[], Any], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        work()
        found.append((time.perf_counter() - began_s) * 1000)
    return found


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ticket-search-"))
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'tickets.db'}"
    migrate(url)
    engine = make_engine(url, busy_s=30)
    sys.stdout.write(f"indexed in {fill(engine, int(sys.argv[2]) if len(sys.argv) > 2 else TICKETS):.0f} s\n")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")
    province = read(PROJECT / "installation" / "demo.toml")
    every: list[float] = []
    with reading(engine) as session:
        for asked in ASKED:
            wanted = Wanted(text=asked)
            found = ticket_search.search(session, wanted, province, READER)
            took = times_ms(partial(ticket_search.search, session, wanted, province, READER), ROUNDS)
            every += took
            sys.stdout.write(
                f"{asked:16} {found.total:6} found  p50 {statistics.median(took):7.1f}  longest {max(took):7.1f} ms\n"
            )
        every.sort()
        p95 = every[int(len(every) * 0.95)]
        sys.stdout.write(f"all: p50 {statistics.median(every):.1f} ms, p95 {p95:.1f} ms\n")
        before = [t for asked in LIKES for t in times_ms(partial(_run, session, asked), 1)]
        after = [
            t for asked in LIKES
            for t in times_ms(partial(ticket_search.search, session, Wanted(text=asked), province, READER), 3)
        ]  # fmt: skip
    ratio = statistics.median(before) / statistics.median(after)
    sys.stdout.write(
        f"LIKE: {statistics.median(before):.0f} ms, now {statistics.median(after):.1f} ms: {ratio:.0f} x\n"
    )


def _run(session: Session, asked: str) -> None:
    session.execute(_like(asked)).all()


def _like(asked: str) -> Any:
    """One page and its count as they were asked before."""
    folded = unit_search.folded(asked)
    entries = select(TicketEntry.ticket_id).where(
        TicketEntry.kind.in_(("note", "state", "disposition")),
        cast(TicketEntry.body, Text).contains(folded, autoescape=True),
    )
    reasons = [reason for reason in REASONS if all(w in unit_search.folded(reason) for w in folded.split())]
    newest = select(Ticket.id).where(or_(Ticket.id.in_(entries), Ticket.reason.in_(reasons)))
    total = select(func.count()).select_from(newest.subquery()).scalar_subquery()
    return newest.add_columns(total).order_by(Ticket.opened_at.desc(), Ticket.id.desc()).limit(25)


if __name__ == "__main__":
    main()
