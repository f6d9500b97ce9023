"""Questions to agencies on the panel, on an agency's own page and by a message's link: who sees and does what, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hotline import agencies, referral_links, referring
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator, Role
from hotline.organisation import ALL, Responsibility
from hotline.recalls import Recall
from hotline.referrals import Happening, Referral, ReferralPart
from hotline.referring import Wanted
from hotline.settings import settings
from hotline.tickets import Ticket, TicketEntry
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn, hidden
from tests.softphone_panel.order_rows import CENTRE, NAME, NUMBER, OTHER, PROVINCE, TEAM, teams

QUESTION = "Mức hỗ trợ thuê trọ ở phường là bao nhiêu?"


@pytest.fixture
def ticket(who: dict[str, int]) -> str:
    with transaction() as session:
        found = teams(session)
        session.add(
            Operator(
                username="huyen",
                full_name="Trần Huyện",
                role=Role.TEAM,
                password_hash=rows._HASH,
                agency=CENTRE,
            )
        )
        return found


def refer(ticket: str, *keys: str) -> str:
    with transaction() as session:
        wanted = Wanted(ticket, QUESTION, "policy", keys or (TEAM,), now() + timedelta(hours=4))
        return referring.refer(session, wanted, "lan", now(), agencies.organisation(session), ("policy",))


def say(part: str, said: str, happening: Happening = Happening.ANSWER) -> None:
    with transaction() as session:
        referring.act(
            session, part, happening, "cán bộ", "panel", now(), agencies.organisation(session), said
        )


def state(referral: str) -> str:
    with reading() as session:
        return session.get_one(Referral, referral).state


def part(part_id: str) -> ReferralPart:
    with reading() as session:
        return session.get_one(ReferralPart, part_id)


def answer(client: Client, part_id: str, said: str, happening: str = "answer") -> Any:
    page = client.get("/agency").text
    click = hidden(page, "click_id", f"/agency/{part_id}")
    return client.post(f"/agency/{part_id}", data={"click_id": click, "said": said, "happening": happening})


def act(client: Client, referral: str, act: str, **more: str) -> Any:
    click = "c" + re.sub(r"\W", "", f"{act}{''.join(more.values())}".encode().hex())[:40] + "00000000"
    return client.post(f"/referrals/{referral}", data={"click_id": click[:60], "act": act, **more})


def test_a_question_is_forwarded_from_the_ticket_to_who_answers_for_it_nearest_first(
    ticket: str, signed_in: SignedIn
) -> None:
    client = signed_in("lan")
    assert f"/referrals/new/{ticket}" in client.get(f"/tickets/{ticket}").text
    page = client.get(f"/referrals/new/{ticket}?category=policy").text
    suggested = page[page.index("<fieldset") : page.index("</fieldset")]
    assert suggested.index(f'value="{TEAM}" checked') < suggested.index(f'value="{CENTRE}"')
    due = re.search(r'name="due_at"[^>]* value="([^"]+)"', page)
    assert due
    form = {
        "click_id": hidden(page, "click_id"), "question": QUESTION, "category": "policy", "agency": [TEAM, OTHER],
        "due_at": due.group(1), "unit_code": "25195", "ground": "duty",
    }  # fmt: skip
    there = client.post(f"/referrals/new/{ticket}", data=form)
    assert there.status_code == 303
    assert (
        client.post(f"/referrals/new/{ticket}", data=form).status_code == 303
    )  # a second click forwards nothing
    with reading() as session:
        assert len(session.scalars(select(Referral)).all()) == 1
        assert len(session.scalars(select(ReferralPart)).all()) == 2
    page = client.get(f"/tickets/{ticket}").text
    assert "Chờ đơn vị trả lời" in page and "Chuyển cơ quan trả lời: Đội" in page
    assert "Đội doi-tan-phu" in client.get("/referrals").text


def test_a_form_with_a_fault_keeps_what_was_typed_and_writes_nothing(
    ticket: str, signed_in: SignedIn
) -> None:
    client = signed_in("lan")
    page = client.get(f"/referrals/new/{ticket}").text
    form = {
        "click_id": hidden(page, "click_id"),
        "question": QUESTION,
        "category": "policy",
        "due_at": "hôm qua",
        "ground": "duty",
    }
    told = client.post(f"/referrals/new/{ticket}", data=form)
    assert told.status_code == 422 and QUESTION in told.text and "hãy viết giờ và ngày" in told.text
    with reading() as session:
        assert not session.scalars(select(Referral)).all()


def test_an_agency_answers_on_its_own_page_and_sees_nobodys_name_or_number(
    ticket: str, signed_in: SignedIn
) -> None:
    one = refer(ticket)
    client = signed_in("doi")
    page = client.get("/agency").text
    assert QUESTION in page and NAME not in page and NUMBER not in page and NUMBER[-9:] not in page
    assert len(page.encode()) < 20_000
    assert QUESTION not in signed_in("doi2").get("/agency").text
    assert answer(client, f"{one}.1", "Được 1 triệu đồng.").status_code == 303
    assert part(f"{one}.1").said == "Được 1 triệu đồng." and part(f"{one}.1").said_by == "doi"
    assert state(one) == "answered"
    assert client.get(f"/referrals/{one}").status_code == 403


def test_somebody_elses_question_is_none_of_an_agencys(ticket: str, signed_in: SignedIn) -> None:
    one = refer(ticket)
    told = signed_in("doi2").post(
        f"/agency/{one}.1", data={"click_id": "aaaaaaaa1", "said": "Không phải tôi", "happening": "answer"}
    )
    assert told.status_code == 404 and part(f"{one}.1").state == "asked"


def test_a_messages_link_answers_once_without_signing_in(ticket: str, app: Any) -> None:
    one = refer(ticket)
    with transaction() as session:
        token = referral_links.of_message(session, settings().var, f"{one}.1", "key1", now())
        assert referral_links.of_message(session, settings().var, f"{one}.1", "key1", now()) == token
    client = app.test_client()
    assert QUESTION in client.get(f"/r/{token}").text
    short = client.post(f"/r/{token}", data={"said": "?", "happening": "answer"})
    assert short.status_code == 409 and "từ 5 đến 4000" in short.text  # and the link is not spent
    assert (
        client.post(f"/r/{token}", data={"said": "Nộp đơn ở xã.", "happening": "answer"}).status_code == 303
    )
    again = client.post(f"/r/{token}", data={"said": "Lần thứ hai.", "happening": "answer"})
    assert again.status_code == 409 and "đã dùng rồi" in again.text
    assert part(f"{one}.1").said == "Nộp đơn ở xã." and part(f"{one}.1").means == "link"
    assert client.get("/r/" + "x" * 32).status_code == 404


def test_the_answers_are_assembled_edited_and_told_by_a_call_that_is_owed(
    ticket: str, signed_in: SignedIn
) -> None:
    one = refer(ticket, TEAM, OTHER)
    client = signed_in("lan")
    waits = act(client, one, "tell", version="1", text="Chưa đủ trả lời.", how="call")
    assert (
        waits.status_code == 409
        and "Còn đơn vị chưa trả lời" in waits.text
        and "Chưa đủ trả lời." in waits.text
    )
    say(f"{one}.1", "Được 1 triệu.")
    say(f"{one}.2", "Nộp đơn tại phường.")
    page = client.get(f"/referrals/{one}").text
    assert "Đội doi-tan-phu: Được 1 triệu." in page and "Nộp đơn tại phường." in page
    assert (
        act(client, one, "keep", version="1", text="Bác được 1 triệu, nộp đơn tại phường.").status_code == 303
    )
    assert client.get(f"/referrals/{one}/text/1").status_code == 204  # a page of before keeps what it shows
    shown = client.get(f"/referrals/{one}/text/2").text
    assert "Bác được 1 triệu, nộp đơn tại phường." in shown and "Các trả lời trái nhau" in shown
    late = act(signed_in("minh"), one, "keep", version="1", text="Bản của Minh.")
    assert late.status_code == 409 and "lan vừa sửa" in late.text and "Bản của Minh." in late.text
    text = "Bác được hỗ trợ 1 triệu, nộp đơn tại phường."
    assert act(client, one, "tell", version="2", text=text, how="call").status_code == 303
    assert state(one) == "told"
    with reading() as session:
        kinds = {
            row.kind: row
            for row in session.scalars(select(TicketEntry).where(TicketEntry.ticket_id == ticket))
        }
        assert kinds["work_done"].text == text and kinds["work_done"].body["result"] == "answered"
        assert session.scalars(
            select(Recall.why).where(Recall.ticket_id == ticket, Recall.why == "result")
        ).all()
    assert text in client.get(f"/tickets/{ticket}").text


def test_without_a_way_to_tell_nothing_is_kept_half(ticket: str, signed_in: SignedIn) -> None:
    one = refer(ticket)
    say(f"{one}.1", "Được 1 triệu.")
    told = act(signed_in("lan"), one, "tell", version="1", text="Bác được 1 triệu.", how="")
    assert told.status_code == 409 and state(one) == "answered"
    with reading() as session:
        assert session.get_one(Referral, one).assembled == ""


def test_not_ours_goes_on_and_the_next_reads_why_it_is_asked(ticket: str, signed_in: SignedIn) -> None:
    with transaction() as session:
        known = agencies.organisation(session)
        answers = (Responsibility((ALL,), "25195", TEAM), Responsibility((ALL,), "689", CENTRE))
        agencies.write(session, "binhphuoc", known.agencies.values(), answers)
    with transaction() as session:
        session.get_one(Ticket, ticket).unit_code = "25195"
    one = refer(ticket)
    assert answer(signed_in("doi"), f"{one}.1", "Không thuộc phường.", "not_ours").status_code == 303
    assert part(f"{one}.2").agency == CENTRE
    assert "đơn vị trước báo không thuộc mình" in signed_in("huyen").get("/agency").text


def test_answers_that_contradict_are_decided_above_who_reads_them_all(
    ticket: str, signed_in: SignedIn
) -> None:
    one = refer(ticket, TEAM, OTHER)
    say(f"{one}.1", "Được hỗ trợ.")
    say(f"{one}.2", "Không được hỗ trợ.")
    client = signed_in("lan")
    assert "Các trả lời trái nhau" in client.get(f"/referrals/{one}").text
    assert act(client, one, "contradict", reason="một bên nói được").status_code == 303
    assert state(one) == "disputed"
    page = signed_in("huyen").get("/agency").text
    assert "Được hỗ trợ." in page and "Không được hỗ trợ." in page and "một bên nói được" in page
    say(f"{one}.3", "Được, theo khoản 2.")
    assert "Đội tt-dong-xoai trả lời: Được, theo khoản 2." in client.get(f"/referrals/{one}").text


def test_a_part_or_all_of_a_question_is_recalled_and_another_agency_asked(
    ticket: str, signed_in: SignedIn
) -> None:
    one = refer(ticket, TEAM, OTHER)
    client = signed_in("lan")
    assert act(client, one, "recall_part", part=f"{one}.2").status_code == 303
    assert part(f"{one}.2").state == "recalled"
    twice = act(client, one, "ask", agency=TEAM)
    assert twice.status_code == 409 and "đang có câu hỏi này rồi" in twice.text
    assert act(client, one, "ask", agency=PROVINCE).status_code == 303
    assert act(client, one, "recall", reason="người dân tự lo được").status_code == 303
    assert state(one) == "recalled"
    gone = signed_in("doi").post(
        f"/agency/{one}.1", data={"click_id": "bbbbbbbb1", "said": "Trả lời muộn.", "happening": "answer"}
    )
    assert gone.status_code == 409 and "đã được thu hồi" in gone.text and "Trả lời muộn." in gone.text


def test_a_station_is_asked_where_no_agency_is_nearer_and_answers_on_its_own_page(
    ticket: str, signed_in: SignedIn
) -> None:
    from hotline.stations import StationRow

    with transaction() as session:
        session.add(
            StationRow(
                key="tram-hl",
                hotline="binhphuoc",
                name="Trạm Hưng Long",
                level="commune",
                units=["25432"],
                numbers=[],
            )
        )
        session.add(
            Operator(
                username="tram",
                full_name="Trạm",
                role=Role.STATION,
                password_hash=rows._HASH,
                station="tram-hl",
            )
        )
    page = signed_in("lan").get(f"/referrals/new/{ticket}?category=suspected_case&unit_code=25432").text
    assert 'value="tram-hl" checked' in page and "Trạm Hưng Long" in page
    one = refer(ticket, "tram-hl")
    client = signed_in("tram")
    assert "Trạm Hưng Long" in client.get("/agency").text
    assert answer(client, f"{one}.1", "Trạm đã liên hệ người bệnh.").status_code == 303
    assert state(one) == "answered"
    assert "Trạm Hưng Long" in signed_in("lan").get(f"/tickets/{ticket}").text
