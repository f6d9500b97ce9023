"""The ledger: an append-only, hash-chained list per hotline that proves calls = tickets = recordings."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import JSON, String, UniqueConstraint, bindparam, event, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.calls import Call, EndReason
from hotline.database import Base, Moment, Prepared
from hotline.recordings import LegRecording, Recording
from hotline.tickets import Ticket

FIRST = "0" * 64


class LedgerEntry(Base):
    """One line: what was true at `at`, chained to the line before by its hash."""

    __tablename__ = "ledger_entry"
    __table_args__ = (UniqueConstraint("hotline", "seq"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    hotline: Mapped[str] = mapped_column(String(32))
    seq: Mapped[int] = mapped_column()
    at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(String(24))
    """call_opened, call_known (its arrival came late), call_closed, recording_kept, recording_missing, leg_recorded;
    attachment_added: a ticket's file ("a-" and its number);
    call_watched, call_moved: what a supervisor did; settings_published: what an administrator changed."""
    subject: Mapped[str] = mapped_column(String(72), index=True)
    """The call's id; of leg_recorded the leg's; of settings_published the document's name."""
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    hash: Mapped[str] = mapped_column(String(64))


class LedgerHead(Base):
    """The last line of each hotline's ledger; its row lock orders the writers."""

    __tablename__ = "ledger_head"
    hotline: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column()
    hash: Mapped[str] = mapped_column(String(64))


def line_hash(
    previous: str, hotline: str, seq: int, at: datetime, kind: str, subject: str, body: dict[str, Any]
) -> str:
    words = [previous, hotline, seq, at.astimezone(UTC).isoformat(), kind, subject, body]
    return hashlib.sha256(json.dumps(words, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


_HEAD_TABLE = LedgerHead.metadata.tables[LedgerHead.__tablename__]
_HEADS = {
    "sqlite": sqlite.insert(_HEAD_TABLE).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_HEAD_TABLE).on_conflict_do_nothing(),
}
_HEAD = Prepared(
    select(_HEAD_TABLE.c.seq, _HEAD_TABLE.c.hash)
    .where(_HEAD_TABLE.c.hotline == bindparam("hotline"))
    .with_for_update()
)
_MOVE = Prepared(
    update(_HEAD_TABLE)
    .where(_HEAD_TABLE.c.hotline == bindparam("of"))
    .values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
)
_LINE = Prepared(
    insert(LedgerEntry.metadata.tables[LedgerEntry.__tablename__]),
    *("hotline", "seq", "at", "kind", "subject", "body", "hash"),
)


def lock(session: Session, hotline: str) -> None:
    """Lock the hotline's ledger until the end of the caller's transaction: whoever else writes there waits."""
    heads: dict[str, tuple[int, str]] = session.info.setdefault("ledger_heads", {})
    if hotline not in heads:
        connection = session.connection()
        row = _HEAD.run(connection, {"hotline": hotline}).fetchone()
        if row is None:
            first = {"hotline": hotline, "seq": 0, "hash": FIRST}
            connection.execute(_HEADS[connection.dialect.name], first)
            row = _HEAD.run(connection, {"hotline": hotline}).fetchone()
        heads[hotline] = (row[0], row[1])


def append(
    session: Session, hotline: str, kind: str, subject: str, body: dict[str, Any], at: datetime
) -> None:
    """Add a line in the caller's transaction and lock the hotline's ledger until its end; `write` (or the commit) stores it."""
    lock(session, hotline)
    heads: dict[str, tuple[int, str]] = session.info["ledger_heads"]
    seq, previous = heads[hotline]
    seq += 1
    hash_ = line_hash(previous, hotline, seq, at, kind, subject, body)
    heads[hotline] = (seq, hash_)
    session.info.setdefault("ledger_lines", []).append(
        {
            "hotline": hotline,
            "seq": seq,
            "at": at,
            "kind": kind,
            "subject": subject,
            "body": body,
            "hash": hash_,
        }
    )


def write(session: Session) -> None:
    """Store the lines that were appended in this transaction so far."""
    lines: list[dict[str, Any]] = session.info.pop("ledger_lines", [])
    heads: dict[str, tuple[int, str]] = session.info.pop("ledger_heads", {})
    if lines:
        connection = session.connection()
        _LINE.run_all(connection, lines)
        for hotline, (seq, hash_) in heads.items():
            _MOVE.run(connection, {"of": hotline, "to_seq": seq, "to_hash": hash_})


@event.listens_for(Session, "before_commit")
def _write_before_commit(session: Session) -> None:
    if "ledger_lines" in session.info and not session.in_nested_transaction():
        write(session)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop("ledger_lines", None)
    session.info.pop("ledger_heads", None)


@dataclass
class _Told:
    """What the ledger says, by call id."""

    opened: dict[str, LedgerEntry] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    kept: dict[str, LedgerEntry] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    legs: dict[str, LedgerEntry] = field(default_factory=dict)
    """The recordings of stations' legs, by leg."""
    files: dict[str, LedgerEntry] = field(default_factory=dict)
    """What was attached to tickets, by attachment."""


def verify(session: Session, recordings: Path, now_at: datetime, settle_s: float = 60.0) -> Iterator[str]:
    """Every fault as a sentence, none when calls = tickets = recordings.

    A call that ended less than `settle_s` ago may still be waiting for its recording to be hashed.
    """
    told = _Told()
    yield from _chain_faults(session, told)
    tickets: dict[str, str] = dict(session.execute(select(Ticket.id, Ticket.call_id)).tuples().all())
    columns = (
        Call.id,
        Call.caller_number,
        Call.direction,
        Call.state,
        Call.human_at,
        Call.ended_at,
        Call.end_reason,
    )
    calls = {row.id: row for row in session.execute(select(*columns))}
    stored: dict[str, str] = dict(session.execute(select(Recording.call_id, Recording.sha256)).tuples().all())
    for call_id, line in told.opened.items():
        call = calls.get(call_id)
        if line.body["ticket_id"] not in tickets:
            yield f"Ticket {line.body['ticket_id']} of call {call_id} was removed."
        if call is None:
            yield f"Call {call_id} is in the ledger (line {line.seq} of {line.hotline}) but its row was removed."
            continue
        if call.caller_number != line.body["caller_number"]:
            yield f"The caller's number of call {call_id} was changed after it was opened."
        if call.state != "ended":
            if call_id in told.closed:
                yield f"Call {call_id} was closed in the ledger but its row is {call.state}."
            continue
        if call_id not in told.closed:
            yield f"Call {call_id} has ended but the ledger never closed it."
        settled = call.ended_at is not None and (now_at - call.ended_at).total_seconds() > settle_s
        # A call of ours that nobody took, or one that met a full trunk, has no sound to keep.
        owed = (
            call.direction == "in" and call.end_reason != EndReason.NO_CHANNEL
        ) or call.human_at is not None
        if settled and owed and call_id not in told.kept and call_id not in told.missing:
            yield f"Call {call_id} has no recording."
    for call_id in calls.keys() - told.opened.keys():
        yield f"Call {call_id} is not in the ledger."
    for ticket_id, call_id in tickets.items():
        if call_id not in told.opened:
            yield f"Ticket {ticket_id} belongs to no call in the ledger."
    for call_id in told.missing - told.kept.keys():
        yield f"The recording of call {call_id} was never found."
    for call_id, line in told.kept.items():
        if call_id not in stored:
            yield f"The recording of call {call_id} was removed from the table of recordings."
        elif stored[call_id] != line.body["sha256"]:
            yield f"The row of the recording of call {call_id} says otherwise than the ledger."
        yield from _sound_faults(call_id, line, recordings)
    for call_id in stored.keys() - told.kept.keys():
        yield f"The recording of call {call_id} is not in the ledger."
    legs = dict(session.execute(select(LegRecording.leg_id, LegRecording.sha256)).tuples().all())
    for leg_id, line in told.legs.items():
        if legs.get(leg_id) != line.body["sha256"]:
            yield f"The row of the recording of leg {leg_id} was removed, or says otherwise than the ledger."
        yield from _sound_faults(leg_id, line, recordings)
    for leg_id in legs.keys() - told.legs.keys():
        yield f"The recording of leg {leg_id} is not in the ledger."
    for file_id, line in told.files.items():
        yield from _file_faults(file_id, line, recordings)


def _chain_faults(session: Session, told: _Told) -> Iterator[str]:
    """Walk each hotline's chain and note what its lines say."""
    heads = {h.hotline: h for h in session.scalars(select(LedgerHead))}
    last: dict[str, tuple[int, str]] = {}
    lines = select(LedgerEntry).order_by(LedgerEntry.hotline, LedgerEntry.seq)
    for line in session.scalars(lines.execution_options(yield_per=1000)):
        seq, previous = last.get(line.hotline, (0, FIRST))
        if line.seq == seq + 2:
            yield f"The ledger of {line.hotline} lacks line {seq + 1}."
        elif line.seq != seq + 1:
            yield f"The ledger of {line.hotline} lacks lines {seq + 1} to {line.seq - 1}."
        elif line.hash != line_hash(
            previous, line.hotline, line.seq, line.at, line.kind, line.subject, line.body
        ):
            yield f"Line {line.seq} of the ledger of {line.hotline} (call {line.subject}) was changed."
        last[line.hotline] = (line.seq, line.hash)
        if line.kind == "call_opened":
            told.opened.setdefault(line.subject, line)
        elif line.kind == "call_known":  # the arrival came late: this line outranks the shell's
            told.opened[line.subject] = line
        elif line.kind == "call_closed":
            told.closed.add(line.subject)
        elif line.kind == "recording_kept":
            told.kept[line.subject] = line
        elif line.kind == "recording_missing":
            told.missing.add(line.subject)
        elif line.kind == "leg_recorded":
            told.legs[line.subject] = line
        elif line.kind == "attachment_added":
            told.files[line.subject] = line
    for hotline in heads.keys() | last.keys():
        there = last.get(hotline, (0, FIRST))
        head = heads.get(hotline)
        if head is None:
            yield f"The head of the ledger of {hotline} was removed."
        elif there[0] < head.seq:
            yield f"The ledger of {hotline} lost its last lines: its head says {head.seq}, {there[0]} are there."
        elif there != (head.seq, head.hash):
            yield f"The head of the ledger of {hotline} was changed."


def _sound_faults(call_id: str, line: LedgerEntry, recordings: Path) -> Iterator[str]:
    path = recordings / line.body["path"]
    if not path.is_file():
        yield f"The recording of call {call_id} is gone: {line.body['path']}."
    elif path.stat().st_size != line.body["size_bytes"]:
        yield f"The recording of call {call_id} has {path.stat().st_size} bytes instead of {line.body['size_bytes']}."
    else:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != line.body["sha256"]:
                yield f"The recording of call {call_id} was altered: its SHA-256 differs."


def _file_faults(file_id: str, line: LedgerEntry, root: Path) -> Iterator[str]:
    path = root / line.body["path"]
    if not path.is_file():
        yield f"The file {file_id} of ticket {line.body['ticket_id']} is gone: {line.body['path']}."
        return
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != line.body["sha256"]:
            yield f"The file {file_id} of ticket {line.body['ticket_id']} was altered: its SHA-256 differs."


def main(words: list[str]) -> int:
    """`verify`: print each fault as a sentence; 1 when there is any."""
    from hotline.database import reading
    from hotline.events import now
    from hotline.settings import settings

    if words:
        click.echo("Usage: ./run verify")
        return 2
    try:
        with reading() as session:
            faults = 0
            for fault in verify(session, settings().recordings, now()):
                click.echo(fault)
                faults += 1
            calls, tickets, kept = counts(session)
    except SQLAlchemyError as error:
        click.echo(
            f"The database cannot be read ({type(error).__name__}): run ./run doctor, or start ./run up once."
        )
        return 1
    click.echo(
        f"calls = tickets = recordings: {calls} = {tickets} = {kept}"
        + (f"; {faults} faults" if faults else "")
    )
    return 1 if faults else 0


def counts(session: Session) -> tuple[int, int, int]:
    """Calls that came in, those of them with a ticket, and those with a recording."""
    came = select(func.count()).select_from(Call)
    came = came.where(Call.direction == "in", Call.end_reason != EndReason.NO_CHANNEL)
    ticketed = came.where(Call.ticket_id.in_(select(Ticket.id)))
    recorded = came.where(Call.id.in_(select(Recording.call_id)))
    return (session.scalar(came) or 0, session.scalar(ticketed) or 0, session.scalar(recorded) or 0)
