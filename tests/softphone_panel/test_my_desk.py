"""The operator's own page: what it shows of the call at the desk, and how a ticket's fields are saved and judged."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hotline import events as e
from hotline.approvals import Approval
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.record import apply
from hotline.ticket_fields import SecondStage, TicketField
from hotline.tickets import Ticket
from hotline.transfers import Transfer
from ivr import script
from softphone_panel import scripts
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import SignedIn, hidden
from tests.softphone_panel.desk_work import entries, save, ticket_of

# --- what the page shows --------------------------------------------------------------------------------------


def test_the_card_shows_who_calls_why_and_what_they_pressed(signed_in: SignedIn) -> None:
    page = signed_in("lan").get("/my-desk").text
    card = page[page.index('id="caller"') : page.index('id="tasks"')]
    for word in ("0865432109", "Cam – rất khẩn", "Sốt cao, li bì", "Tổng đài 1022 Bình Phước", "SpO2 từ 96"):
        assert word in card, word
    assert "Hỏi tiếp" in page


def test_the_card_is_there_while_the_phone_rings(signed_in: SignedIn) -> None:
    page = signed_in("hoa").get("/my-desk/caller").text
    assert 'data-state="ringing"' in page
    assert "0812345098" in page
    assert "data-target" in page  # the wait so far, against the level's seconds


def test_who_talks_at_a_desk_phone_has_its_microphone_at_the_page(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    from hotline.operators import OperatorPresence

    with reading() as session:
        seat = session.get(OperatorPresence, who["lan"])
        assert seat is not None
        call_id = seat.call_id
    lan = signed_in("lan")
    for phone, reason, there in (("101", "", "mute"), ("101", "muted", "unmute"), ("web-1", "", "")):
        with transaction() as session:
            talks = e.OperatorChanged(
                operator_id=who["lan"], state="talking", phone=phone, call_id=call_id, reason=reason
            )
            apply(session, talks, "calls")
        page = lan.get("/desk/contacts").text
        assert set(re.findall(r'data-contact-act="(\w*mute)"', page)) == ({there} if there else set())
        assert ("Micrô đang tắt" in page) == (reason == "muted")
    form = {"call_id": call_id, "click_id": hidden(lan.get("/my-desk").text, "click_id")}
    assert lan.post("/desk/contacts/mute", data=form).status_code == 303
    with reading() as session:
        last = session.scalars(select(DeskCommand).order_by(DeskCommand.id.desc()).limit(1)).one()
        assert (last.kind, last.body["call_id"]) == ("mute", call_id)


def test_whom_a_station_has_taken_over_is_no_contact_of_who_handed_them_over(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    """Or the next call's operator could hang up a citizen who speaks with the station."""
    lan = signed_in("lan")
    at = now() - timedelta(minutes=4)
    with transaction() as session:
        handed = rows.Caller(session, rows.call_id(at, 9), at, number="+84865000999").arrives()
        call_id = handed.call_id
        handed.tell(e.CallAnswered, 4, leg_id=f"op-{call_id}-1", answered_by="lan", operator_id=who["lan"])
    for held, shown in ((False, False), (True, True)):
        with transaction() as session:
            apply(session, e.CallHeld(call_id=call_id, held=held, operator_id=who["lan"]), "calls")
        assert (f'data-call="{call_id}"' in lan.get("/desk/contacts").text) == shown
    form = {"call_id": call_id, "click_id": hidden(lan.get("/my-desk").text, "click_id")}
    with transaction() as session:
        apply(session, e.CallHeld(call_id=call_id, held=False, operator_id=who["lan"]), "calls")
    assert lan.post("/desk/contacts/hang_up", data=form).status_code == 409


def test_nobody_is_offered_to_call_back_whom_they_have_just_handed_over(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    """They speak with the station still."""
    tuan, at = signed_in("tuan"), now() - timedelta(minutes=4)
    with transaction() as session:
        handed = rows.Caller(session, rows.call_id(at, 8), at, number="+84865000998").arrives()
        handed.is_triaged("GREEN", "x").talks(who["tuan"], "tuan", "104")
        handed.presence(who["tuan"], "wrap_up", "104")
        call_id = handed.call_id
    assert 'id="recall-dropped"' in tuan.get("/my-desk/wrap-up").text
    with transaction() as session:
        moved = Transfer(
            id=f"x-{call_id}-1", call_id=call_id, kind="warm", state="handed_over", asked_at=at, changed_at=at
        )
        session.add(moved)
    page = tuan.get("/my-desk/wrap-up").text
    assert 'id="wrap-disposition"' in page
    assert 'id="recall-dropped"' not in page


def test_desks_that_ring_for_one_call_see_its_level_of_now(signed_in: SignedIn, who: dict[str, int]) -> None:
    call_id = ticket_of("hoa", who).removeprefix("t-")
    with transaction() as session:
        other = e.OperatorChanged(operator_id=who["tuan"], state="ringing", phone="104", call_id=call_id)
        apply(session, other, "calls")
        ticket = session.get(Ticket, f"t-{call_id}")
        assert ticket is not None
        ticket.acuity, ticket.version = "ORANGE", ticket.version + 1
    hoa, tuan = signed_in("hoa"), signed_in("tuan")
    assert hoa.get("/my-desk/caller").text == tuan.get("/my-desk/caller").text
    with transaction() as session:
        apply(
            session,
            e.AcuityCorrected(call_id=call_id, before="ORANGE", acuity="RED", why="x", by="lan"),
            "lan",
        )
    for client in (hoa, tuan):
        assert "Đỏ – cấp cứu" in client.get("/my-desk/caller").text


def test_an_operator_without_a_call_sees_none(signed_in: SignedIn) -> None:
    page = signed_in("tuan").get("/my-desk").text
    assert "Chưa có cuộc gọi ở máy của bạn" in page
    assert "0865432109" not in page


def test_earlier_tickets_calls_recalls_and_the_name_of_the_number_are_shown(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client = signed_in("lan")
    ticket_id = ticket_of("lan", who)
    began = now() - timedelta(hours=5)
    with transaction() as session:
        earlier = rows.Caller(session, rows.call_id(began, 7), began, number="+84865432109").arrives()
        earlier.is_triaged("YELLOW", "Ho nhẹ hôm qua").ends("abandoned", 12)
        earlier.tell(
            e.RecallDue,
            0,
            hotline="binhphuoc",
            number="+84865432109",
            acuity="YELLOW",
            why="asked",  # a loss would be settled by the talk that goes on
            due_at=now(),
        )
        session.flush()
        session.add(
            TicketField(
                ticket_id=f"t-{earlier.call_id}",
                name="caller_name",
                value="Nguyễn Văn Bé",
                by="minh",
                at=began,
            )
        )
    page = client.get("/my-desk/caller").text
    for word in ("Ho nhẹ hôm qua", "Nguyễn Văn Bé", "1 cuộc gọi trong 30 ngày", "Đang nợ gọi lại"):
        assert word in page, word
    with transaction() as session:
        ticket = session.get(Ticket, ticket_id)
        assert ticket is not None
        ticket.is_repeat = True
    assert "Gọi lại trong 48 giờ" in client.get("/my-desk/caller").text


def test_a_nuisance_score_is_shown_and_never_lowers_an_urgent_call(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client = signed_in("lan")
    with transaction() as session:
        for n in range(7):
            began = now() - timedelta(minutes=40 - n)
            silent = rows.Caller(session, rows.call_id(began, 50 + n), began, number="+84865432109").arrives()
            silent.is_triaged("ORANGE", "im lặng", path=(("ROOT", None, ""),)).ends("abandoned", 9)
    page = client.get("/my-desk/caller").text
    assert "Điểm quấy rối 100/100" in page
    assert "không hạ mức khẩn" in page
    assert "Cam – rất khẩn" in page


def test_nobody_fills_in_a_ticket_of_another_operators_call(signed_in: SignedIn, who: dict[str, int]) -> None:
    ticket_id = ticket_of("lan", who)
    minh = signed_in("minh")
    assert minh.get(f"/my-desk/work/{ticket_id}").status_code == 403
    assert save(minh, ticket_id, "patient_name", "x")[0] == 403
    assert signed_in("truongca").get(f"/my-desk/work/{ticket_id}").status_code == 200


# --- saving and judging ---------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_at_once_and_entered_when_finished(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    status, first = save(client, ticket_id, "patient_name", "Trần Thị", finished=False)
    assert (status, first["version"]) == (200, 1)
    assert entries(ticket_id, "fields_filled") == []
    status, second = save(client, ticket_id, "patient_name", "Trần Thị Ú", seen=1)
    assert (status, second["version"]) == (200, 2)
    assert [x.body["fields"] for x in entries(ticket_id, "fields_filled")] == [{"patient_name": "Trần Thị Ú"}]
    assert 'value="Trần Thị Ú"' in client.get("/my-desk").text
    assert "Tên người bệnh: Trần Thị Ú" in client.get(f"/tickets/{ticket_id}").text


def test_the_second_of_two_tabs_is_told_what_stands_there_and_loses_nothing(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    save(client, ticket_id, "address", "Ấp 3")
    status, told = save(client, ticket_id, "address", "Ấp 5")
    assert status == 409
    assert "Ấp 3" in told["sentence"]
    assert "ở thẻ khác" in told["sentence"]
    assert (told["value"], told["version"]) == ("Ấp 3", 1)
    assert save(client, ticket_id, "address", "Ấp 5", seen=1)[0] == 200


def test_the_same_value_again_is_no_conflict(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    for _ in range(2):
        status, told = save(client, ticket_id, "speech", "sentences")
        assert (status, told["version"]) == (200, 1)
    assert len(entries(ticket_id, "fields_filled")) == 1


def test_a_red_answer_raises_the_ticket_the_call_and_the_line_in_one_transaction(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    status, told = save(client, ticket_id, "spo2", "91")
    assert (status, told["raised"]) == (200, "RED")
    assert "SpO2 dưới 94" in told["state"]
    with reading() as session:
        ticket = session.get(Ticket, ticket_id)
        assert ticket is not None
        call = session.get(Call, ticket.call_id)
        assert call is not None
        assert (ticket.acuity, call.acuity) == ("RED", "RED")
        command = session.scalars(select(DeskCommand)).one()
        assert (command.kind, command.body["acuity"], command.body["told"]) == ("raise_acuity", "RED", True)
        stage = session.get(SecondStage, ticket_id)
        assert stage is not None
        assert (stage.acuity, stage.script_id) == ("ORANGE", "vn1022-second-stage")
    raised = entries(ticket_id, "acuity_raised")
    assert [(x.actor, x.body["before"], x.body["acuity"], x.body["why"]) for x in raised] == [
        ("lan", "ORANGE", "RED", "O7: SpO2 dưới 94")
    ]
    board = signed_in("truongca").get("/desk/board").text
    talking = board[board.index("talking-title") : board.index("elsewhere-title")]
    assert "Đỏ – cấp cứu" in talking


def test_taking_an_answer_back_lowers_nothing_and_a_reason_does(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    save(client, ticket_id, "spo2", "91")
    _, told = save(client, ticket_id, "spo2", "97", seen=1)
    assert "Đỏ – cấp cứu" in told["state"]
    form = {"acuity": "YELLOW", "seen_acuity": "RED", "click_id": "0123456789abcdef"}
    refused = client.post(f"/my-desk/work/{ticket_id}/lower", data=form)
    assert refused.status_code == 422
    assert "hạ mức phải ghi lý do" in refused.text
    done = client.post(f"/my-desk/work/{ticket_id}/lower", data={**form, "why": "đo lại được 97"})
    assert done.status_code == 200
    with reading() as session:
        ticket = session.get(Ticket, ticket_id)
        assert ticket is not None
        assert ticket.acuity == "YELLOW"
    # A human's judgement stands until something new is found.
    assert save(client, ticket_id, "worse", "no")[1]["raised"] == ""
    assert save(client, ticket_id, "drinks", "unable")[1]["raised"] == "RED"


def test_a_caller_about_a_service_is_asked_the_service_questions_until_somebody_is_ill(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    with transaction() as session:
        ticket = session.get(Ticket, ticket_id)
        assert ticket is not None
        call = session.get(Call, ticket.call_id)
        assert call is not None
        ticket.acuity = call.acuity = "NONMED"
        ticket.path = [{"question": "ROOT", "key": "4"}, {"question": "S1", "key": "2"}]
    page = client.get("/my-desk").text
    state = page[page.index("state-lines") : page.index("state-lines") + 400]
    assert 'data-branch="services"' in state
    assert 'data-asked="CLOSE S2 S3 S4 WHERE WHO"' in state.replace(
        "S1 ", ""
    )  # the key said what it is about
    assert 'data-next="S2"' in state
    assert re.search(r'name="f-service"[^>]*value="relief" checked|value="relief" selected', page)
    status, told = save(client, ticket_id, "someone_ill", "yes")
    assert (status, told["raised"]) == (200, "ORANGE")
    assert 'data-branch="medical"' in told["state"]
    assert 'data-next="O1"' in told["state"]


def test_after_the_call_an_answer_still_raises_the_ticket(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    with transaction() as session:
        call_id = ticket_id.removeprefix("t-")
        apply(session, e.CallEnded(call_id=call_id, reason="served", heard_s=60), "calls")
        wrap_up = e.OperatorChanged(operator_id=who["lan"], state="wrap_up", phone="101", call_id=call_id)
        apply(session, wrap_up, "calls")
    assert save(client, ticket_id, "blue", "yes")[1]["raised"] == "RED"
    assert [x.body["acuity"] for x in entries(ticket_id, "acuity_corrected")] == ["RED"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("spo2", "190", "hãy ghi một số từ 50 đến 100"),
        ("spo2", "cao", "hãy ghi một số"),
        ("speech", "song", "hãy chọn một câu trả lời"),
        ("callback_number", "12", "không gọi được"),
        ("unit_code", "99999", "không có mã này"),
        ("address", "x" * 501, "dưới 500 ký tự"),
        ("nobody", "x", "Phiếu không có ô này"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_and_changes_nothing(
    signed_in: SignedIn, who: dict[str, int], name: str, value: str, sentence: str
) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    status, told = save(client, ticket_id, name, value)
    assert 400 <= status < 500
    assert sentence in told["sentence"]
    with reading() as session:
        assert session.scalars(select(TicketField)).all() == []


def test_the_number_and_the_unit_are_the_tickets_own(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    assert save(client, ticket_id, "callback_number", "0912 345 678")[0] == 200
    assert save(client, ticket_id, "unit_code", "697")[0] == 200
    with reading() as session:
        ticket = session.get(Ticket, ticket_id)
        assert ticket is not None
        assert (ticket.callback_number, ticket.unit_code) == ("+84912345678", "697")
    assert "Thị xã Chơn Thành" in client.get("/my-desk/caller").text
    history = signed_in("minh").get(f"/tickets/{ticket_id}/timeline").text
    assert "Số gọi lại: 09•••••678" in history
    assert "345 678" not in history
    assert [x.body["how"] for x in entries(ticket_id, "unit_chosen")] == ["operator"]


def test_the_other_tab_reads_every_field_with_its_version(signed_in: SignedIn, who: dict[str, int]) -> None:
    client, ticket_id = signed_in("lan"), ticket_of("lan", who)
    save(client, ticket_id, "blue", "no")
    told = client.get(f"/my-desk/work/{ticket_id}/fields").get_json()
    assert told["fields"] == {"blue": {"value": "no", "version": 1}}
    assert "Hỏi tiếp" in told["state"]


def test_a_script_that_cannot_be_read_is_said_and_hides_no_caller(
    signed_in: SignedIn, who: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "script", lambda: None)
    page = signed_in("lan").get("/my-desk")
    assert page.status_code == 200
    assert "Không đọc được kịch bản bước hai" in page.text
    assert "0865432109" in page.text
    status, told = save(signed_in("lan"), ticket_of("lan", who), "blue", "yes")
    assert status == 400
    assert "hãy tải lại trang" in told["sentence"]


def test_desks_work_by_the_approved_script_and_an_edited_file_is_only_a_draft(
    signed_in: SignedIn, who: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("lan")
    assert "chưa ai duyệt" in client.get("/my-desk").text  # and the work goes on by the file
    text = script.SHIPPED.read_text(encoding="utf-8").replace("SpO2 dưới 94", "SpO2 thấp, đã duyệt")
    approved = script.read(text, "")
    with transaction() as session:
        session.add(
            Approval(
                name=script.NAME, version="1.0", digest=approved.digest, text=text, edited_by="bs",
                approved_by=who["truongca"], approved_at=now(),
            )
        )  # fmt: skip
    monkeypatch.setattr(scripts, "REREAD_S", 0.0)
    assert "chưa ai duyệt" not in client.get("/my-desk").text
    ticket_id = ticket_of("lan", who)
    _, told = save(client, ticket_id, "spo2", "91")
    assert "SpO2 thấp, đã duyệt" in told["state"]
    with reading() as session:
        stage = session.get(SecondStage, ticket_id)
        assert stage is not None
        assert stage.script_digest == approved.digest
    with transaction() as session:
        session.execute(update(Approval).values(text="nothing of a script"))
    assert 'id="script-title"' in client.get("/my-desk").text  # the file, rather than nothing
