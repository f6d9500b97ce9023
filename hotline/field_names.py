"""What people call the fields of the installation, in Vietnamese and English, with what a field is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldName:
    vi: str
    en: str
    vi_about: str = ""
    """A line under the field: unit, example, what the caller notices."""
    en_about: str = ""


FIELD_NAMES: Mapping[str, FieldName] = {
    "name": FieldName("Tên", "Name"),
    "tinh": FieldName(
        "Tên tỉnh trong lời nói tiếng Việt",
        "Province in Vietnamese speech",
        "Người gọi nghe “Tổng đài 1022 …”. Đổi tên thì các câu được thu lại, mất vài phút.",
        "Callers hear “1022 …”. A new name is spoken anew, which takes some minutes.",
    ),
    "province": FieldName("Tên tỉnh trong lời nói tiếng Anh", "Province in English speech"),
    "prefix": FieldName("Chữ đầu số phiếu", "Letters before ticket numbers", "Ví dụ BP.", "For example BP."),
    "numbers": FieldName(
        "Số gọi đến",
        "Called numbers",
        "Mỗi dòng một số, viết như nhà mạng gửi tới; chỉ các chữ số được so. Số lạ về tổng đài của đường trung kế.",
        "One number a line, as carriers write it; only digits are compared. Unknown numbers go to the trunk's hotline.",
    ),
    "protocol": FieldName(
        "Bộ câu hỏi", "Protocol", "Chỉ bản đã duyệt được hỏi.", "Only an approved version is asked."
    ),
    "outbound_number": FieldName(
        "Số hiện khi gọi ra",
        "Number shown on calls out",
        "Người được gọi thấy số này.",
        "What the called see.",
    ),
    "emergency_number": FieldName(
        "Số cấp cứu cuối chuỗi",
        "Emergency number",
        "Được gọi sau cùng cho cuộc gọi ĐỎ khi không ai nhận.",
        "Rung last for a RED caller whom nobody takes.",
    ),
    "chain": FieldName(
        "Số trực dự phòng",
        "Duty numbers",
        "Mỗi dòng: tên = số. Được gọi theo thứ tự khi không có tổng đài viên nhận cuộc khẩn cấp.",
        "One a line: name = number. Rung in this order when no operator takes an urgent call.",
    ),
    "units_parent": FieldName(
        "Mã tỉnh (địa bàn theo huyện)",
        "Province code (areas by district)",
        "Mã GSO; dùng khi không liệt kê địa bàn.",
        "GSO code; used when no areas are listed.",
    ),
    "areas": FieldName(
        "Địa bàn người gọi chọn",
        "Areas that callers name",
        "Mỗi dòng: hai phím từ 3 đến 9 = mã đơn vị. Để trống là các huyện của tỉnh.",
        "One a line: two keys of 3 to 9 = unit code. Empty: the province's districts.",
    ),
    "shared_numbers": FieldName(
        "Số dùng chung",
        "Shared numbers",
        "Mỗi dòng một số dạng +84…: nhiều người cùng gọi từ đó, nên không bao giờ là người gọi lại.",
        "One +84… number a line: many people call from it, so it is never a repeat caller.",
    ),
    "wait_limit_s": FieldName(
        "Chờ tối đa (giây)",
        "Longest wait (seconds)",
        "Người gọi dưới mức CAM chờ quá lâu được mời gọi lại hoặc để lại lời nhắn. ĐỎ và CAM không bao giờ bị mời ra.",
        "A caller below ORANGE who waits longer is offered a callback or a message. RED and ORANGE never are.",
    ),
    "comfort_every_s": FieldName(
        "Nhắc người chờ mỗi (giây)",
        "A word to who waits, every (seconds)",
        "Để người chờ biết máy vẫn nối.",
        "So that nobody believes the line is dead.",
    ),
    "retired": FieldName(
        "Ngừng tổng đài này",
        "Retire this hotline",
        "Không nhận cuộc gọi mới: số gọi đến về tổng đài của đường trung kế. Phiếu và lịch sử ở lại; bỏ dấu là mở lại.",
        "No new calls: its numbers go to the trunk's hotline. Tickets and history stay; untick to open it again.",
    ),
    "hours": FieldName(
        "Giờ làm việc",
        "Opening hours",
        "Không có khung giờ nào: luôn mở.",
        "Without any span it is always open.",
    ),
    "budgets": FieldName(
        "Hạn từng bước",
        "Budgets",
        "Số phút từ lúc mở phiếu đến từng bước. Dòng riêng hơn dòng chung; bỏ trống là không có bước đó.",
        "Minutes from the opening to each stage. A particular row outranks a general one; empty: no such stage.",
    ),
    "levels": FieldName(
        "Thang báo khi quá hạn",
        "Escalation ladder",
        "Mỗi dòng: số phút sau khi quá hạn = người được báo (supervisor, administrator, above là cấp trên của đơn vị, hoặc tên đăng nhập).",
        "One a line: minutes after it was due = who is told (supervisor, administrator, above for the agency above, or a username).",
    ),
    "warn_percent": FieldName("Cảnh báo khi đã hết (%)", "Warning at (%)", "Thường là 80.", "Usually 80."),
    "repeat_min": FieldName(
        "Báo lại cấp cuối sau mỗi (phút)", "The last level is told again every (minutes)"
    ),
    "holidays": FieldName("Ngày nghỉ", "Holidays"),
    "days": FieldName("Thứ", "Weekdays"),
    "from": FieldName("Từ", "From"),
    "to": FieldName("Đến", "To"),
    "date": FieldName("Ngày", "Date"),
    "until": FieldName("Đến hết ngày", "Last day"),
    "reserve_share": FieldName(
        "Phần kênh giữ cho cấp cứu",
        "Share of channels kept for emergencies",
        "Từ 0 đến dưới 1; 0,15 là 15 %.",
        "From 0 to below 1; 0.15 is 15 %.",
    ),
    "wrap_up_s": FieldName("Thời gian ghi phiếu (giây)", "Wrap-up (seconds)"),
    "ring_s": FieldName(
        "Đổ chuông mỗi tổng đài viên (giây)",
        "Ring each operator (seconds)",
        "Sau đó máy tiếp theo đổ chuông.",
        "Then the next one's phone rings.",
    ),
    "dial_prefixes": FieldName(
        "Đầu số được gọi ra",
        "Prefixes that may be called",
        "Mỗi dòng một đầu số, ví dụ 09.",
        "One a line, for example 09.",
    ),
    "dial_roles": FieldName("Ai được gọi ra", "Who may call out"),
    "operators_see_listening": FieldName(
        "Tổng đài viên thấy khi bị nghe cùng", "Operators see when they are listened to"
    ),
    "supervisors_hear_consults": FieldName(
        "Trưởng ca nghe được lời trao đổi riêng với trạm", "Supervisors hear private talk with stations"
    ),
    "authority": FieldName("Tự ra lệnh cho đội cấp", "May order teams of these levels"),
    "orders": FieldName("Thời hạn của lệnh", "Times of orders"),
    "answer_s": FieldName("Đội trả lời trong (giây)", "Teams answer within (seconds)"),
    "call_after_s": FieldName("Gọi điện cho đội sau (giây)", "Teams are rung after (seconds)"),
    "approve_s": FieldName("Ban Chỉ đạo duyệt trong (giây)", "Approved within (seconds)"),
    "done_s": FieldName("Làm xong trong (giây)", "Done within (seconds)"),
    "again_s": FieldName("Sang số kế tiếp sau (giây)", "The next number after (seconds)"),
}
"""Field of the installation → its name."""

STATION_FIELDS: Mapping[str, FieldName] = {
    "name": FieldName("Tên trạm", "Station's name", "Như người trực đọc và nghe.", "As people read it."),
    "hotline": FieldName("Tổng đài", "Hotline"),
    "level": FieldName("Cấp", "Level", "Trạm gần người dân nhất được gọi trước: xã, huyện, rồi tỉnh.",
                       "The nearest is rung first: commune, district, then province."),
    "active": FieldName("Đang nhận chuyển cuộc gọi", "Takes hand-overs"),
    "units": FieldName("Địa bàn phục vụ", "Places served", "Người gọi ở đây được chuyển về trạm này; bỏ dấu để bỏ một nơi.",
                       "Callers from here are handed over to this station; untick a place to take it away."),
    "numbers": FieldName("Số điện thoại của trạm", "Station's numbers",
                         "Mỗi dòng một số, gọi theo thứ tự: số thứ nhất, số thứ hai… Số có trong ca trực chỉ được gọi trong giờ trực.",
                         "One a line, rung in this order. A number of the roster is rung in its hours only."),
    "duty": FieldName("Ca trực", "Duty roster", "Người đang trực được gọi trước số của trạm.",
                      "Who is on duty is rung before the station's numbers."),
    "neighbours": FieldName("Trạm bên cạnh", "Neighbours", "Được gọi theo thứ tự này khi trạm không nhận.",
                            "Asked in this order when the station cannot."),
    "phone": FieldName("Máy SIP đặt tại trạm", "SIP phone at the station"),
    "language": FieldName("Tiếng của lời tóm tắt", "Language of the briefing", "Người nhấc máy ở trạm nghe tiếng này.",
                          "What whoever answers at the station hears."),
}  # fmt: skip
"""Field of a station → its name."""

ORGANISATION_FIELDS: Mapping[str, FieldName] = {
    "key": FieldName("Mã", "Key", "Chữ thường không dấu, chữ số và dấu gạch; không đổi được về sau.",
                     "Lower-case letters, digits and -; it cannot be changed later."),
    "hotline": FieldName("Tổng đài", "Hotline"),
    "name": FieldName("Tên đơn vị", "Name"),
    "kind": FieldName("Loại", "Kind", "Cơ quan trả lời; trung tâm chỉ huy; đội đi tới nơi.",
                      "An agency answers; a centre commands; a team goes there."),
    "level": FieldName("Cấp", "Level"),
    "unit": FieldName("Địa bàn", "Unit", "Mã của xã, huyện hoặc tỉnh trong thời gian hiệu lực.",
                      "Code of the commune, district or province in the time of validity."),
    "above": FieldName("Báo lên", "Escalates to", "Khi không ai nhận lệnh hoặc quá hạn.", "When nobody takes an order, or it is late."),
    "numbers": FieldName("Số điện thoại", "Numbers", "Mỗi dòng một số, gọi theo thứ tự; số trong ca trực chỉ được gọi trong giờ trực.",
                         "One a line, rung in this order. A number of the roster is rung in its hours only."),
    "duty": FieldName("Ca trực", "Duty roster", "Người đang trực được gọi trước.", "Who is on duty is rung first."),
    "contacts": FieldName("Liên hệ khác", "Other contacts", "Mỗi dòng: chức danh; tên; số; thư điện tử. Máy không tự gọi các số này.",
                          "One a line: role; name; number; email. The machine never rings these."),
    "languages": FieldName("Ngôn ngữ", "Languages", "Các mã cách nhau bằng dấu phẩy: vi, en. Trống: tiếng Việt.",
                           "Codes parted by commas: vi, en. Empty: Vietnamese."),
    "capacity": FieldName("Làm được cùng lúc", "Capacity", "Số lệnh cùng lúc; 0 là không giới hạn.", "Orders at once; 0 is unlimited."),
    "from": FieldName("Hiệu lực từ", "Valid from", "Ngày như 2025-07-01.", "A day like 2025-07-01."),
    "to": FieldName("Đến hết ngày", "Last day", "Để trống: chưa có ngày cuối.", "Empty: no last day."),
    "active": FieldName("Đang hoạt động", "Active"),
    "agency": FieldName("Đơn vị", "Agency"),
    "categories": FieldName("Lĩnh vực", "Categories"),
}  # fmt: skip
"""Field of an agency or a responsibility → its name."""
