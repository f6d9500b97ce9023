"""Signing in to the panel, out of it, and choosing its language."""

from __future__ import annotations

import re
from functools import lru_cache

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from hotline.database import reading, transaction
from hotline.operators import Operator, OperatorPresence
from hotline.people import OWN, enter
from softphone_panel import people_signed_in, phone
from softphone_panel.faults import InputFault
from softphone_panel.limits import guess, limiter, refused
from softphone_panel.words import LANGUAGES, say

log = structlog.get_logger(__name__)
room = Blueprint("signing", __name__)
hasher = PasswordHasher()
PASSWORD_CHARACTERS = 10
OURS = re.compile(r"/[A-Za-z0-9_./?=&%-]*")
"""A place of this panel; anything else would send people who signed in elsewhere."""


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hasher.hash("nobody's password")


def known_person(username: str, password: str) -> Operator | None:
    """The active operator with that name and password; an unknown name takes as long as a wrong password."""
    with reading() as base:
        row = base.scalar(select(Operator).where(func.lower(Operator.username) == username.lower()))
    try:
        hasher.verify(row.password_hash if row is not None else _nobodys_hash(), password)
    except (Argon2Error, InvalidHashError):
        return None
    return row if row is not None and row.active else None


@room.route("/sign-in", methods=["GET", "POST"])
@limiter.limit("20 per minute", methods=["POST"], deduct_when=refused)
@limiter.limit("10 per minute", methods=["POST"], key_func=guess, deduct_when=refused)
def sign_in() -> tuple[str, int] | str | Response:
    there = request.values.get("next", "")
    if not OURS.fullmatch(there) or there.startswith("//"):
        there = url_for("desk.first")
    if current_user.is_authenticated:
        return redirect(there, 303)
    if request.method == "GET":
        return render_template("sign_in.html", there=there, username="", fault="")
    username = request.form.get("username", "").strip()
    password = request.form.get("password", "")
    row = known_person(username, password) if 0 < len(username) <= 64 and 0 < len(password) <= 256 else None
    if row is None:
        log.warning("a sign-in was refused", address=request.remote_addr)
        fault = say("Tên đăng nhập hoặc mật khẩu không đúng: hãy kiểm tra cả hai rồi thử lại.")
        return render_template("sign_in.html", there=there, username=username, fault=fault), 401
    chosen = session.get("language")
    session.clear()
    session.permanent = True
    if chosen:
        session["language"] = chosen
    login_user(people_signed_in.of(row))
    log.info("somebody signed in", operator_id=row.id)
    return redirect(there, 303)


def _who() -> str:
    return str(current_user.get_id())


@room.route("/password", methods=["GET", "POST"])
@limiter.limit("10 per minute", methods=["POST"], key_func=_who, deduct_when=refused)
def password() -> tuple[str, int] | str | Response:
    """One's own password; whoever signed in with one that the system made sees no other page before."""
    if request.method == "GET":
        return render_template("password.html", at_least=PASSWORD_CHARACTERS, faults={})
    try:
        with transaction() as base:
            row = base.get_one(Operator, current_user.id, with_for_update=True)
            row.password_hash = _changed_password(row)
            row.must_change_password = False
            row.end_sessions(base.get(OperatorPresence, row.id))
            enter(base, row, row.id, OWN)
    except InputFault as fault:
        faults = {fault.field: str(fault)}
        return render_template("password.html", at_least=PASSWORD_CHARACTERS, faults=faults), fault.status
    login_user(people_signed_in.of(row))
    flash(say("Đã đổi mật khẩu; các phiên khác của bạn đã kết thúc."))
    return redirect(url_for("desk.first"), 303)


def _changed_password(row: Operator) -> str:
    """The new one's hash; InputFault when the old one is wrong or the new one is no good."""
    now, new = request.form.get("password", ""), request.form.get("new_password", "")
    try:
        hasher.verify(row.password_hash, now)
    except (Argon2Error, InvalidHashError):
        raise InputFault("password", say("Ô “Mật khẩu hiện nay”: chưa đúng, hãy gõ lại."), 401) from None
    if not PASSWORD_CHARACTERS <= len(new) <= 256:
        raise InputFault(
            "new_password",
            say("Ô “Mật khẩu mới”: hãy dùng ít nhất {count} ký tự.", count=PASSWORD_CHARACTERS),
        )
    if new == now or row.username in new.lower():
        raise InputFault(
            "new_password",
            say("Ô “Mật khẩu mới”: phải khác mật khẩu hiện nay và không chứa tên đăng nhập."),
        )
    if new != request.form.get("again", ""):
        raise InputFault("again", say("Ô “Gõ lại mật khẩu mới”: chưa giống ô trên, hãy gõ lại."))
    return hasher.hash(new)


@room.post("/sign-out")
def sign_out() -> Response:
    phone.signed_out(current_user.id)
    logout_user()
    session.clear()
    flash(say("Bạn đã đăng xuất khỏi trang này. Trạng thái trực máy không đổi."))
    return redirect(url_for("signing.sign_in"), 303)


@room.post("/language")
def choose_language() -> Response:
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        session["language"] = wanted
    there = request.form.get("there", "")
    return redirect(there if OURS.fullmatch(there) and not there.startswith("//") else "/", 303)
