"""A ticket, a commune's team, its district's centre and the province's; what tests of orders begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hotline import agencies, due_work, ordering
from hotline.database import reading, transaction
from hotline.deadlines import Worker
from hotline.ordering import By, Said, Wanted
from hotline.orders import Actor, Assignment, AssignmentState, Happening, Means, Order
from hotline.organisation import ALL, Agency, Responsibility
from hotline.record import apply
from hotline.tickets import Ticket, TicketEntry
from hotline.units import Unit
from tests.hotline.facts import arrived, triaged

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
HOTLINE = "binhphuoc"
CATEGORIES = ("emergency_transport", "relief", "other")
OPERATOR, SUPERVISOR = By("lan", "operator"), By("truongca", "supervisor")
DISTRICT_LEADER, PROVINCE_LEADER = By("phochutich", "leader", "huyen"), By("chutich", "leader", "tinh")


def agency(key: str, level: str, above: str = "", **more: Any) -> Agency:
    values: dict[str, Any] = {
        "kind": "team", "unit": {"commune": "25432", "district": "697", "province": "70"}[level],
        "numbers": (f"09130{len(key):05}", f"09131{len(key):05}"),
    } | more  # fmt: skip
    return Agency(key=key, hotline=HOTLINE, name=f"Đội {key}", level=level, above=above, **values)


AGENCIES = (
    agency("xa", "commune", "huyen"),
    agency("xa-ben", "commune", "huyen"),
    agency("huyen", "district", "tinh", kind="centre"),
    agency("tinh", "province", kind="centre"),
    agency("cu", "commune", "huyen", valid_to=date(2025, 6, 30)),
)


def places(session: Session) -> None:
    """A province, a district and a commune of it, and one that is a unit no more."""
    for code, level, parent in (
        ("70", "province", ""),
        ("697", "district", "70"),
        ("25432", "commune", "697"),
    ):
        session.add(
            Unit(
                id=f"{code}@2021", code=code, name=code, full_name=f"Đơn vị {code}", kind="x", level=level,
                parent_code=parent, province_code="70", valid_from=date(2021, 1, 1), valid_to=None,
            )
        )  # fmt: skip
    session.add(
        Unit(
            id="25999@2021", code="25999", name="Cũ", full_name="Xã Cũ", kind="xã", level="commune",
            parent_code="697", province_code="70", valid_from=date(2021, 1, 1), valid_to=date(2025, 6, 30),
        )
    )  # fmt: skip


@dataclass
class Scene:
    engine: Engine
    ticket_id: str = ""
    at: datetime = START
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with transaction(self.engine) as session:
            places(session)
            agencies.write(session, HOTLINE, AGENCIES, (Responsibility((ALL,), "697", "xa"),))
            apply(session, arrived(1, at=self.at))
            apply(session, triaged(1, at=self.at))
            self.ticket_id = session.scalars(select(Ticket.id)).one()

    def issue(self, *teams: str, by: By = OPERATOR, **more: Any) -> str:
        values: dict[str, Any] = {
            "ticket_id": self.ticket_id, "what": "Đưa người bệnh đến trung tâm y tế", "category": "emergency_transport",
            "teams": teams, "due_at": self.at + timedelta(minutes=30), "unit_code": "25432",
        } | more  # fmt: skip
        with transaction(self.engine) as session:
            organisation = agencies.organisation(session)
            return ordering.issue(session, Wanted(**values), by, self.at, organisation, CATEGORIES)

    def act(
        self, assignment: str, happening: Happening, actor: Actor = Actor.TEAM, by: str = "đội", note: str = "",
        means: Means = Means.PANEL,
    ) -> AssignmentState:  # fmt: skip
        with transaction(self.engine) as session:
            organisation = agencies.organisation(session)
            return ordering.act(
                session, assignment, happening, actor, by, means, self.at, organisation, Said(note)
            )

    def decide(self, approval: str, by: By, approves: bool = True, said: str = "") -> None:
        with transaction(self.engine) as session:
            ordering.decide(session, approval, by, approves, said, self.at, agencies.organisation(session))

    def recall(self, order_id: str, by: By = OPERATOR) -> None:
        with transaction(self.engine) as session:
            ordering.recall(session, order_id, by, "người bệnh đã được đưa đi", self.at)

    def later(self, **time: float) -> int:
        """Time goes on, and the worker does what is due."""
        self.at += timedelta(**time)
        return Worker(self.engine, due_work.HANDLERS, "n1", clock=lambda: self.at).look()

    def order(self, order_id: str) -> Order:
        with reading(self.engine) as session:
            return session.scalars(select(Order).where(Order.id == order_id)).one()

    def states(self, order_id: str) -> Mapping[str, str]:
        """Team → where it stands."""
        return {one.team: one.state for one in self.parts(order_id)}

    def parts(self, order_id: str) -> list[Assignment]:
        with reading(self.engine) as session:
            return list(
                session.scalars(
                    select(Assignment).where(Assignment.order_id == order_id).order_by(Assignment.id)
                )
            )

    def entries(self) -> list[str]:
        with reading(self.engine) as session:
            kinds = (
                select(TicketEntry.kind)
                .where(TicketEntry.ticket_id == self.ticket_id)
                .order_by(TicketEntry.id)
            )
            return list(session.scalars(kinds))

    def rows(self, kind: Any) -> list[Any]:
        with reading(self.engine) as session:
            return list(session.scalars(select(kind)))
