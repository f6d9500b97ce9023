"""Facts of owed calls: to one person one call is owed, however often they were lost; each try's result stands on the ticket."""

from datetime import datetime

from sqlalchemy import bindparam, select

from hotline import events as e
from hotline.acuity import Acuity, higher
from hotline.book import Book, call_of, ticket_of
from hotline.calls import Call, EndReason
from hotline.database import Base, Prepared
from hotline.recalls import FOLLOWS, LATER, LOSSES, MESSAGE, OWED, Recall, RecallState, Tried, after_try
from hotline.redials import enter
from hotline.rows import Row

_CALLS = Base.metadata.tables["call"]
_GOT_THROUGH = Prepared(
    select(_CALLS.c.id)
    .where(
        _CALLS.c.caller_number == bindparam("number"),
        _CALLS.c.hotline == bindparam("hotline"),
        _CALLS.c.human_at > bindparam("after"),
    )
    .limit(1)
)


def recall_due(book: Book, event: e.RecallDue) -> Row:
    """Owe a call. An older debt to the same person goes on in the new one: its level, place in the line and claim."""
    call = call_of(book, event)
    recall_id = event.recall_id or f"r-{event.call_id}"
    lost = event.why in LOSSES
    if lost and call.end_reason == EndReason.SERVED:
        return call  # who looked did not know yet that a human had answered
    number = event.number or _given_number(book, call)
    if not number and event.why != MESSAGE:
        return call  # nobody to ring, and nothing to hear
    known = book.rows.get(Recall, recall_id)
    if known is not None and not (lost and known.state == RecallState.CANCELLED):
        return call
    own = not event.names_person or event.why in LATER or not event.number
    person = recall_id if own else f"{event.hotline} {event.number}"[:80]
    others = [] if own else _owed_to(book, person, recall_id)
    if known is None:
        known = Row(
            id=recall_id, call_id=event.call_id, ticket_id=call.ticket_id, hotline=event.hotline, number=number,
            person=person, tries=0, redials=0, made_at=event.at, claimed_by=None, claimed_until=None, state="",
            waits_since=min(call.queued_at or event.at, event.at), alarmed_as="", dial_id="", dial_until=None,
        )  # fmt: skip
    # else: a promise was withdrawn for key 1, and then the emergency itself was lost: it is owed a call all the same.
    known.acuity, known.why, known.due_at = event.acuity, event.why, event.due_at
    known.next_try_at = event.next_try_at or event.at
    later = [other for other in others if other.made_at > event.at and other.state in OWED]
    if lost and not own and _got_through(book, event):
        state = RecallState.DONE
    elif later:
        state = RecallState.MERGED
        _take_in(later[0], known)
    else:
        state = RecallState.DUE
        for other in others:
            _take_in(known, other)
            if other.state != RecallState.DIALLING:  # its result may still settle both
                merge(book, other, event.at, call.ticket_id)
    book.rows.write()  # what is merged makes room for what is due
    if known.state == "":
        book.rows.add(Recall, **{**vars(known), "state": state.value})
    elif known.state != state:
        known.state = state.value
    return call


def _given_number(book: Book, call: Row) -> str:
    """The number that a caller who withholds theirs gave to be rung back."""
    ticket = ticket_of(book, call)
    return ticket.callback_number if ticket is not None else ""


def _owed_to(book: Book, person: str, but: str) -> list[Row]:
    """What is owed to a person, the latest first; also what failed, which nobody has seen to."""
    open_ = (*OWED, RecallState.FAILED)
    rows = [r for r in book.rows.find(Recall, person=person) if r.state in open_ and r.id != but]
    return sorted(rows, key=lambda row: row.made_at, reverse=True)


def _take_in(debt: Row, other: Row) -> None:
    debt.acuity = higher(Acuity(debt.acuity), Acuity(other.acuity)).value
    debt.redials += other.redials + 1
    debt.made_at = max(debt.made_at, other.made_at)  # what served the person in between has not settled both
    if other.state == RecallState.FAILED:
        return
    debt.due_at = min(debt.due_at, other.due_at)
    debt.waits_since = min(debt.waits_since, other.waits_since)
    if other.claimed_until is not None and debt.claimed_until is None and other.claimed_until > debt.made_at:
        debt.claimed_by, debt.claimed_until = other.claimed_by, other.claimed_until
        debt.next_try_at = other.claimed_until


def merge(book: Book, recall: Row, at: datetime, by_ticket: str) -> None:
    recall.state = RecallState.MERGED.value
    state = RecallState.MERGED.value
    enter(book.rows, recall.ticket_id, "recall_changed", at, state=state, by_ticket=by_ticket)


def _got_through(book: Book, event: e.RecallDue) -> bool:
    """Whether that number spoke with a human after this loss, which is told late."""
    book.rows.write()
    wanted = {"number": event.number, "hotline": event.hotline, "after": event.at}
    return bool(_GOT_THROUGH.rows(book.session.connection(), wanted))


def recall_changed(book: Book, event: e.RecallChanged) -> Row | None:
    """A person's word (now, or not at all); "dialling" is told by `hotline.recall_tries` in the transaction that wrote it."""
    recall = book.rows.get(Recall, event.recall_id)
    if recall is None:
        return None
    to = RecallState(event.state)
    if to is RecallState.DIALLING or (to is RecallState.DUE and recall.state == RecallState.DIALLING):
        begun = recall.state == to and recall.dial_id == event.dial_id != ""
        return book.rows.get(Call, recall.call_id) if begun else None
    if to not in FOLLOWS[RecallState(recall.state)]:
        return None
    if to is RecallState.DUE and _is_owed_otherwise(book, recall):
        to = RecallState.MERGED
    recall.state = to.value
    recall.next_try_at = event.next_try_at or recall.next_try_at
    return book.rows.get(Call, recall.call_id)


def recall_tried(book: Book, event: e.RecallTried) -> Row | None:
    """The result of one try; that of a process which was taken for dead counts only if it reached the citizen."""
    recall = book.rows.get(Recall, event.recall_id)
    if recall is None:
        return None
    outcome = Tried(event.outcome)
    mine = recall.state == RecallState.DIALLING and recall.dial_id == event.dial_id
    if outcome is Tried.REACHED and RecallState.DONE in FOLLOWS[RecallState(recall.state)]:
        recall.state = RecallState.DONE.value
    elif outcome is not Tried.REACHED and mine:
        state, next_try_at, tries = after_try(
            Acuity(recall.acuity), recall.tries, outcome, event.at, recall.why
        )
        if _is_owed_otherwise(book, recall):
            state = RecallState.MERGED
        recall.state, recall.next_try_at, recall.tries = state.value, next_try_at, tries
        if state is not RecallState.DUE:
            enter(book.rows, recall.ticket_id, "recall_changed", event.at, state=state.value)
    elif outcome is not Tried.REACHED:
        return None
    recall.dial_until = None
    return book.rows.get(Call, recall.call_id)


def _is_owed_otherwise(book: Book, recall: Row) -> bool:
    return any(other.state == RecallState.DUE for other in _owed_to(book, recall.person, recall.id))
