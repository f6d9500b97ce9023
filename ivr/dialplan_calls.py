"""Calls that Asterisk served without any program of ours, told from its own call detail records.

Every call of the carrier becomes a call, a ticket and a recording, also when every Python process was dead.
"""

from __future__ import annotations

import csv
import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine, select

from hotline import events as e
from hotline import numbers, spool
from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call, CallState, EndReason
from hotline.database import reading
from hotline.recalls import MESSAGE
from hotline.record import Record
from ivr.recall import matches_nobody

log = structlog.get_logger(__name__)

GRACE_S = 3.0
"""So long after its end a call is left to the programs that looked after it; a lost caller is a task after 5 s at most."""
JOURNALS_WITHIN_S = 60.0
"""So long facts that wait in some process's journal are waited for: they may tell who served a call."""
TOO_SHORT_S = 5.0
FULL = "full"
AT_THE_ROOT = Acuity.YELLOW
"""What is owed to somebody lost before they could say anything."""
ROTATED_AT_BYTES = 10_000_000
ROTATED_KEPT = 5
"""Older lists beside the present one: hotline.csv.1 is the youngest."""
NAMES = uuid.UUID("b7b4f1c2-6d0e-5a53-9b53-0d5b1d6f1022")
"""Under which the facts get their ids: told twice they count once."""


@dataclass(frozen=True)
class Party:
    """One line of Asterisk's list: a caller and one party they met (or nobody)."""

    call_id: str
    hotline: str
    trunk: str
    called: str
    caller: str
    acuity: str
    served_by: str
    """dialplan or message when the fallback looked after the caller, full when the trunk had no channel for them, else empty."""
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    disposition: str
    lastapp: str
    dstchannel: str
    said_something: bool = False
    """Triage was done, or a key pressed in it."""

    @property
    def human(self) -> str:
        """Who spoke with the caller, "phone:101"; empty when nobody did."""
        if self.served_by != "dialplan" or not self.dstchannel or self.disposition != "ANSWERED":
            return ""
        return "phone:" + self.dstchannel.partition("/")[2].rpartition("-")[0]


@dataclass(frozen=True)
class Served:
    """One whole call as Asterisk tells it."""

    parties: tuple[Party, ...]

    @property
    def first(self) -> Party:
        return self.parties[0]

    @property
    def ended_at(self) -> datetime:
        return max(party.ended_at for party in self.parties)

    def facts(self, known: bool, answered: bool = False, shared: Collection[str] = ()) -> Iterator[e.Event]:
        """What to tell of it; `known` when somebody told of its arrival, `answered` when of a human's answer.

        A talk settles what was owed to its number, unless that is `shared` by many.
        """
        first = self.first
        if not known:
            told = numbers.caller(first.caller)
            yield e.CallArrived(
                id=_id(first, "arrived"), at=first.started_at, call_id=first.call_id, hotline=first.hotline,
                node=first.call_id.partition("-")[0], trunk=first.trunk, called_number=first.called,
                caller_number=told.e164 or "", caller_kind=str(told.kind),
            )  # fmt: skip
        if first.served_by == FULL:
            yield from self._refused(first, shared)
            return
        answered_at = first.answered_at or first.started_at
        last = self.parties[-1]
        acuity = last.acuity if last.acuity in set(Acuity) else str(FAILSAFE)
        dialplan_alone = any(party.served_by for party in self.parties)
        if dialplan_alone:
            why = "chương trình điều phối không hoạt động"
            yield e.CallLeftToDialplan(
                id=_id(first, "dialplan"), at=answered_at, call_id=first.call_id, why=why
            )
            yield e.CallQueued(
                id=_id(first, "queued"), at=answered_at, call_id=first.call_id, hotline=first.hotline, acuity=acuity
            )  # fmt: skip
        number = numbers.caller(first.caller).e164
        human = next((party for party in self.parties if party.human), None)
        if human is not None:
            yield e.CallAnswered(
                id=_id(first, "human"), at=human.answered_at or human.started_at, call_id=first.call_id,
                leg_id=human.dstchannel, answered_by=human.human, settles="" if matches_nobody(number, shared) else number or "",
            )  # fmt: skip
        heard_s = (self.ended_at - answered_at).total_seconds()
        reason = self._reason(human is not None or (answered and not dialplan_alone), heard_s)
        yield e.CallEnded(
            id=_id(first, "ended"), at=self.ended_at, call_id=first.call_id, reason=reason, heard_s=heard_s
        )
        if reason in (EndReason.ABANDONED, EndReason.LEFT_MESSAGE):
            due_at = self.ended_at + timedelta(seconds=Acuity(acuity).callback_within_s)
            yield e.RecallDue(
                id=_id(first, "recall"), at=self.ended_at, call_id=first.call_id, hotline=first.hotline, number=number or "",
                acuity=acuity, why="lost" if reason == EndReason.ABANDONED else MESSAGE, due_at=due_at,
                names_person=not matches_nobody(number, shared),
            )  # fmt: skip

    def _refused(self, first: Party, shared: Collection[str]) -> Iterator[e.Event]:
        """Who met a full trunk heard nothing of us: lost at the root."""
        yield e.CallTriaged(
            id=_id(first, "refused"), at=first.started_at, call_id=first.call_id, hotline=first.hotline,
            acuity=AT_THE_ROOT, branch="root", reason="gọi đến khi trung kế hết kênh", language="vi", path=(),
            protocol_id="", protocol_version="", protocol_digest="",
        )  # fmt: skip
        yield e.CallEnded(
            id=_id(first, "ended"), at=self.ended_at, call_id=first.call_id, reason=EndReason.NO_CHANNEL
        )
        number = numbers.caller(first.caller).e164
        if number:
            yield e.RecallDue(
                id=_id(first, "recall"), at=self.ended_at, call_id=first.call_id, hotline=first.hotline, number=number,
                acuity=AT_THE_ROOT, why="lost", due_at=self.ended_at + timedelta(seconds=AT_THE_ROOT.callback_within_s),
                names_person=not matches_nobody(number, shared),
            )  # fmt: skip

    def _reason(self, human: bool, heard_s: float) -> EndReason:
        if human:
            return EndReason.SERVED
        if any(party.served_by == "message" for party in self.parties):
            return EndReason.LEFT_MESSAGE
        silent = not any(party.said_something for party in self.parties)
        return EndReason.TOO_SHORT if heard_s < TOO_SHORT_S and silent else EndReason.ABANDONED


def _id(party: Party, fact: str) -> str:
    return uuid.uuid5(NAMES, f"{party.call_id} {fact}").hex


@dataclass
class DialplanCalls:
    """Follows Asterisk's list; `look` reads what is new and tells of the calls that nobody else closed."""

    engine: Engine
    record: Record
    path: Path
    columns: Sequence[str]
    place: Path
    """A small file of ours that remembers how far the list was read."""
    shared: Collection[str] = ()
    """Numbers that do not say who rings."""
    _waiting: dict[str, list[Party]] = field(default_factory=dict)
    _from: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Call id → the file (inode) and place where its first line begins: reading starts there after a restart."""
    _inode: int = 0
    _offset: int = 0
    _begun: bool = False
    _held_s: float | None = None
    """Since when journals are waited for, on the monotonic clock."""

    def look(self) -> int:
        """Read new lines, tell of calls whose end is GRACE_S old and that are not closed; how many were told."""
        self._read()
        before = e.now() - timedelta(seconds=GRACE_S)
        ready = [Served(tuple(parties)) for parties in self._waiting.values()]
        ready = [served for served in ready if served.ended_at < before]
        told = 0
        facts_wait = (
            self._facts_wait()
        )  # asked first: what is replayed after this is not in what is read next
        with reading(self.engine) as session:
            wanted = [served.first.call_id for served in ready]
            query = select(Call.id, Call.state, Call.human_at).where(Call.id.in_(wanted))
            states = {call_id: (state, human_at) for call_id, state, human_at in session.execute(query)}
        if facts_wait and self._held():
            return 0
        for served in ready:
            call_id = served.first.call_id
            state, human_at = states.get(call_id, (None, None))
            if state != CallState.ENDED:
                self.record.write(
                    *served.facts(known=state is not None, answered=human_at is not None, shared=self.shared)
                )
                told += 1
                log.info("a call of the dialplan alone was told", call_id=call_id, known=state is not None)
            del self._waiting[call_id], self._from[call_id]
        self._remember()
        self._rotate()
        return told

    def _facts_wait(self) -> bool:
        """Whether some process's journal, or the spool that a dead one left, holds facts that the database has not."""
        folder = self.place.parent
        files = (*folder.glob("*.jsonl"), *folder.glob("*.replaying"))
        waits = any(not f.name.endswith(".refused.jsonl") and _has_something(f) for f in files)
        waits = waits or any(spool.is_orphan(f) for f in folder.glob("*.spool"))
        if not waits:
            self._held_s = None
        return waits

    def _held(self) -> bool:
        """Whether to wait on; a journal whose process never comes back holds nothing up for ever."""
        if self._held_s is None:
            self._held_s = time.monotonic()
        return time.monotonic() - self._held_s < JOURNALS_WITHIN_S

    def _read(self) -> None:
        """What is new, first in the file that was rotated away while this one was read."""
        if not self._begun:
            self._inode, self._offset = self._remembered()
            self._begun = True
        if not self.path.exists():
            return
        present = self.path.stat().st_ino
        before = self._rotated(1)
        if self._inode != present:
            if before.exists() and before.stat().st_ino == self._inode:
                self._read_on(before)
            self._inode, self._offset = present, 0
        self._read_on(self.path)

    def _read_on(self, path: Path) -> None:
        """The whole lines from where reading stopped; a file that became shorter is read from its beginning."""
        if path.stat().st_size < self._offset:
            self._offset = 0
        with path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            party = self._party(line)
            if party is not None:
                self._from.setdefault(party.call_id, (self._inode, self._offset))
                self._waiting.setdefault(party.call_id, []).append(party)
            self._offset += len(line)

    def _rotate(self) -> None:
        """Put a long list aside once all of it is told. Asterisk opens the list anew for each line; one that it writes
        just now still goes to the old file, which is therefore read to its end at the next look."""
        if self._waiting or self._offset < ROTATED_AT_BYTES:
            return
        if self.path.stat().st_ino != self._inode:
            return
        for n in range(ROTATED_KEPT, 0, -1):
            younger = self._rotated(n - 1) if n > 1 else self.path
            if younger.exists():
                younger.replace(self._rotated(n))
        log.info("Asterisk's list was rotated", bytes=self._offset)

    def _rotated(self, n: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{n}")

    def _party(self, line: bytes) -> Party | None:
        """One line; None when it is no caller's (a leg of ours, a caller never answered) or cannot be read."""
        values = next(csv.reader([line.decode("utf-8", "replace")]), [])
        row: Mapping[str, str] = dict(zip(self.columns, values, strict=False))
        if len(values) != len(self.columns):
            log.warning("a line of Asterisk's list cannot be read", columns=len(values))
            return None
        answered_at, ended_at = _time(row["answer"]), _time(row["end"])
        if not row["hotline"] or ended_at is None or (answered_at is None and row["served_by"] != FULL):
            return None
        return Party(
            call_id=row["uniqueid"], hotline=row["hotline"], trunk=row["trunk"], called=row["called"],
            caller=row["caller"], acuity=row["acuity"], served_by=row["served_by"],
            started_at=_time(row["start"]) or answered_at or ended_at, answered_at=answered_at, ended_at=ended_at,
            disposition=row["disposition"], lastapp=row["lastapp"], dstchannel=row["dstchannel"],
            said_something=bool(row["triaged"]),
        )  # fmt: skip

    def _remembered(self) -> tuple[int, int]:
        """The file and the place in it where reading goes on; the present one's beginning when nothing is known."""
        try:
            known = json.loads(self.place.read_text())
            return int(known["inode"]), int(known["offset"])
        except (FileNotFoundError, ValueError, KeyError):
            return self.path.stat().st_ino if self.path.exists() else 0, 0

    def _remember(self) -> None:
        if not self._inode:
            return
        older = [place for place in self._from.values() if place[0] != self._inode]
        here = [place for place in self._from.values() if place[0] == self._inode]
        inode, offset = min(older or here, default=(self._inode, self._offset))
        text = json.dumps({"inode": inode, "offset": offset})
        if not self.place.exists() or self.place.read_text() != text:
            fresh = self.place.with_suffix(".fresh")
            fresh.write_text(text)
            fresh.replace(self.place)


def _has_something(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _time(text: str) -> datetime | None:
    """Epoch seconds with fractions; 0 and nothing are no time."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
