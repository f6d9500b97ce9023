"""Campaigns: which profile is on, what another one would change, and the one switch with its confirmation, its plan and its undoing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import campaigns, documents
from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.document_kinds import CAMPAIGN, in_force, tables
from hotline.documents import House, Refused
from hotline.events import now
from hotline.field_names import FIELD_NAMES
from hotline.installation import Installation, InstallationFaults
from hotline.order_times import OrderTimes
from hotline.orders import AUTHORITY, LEVELS
from hotline.profiles import Profile, laid
from hotline.settings import settings
from hotline.sla import ABOVE
from hotline.sla_tables import USUAL_PLAIN
from hotline.units import VIETNAM
from softphone_panel import desk, publishing, setting_forms, shown
from softphone_panel.faults import InputFault
from softphone_panel.setting_forms import Change
from softphone_panel.words import either, language, say

room = Blueprint("campaigns", __name__, url_prefix="/campaign")
NONE = "none"
"""In an address: no profile, peace-time."""


@dataclass(frozen=True)
class Part:
    """What changes in one part of the installation."""

    title: str
    changes: list[Change]


@room.get("")
def index() -> str:
    with reading() as session:
        return _page(session)


@room.get("/<key>")
def one(key: str) -> str:
    """What switching to it would change, and the switch."""
    with reading() as session:
        return _page(session, key)


@room.post("/<key>")
def switch(key: str) -> tuple[str, int] | Response:
    """On at once, or by a plan; only with the box ticked and a reason, and only from the page as it is now."""
    try:
        note = " ".join(request.form.get("note", "").split())
        if request.form.get("sure") != "yes":
            raise InputFault(
                "sure", say("Hãy đánh dấu xác nhận: chế độ này đổi cách phục vụ của mọi tổng đài.")
            )
        if not note:
            raise InputFault("note", say("Ô “Lý do”: hãy viết vì sao."))
        begins, ends = _moment("begins"), _moment("ends")
        with transaction() as session:
            house, at, by = _house(session), now(), current_user.username
            profile = "" if key == NONE else key
            plan = ""
            if begins is not None or ends is not None:
                plan = campaigns.plan(session, house, profile, begins, ends, by=by, note=note, at=at)
            if begins is None:
                seen = request.form.get("seen", "")
                campaigns.switch(session, house, profile, by=by, seen=seen, note=note, plan=plan)
    except InputFault as fault:
        return _refused(key, str(fault)), fault.status
    except Refused as refused:
        return _refused(key, either(refused)), refused.status
    flash(
        say("Đã chuyển chế độ. Cuộc gọi tiếp theo theo chế độ mới trong vài giây.")
        if begins is None
        else say("Đã hẹn giờ. Hệ thống tự chuyển khi tới giờ.")
    )
    return redirect(url_for("campaigns.index"), 303)


@room.post("/undo")
def undo() -> tuple[str, int] | Response:
    number = publishing.chosen_version()
    try:
        with transaction() as session:
            documents.undo(
                session, _house(session), CAMPAIGN, "", number, by=current_user.username,
                seen=request.form.get("seen", ""),
            )  # fmt: skip
    except Refused as refused:
        return _refused("", either(refused)), refused.status
    flash(say("Đã chuyển chế độ. Cuộc gọi tiếp theo theo chế độ mới trong vài giây."))
    return redirect(url_for("campaigns.index"), 303)


@room.post("/plans/<plan>/cancel")
def cancel(plan: str) -> Response:
    with transaction() as session:
        cancelled = campaigns.cancel(session, plan)
    flash(
        say("Đã hủy phần chưa tới của lịch hẹn.") if cancelled else say("Lịch hẹn này đã xong hoặc đã hủy.")
    )
    return redirect(url_for("campaigns.index"), 303)


def _house(session: Session) -> House:
    return documents.house(session, settings().installation)


def _refused(key: str, said: str) -> str:
    with reading() as session:
        return _page(session, key, said)


def _moment(name: str) -> datetime | None:
    """What was typed, on Vietnam's clocks. Raises InputFault."""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)
    except ValueError as error:
        raise InputFault(name, say("Chưa đọc được ngày giờ: hãy chọn lại.")) from error


def _page(session: Session, key: str = "", said: str = "") -> str:
    house = _house(session)
    profiles = {profile.key: profile for profile in desk.province().profiles}
    if key not in ("", NONE, *profiles):
        abort(404)
    wanted = "" if key == NONE else key
    return render_template(
        "campaign.html", profiles=profiles, active=campaigns.active(house), wanted=key,
        wanted_name=name(profiles.get(wanted)), name=lambda one: name(profiles.get(one)),
        parts=differences(house, wanted) if key else (), seen=documents.seen(session, CAMPAIGN, ""),
        plans=campaigns.plans(session), history=documents.history(session, CAMPAIGN, ""), said=said,
        typed=request.form, peace=NONE, line_names=line_names(house) if key else {}, stands=documents.standing(session, CAMPAIGN, ""),
    )  # fmt: skip


def name(profile: Profile | None) -> str:
    return profile.word(language()) if profile is not None else say("Bình thường")


def differences(house: House, wanted: str) -> list[Part]:
    """What would be another way than it is now, part by part, in the words of the settings' forms."""
    whole = tables(house)
    whole.pop("campaign", None)
    whole.pop("profile", None)
    try:
        before = in_force(house)
        after = in_force(house.with_content(CAMPAIGN, "", {"profile": wanted}))
    except InstallationFaults:
        return []
    was, then = _tables(whole, before), _tables(whole, after)
    found = []
    for key, table in was.get("hotline", {}).items():
        later = then["hotline"].get(key, {})
        changes = [
            *setting_forms.changes("hotline", table, later),
            *setting_forms.changes("hours", table, later),
            *setting_forms.changes("sla", *({**USUAL_PLAIN, **one.get("sla", {})} for one in (table, later))),
        ]
        found.append(Part(str(table.get("name", key)), changes))
    common = [*setting_forms.changes("rules", was, then), *_authority(was, then)]
    common += _order_times(before.order_times, after.order_times)
    found.append(Part(say("Chung cho mọi tổng đài"), common))
    return [part for part in found if part.changes]


def _tables(whole: Mapping[str, Any], installation: Installation) -> dict[str, Any]:
    profile = installation.profile
    return laid(whole, profile) if profile is not None else dict(whole)


def _authority(was: Mapping[str, Any], then: Mapping[str, Any]) -> list[Change]:
    """Who may order which teams, where that is another."""
    before, after = (_lines({**AUTHORITY, **one.get("authority", {})}) for one in (was, then))
    gone, new = (tuple(x for x in a if x not in b) for a, b in ((before, after), (after, before)))
    return [Change(FIELD_NAMES["authority"], gone, new, len(after) - len(new))] if before != after else []


def _order_times(was: OrderTimes, then: OrderTimes) -> list[Change]:
    """By when orders are answered, approved and done, where that is another."""
    found = []
    for one in fields(OrderTimes):
        before, after = (_seconds(getattr(times, one.name)) for times in (was, then))
        gone, new = (tuple(x for x in a if x not in b) for a, b in ((before, after), (after, before)))
        if gone or new:
            found.append(Change(FIELD_NAMES[one.name], gone, new, len(after) - len(new)))
    return found


def _seconds(value: int | Mapping[Acuity, int]) -> tuple[str, ...]:
    if isinstance(value, int):
        return (str(value),)
    return tuple(f"{shown.acuity_short(level)}: {seconds}" for level, seconds in value.items())


def _lines(authority: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{say(shown.ROLES.get(role, role))}: "
        + ", ".join(shown.word(shown.STATION_LEVELS, level) for level in LEVELS if level in levels)
        for role, levels in authority.items()
    )


def line_names(house: House) -> dict[str, str]:
    """Words for the steps of the ladders that any profile has: "15 = above"."""
    whole = tables(house)
    slas = [table.get("sla", {}) for table in whole.get("hotline", {}).values()]
    slas += [v.get("sla", {}) for one in desk.province().profiles for v in one.hotlines.values()]
    rows = [row for sla in (USUAL_PLAIN, *slas) for row in sla.get("levels", [])]
    return {
        f"{row['after']} = {row['to']}": say(
            "sau {minutes} phút: {who}", minutes=row["after"], who=_who(row["to"])
        )
        for row in rows
        if {"after", "to"} <= set(row)
    }


def _who(to: str) -> str:
    return say("đơn vị bên trên") if to == ABOVE else say(shown.ROLES.get(to, to))
