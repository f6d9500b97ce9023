"""Tickets: found, read, changed by one person at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from hotline import installation, unit_files
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator, OperatorPresence
from hotline.recordings import Recording
from hotline.settings import settings
from hotline.tickets import Ticket, TicketEntry
from hotline.units import VIETNAM
from softphone_panel import viewing
from softphone_panel.viewing import VIEWED
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn, hidden


def ticket(number: int = 3, hotline: str = "binhphuoc") -> Ticket:
    with reading() as session:
        return session.scalars(select(Ticket).where(Ticket.hotline == hotline, Ticket.number == number)).one()


def entries(ticket_id: str, *kinds: str) -> list[TicketEntry]:
    with reading() as session:
        asked = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind.in_(kinds))
        return list(session.scalars(asked))


def form(client: Client, ticket_id: str, **change: str) -> dict[str, str]:
    """The ticket's form as the page gives it, with what the person changed."""
    page = client.get(f"/tickets/{ticket_id}").text
    names = ("click_id", "version", "seen_state", "seen_disposition", "seen_unit_code")
    seen = {name: hidden(page, name, "/change") for name in names}
    return {**seen, "state": seen["seen_state"], "unit_code": seen["seen_unit_code"], **change}


def rows_of(page: str) -> int:
    return page.count('<th scope="row">')


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("text=BP-3", 1),
        ("text=bd-1", 1),
        ("text=BX-1", 0),
        ("text=3", 1),
        ("text=0388123456", 1),
        ("text=8812", 1),
        ("acuity=RED", 2),
        ("acuity=RED&state=closed", 0),
        ("hotline=binhduong", 2),
        ("branch=nonmedical", 3),
        ("since=2099-01-01", 0),
        ("until=2000-01-01", 0),
        ("text=%25", 0),
        ("page=99999", 0),
    ],
)
def test_the_list_is_filtered_and_searched(signed_in: SignedIn, query: str, count: int) -> None:
    assert rows_of(signed_in("truongca").get(f"/tickets?{query}").text) == count


@pytest.mark.parametrize(
    "query", ["state=lost", "acuity=PURPLE", "since=31/8/2021", "since=2022-01-02&until=2022-01-01"]
)
def test_a_filter_that_means_nothing_is_named(signed_in: SignedIn, query: str) -> None:
    answer = signed_in("truongca").get(f"/tickets?{query}")
    assert answer.status_code == 200
    assert 'alert-warning" role="alert"' in answer.text


def test_a_note_is_found_by_its_words_without_diacritics(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket(2)
    page = client.get(f"/tickets/{one.id}").text
    note = {"click_id": hidden(page, "click_id", "/note"), "note": "Đã hẹn cán bộ phường Đồng Xoài"}
    assert client.post(f"/tickets/{one.id}/note", data=note).status_code == 303
    client.post(f"/tickets/{one.id}/note", data=note)  # the second half of a double click
    assert [e.actor for e in entries(one.id, "note")] == ["lan"]
    assert rows_of(client.get("/tickets?text=can bo PHUONG dong xoai").text) == 1


def test_words_are_found_in_any_order_by_the_last_ones_beginning_and_however_long_they_are(
    signed_in: SignedIn,
) -> None:
    client, one = signed_in("lan"), ticket(2)
    for note in ("Bà cụ ở gần chợ Đường Số 7", "x" * 3900 + " hết # 'gạo' \"*"):
        page = client.get(f"/tickets/{one.id}").text
        sent = {"click_id": hidden(page, "click_id", "/note"), "note": note}
        assert client.post(f"/tickets/{one.id}/note", data=sent).status_code == 303
    for asked in ("đường chợ", "cu ba duo", "GẠO hết", "x" * 100, "gao*", '"gao"'):
        assert rows_of(client.get("/tickets", query_string={"text": asked}).text) == 1, asked
    for asked in ("duo cho", "ao", "OR", "gao NOT het", "*", "notes:gao"):
        assert rows_of(client.get("/tickets", query_string={"text": asked}).text) == 0, asked


def test_an_operator_reads_whole_numbers_only_of_own_calls_and_finds_only_by_whole_ones(
    signed_in: SignedIn,
) -> None:
    client = signed_in("lan")
    page = client.get("/tickets").text
    assert "0388123456" in page  # Lan's own call
    assert "0977889900" not in page
    assert "09•••••900" in page
    assert rows_of(client.get("/tickets?text=0977889900").text) == 1
    assert rows_of(client.get("/tickets?text=97788").text) == 0


def test_digits_are_found_in_a_note_and_as_part_of_a_number_at_once(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket(2)
    sent = {"click_id": "0" * 32, "note": "Hẻm 8812 đường số 7"}
    assert client.post(f"/tickets/{one.id}/note", data=sent).status_code == 303
    assert rows_of(client.get("/tickets?text=8812").text) == 2


def test_a_number_is_shown_to_who_says_why_and_the_ticket_remembers(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket(2)
    page = client.get(f"/tickets/{one.id}").text
    click = {"click_id": hidden(page, "click_id", "/unmask")}
    assert client.post(f"/tickets/{one.id}/unmask", data={**click, "reason": "x"}).status_code == 422
    client.post(f"/tickets/{one.id}/unmask", data={**click, "reason": "Xác minh địa chỉ với công an"})
    assert "0977889900" in client.get(f"/tickets/{one.id}").text
    assert [e.body["reason"] for e in entries(one.id, "number_unmasked")] == ["Xác minh địa chỉ với công an"]
    assert "0977889900" not in signed_in("hoa").get(f"/tickets/{one.id}").text


def test_an_operator_of_one_hotline_does_not_see_anothers_tickets(signed_in: SignedIn) -> None:
    with transaction() as session:
        session.scalars(select(Operator).where(Operator.username == "hoa")).one().hotlines = ["binhphuoc"]
    client = signed_in("hoa")
    assert rows_of(client.get("/tickets?hotline=binhduong").text) == 0
    assert client.get(f"/tickets/{ticket(1, 'binhduong').id}").status_code == 404


def test_closing_writes_the_disposition_its_entry_and_one_version(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket()
    sent = form(client, one.id, state="closed", disposition="emergency_sent", note="115 đã đến nhà")
    assert client.post(f"/tickets/{one.id}/change", data=sent).status_code == 303
    client.post(f"/tickets/{one.id}/change", data=sent)  # a double click
    after = ticket()
    assert (after.state, after.disposition, after.version) == ("closed", "emergency_sent", one.version + 1)
    assert [(e.actor, e.text) for e in entries(one.id, "disposition")] == [("truongca", "115 đã đến nhà")]
    assert "Đã chuyển cấp cứu 115. 115 đã đến nhà" in client.get(f"/tickets/{one.id}").text


def test_the_second_of_two_supervisors_is_told_and_loses_nothing(signed_in: SignedIn) -> None:
    first, second, one = signed_in("truongca"), signed_in("truongca2"), ticket()
    mine = form(first, one.id, state="in_progress", note="Đang gọi trạm y tế")
    theirs = form(second, one.id, state="closed", disposition="advised", note="Đã tư vấn, gia đình yên tâm")
    assert first.post(f"/tickets/{one.id}/change", data=mine).status_code == 303
    answer = second.post(f"/tickets/{one.id}/change", data=theirs)
    assert answer.status_code == 409
    assert "Đã tư vấn, gia đình yên tâm" in answer.text  # what was typed
    assert "Đang gọi trạm y tế" in answer.text  # what the other did
    assert ticket().state == "in_progress"
    again = {name: hidden(answer.text, name) for name in theirs if name != "note"}
    again["note"] = theirs["note"]
    assert second.post(f"/tickets/{one.id}/change", data=again).status_code == 303
    assert (ticket().state, ticket().disposition) == ("closed", "advised")


def test_a_fact_of_the_call_itself_is_no_conflict(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket(8)
    sent = form(client, one.id, state="in_progress")
    with transaction() as session:
        row = session.get(Ticket, one.id)
        assert row is not None
        row.version += 1  # as when the caller presses key 1
    assert client.post(f"/tickets/{one.id}/change", data=sent).status_code == 303


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": "closed"}, "Ô “Kết quả”"),
        ({"state": "gone"}, "Ô “Trạng thái”"),
        ({"unit_code": "99999"}, "Ô “Địa bàn”"),
        ({"note": "x" * 4001}, "4001 ký tự"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_comes_back(
    signed_in: SignedIn, change: dict[str, str], sentence: str
) -> None:
    client, one = signed_in("truongca"), ticket()
    sent = form(client, one.id, **{"note": "giữ lại câu này", **change})
    answer = client.post(f"/tickets/{one.id}/change", data=sent)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert sent["note"] in answer.text
    assert ticket().version == one.version


@pytest.mark.parametrize("typed", ["hung long", "Phường Hưng Long", "chơn thành hưng"])
def test_a_unit_is_found_with_or_without_diacritics_and_set(signed_in: SignedIn, typed: str) -> None:
    client, one = signed_in("lan"), ticket()
    found = client.get("/tickets/units", query_string={"unit": typed}).text
    assert "Phường Hưng Long, Thị xã Chơn Thành, Tỉnh Bình Phước" in found
    client.post(f"/tickets/{one.id}/change", data=form(client, one.id, unit_code=hidden(found, "unit_code")))
    assert ticket().unit_code == "25432"
    assert "Địa bàn: Phường Hưng Long" in client.get(f"/tickets/{one.id}").text


def test_units_of_the_hotlines_own_provinces_come_first(signed_in: SignedIn) -> None:
    with transaction() as session:
        unit_files.load(session, installation.read(settings().installation).units)
    found = signed_in("lan").get("/tickets/units", query_string={"unit": "tan phu"}).text
    own, like, far = "Phường Tân Phú, Thành phố Đồng Xoài", "Xã Tân Phước, Huyện Đồng Phú", "Tỉnh Vĩnh Long"
    assert found.index(own) < found.index(like) < (found.index(far) if far in found else len(found))


def test_a_unit_that_is_no_more_is_found_with_its_dates_and_what_stands_there_today(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The demo works by the units of 2021; this province works by today's.
    monkeypatch.setattr(installation.Installation, "day", lambda _, at: at.astimezone(VIETNAM).date())
    with transaction() as session:
        unit_files.load(session, installation.read(settings().installation).units)
    client = signed_in("lan")
    found = client.get("/tickets/units", query_string={"unit": "long thủy"}).text
    assert "Phường Long Thủy, Thị xã Phước Long, Tỉnh Bình Phước" in found
    assert "(đến 30/06/2025, nay là Phường Phước Long)" in found
    today = client.get("/tickets/units", query_string={"unit": "phường phước long đồng nai"}).text
    assert "Phường Phước Long, Thành phố Đồng Nai</label>" in " ".join(today.split()).replace(
        " </label>", "</label>"
    )
    both = client.get("/tickets/units", query_string={"unit": "phước bình"}).text
    assert both.index("Thành phố Đồng Nai") < both.index("Tỉnh Bình Phước")  # today's first
    one = ticket()
    client.post(f"/tickets/{one.id}/change", data=form(client, one.id, unit_code="25219"))
    page = client.get(f"/tickets/{one.id}").text
    assert (
        "Phường Phước Bình, Thị xã Phước Long, Tỉnh Bình Phước (đến 30/06/2025, nay là Phường Phước Bình)"
        in page
    )


def level(client: Client, ticket_id: str, acuity: str, why: str = "") -> Any:
    """The answer to the level's form as the page gives it."""
    page = client.get(f"/tickets/{ticket_id}").text
    names = ("click_id", "seen_acuity")
    sent = {name: hidden(page, name, "/acuity") for name in names} | {"acuity": acuity, "why": why}
    answer = client.post(f"/tickets/{ticket_id}/acuity", data=sent)
    client.post(f"/tickets/{ticket_id}/acuity", data=sent)  # a double click
    return answer


def test_a_level_is_raised_freely_and_lowered_with_a_reason_and_both_are_counted(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket()
    assert one.acuity == "ORANGE"
    assert level(client, one.id, "RED").status_code == 303
    refused = level(client, one.id, "GREEN", "ok")
    assert (refused.status_code, ticket().acuity) == (422, "RED")
    assert "hạ mức phải ghi lý do" in refused.text
    assert level(client, one.id, "YELLOW", "Đã hết đau ngực, tỉnh táo").status_code == 303
    told = [
        (e.actor, e.body["before"], e.body["acuity"], e.body["why"])
        for e in entries(one.id, "acuity_corrected")
    ]
    assert told == [("lan", "ORANGE", "RED", ""), ("lan", "RED", "YELLOW", "Đã hết đau ngực, tỉnh táo")]
    assert (ticket().acuity, ticket().version) == ("YELLOW", one.version + 2)
    assert "Đổi mức Đỏ → Vàng: Đã hết đau ngực, tỉnh táo." in client.get(f"/tickets/{one.id}").text
    with reading() as session:
        call = session.get(Call, one.call_id)
        recording = session.get(Recording, one.call_id)
    assert call is not None
    assert recording is not None
    assert (call.acuity, recording.retention) == ("ORANGE", "critical")  # served so; disputed
    counted = client.get("/metrics").text
    assert 'hotline_today_corrected{acuity="RED",before="ORANGE",hotline="binhphuoc"} 1.0' in counted
    assert 'hotline_today_corrected{acuity="YELLOW",before="RED",hotline="binhphuoc"} 1.0' in counted


def test_nobody_is_taken_from_red_unheard_and_no_waiter_is_lowered(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    lost, waits = ticket(6), ticket(9)
    assert (lost.acuity, waits.acuity) == ("RED", "ORANGE")
    answer = level(client, lost.id, "YELLOW", "Số này hay gọi nhầm")
    assert (answer.status_code, ticket(6).acuity) == (409, "RED")
    assert "sau khi đã nói chuyện" in answer.text
    assert level(client, waits.id, "YELLOW", "Số này hay gọi nhầm").status_code == 409


def test_the_second_of_two_who_change_a_level_is_told(signed_in: SignedIn) -> None:
    first, second, one = signed_in("truongca"), signed_in("truongca2"), ticket()
    page = second.get(f"/tickets/{one.id}").text
    sent = {name: hidden(page, name, "/acuity") for name in ("click_id", "seen_acuity")}
    level(first, one.id, "RED")
    answer = second.post(
        f"/tickets/{one.id}/acuity", data={**sent, "acuity": "GREEN", "why": "Đã đỡ nhiều rồi"}
    )
    assert (answer.status_code, ticket().acuity) == (409, "RED")
    assert "vừa được đổi thành Đỏ" in answer.text


def test_raising_a_call_that_goes_on_is_asked_of_the_calls_process(signed_in: SignedIn) -> None:
    client, waits = signed_in("lan"), ticket(10)
    level(client, waits.id, "RED", "Nghe tiếng thở rít")
    with reading() as session:
        (command,) = session.scalars(select(DeskCommand)).all()
    assert (command.kind, command.body) == (
        "raise_acuity",
        {"call_id": waits.call_id, "acuity": "RED", "why": "Nghe tiếng thở rít", "language": "vi"},
    )
    assert ticket(10).acuity == waits.acuity  # the calls process says when it is so


def test_every_viewing_of_a_ticket_is_on_record_once_in_five_minutes(signed_in: SignedIn) -> None:
    one = ticket()
    for name in ("lan", "hoa", "lan"):
        signed_in(name).get(f"/tickets/{one.id}")
    signed_in("truongca").get(f"/tickets/{one.id}/timeline")
    assert [e.actor for e in entries(one.id, VIEWED)] == ["lan", "hoa", "truongca"]
    supervisor = signed_in("truongca")
    seen = supervisor.get(f"/tickets/{one.id}/viewers").text
    assert seen.index("Trần Văn Trưởng Ca") < seen.index("Võ Thị Hoa") < seen.index("Lê Thị Lan")
    assert "Xem phiếu" not in supervisor.get(f"/tickets/{one.id}/timeline").text
    assert signed_in("lan").get(f"/tickets/{one.id}/viewers").status_code == 403
    assert ticket().version == one.version


def test_the_call_at_ones_own_desk_is_a_viewing_too(signed_in: SignedIn) -> None:
    signed_in("lan").get("/desk")
    with reading() as session:
        row = session.scalars(select(TicketEntry).where(TicketEntry.kind == VIEWED)).one()
        at_desk = session.scalars(select(OperatorPresence).where(OperatorPresence.phone == "101")).one()
    assert (row.actor, row.ticket_id) == ("lan", f"t-{at_desk.call_id}")


def test_a_database_that_takes_no_viewing_does_not_hide_the_ticket(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, one = signed_in("lan"), ticket()

    @contextmanager
    def locked() -> Iterator[None]:
        raise OperationalError("BEGIN", {}, Exception("database is locked"))
        yield

    monkeypatch.setattr(viewing, "transaction", locked)
    assert client.get(f"/tickets/{one.id}").status_code == 200


def test_the_recording_appears_on_the_open_page_when_it_is_kept(signed_in: SignedIn, house: Path) -> None:
    with transaction() as session:
        ended = now() - timedelta(seconds=2)
        caller = rows.Caller(session, rows.call_id(ended, 900), ended - timedelta(seconds=60))
        caller.arrives().is_triaged("YELLOW", "Sốt").ends(after_s=20)
    client, one = signed_in("truongca"), f"t-{caller.call_id}"
    before = client.get(f"/tickets/{one}/calls")
    assert "Ghi âm đang được lưu" in before.text
    unchanged = client.get(f"/tickets/{one}/calls", query_string={"seen": before.headers["X-Seen"]})
    assert unchanged.status_code == 204
    with transaction() as session:
        caller.session = session
        caller.is_recorded(house / "recordings")
    after = client.get(f"/tickets/{one}/calls", query_string={"seen": before.headers["X-Seen"]})
    assert "Nghe ghi âm 0:12" in after.text


def test_the_path_is_shown_in_the_words_of_the_protocol(signed_in: SignedIn) -> None:
    page = signed_in("lan").get(f"/tickets/{ticket().id}").text
    assert "Người bệnh có khó thở khi ngồi nghỉ, nói không hết câu" in page
    assert "SpO2 từ 96, hoặc không có máy" in page


def test_every_kind_of_entry_has_a_sentence(who: dict[str, int]) -> None:
    from softphone_panel.sentences import SENTENCES

    with reading() as session:
        kinds: set[Any] = set(session.scalars(select(TicketEntry.kind).distinct()))
    assert kinds <= set(SENTENCES)


def test_a_redial_shows_the_ticket_it_goes_on_with_and_the_earlier_one_shows_the_redial(
    signed_in: SignedIn,
) -> None:
    client, first, second = signed_in("truongca"), ticket(1), ticket(2)
    with transaction() as session:
        session.get_one(Ticket, second.id).continues_id = first.id
    assert f"tiếp phiếu BP-{first.number}" in client.get(f"/tickets/{second.id}").text
    assert f"tiếp ở phiếu BP-{second.number}" in client.get(f"/tickets/{first.id}").text
    assert "tiếp" not in client.get(f"/tickets/{ticket(3).id}").text.split('class="others"')[-1][:400]


def test_earlier_tickets_of_a_number_are_shown_and_those_of_a_withheld_one_are_not(
    signed_in: SignedIn,
) -> None:
    client, first, second = signed_in("truongca"), ticket(1), ticket(2)
    for number, shown_too in (("+84912000999", True), ("", False)):
        with transaction() as session:
            for one in (first, second):
                session.get_one(Ticket, one.id).caller_number = number
        page = client.get(f"/tickets/{second.id}").text
        assert (f'href="/tickets/{first.id}"' in page) is shown_too


def test_a_category_brings_its_fields_and_each_is_kept_told_and_found(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket(2)
    address = f"/tickets/{one.id}"
    assert 'value="relief"' in client.get(address).text
    assert client.post(f"{address}/category", data={"category": "weather"}).status_code == 422
    part = client.post(f"{address}/category", data={"category": "relief", "seen_category": ""}).text
    assert 'name="field.needs"' in part
    assert (
        client.post(f"{address}/category", data={"category": "policy", "seen_category": ""}).status_code
        == 409
    )
    kept = {
        "of": "relief",
        "field.people": "bốn",
        "seen.people": "0",
        "field.needs": "Sữa cho bé",
        "seen.needs": "0",
    }
    told = client.post(f"{address}/matter", data=kept).text
    assert "hãy ghi một số" in told
    assert 'name="seen.needs" value="1"' in told
    late = {"of": "relief", "field.needs": "gạo", "seen.needs": "0"}
    assert "người khác vừa ghi “Sữa cho bé”" in client.post(f"{address}/matter", data=late).text
    page = client.get(address).text
    assert "Lĩnh vực: Cứu trợ, lương thực." in page
    assert "Đã ghi: Cần gì: Sữa cho bé." in page
    assert rows_of(client.get("/tickets?text=be sua").text) == 1
    assert client.get(f"{address}/matter").status_code == 200


def test_an_other_hotlines_operator_names_no_category(signed_in: SignedIn) -> None:
    with transaction() as session:
        session.scalars(select(Operator).where(Operator.username == "hoa")).one().hotlines = ["binhphuoc"]
    one = ticket(1, "binhduong")
    sent = {"category": "relief", "seen_category": ""}
    assert signed_in("hoa").post(f"/tickets/{one.id}/category", data=sent).status_code == 404
