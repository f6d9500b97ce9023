"""Wrap-up: no next call before the disposition, which is on the ticket; whose it is, and what it begins with."""

from __future__ import annotations

import re

from sqlalchemy import select

from hotline import events as e
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.record import apply
from hotline.tickets import Ticket
from hotline.wrap_ups import WrapUp
from tests.softphone_panel import answer_rows
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.desk_work import entries, finish, hung_up, kinds, save, ticket_of


def test_without_a_disposition_there_is_no_next_call(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, call_id = signed_in("lan"), hung_up(who)
    assert "Kết quả (bắt buộc)" in client.get("/my-desk/wrap-up").text
    refused = finish(client, call_id)
    assert refused.status_code == 422
    assert "hãy chọn cuộc gọi kết thúc thế nào" in refused.text
    bar = client.get("/desk/bar").text
    assert "finish_wrap_up" not in bar
    click = {"kind": "finish_wrap_up", "click_id": "0123456789abcdef"}
    assert client.post("/desk/command", data=click).status_code == 409
    assert kinds() == []


def test_a_disposition_frees_the_desk_and_is_on_the_ticket(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, call_id = signed_in("lan"), hung_up(who)
    save(client, f"t-{call_id}", "summary", "Dặn theo dõi", finished=False)
    done = finish(client, call_id, disposition="advised", closes="1", note="Mẹ bé nhắc lại đúng")
    assert done.status_code == 303
    assert kinds() == ["finish_wrap_up"]
    with reading() as session:
        ticket = session.get(Ticket, f"t-{call_id}")
        assert ticket is not None
        assert (ticket.state, ticket.disposition) == ("closed", "advised")
    assert entries(f"t-{call_id}", "wrapped_up")[0].text == "Mẹ bé nhắc lại đúng"
    # What was still being typed is in the ticket's entries too.
    assert entries(f"t-{call_id}", "fields_filled")[0].body["fields"] == {"summary": "Dặn theo dõi"}


def test_who_passed_a_talk_on_records_their_part_and_the_calls_disposition_is_the_last_talkers(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    call_id = ticket_of("lan", who).removeprefix("t-")
    with transaction() as session:
        taken = e.CallAnswered(call_id=call_id, leg_id="op-x", answered_by="hoa", operator_id=who["hoa"])
        apply(session, taken, "calls")
        left = e.OperatorChanged(operator_id=who["lan"], state="wrap_up", phone="101", call_id=call_id)
        apply(session, left, "calls")
    lan = signed_in("lan")
    assert "Đồng nghiệp đang có cuộc này" in lan.get("/my-desk/wrap-up").text
    click = {"kind": "finish_wrap_up", "click_id": "0123456789abcdef"}
    assert lan.post("/desk/command", data=click).status_code == 409
    said = {"disposition": "nuisance", "closes": "1", "note": "Đã giao cho chị Hoa"}
    for _ in range(2):  # two clicks are one entry
        lan.post("/my-desk/wrap-up", data={"call_id": call_id, "click_id": "c" * 32, **said})
    with reading() as session:
        ticket = session.get(Ticket, f"t-{call_id}")
        assert ticket is not None and ticket.state != "closed"
        assert session.get(WrapUp, call_id) is None
    assert [one.actor for one in entries(f"t-{call_id}", "wrapped_up")] == ["lan"]
    with transaction() as session:
        apply(session, e.CallEnded(call_id=call_id, reason="served", heard_s=60), "calls")
        state = e.OperatorChanged(operator_id=who["hoa"], state="wrap_up", phone="103", call_id=call_id)
        apply(session, state, "calls")
    finish(signed_in("hoa"), call_id, disposition="advised")
    with reading() as session:
        kept = session.get(WrapUp, call_id)
        assert kept is not None
        assert (kept.operator_id, kept.disposition) == (who["hoa"], "advised")
    assert [one.actor for one in entries(f"t-{call_id}", "wrapped_up")] == ["lan", "hoa"]


def test_the_page_holds_the_wrap_up_once(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, call_id = signed_in("lan"), hung_up(who)
    for _ in range(2):
        assert client.post("/my-desk/wrap-up/hold", data={"call_id": call_id}).status_code == 204
    with reading() as session:
        command = session.scalars(select(DeskCommand)).one()
    assert (command.kind, command.body) == ("hold_wrap_up", {"call_id": call_id})


def test_nobody_wraps_up_anothers_call_or_one_that_goes_on(signed_in: SignedIn, who: dict[str, int]) -> None:
    running = ticket_of("minh", who).removeprefix("t-")
    call_id = hung_up(who)
    form = {"disposition": "advised", "click_id": "0123456789abcdef"}
    other = signed_in("hoa").post("/my-desk/wrap-up", data={**form, "call_id": call_id})
    assert other.status_code == 403
    early = signed_in("minh").post("/my-desk/wrap-up", data={**form, "call_id": running})
    assert early.status_code == 409
    assert "hãy gác máy trước" in early.text


def test_a_call_of_before_can_still_be_filled_in_by_who_talked(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, call_id = signed_in("lan"), hung_up(who)
    with transaction() as session:
        apply(session, e.OperatorChanged(operator_id=who["lan"], state="available", phone="101"), "calls")
    page = client.get(f"/my-desk?ticket=t-{call_id}").text
    assert f'data-ticket="t-{call_id}"' in page
    assert save(client, f"t-{call_id}", "summary", "Đã dặn dấu hiệu nguy hiểm")[0] == 200
    assert signed_in("hoa").get(f"/my-desk?ticket=t-{call_id}").status_code == 403


def test_what_was_answered_on_the_spot_in_the_talk_is_the_wrap_ups_first_choice(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    answer_rows.loaded()
    client, call_id = signed_in("lan"), hung_up(who)
    form = {"ticket_id": f"t-{call_id}", "number": "0", "closes": "1", "click_id": "d" * 32}
    assert client.post("/knowledge/do-spo2/answer", data=form).status_code == 303
    page = client.get("/my-desk/wrap-up").text
    assert re.search(r'<option value="answered_on_spot"[^>]* selected', page)
    assert re.search(r'id="wrap-closes" checked', page)
    assert re.search(r'<option value=""[^>]* selected', page[page.index("wrap-follow") :])
    assert finish(client, call_id, disposition="answered_on_spot", closes="1").status_code == 303
    with reading() as session:
        ticket = session.get_one(Ticket, f"t-{call_id}")
        assert (ticket.state, ticket.disposition) == ("closed", "answered_on_spot")
