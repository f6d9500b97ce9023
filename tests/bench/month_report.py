"""How long a report of a month with many calls takes.

`.venv/bin/python -m tests.bench.month_report [URL of an empty database] [calls]`; without a URL, SQLite in a folder of its own.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from hotline.calls import Call
from hotline.database import Base, make_engine, migrate, reading, transaction
from hotline.figures import By, counted, recalls
from hotline.hand_over_figures import hand_overs, scored
from hotline.operators import Operator, OperatorEntry
from hotline.transfers import Transfer, TransferTry

BEGINS = datetime(2026, 9, 30, 17, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=31)
CALLS = 100_000
OPERATORS = 60
LEVELS = {"RED": 3, "ORANGE": 10, "YELLOW": 25, "GREEN": 32, "NONMED": 30}
FATES = {"served": 75, "abandoned": 8, "self_care": 12, "too_short": 5}
ROUNDS = 3


def fill(engine: Engine, calls: int) -> None:
    """A month: three quarters of the calls are answered, 5 % of these are handed over."""
    dice = random.Random(1)
    rows: defaultdict[type[Base], list[dict[str, Any]]] = defaultdict(list)
    for n in range(1, OPERATORS + 1):
        person = {"username": f"o{n}", "full_name": f"Operator {n}", "role": "operator", "password_hash": "x"}
        rows[Operator].append({"id": n, **person})
    for n in range(calls):
        at = BEGINS + timedelta(seconds=(ENDS - BEGINS).total_seconds() * n / calls)
        (level,) = dice.choices(list(LEVELS), list(LEVELS.values()))
        (fate,) = dice.choices(list(FATES), list(FATES.values()))
        queued = at + timedelta(seconds=dice.uniform(8, 60))
        met = queued + timedelta(seconds=dice.expovariate(1 / 25))
        over = met + timedelta(seconds=dice.uniform(20, 400)) if fate == "served" else met
        operator, call_id = n % OPERATORS + 1, f"n1-{int(at.timestamp())}.{n}"
        rows[Call].append(
            {
                "id": call_id, "node": "n1", "hotline": dice.choice(("binhphuoc", "binhduong")), "acuity": level,
                "branch": "medical", "state": "ended", "arrived_at": at, "queued_at": queued, "ended_at": over,
                "end_reason": fate, "human_at": met if fate == "served" else None,
                "operator_id": operator if fate == "served" else None,
            }
        )  # fmt: skip
        if fate != "served":
            continue
        for state, when in (("talking", met), ("wrap_up", over), ("available", over + timedelta(seconds=30))):
            of = call_id if state != "available" else ""
            rows[OperatorEntry].append({"operator_id": operator, "at": when, "state": state, "call_id": of})
        if n % 20 == 0:
            transfer = {"id": f"x-{n}", "call_id": call_id, "kind": "warm", "state": "handed_over"}
            times = {"asked_at": met, "rung_at": met, "accepted_at": over, "changed_at": over}
            rows[Transfer].append(transfer | times)
            tried = {"leg_id": f"l-{n}", "transfer_id": f"x-{n}", "name": "Trạm", "state": "accepted"}
            rows[TransferTry].append({**tried, "rung_at": met})
    with transaction(engine) as session:
        for table, values in rows.items():
            for first in range(0, len(values), 5000):
                session.execute(insert(table), values[first : first + 5000])


def report(engine: Engine, by: By) -> None:
    """What the page of reports reads."""
    with reading(engine) as session:
        for figures in (counted, recalls, hand_overs, scored):
            figures(session, BEGINS, ENDS, by, None)


def seconds(work: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="month-report-"))
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'month.db'}"
    migrate(url)
    engine = make_engine(url, busy_s=30)
    fill(engine, int(sys.argv[2]) if len(sys.argv) > 2 else CALLS)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    for by in (By.HOTLINE, By.OPERATOR, By.HOUR, By.DAY, By.ACUITY):
        took_s = min(seconds(lambda by=by: report(engine, by)) for _ in range(ROUNDS))  # type: ignore[misc] # mypy infers no default's type
        sys.stdout.write(f"{by.value:10} {took_s:6.2f} s\n")


if __name__ == "__main__":
    main()
