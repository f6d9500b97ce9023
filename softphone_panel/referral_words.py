"""Questions to agencies in words; Vietnamese here, English in english.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotline.referrals import WAITED_FOR
from softphone_panel import ticket_view
from softphone_panel.words import say

REFERRAL_STATES: Mapping[str, str] = {
    "asked": "Chờ đơn vị trả lời",
    "answered": "Đã đủ trả lời, chờ báo người dân",
    "disputed": "Trả lời trái nhau, chờ cấp trên",
    "returned": "Không đơn vị nào nhận, tổng đài quyết định",
    "told": "Đã báo người dân",
    "recalled": "Đã thu hồi",
}
PART_STATES: Mapping[str, str] = {
    "asked": "Đã gửi, chờ trả lời",
    "late": "Trễ hạn, đã hỏi cấp trên",
    "answered": "Đã trả lời",
    "not_ours": "Không thuộc đơn vị",
    "refused": "Từ chối trả lời",
    "recalled": "Đã thu hồi",
}
PART_MARKS: Mapping[str, str] = {
    "asked": "→", "late": "‼", "answered": "✓", "not_ours": "↷", "refused": "✗", "recalled": "↶",
}  # fmt: skip
WHYS: Mapping[str, str] = {
    "chosen": "",
    "next": "đơn vị trước báo không thuộc mình",
    "climbed": "cấp dưới quá hạn",
    "disputed": "cấp dưới trả lời trái nhau hoặc từ chối",
}
GROUNDS: Mapping[str, str] = {
    "duty": "Nhiệm vụ của cơ quan nhà nước",
    "life": "Bảo vệ tính mạng, sức khỏe khẩn cấp",
    "consent": "Người dân đồng ý",
}
SAYINGS: Mapping[str, str] = {
    "answer": "Gửi câu trả lời",
    "not_ours": "Không thuộc đơn vị chúng tôi",
    "refuse": "Từ chối trả lời",
}


def label(hotline: str, ticket_number: int | None, number: int) -> str:
    """BP-17/c2."""
    return f"{ticket_view.label(hotline, ticket_number)}/c{number}"


def words() -> dict[str, Any]:
    """What the templates need."""
    return {
        "referral_word": lambda key: say(REFERRAL_STATES[key]),
        "referral_part_word": lambda key: say(PART_STATES[key]),
        "referral_part_mark": PART_MARKS.get,
        "why_asked": lambda key: say(WHYS[key]) if WHYS.get(key) else "",
        "ground_word": lambda key: say(GROUNDS[key]),
        "saying_word": lambda key: say(SAYINGS[key]),
        "waited_for": WAITED_FOR,
    }
