"""What administrators change about people: entries of who, when and from what to what, the rules, and the undoing of the last one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import commands
from hotline.database import Base, Moment
from hotline.events import now
from hotline.operators import Operator, OperatorPresence, Role

FIELDS = (
    "full_name",
    "role",
    "station",
    "agency",
    "language",
    "hotlines",
    "skills",
    "phone",
    "second_phone",
    "active",
)
"""What an entry may change, and an undoing put back."""
CHANGED, ADDED, RESET, OWN, ENDED = "changed", "added", "password_reset", "own_password", "sessions_ended"
"""Kinds of entry; only changed ones can be undone."""


class NotAllowed(ValueError):  # noqa: N818 - exceptions are named by the fact
    """A rule forbids this change; `why` is itself, last_administrator, stale or nothing_to_undo."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PersonEntry(Base):
    """One dated change of a person; never edited."""

    __tablename__ = "person_entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[int] = mapped_column()
    """Who did it: an operator's id."""
    kind: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Only the fields that changed."""
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    undoes: Mapped[int | None] = mapped_column()
    """The entry that this one takes back."""


def values_of(row: Operator) -> dict[str, Any]:
    """The person as an entry sees them; lists in order, so that equal ones are equal."""
    found = {name: getattr(row, name) for name in FIELDS}
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


def locked(session: Session, number: int) -> Operator | None:
    """The row, and those of all administrators, so that two who take each other's role away at once are not both heard."""
    session.execute(
        select(Operator.id).where(Operator.role == Role.ADMINISTRATOR).order_by(Operator.id).with_for_update()
    )
    return session.get(Operator, number, with_for_update=True, populate_existing=True)


def history(session: Session, number: int) -> list[PersonEntry]:
    """The person's entries, newest first."""
    rows = select(PersonEntry).where(PersonEntry.operator_id == number).order_by(PersonEntry.id.desc())
    return list(session.scalars(rows))


def to_undo(entries: list[PersonEntry]) -> PersonEntry | None:
    """The newest change that is neither taken back nor itself a taking back; the entries are newest first."""
    undone = {entry.undoes for entry in entries}
    return next((x for x in entries if x.kind == CHANGED and x.undoes is None and x.id not in undone), None)


def last_seen(session: Session, number: int) -> int:
    """The number of the person's newest entry: what a page shows, and a change of a page that is stale does not name."""
    return session.scalar(select(func.max(PersonEntry.id)).where(PersonEntry.operator_id == number)) or 0


def change(
    session: Session, row: Operator, wanted: Mapping[str, Any], by: int, seen: int, undoes: int | None = None
) -> PersonEntry | None:
    """Bring the person to what is wanted and enter what changed; None when nothing did. NotAllowed by the rules."""
    if seen != last_seen(session, row.id):
        raise NotAllowed("stale")
    before = values_of(row)
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if not changed:
        return None
    governs = row.active and row.role == Role.ADMINISTRATOR
    will_govern = {**before, **changed}
    if governs and not (will_govern["active"] and will_govern["role"] == Role.ADMINISTRATOR):
        if row.id == by:
            raise NotAllowed("itself")
        others = select(func.count(Operator.id)).where(
            Operator.role == Role.ADMINISTRATOR, Operator.active, Operator.id != row.id
        )
        if not session.scalar(others):
            raise NotAllowed("last_administrator")
    for name, value in changed.items():
        setattr(row, name, value)
    if "active" in changed:
        # Whoever is switched on again signs in anew; whoever is switched off in a talk stays to its end.
        row.end_sessions(session.get(OperatorPresence, row.id))
    return enter(session, row, by, CHANGED, {name: before[name] for name in changed}, changed, undoes)


def undo(session: Session, row: Operator, by: int, seen: int) -> PersonEntry | None:
    """Take the last change back; NotAllowed when there is none or a rule forbids it."""
    last = to_undo(history(session, row.id))
    if last is None:
        raise NotAllowed("nothing_to_undo")
    return change(session, row, last.before, by, seen, last.id)


def enter(
    session: Session,
    row: Operator,
    by: int,
    kind: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    undoes: int | None = None,
) -> PersonEntry:
    """An entry, and the word to `calls` that somebody is not who they were."""
    entry = PersonEntry(
        operator_id=row.id, at=now(), by=by, kind=kind, before=dict(before or {}), after=dict(after or {}), undoes=undoes
    )  # fmt: skip
    session.add(entry)
    session.flush()
    if kind == CHANGED:
        commands.ask(session, row.id, "person_changed", f"person{entry.id:08}")
    return entry
