"""How many callers wait while no phone rings for them, by hotline and level: whom an operator may take beside the caller they have."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.calls import Call, CallState, Direction


def by_hotline(session: Session) -> dict[str, dict[str, int]]:
    """Hotline → level → how many."""
    rows = session.execute(
        select(Call.hotline, Call.acuity, func.count())
        .where(Call.state == CallState.WAITING, Call.direction == Direction.IN)
        .group_by(Call.hotline, Call.acuity)
    ).all()
    found: dict[str, dict[str, int]] = {}
    for hotline, acuity, count in rows:
        found.setdefault(hotline, {})[acuity] = count
    return found
