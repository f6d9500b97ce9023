"""Late and escalated tickets alarm at supervisors, who say that they have seen to one; the next escalation alarms anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from hotline.clock_alarms import HANDLED
from hotline.clocks import TicketClock
from hotline.database import transaction
from hotline.events import now
from hotline.tickets import Ticket
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_ticket_clock import follow
from tests.softphone_panel.test_tickets import entries, ticket

BANNER = "/recalls/alarms"


def stands(ticket_id: str, acuity: str, **clock: Any) -> None:
    """That ticket's clock is so, and every other one's is in time."""
    at = now()
    with transaction() as session:
        session.execute(update(TicketClock).values(due_at=at + timedelta(days=1)))
        late = {
            "due_at": at - timedelta(hours=1),
            "stage": "assign",
            "round": 1,
            "paused_until": None,
            **clock,
        }
        session.execute(update(TicketClock).where(TicketClock.ticket_id == ticket_id).values(**late))
        session.execute(update(Ticket).where(Ticket.id == ticket_id).values(acuity=acuity))


@pytest.mark.parametrize(
    ("acuity", "clock", "said"),
    [
        ("RED", {"sounded": 1, "told_to": ""}, "ở bước “giao việc”."),
        ("YELLOW", {"sounded": 2, "told_to": "role:supervisor"}, "ở bước “giao việc”, đã báo lên Trưởng ca."),
        ("YELLOW", {"sounded": 1, "told_to": ""}, ""),
        ("RED", {"sounded": 2, "told_to": "", "paused_until": now() + timedelta(days=30)}, ""),
    ],
)
def test_late_tickets_alarm_at_supervisors(
    app: Flask, signed_in: SignedIn, acuity: str, clock: dict[str, Any], said: str
) -> None:
    follow(app)
    one = ticket()
    stands(one.id, acuity, **clock)
    shown = signed_in("truongca").get(BANNER).text
    assert ("trễ hạn" in shown) is bool(said)
    assert said in shown
    assert "trễ hạn" not in signed_in("lan").get(BANNER).text


def test_what_a_supervisor_has_seen_to_is_silent_until_it_climbs(app: Flask, signed_in: SignedIn) -> None:
    follow(app)
    one, client = ticket(), signed_in("truongca")
    stands(one.id, "RED", sounded=1, told_to="")
    key = f"{one.id}/late/1.assign.1"
    assert f'data-alarm="{key}"' in client.get(BANNER).text
    lan = signed_in("lan")
    assert lan.post(BANNER, data={"key": key, "ticket_id": one.id}).status_code == 403
    for _ in range(2):  # a double click
        answer = client.post(BANNER, data={"key": key, "ticket_id": one.id}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert key not in answer.text
    (entry,) = entries(one.id, HANDLED)
    assert (entry.actor, entry.body) == ("truongca", {"key": key})
    assert "Đã xử lý báo động" in client.get(f"/tickets/{one.id}").text
    stands(one.id, "RED", sounded=2, told_to="role:administrator")
    assert f'data-alarm="{one.id}/late/1.assign.2"' in client.get(BANNER).text
