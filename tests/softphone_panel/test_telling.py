"""Telling the result: by message, by an operator with a script and the citizen's 1, 2 or 0, and closing whom nobody can reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from hotline import events as e
from hotline import text_messages
from hotline.database import engine, reading, transaction
from hotline.deadlines import Worker
from hotline.events import now
from hotline.facts import apply
from hotline.recalls import TELL, Recall, RecallState, Tried
from hotline.settings import settings
from hotline.text_messages import TextMessage
from hotline.tickets import Ticket, TicketState
from softphone_panel import sentences, telling
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.test_ticket_clock import act
from tests.softphone_panel.test_tickets import entries, ticket

CLICK = "0123456789abcdef"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(telling, "messages_go_out", lambda: True)
    yield


def owed(ticket_id: str) -> Recall:
    with reading() as session:
        return session.scalars(select(Recall).where(Recall.ticket_id == ticket_id, Recall.why == TELL)).one()


def messages() -> list[TextMessage]:
    with reading() as session:
        return list(session.scalars(select(TextMessage)))


def done(client: Client, ticket_id: str, how: str) -> int:
    return act(client, ticket_id, act="done", result="supplied", text="Đã giao 10 kg gạo", how=how)


def state_of(ticket_id: str) -> tuple[str, str]:
    with reading() as session:
        found = session.get_one(Ticket, ticket_id)
        return found.state, found.disposition


# -- by message --


def test_a_result_by_message_is_written_with_what_was_done_and_proves_nothing_before_it_went(
    gateway: None, signed_in: SignedIn
) -> None:
    client, one = signed_in("truongca"), ticket()
    assert done(client, one.id, "text") == 303
    (message,) = messages()
    assert (message.kind, message.ticket_id, message.body) == ("result", one.id, {"result": "supplied"})
    assert message.state == "due", "by day it goes at once"
    assert entries(one.id, "citizen_told") == []
    assert "Tin nhắn báo kết quả" in client.get(f"/tickets/{one.id}/clock").text
    again = client.post(f"/tickets/{one.id}/clock", data={"click_id": CLICK, "act": "told", "how": "call"})
    assert again.status_code == 409 and "chờ gửi" in again.text


def test_at_night_a_message_waits_for_the_morning(
    gateway: None, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, one = signed_in("truongca"), ticket()
    monkeypatch.setattr(telling, "awake", lambda at, hours: at + timedelta(hours=6))
    assert done(client, one.id, "text") == 303
    (message,) = messages()
    assert message.state == "waiting"
    later = Worker(engine(), text_messages.HANDLERS, "n1", clock=lambda: now() + timedelta(hours=7))
    later.look()
    assert messages()[0].state == "due"


def test_where_no_message_can_go_none_is_promised(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, one = signed_in("truongca"), ticket()
    monkeypatch.setattr(telling, "messages_go_out", lambda: False)
    assert 'value="text"' not in client.get(f"/tickets/{one.id}/clock").text
    assert done(client, one.id, "text") == 422
    assert messages() == []
    monkeypatch.setattr(telling, "messages_go_out", lambda: True)
    with transaction() as session:
        session.get_one(Ticket, one.id).callback_number = "+842713888888"
    answer = client.post(
        f"/tickets/{one.id}/clock",
        data={"click_id": CLICK, "act": "done", "result": "solved", "text": "xong rồi", "how": "text"},
    )
    assert answer.status_code == 422 and "số di động" in answer.text


# -- by an operator --


@pytest.fixture
def task(signed_in: SignedIn) -> str:
    """A result that operators are to tell; its ticket's id."""
    one = ticket()
    assert done(signed_in("truongca"), one.id, "operator") == 303
    return one.id


def hear(client: Client, recall: Recall, answer: str, note: str = "", click: str = CLICK) -> tuple[int, str]:
    said = client.post(
        f"/my-desk/telling/{recall.id}", data={"answer": answer, "note": note, "click_id": click}
    )
    return said.status_code, said.text


def test_the_script_says_nothing_of_the_request_before_they_are_who_asked(
    task: str, signed_in: SignedIn
) -> None:
    lan = signed_in("lan")
    recall = owed(task)
    before = lan.get("/my-desk/tasks").text
    assert "Tổng đài viên báo kết quả" in before and "Hỏi trước" not in before
    assert (
        lan.post(f"/my-desk/tasks/{recall.id}", data={"act": "claim", "click_id": CLICK}).status_code == 200
    )
    page = lan.get("/my-desk/tasks").text
    first, second = page.index("Hỏi trước, chưa nói gì về việc"), page.index("Đúng người thì nói")
    assert first < page.index("Xin hỏi có phải quý khách là người đã gọi") < second
    assert second < page.index("Đội hỗ trợ đã giao những gì quý khách cần") < page.index("10 kg gạo")
    assert 'value="done"' not in page.split("telling")[-1].split("</section>")[0]
    refused = lan.post(f"/my-desk/tasks/{recall.id}", data={"act": "done", "click_id": CLICK + "0"})
    assert refused.status_code == 422 and "1, 2 hoặc 0" in refused.text


def test_solved_closes_with_its_proof_and_a_second_click_changes_nothing(
    task: str, signed_in: SignedIn
) -> None:
    lan, minh, recall = signed_in("lan"), signed_in("minh"), owed(task)
    lan.post(f"/my-desk/tasks/{recall.id}", data={"act": "claim", "click_id": CLICK})
    assert hear(minh, recall, "solved", click="a" * 16)[0] == 409, "somebody else's"
    assert hear(lan, recall, "maybe", click="b" * 16)[0] == 422
    assert hear(lan, recall, "solved", click="c" * 16)[0] == 200
    assert hear(lan, recall, "solved", click="c" * 16)[0] == 200
    assert hear(lan, recall, "not_solved", click="d" * 16)[0] == 409
    assert state_of(task) == ("closed", "resolved")
    (closing,) = entries(task, "disposition")
    assert closing.body["proof"] == {"done": "supplied", "told": "operator", "answer": "solved"}
    assert owed(task).state == RecallState.DONE


def test_not_solved_opens_the_ticket_one_level_higher(task: str, signed_in: SignedIn) -> None:
    lan, recall = signed_in("lan"), owed(task)
    lan.post(f"/my-desk/tasks/{recall.id}", data={"act": "claim", "click_id": CLICK})
    assert hear(lan, recall, "not_solved", "mới giao được một nửa", "e" * 16)[0] == 200
    assert state_of(task)[0] == TicketState.OPEN
    (opened,) = entries(task, "reopened")
    assert opened.body["owner"] == "role:supervisor"
    page = signed_in("truongca").get(f"/tickets/{task}").text
    assert "người dân nói chưa xong" in page and "mới giao được một nửa" in page
    assert "giao lên Trưởng ca" in page
    opened.body = {"owner": "agency:bp-chi-huy-689"}
    said = sentences.of(opened, {}, {"agency:bp-chi-huy-689": "Trung tâm chỉ huy"})
    assert said == "Mở lại phiếu, giao lên Trung tâm chỉ huy."


def test_who_wants_to_talk_leaves_the_ticket_open_with_what_they_said(task: str, signed_in: SignedIn) -> None:
    lan, recall = signed_in("lan"), owed(task)
    lan.post(f"/my-desk/tasks/{recall.id}", data={"act": "claim", "click_id": CLICK})
    assert hear(lan, recall, "operator", "", "f" * 16)[0] == 422
    assert hear(lan, recall, "operator", "hỏi thêm về bảo hiểm", "0" * 16)[0] == 200
    assert state_of(task)[0] == TicketState.OPEN
    assert "hỏi thêm về bảo hiểm" in signed_in("lan").get(f"/tickets/{task}").text


def test_who_talked_is_asked_how_it_went_until_they_say(
    task: str, signed_in: SignedIn, who: dict[str, int]
) -> None:
    """The desk's own call says that they were reached; the answer is still missing."""
    recall = owed(task)
    with transaction() as session:
        at = now()
        call = f"n1-{int(at.timestamp())}.5000777"
        for fact in (
            e.CallArrived(
                call_id=call, hotline=recall.hotline, node="n1", caller_number=recall.number, trunk="t",
                direction="out", ticket_id=task, at=at,
            ),
            e.CallAnswered(call_id=call, leg_id=f"op-{call}-1", answered_by="lan", operator_id=who["lan"], at=at),
        ):  # fmt: skip
            apply(session, fact, "calls")
        session.get_one(Recall, recall.id).state = RecallState.DONE
    assert "Hỏi trước" not in signed_in("minh").get("/my-desk/tasks").text
    lan = signed_in("lan")
    assert "Hỏi trước" in lan.get("/my-desk/tasks").text
    assert hear(lan, recall, "solved")[0] == 200
    assert "Hỏi trước" not in lan.get("/my-desk/tasks").text


# -- nobody there --


def tried(recall: Recall, hours: float, number: int) -> None:
    with transaction() as session:
        row = session.get_one(Recall, recall.id)
        row.state, row.dial_id = RecallState.DIALLING, f"n1-1.{number}"
        session.flush()
        told = e.RecallTried(
            recall_id=recall.id, call_id=recall.call_id, dial_id=row.dial_id, outcome=Tried.NO_ANSWER,
            number_of_try=number, at=now() + timedelta(hours=hours),
        )  # fmt: skip
        row.tries = number
        session.flush()
        apply(session, told, "calls")


def test_a_supervisor_closes_as_unreachable_after_three_tries_at_different_hours_only(
    task: str, app: Flask, signed_in: SignedIn
) -> None:
    recall, chief = owed(task), signed_in("truongca")
    for number, hours in ((1, 0.0), (2, 0.1), (3, 0.2)):
        tried(recall, hours, number)
    assert owed(task).state == RecallState.FAILED
    page = chief.get("/recalls").text
    assert "Đóng: không liên lạc được" in page
    body = {"kind": "unreachable", "note": "đã nhờ tổ dân phố", "click_id": CLICK}
    refused = chief.post(f"/recalls/{recall.id}", data=body)
    assert refused.status_code == 422 and "giờ khác nhau" in refused.text
    assert state_of(task)[0] != "closed"
    assert signed_in("lan").post(f"/recalls/{recall.id}", data=body).status_code == 403
    tried(recall, 4.0, 3)
    tried(recall, 23.0, 3)
    assert chief.post(f"/recalls/{recall.id}", data=body).status_code == 303
    assert state_of(task) == ("closed", "unreachable")
    (closing,) = entries(task, "disposition")
    assert closing.body["proof"] == {"done": "Đã giao 10 kg gạo", "told": "unreachable"}
    page = chief.get("/recalls").text
    assert "Đóng: không liên lạc được" not in page and "Đã gọi được" not in page, "nobody was reached"
    assert owed(task).state == RecallState.CANCELLED


def test_the_demo_offers_messages() -> None:
    from hotline import gateway_file

    assert gateway_file.goes_out(settings().installation, "sms", demo=True)
    assert not gateway_file.goes_out(settings().installation, "zalo", demo=True)
