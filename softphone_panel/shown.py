"""How states, acuities and reasons are called on the page."""

from __future__ import annotations

from collections.abc import Mapping

from hotline import skills
from hotline.acuity import Acuity
from softphone_panel.words import either, say

ACUITY_MARKS: Mapping[str, str] = {"RED": "‼", "ORANGE": "!", "YELLOW": "▲", "GREEN": "●", "NONMED": "○"}
"""A sign for each acuity beside its colour and word."""

CALL_STATES: Mapping[str, str] = {
    "triage": "Đang nghe máy hỏi",
    "waiting": "Đang chờ",
    "ringing": "Đang đổ chuông",
    "talking": "Đang nói chuyện",
    "message": "Đang để lại lời nhắn",
    "fallback": "Tổng đài tự phục vụ",
    "ended": "Đã kết thúc",
}
PRESENCES: Mapping[str, str] = {
    "offline": "Chưa vào ca",
    "available": "Sẵn sàng",
    "ringing": "Máy đang reo",
    "talking": "Đang nói chuyện",
    "wrap_up": "Đang ghi phiếu",
    "paused": "Đang tạm nghỉ",
}
PRESENCE_MARKS: Mapping[str, str] = {
    "offline": "–",
    "available": "✓",
    "ringing": "♪",
    "talking": "☎",
    "wrap_up": "✎",
    "paused": "‖",
}
PAUSES: Mapping[str, str] = {
    "break": "Giải lao",
    "meal": "Ăn ca",
    "meeting": "Họp",
    "training": "Tập huấn",
    "paperwork": "Xử lý hồ sơ",
}
"""Reasons an operator may choose."""
PAUSE_REASONS: Mapping[str, str] = {
    **PAUSES,
    "missed": "Lỡ cuộc gọi",
    "declined": "Đã từ chối cuộc gọi",
    "busy": "Máy bận",
    "phone": "Mất kết nối máy",
    "wrap_up": "Quá giờ ghi phiếu",
    "supervising": "Đang nghe cùng",
    "watches": "Chỉ nghe cùng",
    "supervisor": "Trưởng ca cho tạm nghỉ",
}
TICKET_STATES: Mapping[str, str] = {"open": "Mới", "in_progress": "Đang xử lý", "closed": "Đã đóng"}
BRANCHES: Mapping[str, str] = {
    "root": "Lời chào",
    "medical": "Y tế",
    "nonmedical": "Ngoài y tế",
}
ROLES: Mapping[str, str] = {
    "operator": "Tổng đài viên",
    "supervisor": "Trưởng ca",
    "administrator": "Quản trị",
    "station": "Trạm y tế",
    "team": "Đội phản ứng nhanh",
    "leader": "Lãnh đạo, Ban Chỉ đạo",
}
WEEKDAYS: Mapping[int, str] = {1: "T2", 2: "T3", 3: "T4", 4: "T5", 5: "T6", 6: "T7", 7: "CN"}
SETTINGS: Mapping[str, str] = {
    "hotline": "Số gọi và cấu hình",
    "hours": "Giờ làm việc",
    "sla": "Thời hạn xử lý",
    "holidays": "Ngày nghỉ",
    "rules": "Quy tắc chung",
    "station": "Trạm y tế",
}
"""Kinds of settings documents."""
END_REASONS: Mapping[str, str] = {
    "served": "đã được phục vụ",
    "self_care": "đã nghe hết hướng dẫn tự chăm sóc",
    "left_message": "đã để lại lời nhắn",
    "callback_asked": "xin được gọi lại",
    "released": "được hẹn gọi lại để nhường kênh cho cấp cứu",
    "abandoned": "gác máy trước khi có người nghe",
    "too_short": "gác máy trong 5 giây đầu",
    "no_channel": "gọi đến khi hết kênh",
    "switch_lost": "mất do tổng đài dừng",
    "not_reached": "gọi lại nhưng không gặp",
}
LEG_OUTCOMES: Mapping[str, str] = {
    "answered": "Hai bên thôi nối máy.",
    "no_answer": "Không nghe máy.",
    "busy": "Máy bận.",
    "declined": "Máy từ chối cuộc gọi.",
    "unavailable": "Máy không kết nối.",
    "cancelled": "Thôi đổ chuông.",
    "failed": "Không gọi được máy này.",
    "no_channel": "Đường ra hết kênh.",
    "lost": "Mất đường truyền.",
}
"""How ringing, or talking, at one phone ended."""
RECALL_STATES: Mapping[str, str] = {
    "due": "Chờ gọi",
    "dialling": "Đang gọi",
    "done": "Đã gọi được",
    "failed": "Không gọi được",
    "cancelled": "Đã hủy",
    "merged": "Gộp vào lần sau",
}
RECALL_TRIES: Mapping[str, str] = {
    "reached": "đã gặp người dân.",
    "busy": "máy bận.",
    "no_answer": "không nghe máy.",
    "declined": "từ chối cuộc gọi.",
    "failed": "không gọi được số này.",
    "unavailable": "máy không liên lạc được.",
    "operator_left": "tổng đài viên gác máy khi máy người dân đang reo.",
    "interrupted": "bị ngắt do hệ thống khởi động lại; sẽ gọi lại ngay.",
    "not_dialled": "tổng đài viên gác máy trước khi quay số.",
}
"""What became of one try to ring somebody back."""
RECALL_ALARMS: Mapping[str, str] = {
    "waits": "quá nửa thời hạn mà chưa ai gọi.",
    "late": "quá hạn mà chưa ai gọi.",
    "failed": "gọi 3 lần không gặp, trưởng ca phải xử lý.",
}
RECALL_REASONS: Mapping[str, str] = {
    "asked": "Người dân xin gọi lại",
    "message": "Để lại lời nhắn",
    "lost": "Gác máy khi chưa có người nghe",
    "released": "Nhường kênh cho cấp cứu",
    "switch_lost": "Tổng đài dừng giữa cuộc gọi",
    "dropped": "Rớt máy khi đang nói",
    "follow_up": "Hẹn hỏi thăm lại",
    "result": "Báo kết quả",
    "tell_result": "Tổng đài viên báo kết quả",
}
AGES: Mapping[int, str] = {0: "dưới 1 giờ", 1: "1–5 giờ", 2: "5–24 giờ", 3: "trên 24 giờ"}
"""How old what is open is, as hotline.open_work.AGES_H divides it."""
STAGES: Mapping[str, str] = {
    "accept": "Tiếp nhận",
    "assign": "Giao việc",
    "on_site": "Có mặt",
    "done": "Xử lý xong",
    "told": "Báo người dân",
    "close": "Đóng phiếu",
}
STANDINGS: Mapping[str, str] = {
    "accept": "Đã tiếp nhận, đang chờ người xử lý.",
    "assign": "Đang giao cho nơi có trách nhiệm.",
    "on_site": "Đã giao, đang đến nơi.",
    "done": "Đang được xử lý.",
    "told": "Đã xử lý xong, đang báo kết quả.",
    "close": "Đã xử lý xong và đã báo kết quả.",
}
"""What a citizen reads of a ticket that waits for this stage."""
RESULTS: Mapping[str, str] = {
    "solved": "Đã giải quyết xong",
    "answered": "Cơ quan đã trả lời",
    "supplied": "Đã giao hàng, vật phẩm",
    "checked": "Đã kiểm tra, xử lý tại chỗ",
    "not_possible": "Không thuộc thẩm quyền hoặc chưa đủ điều kiện",
    "other": "Đã xử lý",
}
TOLD: Mapping[str, str] = {
    "call": "Máy gọi báo ngay",
    "operator": "Tổng đài viên gọi báo",
    "text": "Nhắn tin báo",
    "talk": "Đã nói trực tiếp với người dân",
    "message": "Đã nhắn tin",
    "in_person": "Đã báo tại chỗ",
}
"""How the citizen is, or was, told: the first three are still to be done."""
MESSAGE_KINDS: Mapping[str, str] = {
    "order": "Lệnh cho đội",
    "referral": "Câu hỏi cho cơ quan",
    "result": "Báo kết quả cho người dân",
}
MESSAGE_STATES: Mapping[str, str] = {
    "due": "sắp gửi",
    "sending": "đang gửi",
    "waiting": "gửi lại lúc",
    "sent": "đã gửi",
    "failed": "không gửi được",
    "dropped": "không cần gửi nữa",
}
SCOPES: Mapping[str, str] = {
    "orders:read": "xem lệnh", "orders:report": "báo cáo lệnh", "tickets:read": "xem phiếu", "tickets:write": "ghi và trả lời phiếu",
    "tickets:persons": "xem người trên phiếu", "questions:answer": "xem và trả lời câu hỏi", "webhooks": "tự đặt webhook",
}  # fmt: skip
"""What a token of an agency's system may do."""
TOLD_EVENTS: Mapping[str, str] = {
    "order.sent": "có lệnh mới", "order.changed": "lệnh đổi trạng thái", "ticket.assigned": "có phiếu được giao",
    "ticket.changed": "phiếu của mình tiến triển",
}  # fmt: skip
"""What an agency's system is told of."""
TRANSFER_STATES: Mapping[str, str] = {
    "ringing": "Đang gọi trạm, người dân nghe nhạc",
    "ringing_back": "Đang gọi trạm, bạn nói với người dân",
    "private": "Bạn nói riêng với trạm, người dân nghe nhạc",
    "back": "Bạn nói với người dân, trạm nghe nhạc",
    "together": "Ba bên cùng nói",
    "blind": "Đã rời máy, trạm đang được gọi",
    "direct": "Gọi thẳng trạm, chưa có tổng đài viên",
    "handed_over": "Trạm đã nhận người dân",
    "station_left": "Trạm đã gác máy, bạn giữ người dân",
    "exhausted": "Không trạm nào nhận",
    "cancelled": "Đã hủy chuyển",
    "taken": "Tổng đài viên đã nhận trước",
    "caller_gone": "Người dân đã gác máy",
}
"""What the operator of a hand-over reads."""
CONFERENCE_STATES: Mapping[str, str] = {
    "ringing": "Đang gọi đồng nghiệp, người dân nghe nhạc",
    "ringing_back": "Đang gọi đồng nghiệp, bạn nói với người dân",
    "private": "Bạn nói riêng với đồng nghiệp, người dân nghe nhạc",
    "back": "Bạn nói với người dân, đồng nghiệp nghe nhạc",
    "blind": "Đã rời máy, đồng nghiệp đang được gọi",
    "handed_over": "Đồng nghiệp đã nhận người dân",
    "station_left": "Đồng nghiệp đã gác máy, bạn giữ người dân",
    "exhausted": "Đồng nghiệp không nhận",
}
"""The same when a colleague is called; the others are as above."""
INVITED_STATES: Mapping[str, str] = {
    "ringing": "Máy đang reo: người dân nghe nhạc, hai bạn nói riêng trước",
    "ringing_back": "Máy đang reo: đồng nghiệp đang nói với người dân",
    "private": "Bạn nói riêng với đồng nghiệp, người dân nghe nhạc",
    "back": "Đồng nghiệp đang nói với người dân, bạn nghe nhạc",
    "together": "Ba bên cùng nói",
    "blind": "Máy đang reo: đồng nghiệp đã rời máy, bạn sẽ nói với người dân",
}
"""What the colleague reads who is asked to join."""
TRY_STATES: Mapping[str, str] = {
    "ringing": "đang đổ chuông",
    "briefing": "đã nghe máy, đang nghe tóm tắt",
    "accepted": "đã nhận",
    "declined": "từ chối",
    "no_key": "nghe máy nhưng không bấm phím",
    "no_answer": "không nghe máy",
    "busy": "máy bận",
    "failed": "không gọi được",
    "taken": "đã có người nhận trước",
    "cancelled": "thôi gọi",
    "no_channel": "đường ra hết kênh, chưa gọi được",
}
AGE_BANDS: Mapping[str, str] = {
    "": "chưa rõ",
    "baby": "dưới 1 tuổi",
    "child": "1–15 tuổi",
    "adult": "16–59 tuổi",
    "elder": "từ 60 tuổi",
    "pregnant": "đang mang thai",
    "at_risk": "nhóm nguy cơ",
}
CARD_FIELDS: Mapping[str, str] = {
    "situation": "Tình huống",
    "background": "Bối cảnh",
    "assessment": "Nhận định",
    "recommendation": "Đề nghị",
}
"""The briefing card, in the order of a hand-over between health workers (SBAR)."""
STATION_REPORTS: Mapping[str, str] = {
    "": "Đã nhận qua điện thoại",
    "arrived": "Đã gặp người bệnh",
    "done": "Đã xử lý xong",
    "referred": "Đã chuyển tuyến trên",
    "absent": "Chưa gặp được",
}
"""What a station says of somebody it took, as its buttons have it."""
STATION_TALKS: Mapping[str, str] = {
    "private": "Bạn nói riêng với tổng đài viên, người dân nghe nhạc",
    "back": "Tổng đài viên đang nói với người dân, bạn nghe nhạc",
    "together": "Ba bên cùng nói",
    "handed_over": "Bạn nói với người dân",
    "station_left": "Bạn đã gác máy",
    "cancelled": "Tổng đài viên đã hủy chuyển",
    "caller_gone": "Người dân đã gác máy",
    "ended": "Cuộc gọi đã kết thúc",
}
"""What a station that accepted reads."""
AGENCY_KINDS: Mapping[str, str] = {
    "agency": "cơ quan",
    "centre": "trung tâm chỉ huy",
    "team": "đội phản ứng nhanh",
    "station": "trạm y tế",
}
STATION_LEVELS: Mapping[str, str] = {"commune": "xã", "district": "huyện", "province": "tỉnh"}
COMMANDS: Mapping[str, str] = {
    "sign_in": "vào ca",
    "sign_out": "ra ca",
    "pause": "tạm nghỉ",
    "resume": "tiếp tục nhận cuộc gọi",
    "finish_wrap_up": "xong ghi phiếu",
    "hold_wrap_up": "ghi kết quả cuộc gọi",
    "raise_acuity": "nâng mức",
    "dial": "gọi ra",
    "hold": "giữ máy",
    "retrieve": "nói tiếp",
    "mute": "tắt micrô",
    "unmute": "bật micrô",
    "hang_up": "gác máy",
    "take_next": "nhận người đang chờ",
    "phone_gone": "tắt điện thoại trên trang",
    "phone_ready": "bật điện thoại trên trang",
    "recall_now": "gọi lại ngay",
    "recall_cancel": "hủy gọi lại",
    "listen": "nghe cùng",
    "whisper": "nhắc riêng tổng đài viên",
    "barge": "vào nói chung",
    "take_over": "nhận thay cuộc gọi",
    "stop_watching": "thôi nghe cùng",
    "to_front": "đưa lên đầu hàng",
    "force_pause": "cho tạm nghỉ",
    "force_sign_out": "cho ra ca",
    "force_wrap_up": "kết thúc ghi phiếu",
    "transfer_ask": "chuyển trạm",
    "transfer_toggle": "đổi bên nói chuyện",
    "transfer_merge": "nói ba bên",
    "transfer_leave": "giao cho trạm",
    "transfer_cancel": "hủy chuyển",
    "transfer_note": "ghi lời nhắn cho trạm",
    "transfer_note_end": "dừng ghi lời nhắn",
    "station_accept": "nhận người dân",
    "station_decline": "từ chối",
    "station_repeat": "nghe lại tóm tắt",
}
WATCHES: Mapping[str, str] = {
    "listen": "Nghe cùng",
    "whisper": "Nhắc riêng",
    "barge": "Vào nói chung",
    "take_over": "Nhận thay",
    "end": "Thôi nghe",
}
"""How a supervisor takes part in a talk."""
DISPOSITIONS: Mapping[str, str] = {
    "advised": "Đã tư vấn",
    "information_given": "Đã cung cấp thông tin",
    "answered_on_spot": "Đã giải đáp tại chỗ",
    "emergency_sent": "Đã chuyển cấp cứu 115",
    "sent_to_station": "Đã chuyển trạm y tế",
    "forwarded": "Đã chuyển cơ quan xử lý",
    "resolved": "Đã giải quyết xong",
    "called_back": "Đã gọi lại và giải quyết",
    "unreachable": "Không liên lạc được",
    "wrong_number": "Gọi nhầm số",
    "nuisance": "Quấy rối",
    "duplicate": "Trùng phiếu khác",
}
"""How a ticket ends."""
FOLLOW_UPS: Mapping[str, str] = {
    "": "không hẹn",
    "30": "sau 30 phút",
    "120": "sau 2 giờ",
    "240": "sau 4 giờ",
    "morning": "8 giờ sáng mai",
}
"""When an operator will ask how somebody is: minutes, or the next morning."""
TASK_ACTS: Mapping[str, str] = {
    "claim": "nhận",
    "let_go": "trả lại",
    "done": "đã gọi xong",
    "seen_to": "đã xử lý",
}
"""What somebody did with a call that is owed."""

REPORTS_BY: Mapping[str, str] = {
    "hotline": "Tổng đài và nhánh",
    "operator": "Tổng đài viên",
    "hour": "Giờ trong ngày",
    "day": "Ngày",
    "acuity": "Mức",
}
"""How a report's lines are made."""
TICKET_REPORTS_BY: Mapping[str, str] = {
    "hotline": "Tổng đài",
    "channel": "Kênh",
    "category": "Loại việc",
    "unit": "Địa bàn",
    "acuity": "Mức",
    "day": "Ngày",
}
CHANNELS: Mapping[str, str] = {
    "talk": "Nói chuyện với tổng đài viên",
    "message": "Lời nhắn",
    "callback": "Hẹn gọi lại",
    "lost": "Gác máy trước khi gặp",
    "machine": "Nghe máy hướng dẫn",
    "out": "Tổng đài gọi đi",
}
TICKET_COLUMNS: Mapping[str, str] = {
    "received": "Tiếp nhận",
    "solved": "Đã giải quyết",
    "solved_percent": "Tỷ lệ giải quyết",
    "on_time": "Đúng hạn",
    "late_solved": "Xong trễ",
    "overdue": "Quá hạn chưa xong",
    "on_time_percent": "Tỷ lệ đúng hạn",
    "judged": "Người xét mức",
    "under": "Phân mức thấp",
    "under_percent": "Tỷ lệ phân mức thấp",
    "over": "Phân mức cao",
    "over_percent": "Tỷ lệ phân mức cao",
    "handed": "Trạm nhận",
    "handed_s": "Trạm nhận sau",
}
"""Figures of hotline.ticket_figures in the order of the table, CSV and PDF."""
TICKET_MEANINGS: Mapping[str, str] = {
    "Tiếp nhận": "Phiếu mở trong thời gian báo cáo.",
    "Đã giải quyết": "Người dân đã được báo kết quả, hoặc phiếu đã đóng.",
    "Đúng hạn": "Giải quyết không muộn hơn hạn báo kết quả. Tỷ lệ: trên số xong đúng hạn, xong trễ và quá hạn chưa xong.",
    "Phân mức thấp": "Tổng đài viên thấy gấp hơn mức đã phục vụ; tỷ lệ trên số phiếu có người nói chuyện.",
    "Phân mức cao": "Tổng đài viên thấy ít gấp hơn mức đã phục vụ.",
    "Trạm nhận sau": "Trung bình từ hồi chuông đầu đến khi trạm bấm nhận.",
}
REPORT_HEADERS: Mapping[str, str] = {
    "arrived": "Gọi đến",
    "answered": "Nghe",
    "lost": "Bỏ lỡ",
    "lost_after_30_s": "Bỏ lỡ sau 30 giây",
    "short": "Gác ngay",
    "elsewhere": "Nơi khác nghe",
    "called_out": "Gọi ra",
    "service_percent": "Đúng hạn (%)",
    "abandoned_percent": "Tỷ lệ bỏ lỡ (%)",
    "wait_s": "Chờ trung bình (giây)",
    "longest_wait_s": "Chờ lâu nhất (giây)",
    "talk_s": "Nói trung bình (giây)",
    "wrap_up_s": "Ghi phiếu trung bình (giây)",
    "recalls_made": "Cần gọi lại",
    "recalls_done": "Đã gọi lại được",
    "recalls_open": "Còn phải gọi lại",
    "recalls_failed": "Gọi lại không được",
    "hand_overs": "Chuyển trạm",
    "hand_overs_first": "Máy đầu nhận",
    "hand_overs_later": "Máy sau nhận",
    "hand_overs_emergency": "115 nhận",
    "hand_overs_declined": "Từ chối",
    "hand_overs_no_answer": "Không nghe",
    "hand_overs_withdrawn": "Thôi gọi",
    "hand_overs_open": "Đang gọi",
    "accept_s": "Nhận sau (giây)",
    "accepted_in_time_percent": "Nhận trong 30 giây (%)",
    "scored": "Số phiếu chấm",
    "score_percent": "Điểm (%)",
    "score_passed_percent": "Tỷ lệ đạt (%)",
}
"""The CSV's columns in words; those of a level are put together."""
MEANINGS: Mapping[str, str] = {
    "Gọi đến": "Cuộc gọi đến trong thời gian báo cáo.",
    "Nghe": "Có người nghe máy.",
    "Bỏ lỡ": "Gác máy hoặc bị ngắt trước khi có người nghe, sau hơn 5 giây chờ. Trong ngoặc: sau hơn 30 giây.",
    "Gác ngay": "Gác máy trong 5 giây đầu: không tính vào bỏ lỡ.",
    "Đúng hạn": "Số cuộc được nghe trong thời hạn của mức, chia cho số được nghe và bỏ lỡ.",
    "Chờ": "Trung bình từ khi máy hỏi xong đến khi có người nghe.",
    "Nói": "Trung bình từ khi có người nghe đến khi hết cuộc gọi.",
    "Ghi phiếu": "Trung bình thời gian ghi phiếu sau cuộc gọi.",
    "Gọi lại": "Số cuộc phải gọi lại; trong ngoặc: đã gọi được.",
    "Chuyển": "Số lần gọi trạm y tế cho một người dân; gọi đồng nghiệp không tính.",
    "Đã nhận": "Trạm bấm 1: ở máy reo đầu tiên, ở một máy sau, hoặc ở số cấp cứu.",
    "Không nhận": "Từ chối: có người nghe nhưng không nhận. Thôi gọi: ta dừng hoặc người dân gác máy trước.",
    "Nhận sau": "Trung bình từ hồi chuông đầu đến khi trạm nhận.",
    "Nhận trong 30 giây": "Nhận trong 30 giây từ hồi chuông đầu, chia cho mọi lần nhận, từ chối và không nghe.",
    "Chất lượng": "Phiếu chấm đã xong của các cuộc trong thời gian này, không kể hiệu chuẩn; điểm trung bình.",
}
"""What the page's columns mean, as GLOSSARY.md has it."""


PERSON_FIELDS: Mapping[str, str] = {
    "full_name": "Họ và tên",
    "role": "Vai trò",
    "station": "Trạm",
    "agency": "Đội, trung tâm",
    "language": "Ngôn ngữ trang",
    "hotlines": "Tổng đài",
    "skills": "Kỹ năng",
    "phone": "Máy thường ngồi",
    "second_phone": "Reo thêm ở",
    "active": "Tài khoản",
}
PERSON_ENTRIES: Mapping[str, str] = {
    "added": "Thêm người này",
    "password_reset": "Đặt lại mật khẩu",
    "own_password": "Tự đổi mật khẩu",
    "sessions_ended": "Kết thúc các phiên",
}
"""Entries that name no field."""


def word(table: Mapping[str, str], key: str) -> str:
    """The table's word in the reader's language; a key it lacks is shown as it is."""
    return say(table[key]) if key in table else key


def skill_word(skill: str) -> str:
    """A skill's name; one that the table has no more is shown as it is."""
    known = skills.SKILLS.get(skill)
    return skill if known is None else either(known)


def acuity_word(acuity: str) -> str:
    """What operators read for an acuity."""
    if acuity not in Acuity.__members__:
        return acuity
    target = Acuity(acuity).target
    return either(target)


def acuity_short(acuity: str) -> str:
    """Its colour's name alone."""
    return acuity_word(acuity).replace(":", " –").split(" – ")[0]


PROMPT_SECTIONS: Mapping[str, str] = {
    "protocol": "Câu hỏi và lời dặn của bộ câu hỏi đang dùng",
    "welcome": "Lời chào và báo lỗi",
    "waiting": "Khi chờ máy",
    "callback": "Gọi lại và lời nhắn",
    "stations": "Nói với trạm y tế khi chuyển máy",
    "orders": "Nói với đội khi gọi giao lệnh",
    "area": "Hỏi địa bàn",
    "emergency": "Khi chưa có bộ câu hỏi nào được duyệt",
    "areas": "Tên địa bàn",
    "numbers": "Chữ số",
    "draft": "Bộ câu hỏi trong tệp, chưa duyệt",
}
PROMPT_FILTERS: Mapping[str, str] = {
    "machine": "Giọng máy",
    "recorded": "Người thu",
    "draft": "Có bản nháp",
    "outdated": "Bản thu nói lời cũ",
}
PROMPT_FINDINGS: Mapping[str, str] = {
    "empty": "Tệp trống: hãy chọn tệp khác.",
    "too_large": "Tệp lớn hơn {megabytes} MB: hãy cắt ngắn hoặc lưu dạng MP3.",
    "other_kind": "Máy không đọc được loại tệp này ({kind}): hãy gửi WAV, MP3, OGG, OPUS, FLAC, AIFF hoặc AMR.",
    "unreadable": "Tệp hỏng hoặc không phải ghi âm: hãy lưu lại thành WAV hoặc MP3 rồi gửi.",
    "rate": "Tần số lấy mẫu {rate_hz} Hz không dùng được: hãy thu ở 16000 đến 48000 Hz.",
    "silent": "Không nghe thấy gì trong tệp: hãy kiểm tra micrô rồi thu lại.",
    "too_long": "Dài {seconds} giây, quá {longest_s} giây: hãy đọc gọn lại, người gọi không chờ lâu như vậy.",
    "too_short": "Chỉ dài {seconds} giây: hãy thu lại cả câu.",
    "much_shorter": "Dài {seconds} giây, máy đọc mất {machine_s} giây: hãy nghe xem có đủ câu không.",
    "much_longer": "Dài {seconds} giây, máy đọc chỉ mất {machine_s} giây: hãy nghe xem có thừa lời không.",
    "quiet": "Tiếng nhỏ ({level} dBFS): hãy nói gần micrô hơn; khuếch đại lên thì tiếng ồn cũng to lên.",
    "clipped": "Vỡ tiếng: {percent} % mẫu âm bị cắt ngọn; hãy vặn nhỏ micrô rồi thu lại.",
    "no_pause": "Không có quãng nghỉ nào: có nhạc hoặc tiếng ồn suốt bài, hãy thu lại ở chỗ yên tĩnh.",
    "noisy": "Tiếng ồn chỉ nhỏ hơn giọng nói {below} dB: hãy thu lại ở chỗ yên tĩnh.",
    "long_pause": "Có quãng lặng {seconds} giây ở giữa: người gọi sẽ tưởng mất máy.",
}
"""What was found in a recording; the first ones and some others forbid its use."""
