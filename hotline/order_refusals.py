"""What is asked of orders and by whom, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hotline.order_times import TIMES, OrderTimes
from hotline.orders import AUTHORITY, Order, OrderState
from hotline.organisation import Agency, Organisation
from hotline.refusals import FURTHEST, RequestRefused, listed, said_at

TEAMS_AT_MOST = 20
LONGEST, REASON = 500, 200
OPEN = frozenset({OrderState.AWAITING_APPROVAL, OrderState.ISSUED})


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
        raise RequestRefused(f"Lệnh này {vi}.", f"This order {en}.")


def check_due(due_at: datetime, at: datetime) -> None:
    if due_at <= at:
        raise RequestRefused(
            f"Ô “Hạn”: {said_at(due_at)} đã qua, hãy chọn một giờ sau {said_at(at)}.",
            f"Deadline: {said_at(due_at)} has passed, choose a time after {said_at(at)}.",
            "due_at",
        )
    if due_at > at + FURTHEST:
        raise RequestRefused(
            "Ô “Hạn”: hãy chọn trong vòng 30 ngày.", "Deadline: choose one within 30 days.", "due_at"
        )


def agencies_asked(
    organisation: Organisation, hotline: str, keys: Sequence[str], at: datetime
) -> list[Agency]:
    """Those teams, as they stand today. Raises RequestRefused naming the one that does not."""
    wanted = list(dict.fromkeys(key for key in keys if key))
    if not wanted:
        raise RequestRefused("Hãy chọn ít nhất một đội.", "Choose at least one team.", "team")
    if len(wanted) > TEAMS_AT_MOST:
        raise RequestRefused(
            f"Một lệnh giao cho nhiều nhất {TEAMS_AT_MOST} đội.",
            f"One order goes to {TEAMS_AT_MOST} teams at most.",
            "team",
        )
    found = []
    for key in wanted:
        agency = listed(organisation, hotline, key, "team")
        if not agency.stands(organisation.day(at)):
            raise RequestRefused(
                f"{agency.name} không còn nhận lệnh: hãy chọn đơn vị khác.",
                f"{agency.name} takes no orders any more: choose another.",
                "team",
            )
        found.append(agency)
    return found
