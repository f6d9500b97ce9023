"""Orders in words: states, means, tries, alarms; Vietnamese here, English in english.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hotline.categories import CategoryFaults, beside
from hotline.events import now
from hotline.order_alarms import CLIMBED, FAILED, NOBODY, OVERDUE, SILENT, OrderAlarm
from hotline.settings import settings
from softphone_panel import shown, ticket_view
from softphone_panel.words import clock, language, say

ORDER_STATES: Mapping[str, str] = {
    "awaiting_approval": "Chờ duyệt",
    "issued": "Đã ra lệnh",
    "refused": "Không được duyệt",
    "recalled": "Đã thu hồi",
    "done": "Đã làm xong",
}
ASSIGNMENT_STATES: Mapping[str, str] = {
    "waiting": "Chờ duyệt",
    "sent": "Đã gửi, chờ nhận",
    "accepted": "Đã nhận",
    "en_route": "Đang đến",
    "on_site": "Đã đến nơi",
    "done": "Đã làm xong",
    "failed": "Không làm được",
    "declined": "Từ chối",
    "unanswered": "Không trả lời",
    "replaced": "Đã giao đội khác",
    "recalled": "Đã thu hồi",
}
ASSIGNMENT_MARKS: Mapping[str, str] = {
    "waiting": "…", "sent": "→", "accepted": "✓", "en_route": "»", "on_site": "◎", "done": "✔", "failed": "✗",
    "declined": "✗", "unanswered": "⌀", "replaced": "↷", "recalled": "↶",
}  # fmt: skip
MEANS: Mapping[str, str] = {
    "panel": "trên trang",
    "link": "qua liên kết",
    "api": "qua hệ thống của đơn vị",
    "telephone": "qua điện thoại",
    "clock": "tự động, hết giờ",
}
TRY_STATES: Mapping[str, str] = {
    "ringing": "đang reo",
    "asked": "đang hỏi có phải đội trực",
    "briefing": "đang nghe lệnh",
    "accepted": "nhận lệnh",
    "declined": "từ chối",
    "stranger": "không phải đội trực",
    "no_key": "nghe máy, không bấm phím",
    "no_answer": "không nghe máy",
    "busy": "máy bận",
    "failed": "không gọi được",
    "cancelled": "thôi gọi, đã có trả lời",
    "interrupted": "bị ngắt, gọi lại",
}
APPROVAL_STATES: Mapping[str, str] = {
    "asked": "Đang chờ",
    "approved": "Đã duyệt",
    "refused": "Không duyệt",
    "climbed": "Quá hạn, chuyển cấp trên",
    "withdrawn": "Đã rút",
}
MESSAGE_STATES: Mapping[str, str] = {
    "due": "tin nhắn sắp gửi",
    "sending": "đang gửi tin nhắn",
    "waiting": "chưa gửi được tin nhắn, sẽ gửi lại",
    "sent": "đã gửi tin nhắn",
    "failed": "không gửi được tin nhắn",
    "dropped": "không gửi tin nhắn",
}
REPORTS: Mapping[str, str] = {
    "accept": "Nhận lệnh",
    "decline": "Từ chối",
    "set_out": "Lên đường",
    "arrive": "Đã đến nơi",
    "finish": "Đã làm xong",
    "fail": "Không làm được",
}
"""What a team says, as its buttons have it."""


def category_word(key: str) -> str:
    """The category's name in the reader's language; its key while the file cannot be read."""
    try:
        known = beside(settings().installation).get(key)
    except (CategoryFaults, OSError):
        return key
    return known.word(language()) if known is not None else key


def label(hotline: str, ticket_number: int | None, number: int) -> str:
    """BP-17/2."""
    return f"{ticket_view.label(hotline, ticket_number)}/{number}"


ALARMS: Mapping[str, str] = {
    NOBODY: "Lệnh mức {acuity}: không đơn vị nào nhận, hãy giao lại hoặc gọi trực tiếp.",
    FAILED: "Lệnh mức {acuity}: {team} báo không làm được, hãy giao đội khác.",
    OVERDUE: "Lệnh mức {acuity}: quá hạn {time} mà chưa xong.",
    SILENT: "Lệnh mức {acuity}: Ban Chỉ đạo chưa trả lời yêu cầu duyệt.",
    CLIMBED: "Lệnh mức {acuity}: {team} không nhận, đã chuyển cấp trên.",
}


def alarm_text(alarm: OrderAlarm) -> str:
    """What is wrong, and what to do."""
    told = {"acuity": shown.acuity_short(alarm.acuity), "team": alarm.team, "time": clock(alarm.due_at)}
    return say(ALARMS[alarm.kind], **told)


def words() -> dict[str, Any]:
    """What the templates of orders call these tables."""

    def word(table: Mapping[str, str]) -> Callable[[str], str]:
        return lambda key: shown.word(table, key)

    return {
        "order_word": word(ORDER_STATES),
        "part_word": word(ASSIGNMENT_STATES),
        "part_mark": ASSIGNMENT_MARKS,
        "means_word": word(MEANS),
        "order_try_word": word(TRY_STATES),
        "approval_word": word(APPROVAL_STATES),
        "message_word": word(MESSAGE_STATES),
        "category_word": category_word,
        "level_word": word(shown.STATION_LEVELS),
        "now": now(),
    }
