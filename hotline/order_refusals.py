"""What is asked of orders and by whom, and what of it cannot be: each refusal is a sentence that names the field and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.order_times import TIMES, OrderTimes
from hotline.orders import (
    AUTHORITY,
    Order,
    OrderState,
)
from hotline.organisation import Agency, Organisation
from hotline.units import VIETNAM, Unit

TEAMS_AT_MOST = 20
SHORTEST, LONGEST, REASON = 5, 500, 200
FURTHEST = timedelta(days=30)
OPEN = frozenset({OrderState.AWAITING_APPROVAL, OrderState.ISSUED})


class OrderRefused(ValueError):  # noqa: N818 - exceptions are named by the fact
    """It cannot be done; the texts are what the person reads, `name` is the form's field."""

    def __init__(self, vi: str, en: str, name: str = "") -> None:
        super().__init__(vi)
        self.vi, self.en, self.name = vi, en, name

    def said(self, language: str) -> str:
        return self.en if language == "en" else self.vi


@dataclass(frozen=True)
class By:
    """Who does it."""

    username: str
    role: str = ""
    agency: str = ""
    """Key of the agency whose account it is."""
    authority: Mapping[str, frozenset[str]] = field(default_factory=lambda: AUTHORITY, hash=False, repr=False)
    """Role → levels whose teams it sends on its own word: `Installation.authority`, which campaigns change."""
    times: OrderTimes = field(default=TIMES, hash=False, repr=False)
    """By when what they order is answered: `Installation.order_times`."""


@dataclass(frozen=True)
class Wanted:
    """An order as somebody wants it."""

    ticket_id: str
    what: str
    category: str
    teams: tuple[str, ...]
    """Keys of agencies."""
    due_at: datetime
    unit_code: str = ""
    place: str = ""
    acuity: str = ""
    """Empty: the ticket's."""
    ask: bool = False
    """The committee is to be asked, also where the issuer might decide alone."""
    reason: str = ""
    """Why it is asked."""


@dataclass(frozen=True)
class Said:
    """What came with a team's report."""

    note: str = ""
    latitude: float | None = None
    longitude: float | None = None


NOTHING_SAID = Said()


def check_open(order: Order) -> None:
    ended: Mapping[str, tuple[str, str]] = {
        OrderState.RECALLED: ("đã được thu hồi", "was recalled"),
        OrderState.REFUSED: ("đã bị Ban Chỉ đạo từ chối", "was refused by the committee"),
        OrderState.DONE: ("đã làm xong", "is done"),
    }
    if order.state in ended:
        vi, en = ended[order.state]
        raise OrderRefused(f"Lệnh này {vi}.", f"This order {en}.")


def check_due(due_at: datetime, at: datetime) -> None:
    if due_at <= at:
        raise OrderRefused(
            f"Ô “Hạn”: {said_at(due_at)} đã qua, hãy chọn một giờ sau {said_at(at)}.",
            f"Deadline: {said_at(due_at)} has passed, choose a time after {said_at(at)}.",
            "due_at",
        )
    if due_at > at + FURTHEST:
        raise OrderRefused(
            "Ô “Hạn”: hãy chọn trong vòng 30 ngày.", "Deadline: choose one within 30 days.", "due_at"
        )


def check_unit(session: Session, code: str, day: date) -> None:
    """A place that is on today's map, or none."""
    if not code:
        return
    units = session.scalars(select(Unit).where(Unit.code == code).order_by(Unit.valid_from)).all()
    if any(one.valid_from <= day and (one.valid_to is None or day <= one.valid_to) for one in units):
        return
    if not units:
        raise OrderRefused(
            "Ô “Địa bàn”: không có mã này, hãy tìm và chọn lại.",
            "Place: there is no such code, search and choose again.",
            "unit_code",
        )
    gone = units[-1]
    until = f" từ {gone.valid_to:%d/%m/%Y}" if gone.valid_to else ""
    raise OrderRefused(
        f"Ô “Địa bàn”: {gone.full_name} không còn là đơn vị hành chính{until}, hãy chọn đơn vị mới.",
        f"Place: {gone.full_name} is no unit any more, choose the one that it went into.",
        "unit_code",
    )


def agencies_asked(
    organisation: Organisation, hotline: str, keys: Sequence[str], at: datetime
) -> list[Agency]:
    """Those teams, as they stand today. Raises OrderRefused naming the one that does not."""
    wanted = list(dict.fromkeys(key for key in keys if key))
    if not wanted:
        raise OrderRefused("Hãy chọn ít nhất một đội.", "Choose at least one team.", "team")
    if len(wanted) > TEAMS_AT_MOST:
        raise OrderRefused(
            f"Một lệnh giao cho nhiều nhất {TEAMS_AT_MOST} đội.",
            f"One order goes to {TEAMS_AT_MOST} teams at most.",
            "team",
        )
    found = []
    for key in wanted:
        agency = organisation.agency(key)
        if agency is None or agency.hotline != hotline:
            raise OrderRefused(
                f"Không có đơn vị “{key[:48]}” trong danh sách: hãy chọn đơn vị khác.",
                f"There is no “{key[:48]}” in the list: choose another.",
                "team",
            )
        if not agency.stands(organisation.day(at)):
            raise OrderRefused(
                f"{agency.name} không còn nhận lệnh: hãy chọn đơn vị khác.",
                f"{agency.name} takes no orders any more: choose another.",
                "team",
            )
        found.append(agency)
    return found


def written(text: str, name: str, vi: str, en: str, most: int) -> str:
    """Without surrounding space; OrderRefused when too short or too long."""
    plain = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not SHORTEST <= len(plain) <= most:
        raise OrderRefused(
            f"Ô “{vi}”: hãy viết từ {SHORTEST} đến {most} ký tự.",
            f"{en}: write {SHORTEST} to {most} characters.",
            name,
        )
    return plain


def said_at(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
