"""Profiles of campaigns as an administrator writes them: a draft in TOML with its differences and faults, publication, history, undo."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import campaigns, documents, profiles
from hotline.database import reading, transaction
from hotline.document_kinds import PROFILE
from hotline.documents import Content, House, Refused, Version
from hotline.settings import settings
from softphone_panel import publishing
from softphone_panel.faults import InputFault
from softphone_panel.words import either, language, say

room = Blueprint("profile_editing", __name__, url_prefix="/campaign/profiles")
TEXT_AT_MOST = 20_000


@dataclass(frozen=True)
class Lines:
    """What one version has and another has not."""

    gone: tuple[str, ...]
    new: tuple[str, ...]


@room.post("")
def begin() -> tuple[str, int] | Response:
    """A draft of a profile that there is not yet."""
    key = request.form.get("key", "").strip()
    with transaction() as session:
        house = _house(session)
        if (
            not (key.isascii() and key.isidentifier() and key.islower())
            or len(key) > profiles.KEY_AT_MOST
            or key == "none"
        ):
            raise InputFault("key", say("Ô “Mã chế độ mới”: viết 1 đến 32 chữ thường không dấu và chữ số."))
        if key not in PROFILE.keys(house) and documents.draft(session, PROFILE, key) is None:
            seen = documents.seen(session, PROFILE, key)  # one that was deleted has versions already
            empty = {"vi": "", "en": ""}
            documents.save(session, house, PROFILE, key, empty, by=current_user.username, seen=seen)
    return redirect(url_for("profile_editing.one", key=key), 303)


@room.get("/<key>")
def one(key: str) -> str:
    with reading() as session:
        return _page(session, key)


@room.post("/<key>")
def save(key: str) -> tuple[str, int] | Response:
    """What was typed becomes the draft; what is no TOML is told and nothing is stored."""
    typed = request.form.get("text", "").replace("\r\n", "\n")[:TEXT_AT_MOST]
    try:
        content = _read(typed)
        with transaction() as session:
            house = _found(session, key)
            documents.save(
                session,
                house,
                PROFILE,
                key,
                content,
                by=current_user.username,
                seen=request.form.get("seen", ""),
            )
    except InputFault as fault:
        return _again(key, str(fault), typed), fault.status
    except Refused as refused:
        return _again(key, _said(refused), typed), refused.status
    flash(say("Đã lưu nháp. Xem khác biệt bên dưới rồi công bố."))
    return redirect(url_for("profile_editing.one", key=key), 303)


@room.post("/<key>/publish")
def publish(key: str) -> tuple[str, int] | Response:
    return _changed(key)


@room.post("/<key>/undo")
def undo(key: str) -> tuple[str, int] | Response:
    return _changed(key, publishing.chosen_version())


@room.post("/<key>/discard")
def discard(key: str) -> tuple[str, int] | Response:
    try:
        with transaction() as session:
            house = _found(session, key)
            documents.discard(session, PROFILE, key, seen=request.form.get("seen", ""))
            is_left = key in PROFILE.keys(house)
    except Refused as refused:
        return _again(key, _said(refused)), refused.status
    flash(say("Đã bỏ bản nháp."))
    return redirect(url_for("profile_editing.one", key=key) if is_left else url_for("campaigns.index"), 303)


@room.post("/<key>/remove")
def remove(key: str) -> tuple[str, int] | Response:
    """Not to be chosen any more; not while it is on or planned. Begun anew under its key, its history is there."""
    note = " ".join(request.form.get("note", "").split())
    try:
        with transaction() as session:
            house = _found(session, key)
            if campaigns.active(house) == key or any(
                plan.profile == key for plan in campaigns.plans(session)
            ):
                raise Refused(
                    "Chế độ này đang bật hoặc đã hẹn giờ: hãy tắt và hủy hẹn trước rồi xóa.",
                    "This profile is on or planned: switch it off and cancel its plans first.",
                )
            documents.put(
                session, house, PROFILE, key, {}, by=current_user.username, seen=request.form.get("seen", ""), note=note,
            )  # fmt: skip
    except Refused as refused:
        return _again(key, _said(refused)), refused.status
    flash(say("Đã xóa chế độ. Thêm lại đúng mã này thì lịch sử vẫn còn."))
    return redirect(url_for("campaigns.index"), 303)


def _changed(key: str, number: int | None = None) -> tuple[str, int] | Response:
    try:
        with transaction() as session:
            house = _found(session, key)
            publishing.publish(session, house, PROFILE, key, number)
    except Refused as refused:
        return _again(key, _said(refused)), refused.status
    flash(say("Đã công bố chế độ. Nếu đang bật, cuộc gọi tiếp theo theo bản mới."))
    return redirect(url_for("profile_editing.one", key=key), 303)


def _house(session: Session) -> House:
    return documents.house(session, settings().installation)


def _found(session: Session, key: str) -> House:
    house = _house(session)
    if key not in PROFILE.keys(house) and documents.draft(session, PROFILE, key) is None:
        abort(404)
    return house


def _read(typed: str) -> Content:
    """The table that was typed. Raises InputFault."""
    try:
        found: dict[str, Any] = tomllib.loads(typed)
    except tomllib.TOMLDecodeError as error:
        raise InputFault("text", say("Không đọc được nội dung: {error}.", error=str(error))) from error
    if not _plain(found):
        raise InputFault(
            "text",
            say("Chế độ chỉ có chữ, số, có hoặc không, danh sách và bảng; ngày giờ viết trong dấu nháy."),
        )
    return found


def _plain(value: Any) -> bool:
    """Whether JSON has it too."""
    if isinstance(value, dict):
        return all(_plain(one) for one in value.values())
    if isinstance(value, list):
        return all(_plain(one) for one in value)
    return isinstance(value, str | int | float | bool)


def _said(told: Any) -> str:
    said = [either(told)]
    said += [either(fault) for fault in getattr(told, "faults", ())[:5]]
    return " ".join(said)


def _again(key: str, said: str, typed: str | None = None) -> str:
    with reading() as session:
        return _page(session, key, said, typed)


def _page(session: Session, key: str, said: str = "", typed: str | None = None) -> str:
    house = _found(session, key)
    stands, begun = documents.standing(session, PROFILE, key), documents.draft(session, PROFILE, key)
    standing = house.content(PROFILE, key)
    content = begun.content if begun is not None else standing
    faults = documents.faults(house, PROFILE, key, begun.content) if begun is not None else []
    return render_template(
        "profile.html", key=key, draft=begun, stands=stands, said=said, name=content.get(language()) or key,
        text=typed if typed is not None else profiles.text(content),
        difference=_lines(standing, begun.content) if begun is not None else None,
        wrong=[either(fault) for fault in faults],
        is_stale=begun is not None and begun.based_on != ((stands.number or 0) if stands else 0),
        seen=documents.seen(session, PROFILE, key), history=_history(session, key, house),
        in_file=bool(PROFILE.first(house, key)), is_there=key in PROFILE.keys(house),
    )  # fmt: skip


def _lines(before: Content, after: Content) -> Lines:
    was, then = (profiles.text(one).splitlines() for one in (before, after))
    return Lines(tuple(x for x in was if x and x not in then), tuple(x for x in then if x and x not in was))


def _history(session: Session, key: str, house: House) -> list[tuple[Version, Lines]]:
    versions = documents.history(session, PROFILE, key)
    before = [version.content for version in versions[1:]] + [PROFILE.first(house, key)]
    return [(v, _lines(earlier, v.content)) for v, earlier in zip(versions, before, strict=False)]
