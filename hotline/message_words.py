"""What messages say: in every phone's letters, and nothing of anybody, because a message lies open on a phone."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.categories import CategoryFaults, beside
from hotline.installation import Hotline, Installation
from hotline.orders import Assignment, Order, OrderApproval
from hotline.referrals import Referral, ReferralPart
from hotline.tickets import Ticket
from hotline.units import VIETNAM, Unit

GSM_CHARACTERS = 459
"""Three parts; letters without their marks, because with them a part has 67 characters and old phones show squares."""
LEVELS = {
    "RED": "KHAN CAP",
    "ORANGE": "RAT KHAN",
    "YELLOW": "uu tien",
    "GREEN": "thuong",
    "NONMED": "dich vu",
}
RESULTS: Mapping[str, str] = {
    "solved": "da duoc giai quyet xong",
    "answered": "da duoc co quan tra loi",
    "supplied": "da duoc giao hang",
    "checked": "da duoc kiem tra, xu ly tai cho",
    "not_possible": "khong thuoc tham quyen hoac chua du dieu kien giai quyet",
    "other": "da duoc xu ly",
}
"""A result's key → how a message tells it; as hotline.results has them for the telephone."""


def order(session: Session, one: Assignment, installation: Installation, file: Path, url: str) -> str:
    """An order to a team, with the link that answers it."""
    wanted = session.get_one(Order, one.order_id)
    hotline = installation.hotline(wanted.hotline)
    label = f"{_label(session, hotline, wanted.ticket_id)}/{wanted.number}"
    unit = session.scalar(select(Unit.full_name).where(Unit.code == wanted.unit_code).limit(1)) or ""
    due = wanted.due_at.astimezone(VIETNAM)
    words = [
        f"1022 {hotline.tinh}: lệnh {LEVELS.get(wanted.acuity, '')} {label}, {_category(file, wanted.category)}",
        unit, f"hạn {due:%H:%M %d/%m}",
    ]  # fmt: skip
    return _with_link(", ".join(word for word in words if word), "Nhan/tu choi", url)


def approval(session: Session, one: OrderApproval, installation: Installation, url: str) -> str:
    """An order that waits for the committee's word: by when, and where it is said; only who signs in there says it."""
    wanted = session.get_one(Order, one.order_id)
    hotline = installation.hotline(wanted.hotline)
    label = f"{_label(session, hotline, wanted.ticket_id)}/{wanted.number}"
    due = one.due_at.astimezone(VIETNAM)
    level = LEVELS.get(wanted.acuity, "")
    words = f"1022 {hotline.tinh}: lệnh {level} {label} xin Ban Chỉ đạo duyệt trước {due:%H:%M %d/%m}"
    return _with_link(words, "Duyet", url)


def referral(session: Session, one: ReferralPart, installation: Installation, url: str) -> str:
    """A question to an agency: only that there is one, by when, and the link that answers it."""
    asked = session.get_one(Referral, one.referral_id)
    hotline = installation.hotline(asked.hotline)
    label = _label(session, hotline, asked.ticket_id)
    due = one.due_at.astimezone(VIETNAM)
    words = f"1022 {hotline.tinh}: câu hỏi của người dân, phiếu {label}, trả lời trước {due:%H:%M %d/%m}"
    return _with_link(words, "Tra loi", url)


def result(ticket: Ticket, key: str, installation: Installation, reference: str, url: str) -> str:
    """What became of a request: not what it was about. `reference` and `url`: where they read how it stands."""
    hotline = installation.hotline(ticket.hotline)
    opened = ticket.opened_at.astimezone(VIETNAM)
    words = (
        f"1022 {hotline.tinh}: yêu cầu ngày {opened:%d/%m} của quý vị {RESULTS.get(key, RESULTS['other'])}. "
        f"Nếu chưa xong, xin gọi lại 1022. Tra cứu: {url}, mã {reference}"
    )
    return plain(words)[:GSM_CHARACTERS]


def _label(session: Session, hotline: Hotline, ticket_id: str) -> str:
    ticket = session.get(Ticket, ticket_id)
    return f"{hotline.prefix}-{ticket.number if ticket is not None else '?'}"


def _with_link(words: str, what_for: str, url: str) -> str:
    """The words give way to the link: half an address opens nothing."""
    tail = f". {what_for}: {url}"
    return plain(words)[: GSM_CHARACTERS - len(tail)] + tail


def _category(file: Path, key: str) -> str:
    try:
        known = beside(file).get(key)
    except (CategoryFaults, OSError):
        return ""
    return known.vi if known is not None else ""


def plain(text: str) -> str:
    """Without the marks of Vietnamese letters, in the alphabet that every phone knows."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in apart if not unicodedata.combining(c)).encode("ascii", "ignore").decode()
