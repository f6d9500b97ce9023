"""What one call changes elsewhere: recalls of its number that it settles, and the earlier ticket that it goes on with."""

from datetime import datetime

from hotline.recalls import FOLLOWS, LATER, OWED, Recall, RecallState
from hotline.rows import Row, Rows
from hotline.tickets import Ticket, TicketEntry

ACTOR = "calls"


def settle_recalls(
    rows: Rows, call: Row, number: str, to: RecallState, at: datetime, ticket_id: str = ""
) -> None:
    """The calls owed to `number` by this hotline, or for ticket `ticket_id`, are not owed any more; their tickets say so.

    What was promised after `at` stays: a late fact must not undo it. So does a follow-up: whoever rang today is still
    to be asked tomorrow.
    """
    for recall in rows.find(Recall, number=number):
        open_ = OWED if to is not RecallState.DONE else (*OWED, RecallState.FAILED)
        mine = (
            recall.state in open_
            and recall.why not in LATER
            and (recall.hotline == call.hotline or recall.ticket_id == ticket_id)
            and recall.made_at <= at
            and recall.call_id != call.id
        )
        if mine and to in FOLLOWS[RecallState(recall.state)]:
            recall.state = to.value
            enter(rows, recall.ticket_id, "recall_changed", at, state=to, by_ticket=call.ticket_id)


def go_on_with(rows: Rows, ticket: Row, continues: str, at: datetime) -> None:
    """Link the ticket of a redial to the open one it goes on with; the earlier one says so too."""
    if ticket.continues_id == continues or continues == ticket.id:
        return
    ticket.continues_id = continues[:72]
    if rows.get(Ticket, continues) is not None:
        enter(rows, continues, "rang_again", at, by_ticket=ticket.id)


def enter(rows: Rows, ticket_id: str, kind: str, at: datetime, **body: str) -> None:
    rows.add(TicketEntry, ticket_id=ticket_id, at=at, kind=kind, actor=ACTOR, body=dict(body))


def chosen_by_a_person(rows: Rows, ticket_id: str) -> bool:
    """Whether an operator has set the ticket's unit, which no key of the caller undoes."""
    chosen = rows.find(TicketEntry, ticket_id=ticket_id, kind="unit_chosen")
    return any((entry.body or {}).get("how") == "operator" for entry in chosen)
