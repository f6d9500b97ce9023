"""What people call the parts of a ticket's matter: its persons, its links, what is done to many tickets at once."""

from __future__ import annotations

from collections.abc import Mapping

from hotline import persons

PERSON_LABELS: Mapping[str, str] = {
    persons.PATIENT_NUMBER: "Số của người bệnh",
    persons.PATIENT_REACH: "Gặp người bệnh qua ai, ở đâu",
    persons.REQUESTER: "Báo kết quả cho",
    persons.REQUESTER_NAME: "Tên người nhận kết quả",
    persons.REQUESTER_NUMBER: "Số của người nhận kết quả",
}
REQUESTERS: Mapping[str, str] = {
    persons.REPORTER: "người gọi",
    persons.PATIENT: "người bệnh",
    persons.OTHER: "người khác",
}
PERSON_GROUPS: Mapping[str, str] = {
    "reporter": "Người gọi báo",
    "patient": "Người bệnh, người cần giúp",
    "requester": "Người nhận kết quả",
}
LINKS: Mapping[str, str] = {
    "same_incident": "cùng vụ với",
    "follow_up": "tiếp theo của",
    "caused_by": "do",
    "related": "liên quan đến",
}
"""A link as the ticket says it that follows up or is caused."""
LINKS_BACK: Mapping[str, str] = {"follow_up": "được tiếp ở", "caused_by": "là nguyên nhân của"}
TIES: Mapping[str, str] = {
    "same_incident": "Cùng vụ với phiếu kia",
    "into": "Gộp phiếu này vào phiếu kia",
    "here": "Gộp phiếu kia vào phiếu này",
    "follow_up": "Tiếp theo của phiếu kia",
    "caused_by": "Do phiếu kia gây ra",
    "related": "Liên quan đến phiếu kia",
}
"""What may be done with two tickets."""
BULK: Mapping[str, str] = {
    "note": "Ghi chú",
    "link": "Liên kết là cùng một vụ",
    "assign": "Giao cho đơn vị",
    "category": "Đặt lĩnh vực",
    "close": "Đóng phiếu",
}
"""What may be done to many tickets at once."""
BULK_LACKS: Mapping[str, str] = {
    "note": "Ô “Ghi chú” đang trống: hãy viết nội dung rồi lưu.",
    "main": "Ô “Phiếu chính”: hãy chọn một phiếu.",
    "agency": "Ô “Đơn vị”: hãy chọn một đơn vị.",
}
FILE_FAULTS: Mapping[str, str] = {
    "empty": "Tệp này trống: hãy chọn tệp khác.",
    "too_large": "Tệp quá lớn: hãy chọn tệp dưới {most_mb} MB.",
    "unknown": "Tệp này không phải ảnh JPEG, PNG hay PDF: hãy chọn tệp khác.",
    "broken": "Tệp này hỏng hoặc thiếu phần cuối: hãy chụp hay xuất lại.",
    "active": "Tệp PDF này có mã chạy hoặc tệp nhúng: hãy in ra PDF khác rồi gửi.",
    "too_many": "Phiếu đã có {most} tệp: không thêm được nữa.",
}
"""Why a file is not kept."""
