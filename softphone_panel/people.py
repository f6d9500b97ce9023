"""The people who may sign in: an administrator adds them, changes their role and password, ends their sessions."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline.database import reading, transaction
from hotline.operators import Operator, Role
from hotline.stations import StationRow
from softphone_panel import desk, phone, shown
from softphone_panel.faults import InputFault
from softphone_panel.signing import hasher
from softphone_panel.words import LANGUAGES, say

room = Blueprint("people", __name__, url_prefix="/people")
USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
PASSWORD_CHARACTERS = 10


def _page(session: Session, **more: Any) -> str:
    rows = session.scalars(select(Operator).order_by(Operator.active.desc(), Operator.full_name)).all()
    values = {"faults": {}, "typed": {}, **more}
    return render_template(
        "people.html",
        rows=rows,
        roles=shown.ROLES,
        at_least=PASSWORD_CHARACTERS,
        stations=_stations(session),
        **values,
    )


@room.get("")
def index() -> str:
    with reading() as session:
        return _page(session)


@room.post("")
def add() -> tuple[str, int] | Response:
    try:
        with transaction() as session:
            username = request.form.get("username", "").strip()
            if not USERNAME.fullmatch(username):
                raise InputFault(
                    "username",
                    say("Ô “Tên đăng nhập”: dùng 2 đến 32 chữ thường không dấu, chữ số, dấu chấm hoặc gạch."),
                )
            if session.scalar(select(Operator.id).where(Operator.username == username)) is not None:
                raise InputFault(
                    "username", say("Ô “Tên đăng nhập”: đã có người dùng tên này, hãy chọn tên khác.")
                )
            row = Operator(username=username, full_name=_full_name(), role=_role(), password_hash=_password())
            row.hotlines, row.language = _hotlines(), _language()
            row.station = _station(session, row.role)
            session.add(row)
    except InputFault as fault:
        with reading() as session:
            typed = {k: v for k, v in request.form.items() if k != "password"}
            return _page(session, faults={fault.field: str(fault)}, typed=typed), fault.status
    flash(say("Đã thêm {name}.", name=username))
    return redirect(url_for("people.index"), 303)


@room.post("/<int:number>")
def change(number: int) -> Response:
    """A change of role, password or activity ends that person's sessions at once."""
    with transaction() as session:
        row = session.get(Operator, number)
        if row is None:
            raise InputFault("number", say("Không có người này: hãy tải lại trang."), 404)
        action = request.form.get("action", "")
        itself = row.id == current_user.id
        if action == "password":
            row.password_hash = _password()
        elif action == "role" and not itself:
            row.role = _role()
            row.station = _station(session, row.role)
        elif action in ("switch_on", "switch_off") and not itself:
            row.active = action == "switch_on"
        elif action != "end_sessions":
            raise InputFault(
                "action",
                say("Không tự đổi vai trò hay khóa tài khoản của chính mình: hãy nhờ quản trị khác."),
            )
        row.session_epoch += 1
    phone.signed_out(number)
    flash(say("Đã lưu; các phiên làm việc của {name} đã kết thúc.", name=row.username))
    return redirect(url_for("people.index"), 303)


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


def _stations(session: Session) -> dict[str, str]:
    """Key → name of every station."""
    rows = session.scalars(select(StationRow).order_by(StationRow.hotline, StationRow.name))
    return {row.key: row.name for row in rows}


def _station(session: Session, role: str) -> str:
    """Whose account it is; empty for everybody who works at the hotline itself."""
    if role != Role.STATION:
        return ""
    key = request.form.get("station", "")
    if session.get(StationRow, key) is None:
        raise InputFault("station", say("Ô “Trạm”: hãy chọn trạm mà tài khoản này thuộc về."))
    return key


def _password() -> str:
    password = request.form.get("password", "")
    if not PASSWORD_CHARACTERS <= len(password) <= 256:
        raise InputFault(
            "password", say("Ô “Mật khẩu”: hãy dùng ít nhất {count} ký tự.", count=PASSWORD_CHARACTERS)
        )
    return hasher.hash(password)


def _hotlines() -> list[str]:
    known = {h.key for h in desk.province().hotlines}
    return [key for key in request.form.getlist("hotlines") if key in known]


def _language() -> str:
    wanted = request.form.get("language", "vi")
    return wanted if wanted in LANGUAGES else "vi"
