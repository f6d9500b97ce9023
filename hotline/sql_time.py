"""Times inside SQL, alike on SQLite and PostgreSQL: microseconds since 1970, exact."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

US = 1_000_000
"""Microseconds in a second."""
VIETNAM_AHEAD_S = 7 * 3600


class epoch_us(FunctionElement[int]):  # noqa: N801 - it stands in queries as SQL's own functions do
    """A Moment as whole microseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(epoch_us, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **words: Any) -> str:
    # The text is "2026-11-22 10:00:00.123456"; SQLite itself would round it to milliseconds.
    text = compiler.process(element.clauses, **words)
    return f"(unixepoch(substr({text}, 1, 19)) * {US} + CAST(substr({text}, 21, 6) AS INTEGER))"


@compiles(epoch_us, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **words: Any) -> str:
    return f"CAST(date_part('epoch', {compiler.process(element.clauses, **words)}) * {US} AS BIGINT)"
