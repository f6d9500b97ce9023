"""What an operator does at their own page, as tests do it: fields saved, a call hung up, its wrap-up finished."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from hotline import events as e
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.operators import OperatorPresence
from hotline.record import apply
from hotline.tickets import TicketEntry
from tests.softphone_panel.conftest import Client, hidden


def ticket_of(username: str, who: dict[str, int]) -> str:
    """The ticket of the call at that operator's desk."""
    with reading() as session:
        presence = session.get(OperatorPresence, who[username])
        assert presence is not None
        call = session.get(Call, presence.call_id)
        assert call is not None
        return call.ticket_id


def save(
    client: Client, ticket_id: str, name: str, value: str, seen: int = 0, finished: bool = True
) -> tuple[int, dict[str, Any]]:
    form = {"name": name, "value": value, "seen": str(seen), "finished": "1" if finished else "0"}
    answer = client.post(f"/my-desk/work/{ticket_id}/field", data=form)
    return answer.status_code, answer.get_json() or {}


def entries(ticket_id: str, kind: str) -> list[TicketEntry]:
    with reading() as session:
        asked = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind == kind)
        return list(session.scalars(asked.order_by(TicketEntry.id)))


def hung_up(who: dict[str, int], username: str = "lan", phone: str = "101") -> str:
    """That operator's call ends now; its id."""
    call_id = ticket_of(username, who).removeprefix("t-")
    with transaction() as session:
        apply(session, e.CallEnded(call_id=call_id, reason="served", heard_s=60), "calls")
        state = e.OperatorChanged(operator_id=who[username], state="wrap_up", phone=phone, call_id=call_id)
        apply(session, state, "calls")
    return call_id


def finish(client: Client, call_id: str, **more: str) -> Any:
    page = client.get("/my-desk/wrap-up").text
    form = {"call_id": call_id, "click_id": hidden(page, "click_id"), **more}
    return client.post("/my-desk/wrap-up", data=form)


def kinds() -> list[str]:
    with reading() as session:
        return [c.kind for c in session.scalars(select(DeskCommand).order_by(DeskCommand.id))]
