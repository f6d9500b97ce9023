"""What each role may do, in words, and what a change of a person takes away and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hotline.access import DESKS, EVERYBODY, ROUTES, STAFF, SUPERVISORS, Open, may
from hotline.operators import Operator, OperatorPresence, Presence
from softphone_panel.desk import province
from softphone_panel.words import say

STAFF_ROOMS = "staff"
POWERS: Mapping[str, str] = {
    STAFF_ROOMS: "trang của tổng đài: bàn làm việc, phiếu, gọi lại, ghi âm",
    "station_desk": "trang của trạm: nhận người dân được chuyển đến",
    "team_orders": "lệnh: ra lệnh trong thẩm quyền, theo dõi, thu hồi, giao lại",
    "team_desk": "trang của đội: nhận và báo các lệnh của đội",
    "tickets.viewers": "xem ai đã mở phiếu",
    "listening.listeners": "xem ai đã nghe ghi âm",
    "recalls.command": "gọi lại ngay và hủy gọi lại",
    "recordings.share": "chia sẻ ghi âm",
    "recordings.export": "tải ghi âm về",
    "floor": "điều hành: nghe cùng, nhắc riêng, nhận thay cuộc gọi, cho tạm nghỉ",
    "wallboard": "bảng điện tử",
    "command_board": "bảng chỉ huy: việc đang mở và trễ hạn theo địa bàn",
    "reports": "báo cáo",
    "ticket_reports": "báo cáo phiếu",
    "quality": "chấm điểm và hiệu chuẩn chất lượng cuộc gọi",
    "people": "quản lý nhân sự",
    "administration.index": "xem cài đặt của tổng đài",
    "administration": "sửa và công bố cài đặt",
    "campaigns.index": "xem chế độ đang theo và lịch hẹn",
    "campaigns": "chuyển chế độ của mọi tổng đài",
    "other": "việc khác của vai trò này",
}
SAME_AS: Mapping[str, str] = {"scoring": "quality", "administration.one": "administration.index",
    "stations.index": "administration.index", "stations.chain": "administration.index",
    "stations.units": "administration.index", "stations": "administration",
    **{f"organisation.{name}": "administration.index" for name in ("first", "index", "one", "export")},
    "organisation": "administration", "campaigns.one": "campaigns.index",
    "profile_editing": "administration"}  # fmt: skip
"""What is one thing to whoever works in it."""
"""What not everybody may, by endpoint, else by its room; what all who work at the hotline may is one line."""
SUPERVISORS_SEE = "xem phiếu, ghi âm và số điện thoại của mọi tổng đài"
"""The routes do not tell: everybody has the pages, and supervisors see all in them."""


@dataclass(frozen=True)
class Consequences:
    """What a change of a person means; falsy when it is nothing to think about twice."""

    before: str = ""
    after: str = ""
    """Roles; empty when the role stays."""
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    switched_off: bool = False
    talks: bool = False
    """In a call now, which goes on to its end."""

    def __bool__(self) -> bool:
        return bool(self.after) or self.switched_off


def of_role(role: str) -> tuple[str, ...]:
    """What that role may and not everybody, in words, in the table's order."""
    found = {key_of(endpoint): None for endpoint in ROUTES if special(endpoint) and may(role, endpoint)}
    words = [say(POWERS[key]) for key in POWERS if key in found]
    if role in SUPERVISORS:
        words.append(say(SUPERVISORS_SEE))
    if role in province().dial_roles:
        words.append(say("gọi ra ngoài từ trang"))
    return tuple(words)


def special(endpoint: str) -> bool:
    """Whether the endpoint is not for everybody who signed in."""
    who = ROUTES[endpoint]
    return not isinstance(who, Open) and who not in (EVERYBODY, DESKS)


def key_of(endpoint: str) -> str:
    """Its line in the table."""
    if ROUTES[endpoint] == STAFF:
        return STAFF_ROOMS
    endpoint = SAME_AS.get(endpoint, endpoint)
    room = endpoint.partition(".")[0]
    room = SAME_AS.get(room, room)
    return endpoint if endpoint in POWERS else room if room in POWERS else "other"


def consequences(session: Session, row: Operator, wanted: Mapping[str, Any]) -> Consequences:
    """What bringing the person to these values means."""
    role, active = wanted.get("role", row.role), wanted.get("active", row.active)
    now, then = of_role(row.role), of_role(role)
    presence = session.get(OperatorPresence, row.id)
    return Consequences(
        before=row.role if role != row.role else "",
        after=role if role != row.role else "",
        lost=tuple(word for word in now if word not in then),
        gained=tuple(word for word in then if word not in now),
        switched_off=row.active and not active,
        talks=presence is not None and presence.state == Presence.TALKING,
    )
