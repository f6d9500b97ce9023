"""What is open now, by place, by age and by whom it waits for: the command centre's figures, added up by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, case, distinct, func, literal_column, or_, select
from sqlalchemy.orm import Session

from hotline.clocks import TicketClock
from hotline.geography import Geography
from hotline.orders import LIVE, Assignment, AssignmentState, Order, OrderState
from hotline.sql_time import US, VIETNAM_AHEAD_S, epoch_us
from hotline.tickets import Ticket, TicketState
from hotline.units import VIETNAM

AGES_H = (1, 5, 24)
"""Where one age ends and the next begins: under an hour, up to 5 h, up to a day, older."""
OPEN = (TicketState.OPEN, TicketState.IN_PROGRESS)
OPEN_ORDERS = (OrderState.AWAITING_APPROVAL, OrderState.ISSUED)
DESKS = "desks"
"""Whom a ticket waits for that an operator has: the board names agencies, never people."""
DAY_S = 86_400


@dataclass(frozen=True)
class Load:
    """Open tickets and orders of one place or of one holder."""

    tickets: int = 0
    late: int = 0
    """Tickets whose present step was due before now, and whose clock is not paused."""
    ages: tuple[int, ...] = (0,) * (len(AGES_H) + 1)
    """Tickets by AGES_H; together as many as `tickets`."""
    orders: int = 0
    """Orders, counted for places; teams' parts in orders, counted for holders."""
    orders_late: int = 0
    oldest_at: datetime | None = None
    """When the oldest open ticket was opened, or the oldest order issued."""

    def __add__(self, other: Load) -> Load:
        moments = [at for at in (self.oldest_at, other.oldest_at) if at is not None]
        return Load(
            self.tickets + other.tickets, self.late + other.late,
            tuple(a + b for a, b in zip(self.ages, other.ages, strict=True)),
            self.orders + other.orders, self.orders_late + other.orders_late, min(moments, default=None),
        )  # fmt: skip

    @property
    def open(self) -> int:
        return self.tickets + self.orders

    @property
    def all_late(self) -> int:
        return self.late + self.orders_late


@dataclass(frozen=True)
class Written:
    """A unit's code, and the day on which it was written down: codes are given to successors."""

    code: str
    day: date


def is_late(at: datetime) -> ColumnElement[bool]:
    """Whether a ticket's clock has run out."""
    return and_(TicketClock.stage != "", TicketClock.due_at < at, TicketClock.paused_until.is_(None))


def order_is_late(at: datetime) -> ColumnElement[bool]:
    """Not done by its deadline; not approved by it is not done either."""
    return Order.due_at < at


def assignment_is_late(at: datetime) -> ColumnElement[bool]:
    """No yes in time, or not done by the order's deadline."""
    unanswered = and_(Assignment.state == AssignmentState.SENT, Assignment.answer_by < at)
    return or_(unanswered, order_is_late(at))


def _day(column: Any) -> ColumnElement[int]:
    # Numbers written out: PostgreSQL takes two parameters of one value for two groups.
    second, ahead, day = (literal_column(str(n), Integer) for n in (US, VIETNAM_AHEAD_S, DAY_S))
    return (epoch_us(column) // second + ahead) // day


def by_place(session: Session, at: datetime, hotlines: Collection[str] | None = None) -> dict[Written, Load]:
    """The open tickets and orders of every unit, as it was written on their day; code "" for no unit."""
    day = _day(Ticket.opened_at).label("day")
    asked = _tickets(at, hotlines, Ticket.unit_code.label("code"), day)
    found: defaultdict[Written, Load] = defaultdict(Load)
    for row in session.execute(asked.group_by(Ticket.unit_code, day)):
        found[_written(row)] += _load(row)
    day = _day(Order.issued_at).label("day")
    orders = select(
        Order.unit_code.label("code"), day, func.count().label("orders"),
        func.sum(case((order_is_late(at), 1), else_=0)).label("orders_late"), func.min(Order.issued_at).label("oldest_at"),
    ).where(Order.state.in_(OPEN_ORDERS))  # fmt: skip
    if hotlines is not None:
        orders = orders.where(Order.hotline.in_(hotlines))
    for row in session.execute(orders.group_by(Order.unit_code, day)):
        found[_written(row)] += Load(
            orders=row.orders, orders_late=int(row.orders_late), oldest_at=row.oldest_at
        )
    return dict(found)


def by_holder(session: Session, at: datetime, hotlines: Collection[str] | None = None) -> dict[str, Load]:
    """What waits for whom: "agency:KEY", "hotline:KEY", "role:ROLE", or DESKS for all operators together."""
    # Words written out: PostgreSQL takes two parameters of one value for two groups.
    operators, desks = literal_column("'operator:%'", String), literal_column(f"'{DESKS}'", String)
    holder = case((TicketClock.owner.like(operators), desks), else_=TicketClock.owner)
    found: defaultdict[str, Load] = defaultdict(Load)
    for row in session.execute(_tickets(at, hotlines, holder.label("holder")).group_by(holder)):
        found[row.holder or DESKS] += _load(row)
    parts = (
        select(
            Assignment.team, func.count(distinct(Assignment.id)).label("orders"),
            func.sum(case((assignment_is_late(at), 1), else_=0)).label("orders_late"),
            func.min(Order.issued_at).label("oldest_at"),
        )
        .join(Order, Order.id == Assignment.order_id)
        .where(Assignment.state.in_(LIVE), Order.state.in_(OPEN_ORDERS))
        .group_by(Assignment.team)
    )  # fmt: skip
    if hotlines is not None:
        parts = parts.where(Order.hotline.in_(hotlines))
    for row in session.execute(parts):
        found[f"agency:{row.team}"] += Load(
            orders=row.orders, orders_late=int(row.orders_late), oldest_at=row.oldest_at
        )
    return dict(found)


def _tickets(at: datetime, hotlines: Collection[str] | None, *keys: Any) -> Any:
    """Open tickets added up; the caller groups them by `keys`."""
    edges = [at - timedelta(hours=h) for h in AGES_H]
    bands = range(len(edges) + 1)
    band = case(*((Ticket.opened_at > edge, n) for n, edge in enumerate(edges)), else_=len(edges))
    ages = [band == n for n in bands]
    asked = (
        select(
            *keys, func.count().label("tickets"), func.sum(case((is_late(at), 1), else_=0)).label("late"),
            *(func.sum(case((age, 1), else_=0)).label(f"age{n}") for n, age in enumerate(ages)),
            func.min(Ticket.opened_at).label("oldest_at"),
        )
        .outerjoin(TicketClock, TicketClock.ticket_id == Ticket.id)
        .where(Ticket.state.in_(OPEN))
    )  # fmt: skip
    return asked if hotlines is None else asked.where(Ticket.hotline.in_(hotlines))


def _load(row: Any) -> Load:
    ages = tuple(int(getattr(row, f"age{n}")) for n in range(len(AGES_H) + 1))
    return Load(row.tickets, int(row.late), ages, oldest_at=row.oldest_at)


def _written(row: Any) -> Written:
    return Written(row.code, date(1970, 1, 1) + timedelta(days=int(row.day)))


def placed(
    loads: Mapping[Written, Load], geography: Geography, day: date, structure_on: date | None = None
) -> tuple[dict[str, Load], dict[str, tuple[str, ...]]]:
    """Loads by the code of the unit that stands there on `day`, and the codes as written that went into each.

    Where nobody can know (a split commune), the smallest unit that is certain has it; "" what is nowhere.
    """
    found: defaultdict[str, Load] = defaultdict(Load)
    written: defaultdict[str, set[str]] = defaultdict(set)
    for one, load in loads.items():
        code = place(geography, one, day, structure_on)
        found[code] += load
        written[code].add(one.code)
    return dict(found), {code: tuple(sorted(codes)) for code, codes in written.items()}


def place(geography: Geography, one: Written, day: date, structure_on: date | None = None) -> str:
    """The code of the smallest unit that is certain on `day`; empty for nowhere. A rehearsal writes codes of the day that it is set to."""
    return next(iter(geography.places(one.code, day, structure_on or one.day)), "") if one.code else ""


@dataclass(frozen=True)
class File:
    """One open ticket of the drill-down: nothing of a person in it."""

    ticket_id: str
    hotline: str
    number: int
    acuity: str
    state: str
    written: Written
    opened_at: datetime
    owner: str
    """As TicketClock.owner; DESKS for an operator's."""
    stage: str
    due_at: datetime | None
    late: bool
    orders: tuple[tuple[int, str, str, datetime, bool], ...] = ()
    """Open orders: number, team's name ("" before a team has it), state, deadline, late."""


def files(
    session: Session, at: datetime, hotlines: Collection[str] | None = None, *, codes: Iterable[str] | None = None,
    holder: str = "", late_only: bool = False, limit: int = 200,
) -> tuple[File, ...]:  # fmt: skip
    """Open tickets, the longest late first; `codes` as written; `holder` as in `by_holder`."""
    late = is_late(at)
    asked = (
        select(Ticket, TicketClock, late.label("late"))
        .outerjoin(TicketClock, TicketClock.ticket_id == Ticket.id)
        .where(Ticket.state.in_(OPEN))
        .order_by(case((late, 0), else_=1), TicketClock.due_at, Ticket.opened_at, Ticket.id)
        .limit(limit)
    )
    if hotlines is not None:
        asked = asked.where(Ticket.hotline.in_(hotlines))
    if codes is not None:
        asked = asked.where(Ticket.unit_code.in_(list(codes)))
    if late_only:
        late_order = select(Order.id).where(
            Order.ticket_id == Ticket.id, Order.state.in_(OPEN_ORDERS), order_is_late(at)
        )
        asked = asked.where(or_(late, late_order.exists()))
    if holder == DESKS:
        asked = asked.where(or_(TicketClock.owner.like("operator:%"), TicketClock.owner.is_(None)))
    elif holder:
        team = holder.removeprefix("agency:") if holder.startswith("agency:") else None
        part = select(Assignment.id).where(
            Assignment.ticket_id == Ticket.id, Assignment.team == team, Assignment.state.in_(LIVE)
        )
        asked = asked.where(or_(TicketClock.owner == holder, part.exists()))
    rows = session.execute(asked).all()
    orders = _orders(session, at, [ticket.id for ticket, _, _ in rows])
    return tuple(
        replace(_file(ticket, clock, bool(is_late_)), orders=tuple(orders.get(ticket.id, ())))
        for ticket, clock, is_late_ in rows
    )


def _file(ticket: Ticket, clock: TicketClock | None, late: bool) -> File:
    owner = clock.owner if clock is not None and not clock.owner.startswith("operator:") else DESKS
    return File(
        ticket.id, ticket.hotline, ticket.number, ticket.acuity, ticket.state,
        Written(ticket.unit_code, ticket.opened_at.astimezone(VIETNAM).date()), ticket.opened_at, owner or DESKS,
        clock.stage if clock is not None else "", clock.due_at if clock is not None else None, late,
    )  # fmt: skip


def _orders(session: Session, at: datetime, tickets: list[str]) -> dict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    rows = session.execute(
        select(Order, Assignment, assignment_is_late(at), order_is_late(at))
        .outerjoin(Assignment, and_(Assignment.order_id == Order.id, Assignment.state.in_(LIVE)))
        .where(Order.ticket_id.in_(tickets), Order.state.in_(OPEN_ORDERS))
        .order_by(Order.number, Assignment.id)
    )
    for order, part, part_late, order_late in rows:
        name, state = (part.team_name, part.state) if part is not None else ("", order.state)
        late = part_late if part is not None else order_late
        found[order.ticket_id].append((order.number, name, state, order.due_at, bool(late)))
    return found
