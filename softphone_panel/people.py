"""The people who may sign in: an administrator adds them, changes who they are and what they can, and sees and undoes the changes.

There are no drafts: a change of a person holds from the moment it is saved, after a preview of what a change of role takes away.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import people as changes
from hotline.agencies import AgencyRow
from hotline.database import reading, transaction
from hotline.operators import Operator, OperatorPresence, Role
from hotline.people import NotAllowed, PersonEntry
from hotline.skills import BRANCH, LANGUAGE, SKILLS
from hotline.stations import StationRow
from softphone_panel import desk, phone, powers, shown
from softphone_panel.faults import InputFault
from softphone_panel.first_password import new_password
from softphone_panel.signing import hasher
from softphone_panel.words import LANGUAGES, say

room = Blueprint("people", __name__, url_prefix="/people")
USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
REFUSALS = {
    "itself": "Không tự đổi vai trò hay khóa tài khoản của chính mình: hãy nhờ quản trị khác.",
    "last_administrator": "Đây là quản trị cuối cùng còn hoạt động: hãy thêm một quản trị khác trước.",
    "stale": "Người khác vừa sửa người này: hãy xem lại các ô rồi lưu lần nữa.",
    "nothing_to_undo": "Không còn thay đổi nào để hoàn tác.",
}


# -- pages --


@room.get("")
def index() -> str:
    """Everybody, or those whom the words find by name, username, role, hotline or skill."""
    words = request.args.get("text", "").strip().lower()[:100]
    with reading() as session:
        found = session.execute(
            select(Operator, OperatorPresence)
            .outerjoin(OperatorPresence, OperatorPresence.operator_id == Operator.id)
            .order_by(Operator.active.desc(), Operator.full_name)
        ).all()
        rows = [(row, at) for row, at in found if words in _text_of(row)]
        return render_template("people.html", rows=rows, total=len(found), text=words, **_words())


@room.get("/new")
def new() -> str:
    return _new_page({"language": "vi", "role": Role.OPERATOR, "hotlines": [], "skills": []}, {})


@room.get("/<int:number>")
def one(number: int) -> str:
    with reading() as session:
        return _page(session, _row(session, number))


# -- acts --


@room.post("")
def add() -> str | tuple[str, int]:
    """A new person, whose first password stands on the answer and nowhere else."""
    password = new_password()
    hashed = hasher.hash(password)  # slow on purpose, so before the transaction
    try:
        with transaction() as session:
            row = Operator(username=_new_username(session), password_hash=hashed, must_change_password=True)
            for name, value in {**_wanted(session), "active": True}.items():
                setattr(row, name, value)
            session.add(row)
            session.flush()
            changes.enter(session, row, current_user.id, changes.ADDED, {}, changes.values_of(row))
            return _password_page(row, password)
    except InputFault as fault:
        typed = {**request.form, **{name: request.form.getlist(name) for name in ("hotlines", "skills")}}
        return _new_page(typed, {fault.field: str(fault)}), fault.status


@room.post("/<int:number>")
def change(number: int) -> str | tuple[str, int] | Response:
    """What was typed becomes the person; a change of role or activity is shown before and needs a second click."""
    try:
        with transaction() as session:
            row = _locked(session, number)
            wanted = {**_wanted(session, row), "active": request.form.get("active") == "1"}
            lost = powers.consequences(session, row, wanted)
            if lost and request.form.get("sure") != "1":
                return render_template("person_sure.html", row=row, lost=lost, undo=False, **_words())
            entry = changes.change(session, row, wanted, current_user.id, _seen())
    except NotAllowed as rule:
        return _refused(number, rule)
    except InputFault as fault:
        with reading() as session:
            row = _row(session, number)
            return _page(session, row, typed=_typed(), faults={fault.field: str(fault)}), fault.status
    return _saved(row, entry)


@room.post("/<int:number>/undo")
def undo(number: int) -> str | tuple[str, int] | Response:
    """The last change is taken back, as a change of its own."""
    try:
        with transaction() as session:
            row = _locked(session, number)
            last = changes.to_undo(changes.history(session, number))
            lost = powers.consequences(session, row, last.before) if last is not None else ()
            if lost and request.form.get("sure") != "1":
                return render_template("person_sure.html", row=row, lost=lost, undo=True, **_words())
            entry = changes.undo(session, row, current_user.id, _seen())
    except NotAllowed as rule:
        return _refused(number, rule)
    return _saved(row, entry)


@room.post("/<int:number>/password")
def password(number: int) -> str:
    """A new first password, shown once; the sessions end, a talk is talked to its end."""
    made = new_password()
    hashed = hasher.hash(made)
    with transaction() as session:
        row = _locked(session, number)
        row.password_hash, row.must_change_password = hashed, True
        _end_sessions(session, row, changes.RESET)
        text = _password_page(row, made)
    phone.signed_out(number, talks_on=True)
    return text


@room.post("/<int:number>/sessions")
def end_sessions(number: int) -> Response:
    with transaction() as session:
        row = _locked(session, number)
        _end_sessions(session, row, changes.ENDED)
    phone.signed_out(number, talks_on=True)
    flash(
        say("Các phiên làm việc của {name} đã kết thúc; ai đang nói chuyện thì nói hết.", name=row.username)
    )
    return redirect(url_for("people.one", number=number), 303)


# -- parts --


def _end_sessions(session: Session, row: Operator, kind: str) -> None:
    row.end_sessions(session.get(OperatorPresence, row.id))
    changes.enter(session, row, current_user.id, kind)


def _saved(row: Operator, entry: PersonEntry | None) -> Response:
    if entry is None:
        flash(say("Không có gì thay đổi."))
    else:
        if "active" in entry.after:
            phone.signed_out(row.id, talks_on=True)
        flash(say("Đã lưu {name}. Tổng đài áp dụng ngay, không cần khởi động lại.", name=row.full_name))
    return redirect(url_for("people.one", number=row.id), 303)


def _refused(number: int, rule: NotAllowed) -> tuple[str, int]:
    status = 409 if rule.why == "stale" else 422
    with reading() as session:
        row = _row(session, number)
        typed = _typed() if request.form.get("full_name") else {}
        return _page(session, row, typed=typed, refusal=say(REFUSALS[rule.why])), status


def _row(session: Session, number: int) -> Operator:
    row = session.get(Operator, number)
    if row is None:
        raise InputFault("number", say("Không có người này: hãy tải lại trang."), 404)
    return row


def _locked(session: Session, number: int) -> Operator:
    row = changes.locked(session, number)
    if row is None:
        raise InputFault("number", say("Không có người này: hãy tải lại trang."), 404)
    return row


def _page(session: Session, row: Operator, **more: Any) -> str:
    entries = changes.history(session, row.id)
    names = dict(session.execute(select(Operator.id, Operator.full_name)).tuples().all())
    values = {"faults": {}, "typed": {}, "refusal": "", **more}
    shown_values = {**changes.values_of(row), **values["typed"]}
    return render_template(
        "person.html", row=row, values=shown_values, entries=entries, undoable=changes.to_undo(entries),
        seen=entries[0].id if entries else 0, presence=session.get(OperatorPresence, row.id),
        name_of=lambda number: names.get(number, "?"), phones=_phones(row.phone, row.second_phone),
        **_words(), **values,
    )  # fmt: skip


def _new_page(typed: dict[str, Any], faults: dict[str, str]) -> str:
    return render_template("person_new.html", values=typed, faults=faults, phones=_phones(), **_words())


def _password_page(row: Operator, password: str) -> str:
    return render_template("person_password.html", row=row, password=password)


def _words() -> dict[str, Any]:
    return {
        "roles": shown.ROLES,
        "languages_spoken": [key for key, skill in SKILLS.items() if skill.kind == LANGUAGE],
        "branches_known": [key for key, skill in SKILLS.items() if skill.kind == BRANCH],
        "skill_word": shown.skill_word,
        "field_word": lambda name: shown.word(shown.PERSON_FIELDS, name),
        "entry_word": lambda kind: shown.word(shown.PERSON_ENTRIES, kind),
        "said": _said,
        "stations": _stations(),
        "agencies": _agencies(),
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "presence_mark": shown.PRESENCE_MARKS.get,
        "browser": desk.BROWSER,
    }


def _said(name: str, value: Any) -> str:
    """A field's value in words."""
    if name == "role":
        return shown.word(shown.ROLES, value)
    if name == "agency":
        return _agencies().get(value, value) or say("không có")
    if name == "station":
        return _stations().get(value, value) or say("không có")
    if name == "active":
        return say("đang làm việc") if value else say("đã khóa")
    if name == "language":
        return LANGUAGES.get(str(value), str(value))
    if name == "skills":
        return ", ".join(map(shown.skill_word, value)) or say("không có")
    if name == "hotlines":
        known = {h.key: h.tinh for h in desk.province().hotlines}
        return ", ".join(known.get(key, key) for key in value) or say("tất cả")
    if name in ("phone", "second_phone"):
        return _phone_said(value) if value else say("không có")
    return str(value)


def _stations() -> dict[str, str]:
    """Key → name of every station, read once a request."""
    if "people_stations" not in g:
        with reading() as session:
            rows = session.scalars(select(StationRow).order_by(StationRow.hotline, StationRow.name))
            g.people_stations = {row.key: row.name for row in rows}
    found: dict[str, str] = g.people_stations
    return found


def _agencies() -> dict[str, str]:
    """Key → name of every agency, team and command centre, read once a request."""
    if "people_agencies" not in g:
        with reading() as session:
            rows = session.scalars(
                select(AgencyRow).where(~AgencyRow.removed).order_by(AgencyRow.hotline, AgencyRow.place)
            )
            g.people_agencies = {row.key: row.name for row in rows}
    found: dict[str, str] = g.people_agencies
    return found


def _agency() -> str:
    """Whose account it is: a team's always, a leader's where they belong to one centre."""
    role, key = request.form.get("role"), request.form.get("agency", "")
    if role not in (Role.TEAM, Role.LEADER):
        return ""
    if key not in _agencies() and (key or role == Role.TEAM):
        raise InputFault("agency", say("Ô “Đội, trung tâm”: hãy chọn đơn vị mà tài khoản này thuộc về."))
    return key


def _station() -> str:
    """Whose account it is; empty for everybody who works at the hotline itself."""
    if request.form.get("role") != Role.STATION:
        return ""
    key = request.form.get("station", "")
    if key not in _stations():
        raise InputFault("station", say("Ô “Trạm”: hãy chọn trạm mà tài khoản này thuộc về."))
    return key


def _phone_said(name: str) -> str:
    return say("Điện thoại trên trang") if name == desk.BROWSER else say("Máy {phone}", phone=name)


def _text_of(row: Operator) -> str:
    words = [
        row.full_name,
        row.username,
        *(
            _said(name, getattr(row, name))
            for name in ("role", "station", "agency", "hotlines", "skills")
            if getattr(row, name)
        ),
    ]
    return " ".join(words).lower()


def _phones(*kept: str) -> list[str]:
    """The desk phones there are, and those a person has although they are gone."""
    known = [p.name for p in desk.province().phones]
    return known + [name for name in kept if name and name != desk.BROWSER and name not in known]


# -- what was typed --


def _seen() -> int:
    seen = request.form.get("seen", "")
    return int(seen) if seen.isdecimal() else -1


def _typed() -> dict[str, Any]:
    form = request.form
    return {
        **{
            name: form.get(name, "")
            for name in ("full_name", "role", "station", "agency", "language", "phone", "second_phone")
        },
        **{name: form.getlist(name) for name in ("hotlines", "skills")},
        "active": form.get("active") == "1",
    }


def _wanted(session: Session, row: Operator | None = None) -> dict[str, Any]:
    """The form's fields, each checked; InputFault names the first that is wrong."""
    form = request.form
    hotlines = {h.key for h in desk.province().hotlines}
    kept = (row.phone, row.second_phone) if row is not None else ()
    usual, second = form.get("phone", ""), form.get("second_phone", "")
    known = {"", *_phones(*kept)}
    if usual not in {*known, desk.BROWSER}:
        raise InputFault("phone", say("Ô “Máy thường ngồi”: hãy chọn một máy trong danh sách."))
    if second not in known or (second and second == usual):
        raise InputFault("second_phone", say("Ô “Reo thêm ở”: hãy chọn một máy khác máy thường ngồi."))
    return {
        "full_name": _full_name(),
        "role": _role(),
        "station": _station(),
        "agency": _agency(),
        "language": form["language"] if form.get("language") in LANGUAGES else "vi",
        "hotlines": sorted(set(form.getlist("hotlines")) & hotlines),
        "skills": sorted(set(form.getlist("skills")) & set(SKILLS)),
        "phone": usual,
        "second_phone": second,
    }


def _new_username(session: Session) -> str:
    username = request.form.get("username", "").strip()
    if not USERNAME.fullmatch(username):
        raise InputFault(
            "username",
            say("Ô “Tên đăng nhập”: dùng 2 đến 32 chữ thường không dấu, chữ số, dấu chấm hoặc gạch."),
        )
    if session.scalar(select(Operator.id).where(Operator.username == username)) is not None:
        raise InputFault("username", say("Ô “Tên đăng nhập”: đã có người dùng tên này, hãy chọn tên khác."))
    return username


def _full_name() -> str:
    name = " ".join(request.form.get("full_name", "").replace("\x00", "").split())
    if not 2 <= len(name) <= 120:
        raise InputFault("full_name", say("Ô “Họ và tên”: hãy viết từ 2 đến 120 ký tự."))
    return name


def _role() -> str:
    role = request.form.get("role", "")
    if role not in set(Role):
        raise InputFault("role", say("Ô “Vai trò”: hãy chọn một vai trò trong danh sách."))
    return role
