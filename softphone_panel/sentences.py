"""A ticket's entries as sentences: one line for each kind of fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hotline import privacy
from hotline.numbers import caller
from hotline.tickets import TicketEntry
from hotline.transfers import STATION_HEARD, STATION_SILENT
from ivr.script import Kind
from softphone_panel import fault_words, matter_words, order_words, referral_words, scripts, shown
from softphone_panel.words import day_clock, language, length, percent, say

Body = Mapping[str, Any]
Names = Mapping[int, str]

MACHINES: Mapping[str, str] = {
    "": "Hệ thống",
    "ivr": "Máy trả lời",
    "calls": "Tổng đài",
    "dialplan": "Tổng đài (chế độ dự phòng)",
    "worker": "Hệ thống",
    "clock": "Đồng hồ",
    "rescue": "Hệ thống",
}


def actor(name: str, people: Mapping[str, str]) -> str:
    """Whom an entry is from, as people are called."""
    return people.get(name) or (say(MACHINES[name]) if name in MACHINES else name)


HOW: Mapping[str, str] = {
    "earlier": "theo phiếu trước, chưa hỏi lại",
    "ticket": "theo phiếu trước, người dân xác nhận",
    "denied": "người dân nói không còn ở nơi của phiếu trước",
    "keys": "người dân bấm phím",
    "operator": "tổng đài viên chọn",
}
"""How a caller's unit became known."""


def who_answered(answered_by: str, people: Mapping[str, str]) -> str:
    """A call's answered_by as people are called: an operator, a duty number, or a desk's phone."""
    kind, _, rest = answered_by.partition(":")
    named = {"chain": rest, "phone": say("máy {phone}", phone=rest)}.get(kind)
    return named or people.get(answered_by, answered_by)


def _who(body: Body, names: Names) -> str:
    operator = body.get("operator_id")
    if isinstance(operator, int) and operator in names:
        return names[operator]
    answered = str(body.get("answered_by") or "")
    return who_answered(answered, {}) if answered else _phone(body) or say("không rõ ai")


def _phone(body: Body) -> str:
    """PJSIP/101 → máy 101; PJSIP/0271…@trunk → the number."""
    endpoint = str(body.get("endpoint") or "").rpartition("/")[2].partition("@")[0]
    return say("máy {phone}", phone=endpoint) if endpoint else ""


def _arrived(body: Body, _names: Names) -> str:
    if body.get("direction") == "out":
        return say("Tổng đài gọi ra cho người dân.")
    return say("Cuộc gọi đến số {number}.", number=body.get("called_number") or "?")


def _triaged(body: Body, _names: Names) -> str:
    said = say(
        "Máy hỏi xong: mức {acuity}, nhánh {branch}.",
        acuity=shown.acuity_short(str(body.get("acuity", ""))),
        branch=shown.word(shown.BRANCHES, str(body.get("branch") or "")) or "?",
    )
    return f"{said} {say('Lý do: {reason}.', reason=body['reason'])}" if body.get("reason") else said


def _queued(body: Body, _names: Names) -> str:
    return say("Vào hàng chờ, mức {acuity}.", acuity=shown.acuity_short(str(body.get("acuity", ""))))


def _raised(body: Body, names: Names) -> str:
    if body.get("why") == "recall":
        return say("Gọi ra với mức {acuity}.", acuity=shown.acuity_short(str(body.get("acuity", ""))))
    return say(
        "Nâng lên mức {acuity}: {why}.",
        acuity=shown.acuity_short(str(body.get("acuity", ""))),
        why=body.get("why") or say("không ghi lý do"),
    )


def _corrected(body: Body, names: Names) -> str:
    return say(
        "Đổi mức {before} → {acuity}: {why}.",
        before=shown.acuity_short(str(body.get("before", ""))),
        acuity=shown.acuity_short(str(body.get("acuity", ""))),
        why=body.get("why") or say("không ghi lý do"),
    )


def _dialled(body: Body, names: Names) -> str:
    who, phone = _who(body, names), _phone(body)
    return say("Đổ chuông {who}.", who=who if who == phone or not phone else f"{who}, {phone}")


def _leg_ended(body: Body, names: Names) -> str:
    how = shown.word(shown.LEG_OUTCOMES, str(body.get("outcome") or ""))
    quality = body.get("quality")
    if not quality:
        return how
    return f"{how} " + say(
        "Đường truyền: trễ dao động {jitter} ms, mất gói {loss}.",
        jitter=round(max(float(quality.get(k) or 0) for k in ("jitter_ms", "heard_jitter_ms"))),
        loss=percent(max(float(quality.get(k) or 0) for k in ("loss_percent", "heard_loss_percent"))),
    )


def _answered(body: Body, names: Names) -> str:
    return say("{who} bắt máy.", who=_who(body, names))


def _waits_again(body: Body, names: Names) -> str:
    return say("Người dân chờ tiếp, ở đầu hàng: {why}.", why=body.get("why") or "?")


def _held(body: Body, names: Names) -> str:
    return say("Giữ máy: người gọi nghe nhạc.") if body.get("held") else say("Nói tiếp sau khi giữ máy.")


def _watched(body: Body, names: Names) -> str:
    who = names.get(int(body.get("supervisor_id") or 0)) or str(body.get("by") or "?")
    return say("{name}: {mode}", name=who, mode=shown.word(shown.WATCHES, str(body.get("mode") or ""))) + "."


def _to_front(body: Body, names: Names) -> str:
    return say("Trưởng ca đưa lên đầu hàng chờ.")


def _to_dialplan(body: Body, names: Names) -> str:
    return say("Cuộc gọi chuyển sang chế độ dự phòng: {why}.", why=body.get("why") or "?")


def _message(body: Body, names: Names) -> str:
    return say("Người dân để lại lời nhắn.")


def _unit(body: Body, names: Names) -> str:
    return say(
        "Địa bàn: {unit} ({how}).",
        unit=body.get("unit_name") or body.get("unit_code") or "?",
        how=shown.word(HOW, str(body.get("how") or "")),
    )


def _callback_number(body: Body, names: Names) -> str:
    return say("Người dân để lại số gọi lại.")


def _ended(body: Body, names: Names) -> str:
    return say(
        "Kết thúc sau {length}: {reason}.",
        length=length(float(body.get("heard_s") or 0)),
        reason=shown.word(shown.END_REASONS, str(body.get("reason") or "")),
    )


def _recall_due(body: Body, names: Names) -> str:
    return say(
        "Cần gọi lại: {why}.", why=shown.word(shown.RECALL_REASONS, str(body.get("why") or "")).lower()
    )


def _rang_again(body: Body, names: Names) -> str:
    return say("Người dân gọi lại ngay sau đó: tiếp ở phiếu sau.")


def _recall_alarm(body: Body, names: Names) -> str:
    return say("Báo động gọi lại: {kind}", kind=shown.word(shown.RECALL_ALARMS, str(body.get("kind") or "")))


def _recall_tried(body: Body, names: Names) -> str:
    return say(
        "Gọi lại lần {count}: {outcome}",
        count=body.get("number_of_try") or "?",
        outcome=shown.word(shown.RECALL_TRIES, str(body.get("outcome") or "")),
    )


def _recall_changed(body: Body, names: Names) -> str:
    if body.get("state") == "merged":
        return say("Người dân gọi lại lần nữa: việc gọi lại tiếp ở phiếu sau.")
    if body.get("state") == "dialling" and body.get("number_of_try"):
        return say("Gọi lại lần {count}: đang quay số.", count=body["number_of_try"])
    if body.get("by_ticket"):
        return say("Không cần gọi lại nữa: người dân đã gọi đến.")
    return say(
        "Gọi lại: {state}.", state=shown.word(shown.RECALL_STATES, str(body.get("state") or "")).lower()
    )


def _recording(body: Body, names: Names) -> str:
    return say("Đã lưu ghi âm dài {length}.", length=length(float(body.get("length_s") or 0)))


def _state(body: Body, names: Names) -> str:
    return say(
        "Đổi trạng thái: {old} → {new}.",
        old=shown.word(shown.TICKET_STATES, str(body.get("from") or "")),
        new=shown.word(shown.TICKET_STATES, str(body.get("to") or "")),
    )


def _disposition(body: Body, names: Names) -> str:
    return say("Đóng phiếu: {how}.", how=shown.word(shown.DISPOSITIONS, str(body.get("disposition") or "")))


def _category_chosen(body: Body, names: Names) -> str:
    return say("Lĩnh vực: {name}.", name=matter_words.category_said(str(body.get("to", ""))))


def _matter_filled(body: Body, names: Names) -> str:
    """Số người: 4; Cần gì: gạo, sữa."""
    category = matter_words.known().get(str(body.get("category", "")))
    fields = {field.key: field for field in category.fields} if category is not None else {}
    parts = []
    for key, value in (body.get("fields") or {}).items():
        field = fields.get(key)
        written = matter_words.said(field, str(value)) if field is not None else str(value)
        if written and (field is None or field.kind == "phone"):
            written = privacy.masked(caller(written).e164 or written)
        label = field.word(language()) if field is not None else key
        parts.append(f"{label}: {written or say('bỏ trống')}")
    return say("Đã ghi: {fields}.", fields="; ".join(parts))


def _persons_filled(body: Body, names: Names) -> str:
    from softphone_panel import ticket_persons  # whose forms need the pages that show these sentences

    return say("Đã ghi: {fields}.", fields=ticket_persons.said(body.get("fields") or {}))


def _answered_with(body: Body, names: Names) -> str:
    title, number = body.get("title") or "?", body.get("number")
    if not number:
        return say("Trả lời tại chỗ bằng bài “{title}”, bản của tệp cài đặt.", title=title)
    return say("Trả lời tại chỗ bằng bài “{title}”, bản {number}.", title=title, number=number)


def _file_added(body: Body, names: Names) -> str:
    return say(
        "Thêm tệp “{name}”, SHA-256 {digest}…",
        name=body.get("name") or "?",
        digest=str(body.get("sha256") or "")[:16],
    )


def _tied(kind: str) -> Callable[[Body, Names], str]:
    def made(body: Body, names: Names) -> str:
        from softphone_panel import ticket_ties  # as above

        return ticket_ties.sentence(kind, body)

    return made


def _claim_taken(body: Body, names: Names) -> str:
    operator = body.get("operator_id")
    name = names.get(operator, "?") if isinstance(operator, int) else "?"
    return say("Nhận thay phiếu của {name}: {reason}", name=name, reason=body.get("reason") or "")


def _race_lost(body: Body, names: Names) -> str:
    operator = body.get("operator_id")
    name = names.get(operator, "?") if isinstance(operator, int) else "?"
    return say("Bấm nhận sau {name} {seconds} giây.", name=name, seconds=body.get("after_s") or 0)


def _referral_made(body: Body, names: Names) -> str:
    return say("Chuyển cơ quan trả lời: {names}.", names=", ".join(map(str, body.get("agencies") or ())))


def _referral_part_made(body: Body, names: Names) -> str:
    why = referral_words.WHYS.get(str(body.get("why") or ""), "")
    asked = say("Hỏi thêm {name}.", name=body.get("agency_name") or "?")
    return f"{asked} ({say(why)})" if why else asked


def _referral_part_moved(body: Body, names: Names) -> str:
    state = referral_words.PART_STATES.get(str(body.get("state") or ""))
    said = f"{body.get('agency_name') or '?'}: {say(state) if state else '?'}."
    return f"{said} {body['said']}" if body.get("said") else said


def _referral_warned(body: Body, names: Names) -> str:
    return say("Sắp hết hạn trả lời: {name}.", name=body.get("agency_name") or "?")


def _referral_changed(body: Body, names: Names) -> str:
    if body.get("text"):
        return say("Soạn câu trả lời cho người dân: {text}", text=body["text"])
    state = referral_words.REFERRAL_STATES.get(str(body.get("state") or ""))
    said = say("Câu hỏi cho cơ quan: {state}.", state=say(state).lower() if state else "?")
    return f"{said} {body['reason']}" if body.get("reason") else said


def _filled(body: Body, names: Names) -> str:
    """Tên người bệnh: …; SpO2 (%): 93."""
    script = scripts.script()
    parts = []
    for name, value in (body.get("fields") or {}).items():
        field = script.fields.get(name) if script is not None else None
        label = scripts.said(field.label) if field is not None else name
        written = scripts.value_said(field, str(value)) if field is not None else str(value)
        if field is None or field.kind is Kind.PHONE:
            # Whoever may read it whole sees it beside the ticket's other numbers.
            written = privacy.masked(caller(written).e164 or written)
        parts.append(f"{label}: {written or say('bỏ trống')}")
    return say("Đã ghi: {fields}.", fields="; ".join(parts))


def _wrapped_up(body: Body, names: Names) -> str:
    done = shown.word(shown.DISPOSITIONS, str(body.get("disposition") or ""))
    if not body.get("follow_up_at"):
        return say("Kết quả cuộc gọi: {how}.", how=done)
    at = datetime.fromisoformat(str(body["follow_up_at"]))
    return say("Kết quả cuộc gọi: {how}. Hẹn gọi lại lúc {time}.", how=done, time=day_clock(at))


def _task(body: Body, names: Names) -> str:
    return say("Việc gọi lại: {what}.", what=shown.word(shown.TASK_ACTS, str(body.get("what") or "")))


def _viewed(body: Body, names: Names) -> str:
    return say("Xem phiếu.")


def _played(body: Body, names: Names) -> str:
    return say("Nghe lại ghi âm.")


def _commented(body: Body, names: Names) -> str:
    return say("Ghi chú tại {at} của ghi âm:", at=length(float(body.get("at_s") or 0)))


def _exported(body: Body, names: Names) -> str:
    return say("Tải ghi âm về. Lý do:")


def _shared(body: Body, names: Names) -> str:
    return say("Cho {name} nghe ghi âm. Lý do:", name=body.get("with") or "?")


def _unmasked(body: Body, names: Names) -> str:
    return say("Xem số điện thoại đầy đủ. Lý do: {reason}", reason=body.get("reason") or "?")


def _note(body: Body, names: Names) -> str:
    return ""


def _transfer_asked(body: Body, names: Names) -> str:
    card = body.get("card") or {}
    if body.get("kind") == "direct":
        return say("Chưa có tổng đài viên: gọi thẳng các trạm.")
    return say("Chuyển trạm y tế: {situation}", situation=card.get("situation") or "?")


def _transfer_moved(body: Body, names: Names) -> str:
    if body.get("why") == STATION_SILENT:
        return say("Chuyển trạm: không có tiếng từ máy bên kia, tổng đài viên nói với người dân.")
    if body.get("why") == STATION_HEARD:
        return say("Chuyển trạm: đã nghe lại tiếng máy bên kia.")
    return say(
        "Chuyển trạm: {state}.", state=shown.word(shown.TRANSFER_STATES, str(body.get("state") or "")).lower()
    )


def _station_tried(body: Body, names: Names) -> str:
    return f"{body.get('name') or '?'}: {shown.word(shown.TRY_STATES, str(body.get('state') or ''))}."


def _note_spoken(body: Body, names: Names) -> str:
    seconds = body.get("length_s") or 0
    return {
        "begun": say("Bắt đầu ghi lời nhắn cho trạm."),
        "kept": say("Đã ghi lời nhắn {seconds} giây cho trạm.", seconds=seconds),
    }.get(str(body.get("state") or ""), say("Lời nhắn cho trạm quá ngắn, đã bỏ."))


def _leg_recording(body: Body, names: Names) -> str:
    return say("Đã lưu ghi âm máy trạm dài {length}.", length=length(float(body.get("length_s") or 0)))


def _stage(body: Body) -> str:
    return shown.word(shown.STAGES, str(body.get("stage") or "")).lower()


def _clock_warned(body: Body, names: Names) -> str:
    return say("Sắp hết hạn bước “{stage}”.", stage=_stage(body))


def _clock_escalated(body: Body, names: Names) -> str:
    return say("Quá hạn bước “{stage}”: báo lên {whom}.", stage=_stage(body), whom=_whom(body, "to"))


def _whom(body: Body, named: str) -> str:
    kind, _, key = str(body.get(named) or "").partition(":")
    return str(body.get("whom") or (shown.word(shown.ROLES, key) if kind == "role" else key))


def _clock_paused(body: Body, names: Names) -> str:
    until = datetime.fromisoformat(str(body.get("until")))
    return say("Tạm dừng đồng hồ đến {when}. Lý do:", when=day_clock(until))


def _work_done(body: Body, names: Names) -> str:
    return say("Đã xử lý: {result}.", result=shown.word(shown.RESULTS, str(body.get("result") or "")))


def _citizen_told(body: Body, names: Names) -> str:
    return say("Đã báo người dân: {how}.", how=shown.word(shown.TOLD, str(body.get("how") or "")).lower())


def _result_told(body: Body, names: Names) -> str:
    if body.get("by"):
        heard = {
            "solved": say("Tổng đài viên báo kết quả: người dân nói đã xong."),
            "not_solved": say("Tổng đài viên báo kết quả: người dân nói chưa xong."),
        }
        return heard.get(str(body.get("answer")), say("Tổng đài viên báo kết quả: người dân cần nói thêm."))
    answers = {
        "solved": say("Máy gọi báo kết quả: người dân nói đã xong."),
        "not_solved": say("Máy gọi báo kết quả: người dân nói chưa xong."),
        "operator": say("Máy gọi báo kết quả: người dân muốn gặp tổng đài viên."),
    }
    return answers.get(str(body.get("answer") or ""), say("Máy gọi báo kết quả: người dân đã nghe."))


def _message_failed(body: Body, names: Names) -> str:
    kind = shown.word(shown.MESSAGE_KINDS, str(body.get("of") or ""))
    why = fault_words.word(str(body.get("fault") or "?"))
    return say("Không gửi được tin nhắn “{kind}”: {why}.", kind=kind, why=why)


def _message_again(body: Body, names: Names) -> str:
    return say("Gửi lại tin nhắn “{kind}”.", kind=shown.word(shown.MESSAGE_KINDS, str(body.get("of") or "")))


def _station_reported(body: Body, names: Names) -> str:
    return say(
        "Trạm báo: {state}.", state=shown.word(shown.STATION_REPORTS, str(body.get("state") or "")).lower()
    )


def _assigned(body: Body, names: Names) -> str:
    whom = body.get("name") or body.get("agency") or "?"
    return say("Đã giao cho {whom}.", whom=whom)


def _reopened(body: Body, names: Names) -> str:
    return say("Mở lại phiếu, giao lên {whom}.", whom=_whom(body, "owner"))


def _order_issued(body: Body, names: Names) -> str:
    teams = ", ".join(body.get("teams") or ())
    if body.get("state") == "awaiting_approval":
        return say("Xin duyệt lệnh cho {teams}: {what}", teams=teams, what=body.get("what") or "")
    return say("Ra lệnh cho {teams}: {what}", teams=teams, what=body.get("what") or "")


def _order_changed(body: Body, names: Names) -> str:
    if body.get("overdue"):
        return say("Lệnh quá hạn mà chưa xong.")
    state = shown.word(order_words.ORDER_STATES, str(body.get("state") or ""))
    reason = body.get("reason") or ""
    return say("Lệnh: {state}. {reason}", state=state.lower(), reason=reason).strip()


def _approval_asked(body: Body, names: Names) -> str:
    who = body.get("centre_name") or say("Ban Chỉ đạo")
    return say("Hỏi {who}: {reason}", who=who, reason=body.get("reason") or "")


def _approval_decided(body: Body, names: Names) -> str:
    state = shown.word(order_words.APPROVAL_STATES, str(body.get("state") or "")).lower()
    return f"{say('Ban Chỉ đạo')}: {state}. {body.get('reason') or ''}".strip()


def _assignment_made(body: Body, names: Names) -> str:
    team = body.get("team_name") or "?"
    if body.get("why") == "climbed":
        return say("Không ai nhận: lệnh chuyển lên {team}.", team=team)
    return say("Giao lệnh cho {team}.", team=team)


def _assignment_moved(body: Body, names: Names) -> str:
    state = shown.word(order_words.ASSIGNMENT_STATES, str(body.get("state") or "")).lower()
    means = shown.word(order_words.MEANS, str(body.get("means") or ""))
    note = body.get("note") or ""
    return f"{body.get('team_name') or '?'}: {state} ({means}). {note}".strip()


def _order_tried(body: Body, names: Names) -> str:
    return f"☎ {body.get('name') or '?'}: {shown.word(order_words.TRY_STATES, str(body.get('state') or ''))}."


SENTENCES: Mapping[str, Callable[[Body, Names], str]] = {
    "call_arrived": _arrived,
    "call_triaged": _triaged,
    "call_queued": _queued,
    "acuity_raised": _raised,
    "acuity_corrected": _corrected,
    "leg_dialled": _dialled,
    "leg_ended": _leg_ended,
    "call_answered": _answered,
    "call_waits_again": _waits_again,
    "call_held": _held,
    "call_watched": _watched,
    "call_moved_to_front": _to_front,
    "call_left_to_dialplan": _to_dialplan,
    "message_started": _message,
    "unit_chosen": _unit,
    "callback_number_given": _callback_number,
    "call_ended": _ended,
    "recall_due": _recall_due,
    "recall_changed": _recall_changed,
    "recall_tried": _recall_tried,
    "recall_alarm": _recall_alarm,
    "rang_again": _rang_again,
    "recording_kept": _recording,
    "transfer_asked": _transfer_asked,
    "transfer_moved": _transfer_moved,
    "transfer_note_spoken": _note_spoken,
    "station_tried": _station_tried,
    "leg_recording_kept": _leg_recording,
    "order_issued": _order_issued,
    "order_changed": _order_changed,
    "approval_asked": _approval_asked,
    "approval_decided": _approval_decided,
    "assignment_made": _assignment_made,
    "assignment_moved": _assignment_moved,
    "order_tried": _order_tried,
    "state": _state,
    "disposition": _disposition,
    "ticket_viewed": _viewed,
    "recording_played": _played,
    "recording_comment": _commented,
    "recording_exported": _exported,
    "recording_shared": _shared,
    "number_unmasked": _unmasked,
    "fields_filled": _filled,
    "category_chosen": _category_chosen,
    "answered_with_article": _answered_with,
    "ticket_claimed": lambda body, names: say("Nhận xử lý phiếu."),
    "claim_let_go": lambda body, names: say("Thôi làm phiếu."),
    "claim_taken": _claim_taken,
    "claim_race_lost": _race_lost,
    "referral_made": _referral_made,
    "referral_part_made": _referral_part_made,
    "referral_part_moved": _referral_part_moved,
    "referral_warned": _referral_warned,
    "referral_changed": _referral_changed,
    "matter_filled": _matter_filled,
    **{kind: _tied(kind) for kind in ("merged", "took_in", "unmerged", "gave_back", "linked", "unlinked")},
    "persons_filled": _persons_filled,
    "attachment_added": _file_added,
    "attachment_viewed": lambda body, names: say("Xem tệp “{name}”.", name=body.get("name") or "?"),
    "wrapped_up": _wrapped_up,
    "task_taken": _task,
    "note": _note,
    "clock_warned": _clock_warned,
    "clock_escalated": _clock_escalated,
    "alarm_handled": lambda body, names: say("Đã xử lý báo động."),
    "clock_paused": _clock_paused,
    "clock_resumed": lambda body, names: say("Đồng hồ chạy tiếp."),
    "work_done": _work_done,
    "citizen_told": _citizen_told,
    "result_told": _result_told,
    "message_failed": _message_failed,
    "station_reported": _station_reported,
    "message_again": _message_again,
    "reopened": _reopened,
    "assigned": _assigned,
}


OWNERS = {"reopened": "owner", "clock_escalated": "to"}
"""Kinds whose body names an owner, and under which name."""


def of(entry: TicketEntry, names: Names, owners: Mapping[str, str] | None = None) -> str:
    """The entry's sentence; what a person wrote follows it. `owners` are the names of a ticket's owners by their keys."""
    made = SENTENCES.get(entry.kind)
    body = entry.body or {}
    if owners and entry.kind in OWNERS:
        body = {**body, "whom": owners.get(str(body.get(OWNERS[entry.kind])))}
    said = made(body, names) if made else entry.kind
    return " ".join(part for part in (said, entry.text) if part)
