"""A province's tickets by the million, alike on every run and on both databases: 15,000 a day, words as people use them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine

from hotline import ticket_words
from hotline.calls import Call
from hotline.clocks import TicketClock
from hotline.database import Base
from hotline.orders import Assignment, Order
from hotline.tickets import Ticket, TicketEntry
from hotline.transfers import Transfer
from softphone_panel import unit_search

A_DAY = 15_000
BATCH = 10_000
OPEN_SHARE = 0.004
"""Of the older tickets, so many are still open; of the last day's a third."""
HOTLINES = ("binhphuoc", "binhduong")
LEVELS = ("RED", "ORANGE", "YELLOW", "GREEN", "NONMED")
LEVEL_SHARES = (0.03, 0.10, 0.25, 0.32, 0.30)
CATEGORIES = ("emergency_transport", "suspected_case", "post_vaccination", "relief", "policy", "violation", "procedure",
              "infrastructure", "investment", "other")  # fmt: skip
REASONS = ("Khó thở", "Đau ngực sau tiêm", "Xin hỗ trợ lương thực", "Hỏi thủ tục", "Nghi mắc bệnh", "Mất điện", "Sốt cao",
           "Cần xe cấp cứu", "Hỏi giấy đi đường", "Phản ánh vi phạm")  # fmt: skip
PHRASES = (
    "khó thở", "sốt cao", "đau ngực", "người già", "trẻ em", "hết gạo", "cần sữa", "khu cách ly", "chốt kiểm soát", "xét nghiệm",
    "dương tính", "tiêm mũi hai", "phường", "xã", "thị trấn", "Đồng Xoài", "Chơn Thành", "Lộc Ninh", "Bù Đăng", "Thuận An", "Dĩ An",
    "nhà trọ", "công nhân", "mất điện", "nước", "đường hỏng", "hồ sơ", "giấy đi đường", "hỗ trợ tiền", "thai phụ", "sắp sinh",
    "xe cấp cứu", "oxy", "trạm y tế", "chưa ai đến", "gọi lại", "lần thứ ba", "sữa trẻ em", "bệnh viện", "tổ dân phố",
)  # fmt: skip
"""What is said most; words come in company, so that several together are not independent."""
FIRST = (
    "b",
    "c",
    "ch",
    "d",
    "g",
    "gi",
    "h",
    "kh",
    "l",
    "m",
    "n",
    "ng",
    "ngh",
    "nh",
    "ph",
    "qu",
    "r",
    "s",
    "t",
    "th",
    "tr",
    "v",
    "x",
)
MIDDLE = ("a", "e", "i", "o", "u", "ai", "ao", "oi", "ua", "uo", "ie", "uye")
LAST = ("", "n", "ng", "nh", "c", "t", "p", "m")
SYLLABLES = tuple(f"{a}{b}{c}" for b in MIDDLE for c in LAST for a in FIRST)
"""2208, as many as Vietnamese has without its tones."""
LONGEST_NOTE = 40
TEAMS = 40


def vocabulary() -> tuple[list[str], np.ndarray[Any, Any]]:
    """Pieces of speech and their shares by Zipf's law: the n-th is said 1/(n + 2) as often."""
    pieces = [unit_search.folded(phrase) for phrase in PHRASES] + list(SYLLABLES)
    weights = 1 / (np.arange(len(pieces)) + 3.0)
    return pieces, weights / weights.sum()


def notes(count: int, dice: np.random.Generator) -> Iterator[str]:
    """What operators wrote: 4 to 40 pieces, mostly about a dozen."""
    pieces, shares = vocabulary()
    lengths = np.clip(dice.gamma(3.0, 4.0, count).astype(int), 4, LONGEST_NOTE)
    said = dice.choice(len(pieces), int(lengths.sum()), p=shares)
    at = 0
    for length in lengths:
        yield " ".join(pieces[i] for i in said[at : at + length])
        at += length


def fill(engine: Engine, tickets: int, ends: datetime, units: list[str]) -> None:
    """So many tickets, 15,000 a day until `ends`, each with its call, note and clock; some hand-overs and orders.

    The index of words is built at the end, as the migration of a full database does.
    """
    dice = np.random.default_rng(1022)
    with engine.begin() as connection:
        ticket_words.remove_people(connection)
        ticket_words.remove(connection)
    for first in range(0, tickets, BATCH):
        rows = _rows(np.arange(first, min(tickets, first + BATCH)), tickets, ends, units, dice)
        with engine.begin() as connection:
            for table, values in rows.items():
                _put(connection, table, values)
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        ticket_words.install(connection)
        ticket_words.install_people(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "ANALYZE" if engine.dialect.name == "sqlite" else "SET statement_timeout = 0"
        )
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("VACUUM ANALYZE")


def _rows(
    numbers: np.ndarray[Any, Any], tickets: int, ends: datetime, units: list[str], dice: np.random.Generator
) -> dict[type[Base], list[dict[str, Any]]]:
    many = len(numbers)
    rows: dict[type[Base], list[dict[str, Any]]] = {
        one: [] for one in (Call, Ticket, TicketEntry, TicketClock, Transfer, Order, Assignment)
    }
    levels, reasons = dice.choice(len(LEVELS), many, p=LEVEL_SHARES), dice.integers(0, len(REASONS), many)
    categories, places = dice.integers(0, len(CATEGORIES), many), dice.integers(0, len(units) + 1, many)
    phones, luck = dice.integers(0, 10**8, many), dice.random((many, 4))
    for i, (n, note) in enumerate(zip(numbers.tolist(), notes(many, dice), strict=True)):
        opened = ends - timedelta(seconds=86_400 / A_DAY * (tickets - n))
        hotline, level, call_id = HOTLINES[n % 2], LEVELS[levels[i]], f"n1-{int(opened.timestamp())}.{n}"
        id_, number = f"t-{call_id}", f"+849{phones[i]:08}"
        is_open = luck[i, 0] < (1 / 3 if ends - opened < timedelta(days=1) else OPEN_SHARE)
        unit, category = (units[places[i]] if places[i] < len(units) else ""), CATEGORIES[categories[i]]
        closed = None if is_open else opened + timedelta(hours=0.2 + 8 * luck[i, 1] ** 3)
        due = opened + timedelta(hours=5)
        spoken = luck[i, 2] < 0.8
        shared = {
            "hotline": hotline,
            "caller_number": number,
            "branch": "medical",
            "reason": REASONS[reasons[i]],
        }
        rows[Call].append({
            **shared, "id": call_id, "node": "n1", "state": "ended", "acuity": level, "ticket_id": id_, "arrived_at": opened,
            "queued_at": opened, "human_at": opened + timedelta(seconds=20) if spoken else None,
            "operator_id": 1 + n % 60 if spoken else None,
            "ended_at": opened + timedelta(seconds=300), "end_reason": "served" if spoken else "abandoned",
        })  # fmt: skip
        rows[Ticket].append({
            **shared, "id": id_, "number": n // 2 + 1, "call_id": call_id, "state": "open" if is_open else "closed", "unit_code": unit,
            "acuity": LEVELS[max(0, levels[i] - 1)] if luck[i, 3] < 0.05 else level, "category": category, "opened_at": opened,
            "closed_at": closed,
        })  # fmt: skip
        rows[TicketEntry].append({
            "ticket_id": id_, "at": opened + timedelta(seconds=60), "kind": "note", "actor": "lan", "text": note, "body": {"folded": note},
        })  # fmt: skip
        rows[TicketClock].append({
            "ticket_id": id_, "hotline": hotline, "owner": f"agency:team-{n % TEAMS}" if n % 3 else f"operator:{n % 60}",
            "stage": "done" if is_open else "", "due_at": due if is_open else None, "told_due_at": due, "told_at": closed,
        })  # fmt: skip
        if n % 10 == 0:
            rows[Transfer].append({
                "id": f"x-{call_id}", "call_id": call_id, "ticket_id": id_, "kind": "warm", "state": "completed", "asked_at": opened,
                "rung_at": opened, "accepted_at": opened + timedelta(seconds=15), "changed_at": opened,
            })  # fmt: skip
        if n % 25 == 0:
            rows[Order].append({
                "id": f"o-{call_id}-1", "ticket_id": id_, "hotline": hotline, "number": 1, "state": "issued" if is_open else "done",
                "category": category, "acuity": level, "unit_code": unit, "what": "Đưa xe đến", "due_at": due, "issued_by": "lan",
                "issued_at": opened,
            })  # fmt: skip
            rows[Assignment].append({
                "id": f"o-{call_id}-1.1", "order_id": f"o-{call_id}-1", "ticket_id": id_, "team": f"team-{n % TEAMS}",
                "team_name": f"Đội {n % TEAMS}", "state": "sent" if is_open else "done", "changed_at": opened,
            })  # fmt: skip
    return rows


def _put(connection: Any, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """By the driver's own quickest way; what a row does not say is the model's default."""
    if not rows:
        return
    columns = [
        c for c in table.__table__.columns if c.name in rows[0] or not (c.primary_key and c.default is None)
    ]
    values = [[_plain(row[c.name] if c.name in row else _default(c)) for c in columns] for row in rows]
    names = ", ".join(c.name for c in columns)
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        cursor.executemany(f"INSERT INTO {table.__tablename__} ({names}) VALUES ({marks})", values)
    else:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        with cursor.copy(f"COPY {table.__tablename__} ({names}) FROM STDIN") as copy:
            for one in values:
                copy.write_row(one)


def _default(column: Any) -> Any:
    if column.default is None:
        return None
    return column.default.arg(None) if column.default.is_callable else column.default.arg


def _plain(value: Any) -> Any:
    """As SQLite keeps it, and as PostgreSQL reads it in a session whose zone is UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
