"""Tries to ring a team about an order: of all processes that could ring, exactly one does; the assignment's row is the only judge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, case, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from hotline import events as e
from hotline.acuity import Acuity
from hotline.agencies import AgencyRow
from hotline.database import transaction
from hotline.directory import LANGUAGES
from hotline.facts import apply
from hotline.installation import digits
from hotline.orders import Assignment, AssignmentState, Order, TryState
from hotline.tickets import Ticket

TELLS_WITHIN = timedelta(minutes=4)
"""Ringing, the question, the order three times, the key: who has told no result after this is dead."""


_URGENCY = case({a.value: a.urgency for a in Acuity}, value=Order.acuity, else_=3)


@dataclass(frozen=True)
class Due:
    """A team that is to be rung now, with what it is told."""

    assignment_id: str
    order_id: str
    hotline: str
    acuity: Acuity
    category: str
    unit_code: str
    due_at: datetime
    ticket_number: int
    team: str
    place: int
    """In its plan: which number."""
    name: str
    number: str
    language: str = "vi"
    """In which the team is spoken to."""

    @property
    def dialled(self) -> str:
        number = digits(self.number)
        return "0" + number.removeprefix("84") if self.number.strip().startswith("+84") else number


def due(session: Session, at: datetime, limit: int) -> list[Due]:
    """Teams whose time to be rung has come, the most urgent first; no number that is being rung at this moment."""
    rows = session.execute(
        select(Assignment, Order, Ticket.number, AgencyRow.languages)
        .join(Order, Order.id == Assignment.order_id)
        .outerjoin(Ticket, Ticket.id == Order.ticket_id)
        .outerjoin(AgencyRow, AgencyRow.key == Assignment.team)
        .where(
            Assignment.state == AssignmentState.SENT,
            Assignment.dialled == "",
            Assignment.next_call_at <= at,
        )
        .order_by(_URGENCY.desc(), Order.due_at, Assignment.id)
        .limit(limit)
    )
    return [
        _due(one, order, number or 0, spoken(languages or ()))
        for one, order, number, languages in rows
        if one.next_place < len(one.plan)
    ]


def spoken(languages: Sequence[str]) -> str:
    """The first of an agency's languages that the machine speaks."""
    return next((one for one in languages if one in LANGUAGES), LANGUAGES[0])


def _due(one: Assignment, order: Order, ticket_number: int, language: str) -> Due:
    line = one.plan[one.next_place]
    return Due(
        one.id, order.id, order.hotline, Acuity(order.acuity), order.category, order.unit_code, order.due_at,
        ticket_number, one.team_name, one.next_place, str(line.get("name", "")), str(line.get("number", "")), language,
    )  # fmt: skip


def begin(due: Due, dial_id: str, at: datetime, *, on: Engine | None = None) -> bool:
    """Take the number to ring it now; False when it is not (or no longer) this one's to ring.

    Nothing is dialled before this said yes. SQLAlchemyError when the database does not answer: then nothing is dialled either.
    """
    other = aliased(Assignment)
    rung = exists().where(other.dialled == due.dialled)
    take = (
        update(Assignment)
        .where(
            Assignment.id == due.assignment_id,
            Assignment.state == AssignmentState.SENT,
            Assignment.next_place == due.place,
            Assignment.next_call_at <= at,
            Assignment.dialled == "",
            ~rung,
        )
        .values(
            next_place=due.place + 1,
            next_call_at=None,
            dial_id=dial_id,
            dialled=due.dialled,
            dial_until=at + TELLS_WITHIN,
        )
        .returning(Assignment.id)
    )
    try:
        with transaction(on) as session:
            if session.execute(take.execution_options(synchronize_session=False)).first() is None:
                return False
            apply(session, tried(due, dial_id, TryState.RINGING, at), "calls")
            return True
    except IntegrityError:
        return False  # the same number is being rung for another order


def tried(due: Due, dial_id: str, state: TryState, at: datetime) -> e.OrderTried:
    return e.OrderTried(
        at=at, order_id=due.order_id, assignment_id=due.assignment_id, dial_id=dial_id, place=due.place,
        name=due.name, state=state.value,
    )  # fmt: skip


def answered_otherwise(session: Session, assignment_ids: Collection[str]) -> dict[str, AssignmentState]:
    """Which of these are not to be rung any more, and where they stand: somebody said yes or no elsewhere, or it was recalled."""
    asked = select(Assignment.id, Assignment.state).where(
        Assignment.id.in_(assignment_ids), Assignment.state != AssignmentState.SENT
    )
    return {id_: AssignmentState(state) for id_, state in session.execute(asked)} if assignment_ids else {}


def left_behind(session: Session, node: str, alive: Collection[str], at: datetime) -> list[Assignment]:
    """Numbers that nobody rings any more: this node's that none of its `alive` calls is, and anybody's whose time is up."""
    own = (
        and_(Assignment.dial_id.startswith(f"{node}-", autoescape=True), Assignment.dial_id.not_in(alive))
        if node
        else None
    )
    late = and_(Assignment.dial_until <= at, Assignment.dial_id.not_in(alive))
    return list(
        session.scalars(
            select(Assignment).where(Assignment.dialled != "", or_(own, late) if own is not None else late)
        )
    )
