"""Why a message or a webhook did not go, in words, and what a person does about it. Pure but for the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from softphone_panel.words import say

FAULTS: Mapping[str, str] = {
    "interrupted": "bị ngắt khi đang gửi",
    "too old": "quá lâu không gửi được",
    "no mobile number": "không phải số di động",
    "TimeoutError": "cổng nhận không trả lời",
    "SocketTimeoutError": "cổng nhận không trả lời",
    "ConnectionTimeoutError": "không nối được tới cổng nhận",
    "ClientConnectorError": "không nối được tới cổng nhận",
    "ServerDisconnectedError": "cổng nhận ngắt giữa chừng",
    "private address": "địa chỉ ở mạng nội bộ",
    "ClientConnectorDNSError": "không tìm thấy tên máy chủ",
    "ClientConnectorCertificateError": "chứng chỉ không được tin",
    "HTTP 400": "cổng nhận không hiểu nội dung gửi tới (HTTP 400)",
    "HTTP 401": "cổng nhận không nhận khóa của ta (HTTP 401)",
    "HTTP 402": "tài khoản hết tiền (HTTP 402)",
    "HTTP 403": "cổng nhận không cho phép tài khoản này (HTTP 403)",
    "HTTP 404": "địa chỉ gửi tới không có (HTTP 404)",
    "HTTP 405": "địa chỉ gửi tới không nhận cách gửi này (HTTP 405)",
    "HTTP 410": "địa chỉ gửi tới đã bỏ (HTTP 410)",
    "HTTP 413": "cổng nhận thấy nội dung quá dài (HTTP 413)",
    "HTTP 422": "cổng nhận từ chối số hoặc nội dung (HTTP 422)",
    "HTTP 429": "cổng nhận thấy ta gửi quá nhanh (HTTP 429)",
}
"""What was answered, by what the record calls it."""
LATER = "hệ thống tự gửi lại; nếu kéo dài, hãy gọi cho nhà cung cấp"
KEY = "kiểm tra khóa và tài khoản với nhà cung cấp; sửa xong hệ thống tự gửi lại"
TEMPLATE = "so mẫu gửi trong messages.toml với tài liệu của nhà cung cấp, sửa rồi bấm “Gửi lại”"
ADDRESS = "sửa url hay method trong messages.toml rồi bấm “Gửi lại”"
NUMBER = "kiểm tra số trên phiếu, hoặc chọn cách báo khác"
ADVICE: Mapping[str, str] = {
    "interrupted": LATER,
    "too old": "xem cổng tin nhắn đã chạy chưa rồi bấm “Gửi lại”, hoặc gọi cho người nhận",
    "no mobile number": NUMBER,
    "ClientConnectorDNSError": ADDRESS,
    "ClientConnectorCertificateError": "báo quản trị máy chủ và nhà cung cấp xem chứng chỉ",
    "HTTP 400": TEMPLATE,
    "HTTP 401": KEY,
    "HTTP 402": "nạp tiền vào tài khoản; hệ thống tự gửi lại",
    "HTTP 403": KEY,
    "HTTP 404": ADDRESS,
    "HTTP 405": ADDRESS,
    "HTTP 407": KEY,
    "HTTP 410": ADDRESS,
    "HTTP 413": TEMPLATE,
    "HTTP 422": NUMBER,
}
"""What to do about it; LATER for what goes again by itself, REFUSED for any other refusal."""
REFUSED = "hỏi nhà cung cấp vì sao, rồi bấm “Gửi lại” hoặc gọi cho người nhận"


def word(fault: str) -> str:
    """What was answered; a provider's own code is shown as it is, and nothing for nothing."""
    if fault in FAULTS:
        return say(FAULTS[fault])
    status = fault.removeprefix("HTTP ")
    if status == fault or not status.isdecimal():
        return say("nhà cung cấp trả lời: {code}", code=fault) if " " in fault else fault
    if status.startswith("5"):
        return say("cổng nhận đang lỗi (HTTP {status})", status=status)
    return say("cổng nhận từ chối (HTTP {status})", status=status)


def advice(fault: str, *, given_up: bool) -> str:
    """What a person does about a message; empty where nothing went wrong yet."""
    if not fault:
        return ""
    return say(ADVICE.get(fault, REFUSED if given_up else LATER))
