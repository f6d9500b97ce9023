"""The articles on the panel: found beside a call, answered with on the spot, written, approved by a second person, undone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from hotline import article_documents, documents
from hotline.database import reading, transaction
from hotline.settings import settings
from hotline.tickets import Ticket, TicketEntry
from tests.softphone_panel.conftest import Client, SignedIn, hidden

NEW = {
    "title": "Hỗ trợ tiền thuê nhà", "category": "relief", "source": "Quyết định thử số 1",
    "text": "Người thuê trọ gặp khó khăn được xem xét hỗ trợ.",
}  # fmt: skip
CLICK = "aaaaaaaa1111"


@pytest.fixture
def loaded(who: dict[str, int]) -> dict[str, int]:
    with transaction() as session:
        assert article_documents.load(session, documents.house(session, settings().installation)) == []
    return who


def talked(who: dict[str, int]) -> Ticket:
    """A ticket with whose caller somebody spoke, not urgent and not closed."""
    from hotline.calls import Call

    with reading() as session:
        asked = select(Ticket).join(Call, Call.ticket_id == Ticket.id)
        return session.scalars(
            asked.where(Call.human_at.is_not(None), Ticket.state != "closed").limit(1)
        ).one()


def entries(ticket: str) -> list[tuple[str, dict[str, Any]]]:
    with reading() as session:
        rows = session.scalars(
            select(TicketEntry).where(TicketEntry.ticket_id == ticket).order_by(TicketEntry.id)
        )
        return [(row.kind, row.body) for row in rows]


def answer(client: Client, ticket: str, key: str = "do-spo2", **more: str) -> Any:
    form = {"ticket_id": ticket, "number": "0", "closes": "1", "click_id": CLICK} | more
    return client.post(f"/knowledge/{key}/answer", data=form)


def write(client: Client, **more: str) -> Any:
    return client.post("/knowledge", data={**NEW, **more})


def test_an_operator_finds_an_article_without_diacritics_and_reads_all_of_it(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    page = signed_in("lan").get("/knowledge/found?words=viem co tim").text
    assert "Viêm cơ tim sau tiêm" in page and "Quyết định 3348/QĐ-BYT (2021)" in page
    assert "Đã trả lời" not in page  # no ticket is being answered


def test_answered_with_an_article_the_ticket_names_it_with_its_version_and_is_closed_on_the_spot(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    client, ticket = signed_in("lan"), talked(loaded)
    assert "/answer" in client.get(f"/knowledge/found?words=spo2&ticket={ticket.id}").text
    assert answer(client, ticket.id).status_code == 303
    assert answer(client, ticket.id).status_code == 303  # the same click, told twice
    mine = [(kind, body) for kind, body in entries(ticket.id) if kind == "answered_with_article"]
    assert [(body["article"], body["number"]) for _, body in mine] == [("do-spo2", 0)]
    with reading() as session:
        row = session.get_one(Ticket, ticket.id)
        assert (row.state, row.disposition) == ("closed", "answered_on_spot")
    proof = next(body["proof"] for kind, body in entries(ticket.id) if kind == "disposition")
    assert proof == {"done": "Đo SpO2 thế nào, bao nhiêu thì lo?", "told": "talk"}
    page = client.get(f"/tickets/{ticket.id}").text
    assert "Trả lời tại chỗ bằng bài “Đo SpO2 thế nào, bao nhiêu thì lo?”, bản của tệp cài đặt." in page
    assert ticket.id in client.get("/tickets?text=spo2 the nao").text


def test_an_answer_may_leave_the_ticket_open(loaded: dict[str, int], signed_in: SignedIn) -> None:
    ticket = talked(loaded)
    assert answer(signed_in("lan"), ticket.id, closes="0").status_code == 303
    with reading() as session:
        assert session.get_one(Ticket, ticket.id).state == ticket.state


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"number": "7"}, "vừa có bản mới"),
        ({"key": "there-is-none"}, "vừa được rút"),
        ({"key": "nghi-dinh-13"}, "không còn giá trị hôm nay"),
    ],
)
def test_an_article_that_changed_or_holds_no_more_answers_nothing(
    loaded: dict[str, int], signed_in: SignedIn, change: dict[str, str], sentence: str
) -> None:
    ticket = talked(loaded)
    before = entries(ticket.id)
    told = answer(signed_in("lan"), ticket.id, **change)
    assert told.status_code == 409 and sentence in told.text
    assert entries(ticket.id) == before


def test_whom_nobody_has_spoken_with_was_not_answered_on_the_spot(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    from hotline.calls import Call

    with reading() as session:
        spoken = select(Call.ticket_id).where(Call.human_at.is_not(None))
        ticket = session.scalars(select(Ticket.id).where(Ticket.id.not_in(spoken)).limit(1)).one()
    before = entries(ticket)
    told = answer(signed_in("lan"), ticket)
    assert told.status_code == 409 and "Chưa ai nói chuyện với người dân" in told.text
    assert entries(ticket) == before


def test_an_article_is_written_by_an_operator_and_approved_by_a_second_person_who_supervises(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    lan, chief, second = signed_in("lan"), signed_in("truongca"), signed_in("truongca2")
    there = write(chief).headers["Location"]
    assert "Hỗ trợ tiền thuê nhà" not in lan.get("/knowledge/found?words=thue nha").text
    seen = hidden(chief.get(there).text, "seen")
    own = chief.post(f"{there}/publish", data={"seen": seen})
    assert own.status_code == 403 and "người thứ hai" in own.text
    assert lan.post(f"{there}/publish", data={"seen": seen}).status_code == 403  # operators approve nothing
    assert second.post(f"{there}/publish", data={"seen": seen}).status_code == 303
    assert "Hỗ trợ tiền thuê nhà" in lan.get("/knowledge/found?words=thue nha").text
    assert "bản 1" in lan.get("/knowledge/found?words=thue nha").text


def test_who_approves_sees_what_changed_and_an_earlier_version_can_stand_again(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    lan, chief = signed_in("lan"), signed_in("truongca")
    there = "/knowledge/gio-lam-viec"
    page = lan.get(there).text
    changed = {
        "title": "1022 làm việc giờ nào?",
        "category": "other",
        "source": "Thông báo mới",
        "text": "Từ 7 giờ đến 21 giờ mỗi ngày.",
    }
    assert lan.post(f"{there}/save", data={**changed, "seen": hidden(page, "seen")}).status_code == 303
    page = chief.get(there).text
    assert "<ins>Từ 7 giờ đến 21 giờ mỗi ngày.</ins>" in page and "<del>Tổng đài làm việc" in page
    stale = lan.post(f"{there}/save", data={**changed, "seen": "0.0"})
    assert stale.status_code == 409 and "Người khác vừa sửa bản nháp này" in stale.text
    assert chief.post(f"{there}/publish", data={"seen": hidden(page, "seen")}).status_code == 303
    page = chief.get(there).text
    assert chief.post(f"{there}/undo", data={"seen": hidden(page, "seen"), "number": "0"}).status_code == 303
    assert "Tổng đài làm việc 24 giờ" in lan.get("/knowledge/found?words=24 gio").text


def test_a_faulty_article_is_told_by_its_field_and_nothing_is_kept(
    loaded: dict[str, int], signed_in: SignedIn
) -> None:
    client = signed_in("lan")
    told = write(client, text="ngắn", valid_from="2026-02-02", valid_to="2026-01-01")
    assert told.status_code == 422
    assert "hãy viết từ 20 đến 4000 ký tự" in told.text and "phải sau ngày bắt đầu" in told.text
    assert "Hỗ trợ tiền thuê nhà" in told.text  # what was typed is there
    with reading() as session:
        assert documents.drafts(session, article_documents.ARTICLE) == []


def test_a_withdrawn_article_is_found_no_more(loaded: dict[str, int], signed_in: SignedIn) -> None:
    lan, chief, there = signed_in("lan"), signed_in("truongca"), "/knowledge/gio-lam-viec"
    lan.post(f"{there}/save", data={"withdraw": "1", "seen": hidden(lan.get(there).text, "seen")})
    assert "xin rút bài" in chief.get("/knowledge").text
    assert (
        chief.post(f"{there}/publish", data={"seen": hidden(chief.get(there).text, "seen")}).status_code
        == 303
    )
    assert "gio-lam-viec" not in lan.get("/knowledge/found?words=24 gio").text
    assert "Bài này đã được rút" in lan.get(there).text


def test_a_page_that_is_none_is_said(loaded: dict[str, int], signed_in: SignedIn) -> None:
    client = signed_in("lan")
    assert client.get("/knowledge/khong-co").status_code == 404
    assert client.get("/knowledge/found?words=spo2&ticket=t-none").status_code == 404
