"""The record: turns facts into rows, each in one short transaction with its ticket entry, ledger line and outbox message.

The call outranks the record: `Record.write` never waits longer than it was told; what the database does not take in
time goes to the process's own journal and is replayed when the database is back. Facts may therefore come twice or
late: every fact has an id that is remembered, and each function below accepts a call it has not heard of.
"""

import queue
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine, String, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import events as e
from hotline import ledger
from hotline.bus import LIVE, announce
from hotline.calls import FOLLOWS, Call, CallState, Leg
from hotline.database import Base, Moment, transaction
from hotline.journal import Journal
from hotline.operators import OperatorEntry, OperatorPresence
from hotline.recalls import FOLLOWS as RECALL_FOLLOWS
from hotline.recalls import Recall, RecallState
from hotline.recordings import Recording, Retention
from hotline.tickets import Ticket, TicketEntry

log = structlog.get_logger(__name__)


class Told(Base):
    """Ids of the facts already in the record, so that a replay changes nothing."""

    __tablename__ = "told"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)


def ticket_id_of(call_id: str) -> str:
    return f"t-{call_id}"


def _move(call: Call, to: CallState) -> None:
    """Change a call's state if the table allows it; a late fact never reopens or rewinds a call."""
    if to in FOLLOWS[CallState(call.state)]:
        call.state = to


def _call(session: Session, event: Any) -> Call:
    """The event's call; a shell of it when the fact that opens it has not come yet."""
    call = session.get(Call, event.call_id)
    if call is None:
        opening = e.CallArrived(
            id=f"shell-{event.call_id}"[:32],
            at=event.at,
            call_id=event.call_id,
            hotline=getattr(event, "hotline", "") or "unknown",
            node=event.call_id.partition("-")[0],
        )
        call = _call_arrived(session, opening)
    return call


def _call_arrived(session: Session, event: e.CallArrived) -> Call:
    call = session.get(Call, event.call_id)
    if call is not None:  # a shell was made first: fill in what it lacked
        for name in ("trunk", "called_number", "caller_number", "caller_kind"):
            setattr(call, name, getattr(event, name) or getattr(call, name))
        if call.hotline == "unknown":
            call.hotline = event.hotline
        return call
    ticket_id = event.ticket_id or ticket_id_of(event.call_id)
    call = Call(
        id=event.call_id, node=event.node, direction=event.direction, hotline=event.hotline, trunk=event.trunk,
        called_number=event.called_number, caller_number=event.caller_number, caller_kind=event.caller_kind,
        state=event.state, acuity="ORANGE", ticket_id=ticket_id, arrived_at=event.at,
    )  # fmt: skip
    session.add(call)
    if not event.ticket_id:
        number = session.scalar(select(func.max(Ticket.number)).where(Ticket.hotline == event.hotline)) or 0
        session.add(
            Ticket(
                id=ticket_id, hotline=event.hotline, number=number + 1, call_id=event.call_id, acuity="ORANGE",
                caller_number=event.caller_number, opened_at=event.at, path=[],
            )
        )  # fmt: skip
    session.flush()
    body = {"ticket_id": ticket_id, "caller_number": event.caller_number, "direction": event.direction}
    ledger.append(session, event.hotline, "call_opened", event.call_id, body, event.at)
    return call


def _call_triaged(session: Session, event: e.CallTriaged) -> Call:
    call = _call(session, event)
    call.acuity, call.branch, call.reason, call.language = (
        event.acuity,
        event.branch,
        event.reason,
        event.language,
    )
    ticket = session.get(Ticket, call.ticket_id)
    if ticket is not None:
        ticket.acuity, ticket.branch, ticket.reason = event.acuity, event.branch, event.reason
        ticket.path, ticket.is_repeat = list(event.path), event.is_repeat
        ticket.protocol_id, ticket.protocol_version = event.protocol_id, event.protocol_version
        ticket.protocol_digest = event.protocol_digest
        ticket.version += 1
    return call


def _call_queued(session: Session, event: e.CallQueued) -> Call:
    call = _call(session, event)
    call.queued_at = call.queued_at or event.at
    _set_acuity(session, call, event.acuity)
    _move(call, CallState.WAITING)
    return call


def _set_acuity(session: Session, call: Call, acuity: str) -> None:
    call.acuity = acuity
    ticket = session.get(Ticket, call.ticket_id)
    if ticket is not None and ticket.acuity != acuity:
        ticket.acuity = acuity
        ticket.version += 1


def _acuity_raised(session: Session, event: e.AcuityRaised) -> Call:
    call = _call(session, event)
    _set_acuity(session, call, event.acuity)
    return call


def _leg_dialled(session: Session, event: e.LegDialled) -> Call:
    call = _call(session, event)
    if session.get(Leg, event.leg_id) is None:
        session.add(
            Leg(
                id=event.leg_id, call_id=event.call_id, node=event.node, role=event.role, endpoint=event.endpoint,
                operator_id=event.operator_id, dialled_at=event.at,
            )
        )  # fmt: skip
    _move(call, CallState.RINGING)
    return call


def _leg_ended(session: Session, event: e.LegEnded) -> Call:
    leg = session.get(Leg, event.leg_id)
    if leg is not None:
        leg.ended_at, leg.outcome = event.at, event.outcome
    call = _call(session, event)
    still = select(Leg).where(Leg.call_id == call.id, Leg.ended_at.is_(None), Leg.id != event.leg_id)
    if call.state == CallState.RINGING and session.scalar(still) is None:
        _move(call, CallState.WAITING)
    return call


def _call_answered(session: Session, event: e.CallAnswered) -> Call:
    call = _call(session, event)
    call.human_at = call.human_at or event.at
    call.answered_by, call.operator_id = event.answered_by, event.operator_id
    leg = session.get(Leg, event.leg_id)
    if leg is not None:
        leg.answered_at, leg.outcome = event.at, "answered"
    _move(call, CallState.TALKING)
    return call


def _call_waits_again(session: Session, event: e.CallWaitsAgain) -> Call:
    call = _call(session, event)
    _move(call, CallState.WAITING)
    return call


def _call_left_to_dialplan(session: Session, event: e.CallLeftToDialplan) -> Call:
    call = _call(session, event)
    _move(call, CallState.FALLBACK)
    return call


def _message_started(session: Session, event: e.MessageStarted) -> Call:
    call = _call(session, event)
    _move(call, CallState.MESSAGE)
    return call


def _unit_chosen(session: Session, event: e.UnitChosen) -> Call:
    call = _call(session, event)
    ticket = session.get(Ticket, call.ticket_id)
    if ticket is not None:
        ticket.unit_code = event.unit_code
        ticket.version += 1
    return call


def _callback_number_given(session: Session, event: e.CallbackNumberGiven) -> Call:
    call = _call(session, event)
    ticket = session.get(Ticket, call.ticket_id)
    if ticket is not None:
        ticket.callback_number = event.number
        ticket.version += 1
    return call


def _call_ended(session: Session, event: e.CallEnded) -> Call:
    call = _call(session, event)
    if call.state == CallState.ENDED:
        return call
    _move(call, CallState.ENDED)
    call.ended_at, call.end_reason = event.at, event.reason
    body = {
        "reason": event.reason,
        "acuity": call.acuity,
        "answered_by": call.answered_by,
        "heard_s": round(event.heard_s, 1),
    }
    ledger.append(session, call.hotline, "call_closed", call.id, body, event.at)
    return call


def _recall_due(session: Session, event: e.RecallDue) -> Call:
    call = _call(session, event)
    recall_id = f"r-{event.call_id}"
    if session.get(Recall, recall_id) is None:
        session.add(
            Recall(
                id=recall_id, call_id=event.call_id, ticket_id=call.ticket_id, hotline=event.hotline,
                number=event.number, acuity=event.acuity, why=event.why, state=RecallState.DUE, due_at=event.due_at,
                next_try_at=event.at, tries=0, made_at=event.at,
            )
        )  # fmt: skip
    return call


def _recall_changed(session: Session, event: e.RecallChanged) -> Call | None:
    recall = session.get(Recall, event.recall_id)
    if recall is None:
        return None
    to = RecallState(event.state)
    if to in RECALL_FOLLOWS[RecallState(recall.state)]:
        recall.state = to
        if to == RecallState.DIALLING:
            recall.tries += 1
        recall.next_try_at = event.next_try_at or recall.next_try_at
    return session.get(Call, recall.call_id)


def _recording_kept(session: Session, event: e.RecordingKept) -> Call:
    call = _call(session, event)
    if session.get(Recording, event.call_id) is None:
        critical = call.acuity in ("RED", "ORANGE")
        session.add(
            Recording(
                call_id=event.call_id, node=event.node, ticket_id=call.ticket_id, path=event.path, length_s=event.length_s,
                size_bytes=event.size_bytes, sha256=event.sha256, kept_at=event.at,
                retention=Retention.CRITICAL if critical else Retention.STANDARD,
            )
        )  # fmt: skip
        body = {
            "path": event.path,
            "length_s": event.length_s,
            "size_bytes": event.size_bytes,
            "sha256": event.sha256,
        }
        ledger.append(session, call.hotline, "recording_kept", event.call_id, body, event.at)
    return call


def _operator_changed(session: Session, event: e.OperatorChanged) -> None:
    presence = session.get(OperatorPresence, event.operator_id)
    if presence is None:
        presence = OperatorPresence(operator_id=event.operator_id, since=event.at)
        session.add(presence)
    presence.state, presence.reason, presence.since = event.state, event.reason, event.at
    presence.call_id = event.call_id
    presence.phone = event.phone if event.phone or event.state == "offline" else presence.phone
    session.add(
        OperatorEntry(
            operator_id=event.operator_id,
            at=event.at,
            state=event.state,
            reason=event.reason,
            call_id=event.call_id,
        )
    )


APPLY: dict[type[e.Event], Callable[[Session, Any], Call | None]] = {
    e.CallArrived: _call_arrived,
    e.CallTriaged: _call_triaged,
    e.CallQueued: _call_queued,
    e.AcuityRaised: _acuity_raised,
    e.LegDialled: _leg_dialled,
    e.LegEnded: _leg_ended,
    e.CallAnswered: _call_answered,
    e.CallWaitsAgain: _call_waits_again,
    e.CallLeftToDialplan: _call_left_to_dialplan,
    e.MessageStarted: _message_started,
    e.UnitChosen: _unit_chosen,
    e.CallbackNumberGiven: _callback_number_given,
    e.CallEnded: _call_ended,
    e.RecallDue: _recall_due,
    e.RecallChanged: _recall_changed,
    e.RecordingKept: _recording_kept,
    e.OperatorChanged: _operator_changed,
}

NOT_IN_ENTRIES = {"id", "at", "call_id", "hotline", "node", "path"}


def apply(session: Session, event: e.Event, actor: str = "") -> bool:
    """Put one fact in the record, in the caller's transaction; False when it was there already."""
    if session.get(Told, event.id) is not None:
        return False
    session.add(Told(id=event.id, at=event.at))
    call = APPLY[type(event)](session, event)
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", type(event).__name__).lower()
    plain = e.to_plain(event)
    if call is not None:
        body = {k: v for k, v in plain.items() if k not in NOT_IN_ENTRIES and k != "event"}
        session.add(
            TicketEntry(ticket_id=call.ticket_id, at=event.at, kind=name, actor=actor, text="", body=body)
        )
    # The live page re-reads what changed, with its reader's rights: the message says only which.
    about = {"event": name, "call_id": plain.get("call_id", ""), "operator_id": plain.get("operator_id")}
    announce(session, LIVE, about)
    return True


@dataclass
class _Asked:
    event: e.Event
    done: "Future[bool]"


class Record:
    """One process's writer of facts: a thread that applies them in order, in batches, and a journal for bad days."""

    def __init__(self, engine: Engine, journal: Journal, actor: str, within_s: float) -> None:
        self._engine, self._journal, self._actor, self._within_s = engine, journal, actor, within_s
        self._asked: queue.Queue[_Asked | None] = queue.Queue()
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)
        self._thread.start()

    def tell(self, event: e.Event) -> "Future[bool]":
        """Hand a fact over without waiting; the future says True when the database has it, False when the journal has."""
        asked = _Asked(event, Future())
        self._asked.put(asked)
        return asked.done

    def write(self, event: e.Event) -> bool:
        """Hand a fact over and wait until it is kept, at most `within_s`; True when the database has it.

        When the time is up the fact is journalled at once (and may reach the database as well: it counts once).
        """
        done = self.tell(event)
        try:
            return done.result(self._within_s)
        except NotInTime:
            self._journal.append(event)
            return False

    def close(self, within_s: float = 5.0) -> None:
        """Write what was handed over, then stop."""
        self._asked.put(None)
        self._thread.join(within_s)

    def _write(self) -> None:
        while True:
            try:
                first = self._asked.get(timeout=1.0)
            except queue.Empty:
                self._replay()
                continue
            if first is None:
                return
            batch = [first]
            while len(batch) < 50:
                try:
                    more = self._asked.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._asked.put(None)
                    break
                batch.append(more)
            self._take(batch)

    def _take(self, batch: list[_Asked]) -> None:
        if self._journal and not self._replay():  # keep the order: what waits in the journal goes first
            self._to_journal(batch)
            return
        try:
            with transaction(self._engine) as session:
                for asked in batch:
                    apply(session, asked.event, self._actor)
        except SQLAlchemyError as error:
            if len(batch) > 1:
                for asked in batch:
                    self._take([asked])
                return
            log.warning("the database did not take a fact; it is journalled", error=type(error).__name__)
            self._to_journal(batch)
            return
        except Exception:
            # A fault of ours must not stop the writer: the fact stays in the journal for people to see.
            log.exception("a fact could not be applied")
            self._to_journal(batch)
            return
        for asked in batch:
            asked.done.set_result(True)

    def _to_journal(self, batch: list[_Asked]) -> None:
        for asked in batch:
            self._journal.append(asked.event)
            asked.done.set_result(False)

    def _replay(self) -> bool:
        """Put journalled facts in the database; False when it is still away."""
        if not self._journal:
            return True
        taken = self._journal.take()
        for event in taken:
            try:
                with transaction(self._engine) as session:
                    apply(session, event, self._actor)
            except SQLAlchemyError:
                return False  # the file set aside is read again next time; facts count once
            except Exception:
                log.exception("a journalled fact could not be applied; it is kept aside")
        taken.done()
        log.info("the journal was replayed")
        return True
