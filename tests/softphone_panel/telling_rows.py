"""Results that are told, a message that could not go, and a station with an order and a case, for the panel's pages."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline import station_files
from hotline.events import now
from hotline.facts import apply
from hotline.installation import read
from hotline.operators import Operator, Role
from hotline.recalls import TELL, Recall
from hotline.settings import PROJECT
from hotline.text_messages import TextMessage
from hotline.tickets import Ticket, TicketEntry
from tests.softphone_panel import rows

STATION = "ttyt-dong-xoai"


def _ticket(session: Session, number: int = 3) -> Ticket:
    return session.scalars(select(Ticket).where(Ticket.hotline == "binhphuoc", Ticket.number == number)).one()


def messages(session: Session) -> None:
    """One that was refused, one that nobody answered for, one that waits."""
    one, at = _ticket(session), now()
    for state, fault, tries, doubtful in (
        ("failed", "HTTP 400", 1, False), ("failed", "TimeoutError", 31, True), ("waiting", "HTTP 503", 2, False),
    ):  # fmt: skip
        session.add(
            TextMessage(
                at=at, next_try_at=at + timedelta(minutes=5), hotline=one.hotline, kind="result", about=one.id,
                ticket_id=one.id, number="+84912345678", body={"result": "supplied"}, state=state, tries=tries,
                fault=fault, doubtful=doubtful,
            )
        )  # fmt: skip


def telling(session: Session, operator_id: int) -> None:
    """An operator has taken the task to tell a result."""
    one, at = _ticket(session), now()
    session.add(
        TicketEntry(
            ticket_id=one.id, at=at, kind="work_done", actor="lan", text="Đội xã đã giao 10 kg gạo",
            body={"result": "supplied"},
        )
    )  # fmt: skip
    due = e.RecallDue(
        call_id=one.call_id, hotline=one.hotline, number=one.caller_number, acuity=one.acuity, why=TELL, due_at=at,
        recall_id=f"r-{one.call_id}-tell", next_try_at=at,
    )  # fmt: skip
    apply(session, due, "lan")
    taken = session.get_one(Recall, f"r-{one.call_id}-tell")
    taken.claimed_by, taken.claimed_until = operator_id, at + timedelta(minutes=15)


def station(session: Session) -> None:
    """The account `tram`, whose station took a caller and has not reported."""
    installation = read(PROJECT / "installation" / "demo.toml")
    station_files.load(session, installation.stations, {h.key for h in installation.hotlines})
    session.add(
        Operator(
            username="tram", full_name="Trạm", role=Role.STATION, password_hash=rows._HASH, station=STATION
        )
    )
    one = _ticket(session)
    transfer = f"x-{one.call_id}-9"
    card = {
        "situation": "Người già khó thở.",
        "assessment": "Đỏ",
        "acuity": "RED",
        "branch": "medical",
        "age_band": "elder",
    }
    asked = e.TransferAsked(
        call_id=one.call_id, transfer_id=transfer, kind="warm", state="ringing", card=card
    )
    apply(session, asked)
    for state in ("ringing", "accepted"):
        tried = e.StationTried(
            call_id=one.call_id, transfer_id=transfer, leg_id=f"chain-{one.call_id}-9", name="Trạm A", number="1",
            place=0, state=state, station=STATION,
        )  # fmt: skip
        apply(session, tried)
