"""Teams, centres, their accounts, and orders to them, for the panel's tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import agencies, ordering
from hotline import ticket_fields as fields
from hotline.database import engine, reading, transaction
from hotline.events import now
from hotline.gateways import Gateways
from hotline.message_sender import MessageSender
from hotline.operators import Operator, Role
from hotline.ordering import By, Wanted
from hotline.orders import Assignment
from hotline.organisation import ALL, Agency, Responsibility
from hotline.settings import settings
from hotline.tickets import Ticket
from tests.softphone_panel import rows

TEAM, OTHER, CENTRE, PROVINCE = "doi-tan-phu", "doi-hung-long", "tt-dong-xoai", "tt-tinh"
NUMBER, NAME = "+84865432109", "Nguyễn Thị Bí Mật"


def _agency(key: str, level: str, unit: str, above: str = "", kind: str = "team") -> Agency:
    return Agency(key, "binhphuoc", f"Đội {key}", kind, level, unit, (f"09130000{len(key)}",), above=above)


def teams(session: Session) -> str:
    """Teams that answer for the place of a ticket of the morning, and their accounts and leaders; the ticket's id."""
    found = session.scalars(select(Ticket).where(Ticket.caller_number == NUMBER)).one()
    found.unit_code = "25195"
    fields.save(session, found.id, "patient_name", NAME, seen=0, by="lan", at=now())
    those = (
        _agency(TEAM, "commune", "25195", CENTRE), _agency(OTHER, "commune", "25432", CENTRE),
        _agency(CENTRE, "district", "689", PROVINCE, "centre"), _agency(PROVINCE, "province", "70", "", "centre"),
    )  # fmt: skip
    answer = (Responsibility((ALL,), "25195", TEAM), Responsibility((ALL,), "689", CENTRE))
    agencies.write(session, "binhphuoc", those, answer)
    for name, role, key in (
        ("doi", Role.TEAM, TEAM), ("doi2", Role.TEAM, OTHER), ("chutich", Role.LEADER, PROVINCE),
        ("phochutich", Role.LEADER, CENTRE),
    ):  # fmt: skip
        session.add(Operator(username=name, full_name=name, role=role, password_hash=rows._HASH, agency=key))
    return found.id


def order(ticket: str, *teams: str, by: By | None = None, **more: Any) -> str:
    values: dict[str, Any] = {
        "ticket_id": ticket, "what": "Đưa người bệnh đến trung tâm y tế", "category": "emergency_transport",
        "teams": teams or (TEAM,), "due_at": now() + timedelta(minutes=30), "acuity": "ORANGE", "place": "hẻm 5",
    } | more  # fmt: skip
    with transaction() as session:
        organisation = agencies.organisation(session)
        return ordering.issue(
            session,
            Wanted(**values),
            by or By("lan", "operator"),
            now(),
            organisation,
            ("emergency_transport",),
        )


def part(order_id: str) -> Assignment:
    with reading() as session:
        return session.scalars(
            select(Assignment).where(Assignment.order_id == order_id).order_by(Assignment.id)
        ).all()[-1]


def sender(house: Path, app: Flask) -> MessageSender:
    """As the demo's worker has it: messages become files."""
    gateways = Gateways(settings().installation, house, demo=True)
    return MessageSender(engine(), gateways, "https://1022.example", lambda: app.config["INSTALLATION"])
