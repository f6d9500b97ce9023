"""Campaigns: switching a profile on and off for all hotlines at once, by a person or by a plan with a beginning and an end.

One settings document says which profile is laid over the installation, so a switch is one publication that every process follows
in two seconds, and undoing it is another. Nothing of the installation is changed, so there is nothing that could be left behind.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import deadlines, documents
from hotline.approvals import Approval
from hotline.deadlines import Deadline, Due, Handler
from hotline.document_kinds import CAMPAIGN, in_force
from hotline.documents import House, Refused, Version
from hotline.installation import InstallationFaults
from hotline.settings import settings

BEGINS, ENDS = "campaign_begins", "campaign_ends"
"""Kinds of deadlines; both are about the plan's id."""
FURTHEST = timedelta(days=366)
BUILT_IN = frozenset({"emergency-only"})
"""Protocols that need no approval: they ask nothing that could be wrong."""


@dataclass(frozen=True)
class Plan:
    """A campaign that is to begin, or to end."""

    id: str
    profile: str
    begins_at: datetime | None
    """None: it has begun."""
    ends_at: datetime | None
    by: str
    note: str


def active(house: House) -> str:
    """Key of the profile that is on; empty: none."""
    return str(house.content(CAMPAIGN, "").get("profile", ""))


def switch(
    session: Session, house: House, profile: str, *, by: str, seen: str, note: str, plan: str = ""
) -> Version:
    """Let that profile be on, or none. Raises Refused."""
    judge(session, house, profile)
    content = {"profile": profile} | ({"plan": plan} if plan else {})
    return documents.put(session, house, CAMPAIGN, "", content, by=by, seen=seen, note=note)


def judge(session: Session, house: House, profile: str) -> None:
    """Raises Refused when the profile is not there, or has calls asked by what nobody approved."""
    try:
        found = in_force(house.with_content(CAMPAIGN, "", {"profile": profile}))
    except InstallationFaults as wrong:
        raise Refused(
            "Chế độ này có lỗi, chưa bật được: hãy sửa trước.",
            "This profile has faults: mend them first.",
            422,
            wrong.told,
        ) from wrong
    if found.campaign != profile:
        raise Refused(
            f"Không có chế độ “{profile}”: hãy tải lại trang.",
            f"There is no profile {profile!r}: reload.",
            404,
        )
    approved = set(session.scalars(select(Approval.name))) | BUILT_IN
    # Only what the profile itself brings: going back to how it was is never refused.
    brings = found.profile.protocols if found.profile is not None else frozenset()
    for name in sorted(brings - approved):
        raise Refused(
            f"Bộ câu hỏi “{name}” của chế độ này chưa được duyệt: hãy duyệt trước.",
            f"The protocol {name} of this profile is not approved: approve it first.",
            422,
        )


def plan(
    session: Session, house: House, profile: str, begins_at: datetime | None, ends_at: datetime | None, *,
    by: str, note: str, at: datetime,
) -> str:  # fmt: skip
    """Have it begin and end by itself; the plan's id. Without a beginning it has begun. Raises Refused, and then plans nothing."""
    if begins_at is not None and begins_at <= at:
        raise Refused(
            "Giờ bắt đầu đã qua: hãy bật ngay, hoặc chọn giờ sau.",
            "The beginning has passed: switch on now, or choose a later time.",
            422,
        )
    if ends_at is not None and ends_at <= (begins_at or at):
        raise Refused("Giờ kết thúc phải sau giờ bắt đầu.", "The end must be after the beginning.", 422)
    if max(begins_at or at, ends_at or at) > at + FURTHEST:
        raise Refused("Chỉ hẹn được trong một năm tới.", "A plan reaches one year ahead at most.", 422)
    judge(session, house, profile)
    plan_id = secrets.token_hex(6)
    body = {"profile": profile, "by": by, "note": note[: documents.NOTE_AT_MOST]}
    if begins_at is not None:
        deadlines.set(session, BEGINS, plan_id, begins_at, body)
    if ends_at is not None:
        deadlines.set(session, ENDS, plan_id, ends_at, body)
    return plan_id


def cancel(session: Session, plan_id: str) -> bool:
    """Take back what has not come yet of a plan; what it switched on stays on. False when nothing was left of it."""
    begins, ends = (deadlines.clear(session, kind, plan_id) for kind in (BEGINS, ENDS))
    return begins or ends


def plans(session: Session) -> Sequence[Plan]:
    """What is still to come, the soonest first."""
    rows = session.scalars(
        select(Deadline).where(Deadline.kind.in_((BEGINS, ENDS))).order_by(Deadline.due_at)
    )
    found: dict[str, Plan] = {}
    for row in rows:
        known = found.get(row.about)
        begins = row.due_at if row.kind == BEGINS else known.begins_at if known else None
        ends = row.due_at if row.kind == ENDS else known.ends_at if known else None
        body = row.body
        found[row.about] = Plan(row.about, body["profile"], begins, ends, body["by"], body["note"])
    return list(found.values())


def _begin(session: Session, due: Due, at: datetime) -> None:
    """The plan's profile is on, whatever was before."""
    house = documents.house(session, settings().installation)
    profile = str(due.body["profile"])
    if active(house) == profile:
        return
    _switch(session, house, profile, due, plan=due.about)


def _end(session: Session, due: Due, at: datetime) -> None:
    """Back to none; not when somebody has switched to another profile since."""
    house = documents.house(session, settings().installation)
    content = house.content(CAMPAIGN, "")
    if content.get("profile") == due.body["profile"] and content.get("plan", due.about) == due.about:
        _switch(session, house, "", due)


def _switch(session: Session, house: House, profile: str, due: Due, plan: str = "") -> None:
    seen = documents.seen(session, CAMPAIGN, "")
    by, note = str(due.body["by"]), str(due.body["note"])
    switch(session, house, profile, by=by, seen=seen, note=note, plan=plan)


HANDLERS: Mapping[str, Handler] = {BEGINS: _begin, ENDS: _end}
