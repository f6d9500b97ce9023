"""The people of a ticket: kept apart, found by name and number, hidden by role, and told the result at the right number."""

from __future__ import annotations

from sqlalchemy import select

from hotline import persons
from hotline.database import reading
from hotline.persons import Told
from hotline.recalls import RESULT, Recall
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.test_ticket_clock import act
from tests.softphone_panel.test_tickets import entries, rows_of, ticket

CALLER = "+84900000001"


def send(client: Client, ticket_id: str, seen: int = 0, **fields: str) -> str:
    data = {f"person.{name}": value for name, value in fields.items()}
    data |= {f"seen.{name}": str(seen) for name in fields}
    answer = client.post(f"/tickets/{ticket_id}/persons", data=data)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_who_is_told_is_the_reporter_unless_somebody_said_otherwise() -> None:
    known = {"caller_name": "Chị Ba", "patient_name": "Ông Tư", "patient_number": "+84900000002"}
    assert persons.told(CALLER, known) == Told("reporter", "Chị Ba", CALLER)
    assert persons.told(CALLER, {**known, "requester": "patient"}) == Told(
        "patient", "Ông Tư", "+84900000002"
    )
    other = {"requester": "other", "requester_name": "Anh Năm", "requester_number": "+84900000003"}
    assert persons.told(CALLER, {**known, **other}) == Told("other", "Anh Năm", "+84900000003")
    assert persons.told(CALLER, {"requester": "other"}).number == CALLER, "without a number the reporter is"
    assert persons.told("", {}).number == ""


def test_each_person_is_kept_apart_entered_and_found(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket(2)
    assert "Đã lưu." in send(client, one.id, caller_name="Nguyễn Thị Bưởi")
    assert "Đã lưu." in send(client, one.id, patient_name="Trần Văn Ổi")
    assert "Đã lưu." in send(
        client, one.id, patient_number="0977 000 123", patient_reach="qua cô Mận bán bánh"
    )
    page = client.get(f"/tickets/{one.id}").text
    assert 'value="Nguyễn Thị Bưởi"' in page and 'value="Trần Văn Ổi"' in page and "0977000123" in page
    (own,) = entries(one.id, "persons_filled")
    assert own.body["fields"] == {"patient_number": "+84977000123", "patient_reach": "qua cô Mận bán bánh"}
    assert [e.body["fields"] for e in entries(one.id, "fields_filled")] == [
        {"caller_name": "Nguyễn Thị Bưởi"},
        {"patient_name": "Trần Văn Ổi"},
    ]
    for asked in ("thi buoi", "van oi", "co man", "0977000123", "7000123"):
        assert rows_of(client.get("/tickets", query_string={"text": asked}).text) == 1, asked
    # A corrected number is found, the wrong one no more, and the caller's still is.
    assert "Đã lưu." in send(client, one.id, seen=1, patient_number="0977 000 456")
    assert rows_of(client.get("/tickets?text=0977000123").text) == 0
    assert rows_of(client.get("/tickets?text=0977000456").text) == 1
    send(client, one.id, callback_number="0966 111 222")
    for asked in ("0977000456", "0966111222", "0977889900"):
        assert rows_of(client.get(f"/tickets?text={asked}").text) == 1, asked


def test_a_number_is_hidden_from_whom_the_ticket_is_not_and_cannot_be_overwritten_by_what_they_see(
    signed_in: SignedIn,
) -> None:
    one = ticket(1)  # a talk of lan's
    send(signed_in("truongca"), one.id, patient_number="0977000123")
    assert "0977000123" in signed_in("lan").get(f"/tickets/{one.id}").text
    other = signed_in("minh")
    page = other.get(f"/tickets/{one.id}").text
    assert "0977000123" not in page and "09•••••123" in page
    assert 'name="person.patient_number"' not in page
    assert rows_of(other.get("/tickets?text=7000123").text) == 0, "found by the whole number only"
    assert rows_of(other.get("/tickets?text=0977000123").text) == 1


def test_a_wrong_number_and_a_second_writer_are_told_and_change_nothing(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket(2)
    assert "không gọi được" in send(client, one.id, requester_number="12")
    assert "hãy chọn một câu trả lời" in send(client, one.id, requester="nobody")
    send(client, one.id, patient_reach="nhà số 5")
    assert "người khác vừa ghi “nhà số 5”" in send(client, one.id, patient_reach="nhà số 6")
    assert len(entries(one.id, "persons_filled")) == 1


def test_the_result_is_rung_at_the_number_of_who_asked_for_it(signed_in: SignedIn) -> None:
    client, one, plain = signed_in("truongca"), ticket(3), ticket(2)
    send(client, one.id, requester="other", requester_name="Anh Năm", requester_number="0933 222 111")
    assert "Anh Năm" in client.get(f"/tickets/{one.id}/persons").text
    for asked in (one, plain):
        done = {"act": "done", "result": "supplied", "text": "Đã giao gạo", "how": "call"}
        assert act(client, asked.id, click_id=f"{asked.number:032x}", **done) == 303
    with reading() as session:
        numbers = dict(
            session.execute(select(Recall.ticket_id, Recall.number).where(Recall.why == RESULT))
            .tuples()
            .all()
        )
    assert numbers == {one.id: "+84933222111", plain.id: "+84977889900"}


def test_the_desk_shows_beside_the_script_only_what_the_script_lacks(signed_in: SignedIn) -> None:
    client, one = signed_in("lan"), ticket(1)
    part = client.get(f"/tickets/{one.id}/persons?beside=script").text
    assert 'id="person-patient_number"' in part and 'id="person-caller_name"' not in part
