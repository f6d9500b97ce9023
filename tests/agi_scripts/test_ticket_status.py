"""Status by telephone: key 7 at the first question, the own ticket's stage, or number and code; then the questions go on."""

from __future__ import annotations

from pathlib import Path

from hotline.clocks import TicketClock
from hotline.database import transaction
from hotline.references import code_of
from hotline.tickets import Ticket
from tests.agi_scripts.conftest import Running
from tests.agi_scripts.fake_asterisk import HANG_UP, Call

FIRST, SECOND, THIRD = "n1-1700000000.1", "n1-1700000000.2", "n1-1700000000.3"


GREEN = ("2", "2", "2", "3", "3", "3", None, None)


def heard(call: Call) -> list[str]:
    return [Path(sound).name for sound in call.heard if "status-" in sound and "status-offer" not in sound]


def stands_at(running: Running, stage: str) -> None:
    with transaction(running.engine) as session:
        session.add(
            TicketClock(ticket_id=f"t-{FIRST}", hotline="binhphuoc", owner="agency:x", stage=stage, sounded=0)
        )


def test_key_7_tells_the_own_last_ticket_and_the_questions_go_on(running: Running) -> None:
    running.meet(*GREEN)
    stands_at(running, "done")
    call = running.meet("7", "2", "2", "1", call_id=SECOND)
    assert heard(call) == ["status-own", "status-done"]
    assert (call.variables["ACUITY"], call.variables["TRIAGE_DONE"]) == ("RED", "1")


def test_only_who_rang_before_is_offered_it(running: Running) -> None:
    offered = [
        any("status-offer" in sound for sound in call.heard)
        for call in (running.meet(*GREEN), running.meet(*GREEN, call_id=SECOND))
    ]
    assert offered == [False, True]


def test_another_telephone_asks_by_number_and_code(running: Running) -> None:
    running.meet("2", "2", "2", "1")
    stands_at(running, "on_site")
    number = str(running.ticket(FIRST).number)
    code = code_of(f"t-{FIRST}", running.given.var)
    wrong = "0" * 13
    call = running.meet("7", number, wrong, number, code, HANG_UP, caller="0987654321", call_id=SECOND)
    assert heard(call) == [
        "status-ask-number",
        "status-ask-code",
        "status-wrong",
        "status-ask-number",
        "status-ask-code",
        "status-on_site",
    ]
    assert running.call(SECOND).end_reason == "self_care"
    assert running.recall(SECOND) is None, "who heard what they rang for is owed nothing"


def test_a_closed_ticket_is_said_to_be_closed(running: Running) -> None:
    running.meet(*GREEN)
    with transaction(running.engine) as session:
        ticket = session.get(Ticket, f"t-{FIRST}")
        assert ticket is not None
        ticket.state = "closed"
    assert heard(running.meet("7", HANG_UP, call_id=THIRD)) == ["status-own", "status-closed"]
