"""People: added, changed with a history and a preview, undone; nobody locks the house from inside, and no talk is cut."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from hotline import people
from hotline.access import ROUTES
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.people import NotAllowed, PersonEntry
from softphone_panel import powers
from softphone_panel.first_password import new_password
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn, hidden

PERSON = {"full_name": "Ngô Bảo Châu", "username": "chau", "role": "operator", "language": "vi"}


def row_of(username: str) -> Operator:
    with reading() as session:
        return session.scalars(select(Operator).where(Operator.username == username)).one()


def form_of(row: Operator, **changed: object) -> dict[str, object]:
    """What the person's page sends, with these fields changed."""
    with reading() as session:
        seen = people.last_seen(session, row.id)
    return {**people.values_of(row), "active": "1" if row.active else "", "seen": str(seen), **changed}


def saved(admin: Client, username: str, **changed: object) -> int:
    row = row_of(username)
    return admin.post(f"/people/{row.id}", data=form_of(row, sure="1", **changed)).status_code


def is_signed_in(client: Client) -> bool:
    return client.get("/desk/board").status_code == 200


def in_a_talk(operator_id: int, call_id: str = "n1-7.7") -> None:
    with transaction() as session:
        session.merge(
            OperatorPresence(
                operator_id=operator_id, state=Presence.TALKING, reason="", phone="101", second_phone="",
                call_id=call_id, since=now(),
            )
        )  # fmt: skip


def off_duty(operator_id: int) -> None:
    with transaction() as session:
        at = session.get_one(OperatorPresence, operator_id)
        at.state, at.call_id = Presence.OFFLINE, ""


def test_a_new_person_signs_in_with_the_password_shown_once_and_sets_their_own_first(
    app: Flask, signed_in: SignedIn
) -> None:
    admin = signed_in("quantri")
    off_duty(row_of("lan").id)  # who sits at 101
    answer = admin.post("/people", data={**PERSON, "skills": ["en", "medical"], "phone": "101"})
    assert answer.status_code == 200
    first = re.findall(r"<code>([a-z2-9-]{19})</code>", answer.text)
    assert len(first) == 1
    assert first[0] not in admin.get(f"/people/{row_of('chau').id}").text
    client = app.test_client()
    client.post("/sign-in", data={"username": "chau", "password": first[0]})
    assert client.get("/desk").headers["Location"] == "/password"
    assert client.get("/desk/board", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/password"
    wrong = {"password": "sai", "new_password": "x", "again": "x"}
    assert client.post("/password", data=wrong).status_code == 401
    for new, again in (
        ("ngắn", "ngắn"),
        (first[0], first[0]),
        ("chau chau chau", "chau chau chau"),
        ("một mật khẩu khác", "một"),
    ):
        data = {"password": first[0], "new_password": new, "again": again}
        assert client.post("/password", data=data).status_code == 422, new
    own = {"password": first[0], "new_password": "một mật khẩu khác", "again": "một mật khẩu khác"}
    assert client.post("/password", data=own).status_code == 303
    assert is_signed_in(client)
    bar = client.get("/desk/bar").text
    assert '<option value="101" selected>' in bar
    row = row_of("chau")
    assert (row.skills, row.must_change_password) == (["en", "medical"], False)


def test_first_passwords_are_long_and_never_the_same() -> None:
    made = {new_password() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}", one) for one in made)


def test_what_is_wrong_in_the_form_is_named_and_what_was_typed_stays(signed_in: SignedIn) -> None:
    admin = signed_in("quantri")
    for field, value, words in (
        ("username", "lan", "đã có người dùng tên này"),
        ("username", "Châu!", "Ô “Tên đăng nhập”"),
        ("full_name", "x", "Ô “Họ và tên”"),
        ("role", "king", "Ô “Vai trò”"),
        ("phone", "999", "Ô “Máy thường ngồi”"),
        ("second_phone", "999", "Ô “Reo thêm ở”"),
    ):
        answer = admin.post("/people", data={**PERSON, "skills": ["km"], field: value})
        assert answer.status_code == 422
        assert words in answer.text
        assert re.search(r'value="km" checked', answer.text)


def test_every_change_is_an_entry_that_says_who_and_from_what_to_what_and_the_last_is_undone(
    signed_in: SignedIn,
) -> None:
    admin = signed_in("quantri")
    assert saved(admin, "lan", skills=["en", "medical"], hotlines=["binhphuoc"]) == 303
    assert saved(admin, "lan", full_name="Lê Thị Lan Anh") == 303
    lan = row_of("lan")
    page = admin.get(f"/people/{lan.id}").text
    assert "<del>Lê Thị Lan</del>" in page
    assert "<ins>Tiếng Anh, Y tế</ins>" in page
    assert "Nguyễn Thị Quản Trị" in page
    for name, skills in (("Lê Thị Lan", ["en", "medical"]), ("Lê Thị Lan", [])):
        page = admin.get(f"/people/{lan.id}").text
        assert admin.post(f"/people/{lan.id}/undo", data={"seen": hidden(page, "seen")}).status_code == 303
        assert (row_of("lan").full_name, row_of("lan").skills) == (name, skills)
    page = admin.get(f"/people/{lan.id}").text
    assert "Hoàn tác thay đổi này" not in page
    assert admin.post(f"/people/{lan.id}/undo", data={"seen": hidden(page, "seen")}).status_code == 422
    with reading() as session:
        kinds = list(session.scalars(select(DeskCommand.kind).where(DeskCommand.operator_id == lan.id)))
    assert kinds == ["person_changed"] * 4


def test_saving_what_is_there_already_enters_nothing(signed_in: SignedIn) -> None:
    assert saved(signed_in("quantri"), "lan") == 303
    with reading() as session:
        assert session.scalars(select(PersonEntry)).all() == []


def test_a_page_that_is_stale_changes_nothing_and_says_so(signed_in: SignedIn) -> None:
    admin, lan = signed_in("quantri"), row_of("lan")
    stale = form_of(lan, full_name="Tên Cũ")
    assert saved(admin, "lan", skills=["km"]) == 303
    answer = admin.post(f"/people/{lan.id}", data=stale)
    assert answer.status_code == 409
    assert "Người khác vừa sửa người này" in answer.text
    assert 'value="Tên Cũ"' in answer.text
    assert row_of("lan").full_name == "Lê Thị Lan"


def test_a_change_of_role_is_shown_before_and_holds_at_once_after(signed_in: SignedIn) -> None:
    admin, supervisor, row = signed_in("quantri"), signed_in("truongca"), row_of("truongca")
    preview = admin.post(f"/people/{row.id}", data=form_of(row, role="operator"))
    assert preview.status_code == 200
    lost = preview.text[preview.text.index("Không còn được") :]
    assert "nghe cùng" in lost
    assert "tải ghi âm về" in lost
    assert "quản lý nhân sự" not in lost
    assert row_of("truongca").role == Role.SUPERVISOR
    assert supervisor.get("/floor").status_code == 200
    assert saved(admin, "truongca", role="operator") == 303
    assert supervisor.get("/floor").status_code == 403
    assert is_signed_in(supervisor)


def test_the_words_for_what_not_everybody_may_are_those_of_the_table_of_routes() -> None:
    used = {powers.key_of(e) for e in ROUTES if powers.special(e)}
    assert used | {"other"} == set(powers.POWERS)


def test_nobody_takes_away_their_own_administration_nor_locks_themselves_out(signed_in: SignedIn) -> None:
    admin = signed_in("quantri")
    for changed in ({"role": "operator"}, {"active": ""}):
        row = row_of("quantri")
        answer = admin.post(f"/people/{row.id}", data=form_of(row, sure="1", **changed))
        assert answer.status_code == 422
        assert "chính mình" in answer.text
    assert saved(admin, "quantri", full_name="Nguyễn Quản Trị") == 303
    assert row_of("quantri").role == Role.ADMINISTRATOR


def test_two_administrators_who_take_each_others_role_at_once_leave_one(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    admin = signed_in("quantri")
    assert saved(admin, "truongca", role="administrator") == 303

    def take(by: int, other: int) -> str:
        try:
            with transaction() as session:
                row = people.locked(session, other)
                assert row is not None
                people.change(session, row, {"role": "operator"}, by, people.last_seen(session, other))
        except NotAllowed as rule:
            return rule.why
        return ""

    pairs = [(who["quantri"], who["truongca"]), (who["truongca"], who["quantri"])]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: take(*pair), pairs))
    assert sorted(answers) == ["", "last_administrator"]


def test_who_is_switched_off_is_out_at_once(signed_in: SignedIn) -> None:
    admin, lan = signed_in("quantri"), signed_in("lan")
    off_duty(row_of("lan").id)
    assert saved(admin, "lan", active="") == 303
    assert not is_signed_in(lan)
    assert saved(admin, "lan", active="1") == 303
    assert not is_signed_in(lan), "an old session came back to life"


@pytest.mark.parametrize("how", ["switched off", "sessions", "password"])
def test_who_is_in_a_talk_keeps_their_page_to_its_end_and_no_longer(
    app: Flask, signed_in: SignedIn, who: dict[str, int], how: str
) -> None:
    admin, lan = signed_in("quantri"), signed_in("lan")
    in_a_talk(who["lan"])
    if how == "switched off":
        preview = admin.post(f"/people/{who['lan']}", data=form_of(row_of("lan"), active=""))
        assert "cuộc gọi được giữ đến hết" in preview.text
        assert saved(admin, "lan", active="") == 303
    else:
        assert admin.post(f"/people/{who['lan']}/{how}").status_code in (200, 303)
    again = {"username": "lan", "password": rows.PASSWORD}
    refused = how in ("switched off", "password")
    assert (app.test_client().post("/sign-in", data=again).status_code == 401) is refused
    assert is_signed_in(lan)
    admin.post(f"/people/{who['lan']}/sessions")
    assert is_signed_in(lan), "a second ending cut the talk's page"
    off_duty(who["lan"])
    assert not is_signed_in(lan)
    in_a_talk(who["lan"], "n1-8.8")
    assert not is_signed_in(lan), "a later talk gave an old session its life back"


def test_the_list_finds_people_by_what_stands_in_it(signed_in: SignedIn) -> None:
    admin = signed_in("quantri")
    saved(admin, "minh", skills=["km"])
    page = admin.get("/people?text=khmer").text
    assert "Phạm Quang Minh" in page
    assert "Lê Thị Lan" not in page
    assert "Không có ai khớp" in admin.get("/people?text=zzz").text


def test_only_administrators_change_people(signed_in: SignedIn, who: dict[str, int]) -> None:
    client = signed_in("truongca")
    for path in ("", "/new", f"/{who['lan']}"):
        assert client.get(f"/people{path}").status_code == 403
    for path in ("", f"/{who['lan']}", *(f"/{who['lan']}/{act}" for act in ("undo", "password", "sessions"))):
        assert client.post(f"/people{path}").status_code == 403
    assert signed_in("quantri").get("/people/9999").status_code == 404
