"""The parts of an order: each team's own, held while somebody acts on the order, moved, ended, given to the level above."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.facts import apply
from hotline.order_refusals import NOTHING_SAID, Said
from hotline.orders import (
    BY_CLOCK,
    LIVE,
    WORKING,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    Team,
)
from hotline.organisation import Agency, Organisation
from hotline.refusals import RequestRefused

A, H = AssignmentState, Happening


def held(session: Session, order_id: str) -> Order:
    """The order, held until the transaction ends: whoever acts on it acts in turn. Raises RequestRefused."""
    order = session.scalar(
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    )
    if order is None:
        raise RequestRefused("Không có lệnh này: hãy tải lại trang.", "There is no such order: reload.")
    return order


def team_of(organisation: Organisation, agency: Agency, at: datetime) -> Team:
    """With the numbers of who is on duty at that moment."""
    lines = organisation.numbers(agency.key, at)
    return Team(agency.key, agency.name, agency.level, tuple((line.name, line.number) for line in lines))


def parts_of(session: Session, order_id: str) -> list[Assignment]:
    rows = select(Assignment).where(Assignment.order_id == order_id).order_by(Assignment.id)
    return list(session.scalars(rows.execution_options(populate_existing=True)))


def asked_instead(parts: Sequence[Assignment], assignment_id: str) -> list[Assignment]:
    """Those that were asked instead of it, and instead of those."""
    found: list[Assignment] = []
    wanted = {assignment_id}
    for one in sorted(parts, key=lambda part: int(part.id.rpartition(".")[2])):
        if one.instead_of in wanted:
            wanted.add(one.id)
            found.append(one)
    return found


def above_has_it(parts: Sequence[Assignment], assignment_id: str) -> bool:
    return any(one.state in WORKING or one.state == A.DONE for one in asked_instead(parts, assignment_id))


def moved(
    session: Session,
    one: Assignment,
    to: AssignmentState,
    why: Happening,
    by: str,
    means: Means,
    at: datetime,
    said: Said = NOTHING_SAID,
) -> None:
    told = e.AssignmentMoved(
        at=at, order_id=one.order_id, assignment_id=one.id, state=to, happening=why, by=by, means=means,
        team_name=one.team_name, note=said.note, latitude=said.latitude, longitude=said.longitude,
    )  # fmt: skip
    apply(session, told, by)


def end_all(session: Session, order_id: str, by: str, at: datetime, means: Means) -> None:
    for one in parts_of(session, order_id):
        if one.state in LIVE or one.state == A.UNANSWERED:
            moved(session, one, A.RECALLED, H.RECALL, by, means, at)


def climb(session: Session, order: Order, one: Assignment, at: datetime, organisation: Organisation) -> None:
    """The level above is asked, who has not been asked yet; with nobody above the order alarms until a person acts."""
    known = {part.team for part in parts_of(session, order.id)}
    for above in organisation.ladder(one.team, organisation.day(at)):
        if above.key not in known:
            make(session, order, above, BY_CLOCK, "climbed", at, organisation, one.id)
            return


def make(
    session: Session,
    order: Order,
    agency: Agency,
    by: str,
    why: str,
    at: datetime,
    organisation: Organisation,
    instead_of: str,
) -> str:
    count = len(parts_of(session, order.id))
    assignment_id = f"{order.id}.{count + 1}"
    part = {"assignment_id": assignment_id, **team_of(organisation, agency, at).plain()}
    made = e.AssignmentMade(
        at=at, order_id=order.id, assignment_id=assignment_id, team_name=agency.name, plan=(part,),
        instead_of=instead_of, why=why, by=by,
    )  # fmt: skip
    apply(session, made, by)
    return assignment_id
