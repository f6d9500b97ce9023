"""The desks: which operator is where, in which state, and what the desks ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from hotline.events import Event, OperatorChanged
from hotline.operators import FOLLOWS, Operator, OperatorPresence, Presence, Role
from ivr.waiting_line import Free

log = structlog.get_logger(__name__)

P = Presence
ON_DUTY = frozenset({P.AVAILABLE, P.RINGING, P.TALKING, P.WRAP_UP})
"""Who will take a call sooner or later; a paused operator may never."""
HELD = "page"
"""Why a wrap-up does not end by itself: its operator works at the page, where the call's disposition is asked for."""
LEFT_UNFINISHED = "wrap_up"
"""Why an operator is paused who held a wrap-up and went away."""
HELD_AT_MOST_S = 600.0
BUSY_AGAIN_S = 5.0
"""A phone that says busy (off the hook, or still in a call that Asterisk lost) is rung again after this, seconds."""


class NotPossible(Exception):  # noqa: N818 - exceptions are named by the fact
    """A desk asked for what cannot be done now; the text is what the operator reads, in each of the panel's languages."""

    def __init__(self, vi: str, en: str = "") -> None:
        super().__init__(vi)
        self._texts = {"vi": vi, "en": en}

    def said(self, language: str) -> str:
        return self._texts.get(language) or self._texts["vi"]


@dataclass
class Desk:
    """One operator and the phone they sit at."""

    operator_id: int
    username: str
    hotlines: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    role: str = ""
    station: str = ""
    """Key of the station whose account this is: it is rung by hand-overs only, and never put into a pause."""
    phone: str = ""
    second_phone: str = ""
    """Rings with it; the first that answers talks."""
    state: Presence = P.OFFLINE
    reason: str = ""
    call_id: str = ""
    since_s: float = 0.0
    idle_since_s: float = 0.0
    """When the last talk or absence ended; rings that came to nothing do not count."""
    pausing: str = ""
    """Why they are to be paused when the present talk is over; empty: not at all."""
    interrupted: tuple[str, str] = ("", "")
    """Call and reason of the wrap-up that a RED ring broke into: it goes on when somebody else answers."""
    signing_out: bool = False
    """Wants to leave when the present talk is over."""

    def as_free(self, now_s: float) -> Free:
        return Free(self.operator_id, now_s - self.idle_since_s, self.hotlines, self.skills)

    @property
    def can_be_rung(self) -> bool:
        """Whether a call that the operator asked for may ring now."""
        return self.state in (P.AVAILABLE, P.WRAP_UP) and bool(self.phone)

    @property
    def phones(self) -> tuple[str, ...]:
        return tuple(phone for phone in (self.phone, self.second_phone) if phone)

    def serves(self, hotline: str) -> bool:
        return not self.hotlines or hotline in self.hotlines


@dataclass
class Desks:
    """All operators with a desk; every change is told as a fact and mirrored to the dialplan's own queue."""

    tell: Callable[[Event], None]
    mirror: Callable[[Desk], None] = lambda desk: None
    left: Callable[[int, str], object] = lambda operator_id, phone: None
    """Told who has just gone off duty, and from which phone."""
    clock: Callable[[], float] = time.monotonic
    wrap_up_s: float = 30.0
    _by_id: dict[int, Desk] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Desk]:
        return iter(list(self._by_id.values()))

    @property
    def are_known(self) -> bool:
        """Whether the database has told who has a desk: until then nobody's absence is to be believed."""
        return bool(self._by_id)

    def of(self, operator_id: int | None) -> Desk | None:
        return self._by_id.get(operator_id) if operator_id is not None else None

    def at(self, phone: str) -> Desk | None:
        return next((d for d in self._by_id.values() if phone in d.phones and d.state is not P.OFFLINE), None)

    def learn(self, operator: Operator, presence: OperatorPresence | None = None) -> Desk:
        """Take in what the database says of an operator; a desk known already keeps its state."""
        desk = self._by_id.get(operator.id)
        if desk is None:
            desk = self._by_id[operator.id] = Desk(operator.id, operator.username)
            desk.since_s = desk.idle_since_s = self.clock()
            if presence is not None:
                desk.state, desk.reason = Presence(presence.state), presence.reason
                desk.phone, desk.call_id = presence.phone, presence.call_id
                desk.second_phone = presence.second_phone or ""
        served, desk.hotlines = desk.hotlines, frozenset(operator.hotlines)
        desk.skills, desk.role = frozenset(operator.skills), operator.role
        desk.station = operator.station if operator.role == Role.STATION else ""
        if operator.active is False and desk.state in (P.RINGING, P.TALKING):
            desk.signing_out = True
        if desk.hotlines != served and desk.state is not P.OFFLINE:
            self.mirror(desk)
        return desk

    def change(self, desk: Desk, to: Presence, reason: str = "", call_id: str = "") -> bool:
        """Move a desk to another state, if the table allows it; False and logged when it does not."""
        if to is desk.state and reason == desk.reason and call_id == desk.call_id:
            return True
        if to is P.AVAILABLE and desk.pausing:
            to, reason, call_id = P.PAUSED, desk.pausing, ""
        if to in (P.PAUSED, P.OFFLINE):
            desk.pausing = ""
        if to is not desk.state and to not in FOLLOWS[desk.state]:
            log.warning("an operator cannot go there", operator=desk.username, at=desk.state, to=to)
            return False
        if to is P.RINGING and desk.state is P.WRAP_UP:
            desk.interrupted = desk.call_id, desk.reason
        elif to is not P.RINGING:
            desk.interrupted = "", ""
        if to is P.AVAILABLE and desk.state is not P.RINGING:
            desk.idle_since_s = self.clock()
        desk.state, desk.reason, desk.call_id, desk.since_s = to, reason, call_id, self.clock()
        phone = desk.phone
        if to is P.OFFLINE:
            desk.phone, desk.second_phone, desk.signing_out = "", "", False
        self.tell(
            OperatorChanged(
                operator_id=desk.operator_id, state=to, reason=reason, phone=desk.phone, call_id=call_id,
                second_phone=desk.second_phone,
            )
        )  # fmt: skip
        self.mirror(desk if desk.phone else _as_left(desk, phone))
        if to is P.OFFLINE and phone:
            self.left(desk.operator_id, phone)
        return True

    def freed(self, desk: Desk, call_id: str) -> None:
        """A ring or a talk of this call is over."""
        if desk.call_id != call_id:
            return
        if desk.signing_out:
            self.change(desk, P.OFFLINE)
        elif desk.state is P.TALKING and self.wrap_up_s > 0 and not desk.station:
            self.change(desk, P.WRAP_UP, call_id=call_id)
        elif desk.state is P.RINGING and desk.interrupted[0]:
            before, reason = desk.interrupted
            self.change(desk, P.WRAP_UP, reason, before)
        elif desk.state in (P.RINGING, P.TALKING):
            self.change(desk, P.AVAILABLE)

    def end_wrap_ups(self) -> bool:
        """Whether anybody became available because their time was up."""
        lasts_s = {(P.WRAP_UP, d.reason): self.wrap_up_s for d in self} | {(P.PAUSED, "busy"): BUSY_AGAIN_S}
        lasts_s[P.WRAP_UP, HELD] = HELD_AT_MOST_S
        over = [d for d in self if self.clock() - d.since_s >= lasts_s.get((d.state, d.reason), float("inf"))]
        for desk in over:
            if desk.reason == HELD:
                self.change(desk, P.PAUSED, LEFT_UNFINISHED)
            else:
                self.change(desk, P.AVAILABLE)
        return bool(over)

    def on_duty(self, hotline: str) -> list[Desk]:
        return [d for d in self if d.state in ON_DUTY and d.serves(hotline) and not d.station]

    def free(self, *, also_in_wrap_up: bool = False) -> list[Desk]:
        states = (P.AVAILABLE, P.WRAP_UP) if also_in_wrap_up else (P.AVAILABLE,)
        return [d for d in self if d.state in states and d.phone and not d.station]

    def at_stations(self) -> dict[str, tuple[tuple[int, str], ...]]:
        """Station → the accounts of it that can be rung now, as `hotline.directory.Directory.attended`."""
        found: dict[str, tuple[tuple[int, str], ...]] = {}
        for desk in self:
            if desk.station and desk.state is P.AVAILABLE and desk.phone:
                found[desk.station] = (*found.get(desk.station, ()), (desk.operator_id, desk.phone))
        return found

    # -- what a desk asks --

    def sign_in(self, desk: Desk, phone: str, online: bool, second_phone: str = "") -> None:
        """The operator sits down at a phone, and maybe beside a second one; NotPossible when one is unknown, away or taken."""
        if not phone:
            raise NotPossible(
                "Chưa chọn máy: hãy chọn số máy bàn rồi vào ca.",
                "No phone was chosen: choose your desk's phone, then sign in.",
            )
        if not online:
            raise NotPossible(
                f"Máy {phone} chưa đăng ký với tổng đài: hãy bật máy rồi vào ca lại.",
                f"Phone {phone} is not registered: switch it on, then sign in again.",
            )
        for wanted in filter(None, (phone, second_phone)):
            other = self.at(wanted)
            if other is not None and other is not desk:
                raise NotPossible(
                    f"Máy {wanted} đang có {other.username} trực: hãy chọn máy khác.",
                    f"{other.username} sits at phone {wanted}: choose another phone.",
                )
        if desk.state is P.OFFLINE:
            desk.phone, desk.second_phone = phone, second_phone if second_phone != phone else ""
        elif desk.phone != phone:
            raise NotPossible(
                f"Đang trực ở máy {desk.phone}: hãy ra ca trước khi đổi máy.",
                f"You sit at phone {desk.phone}: sign out before you change phones.",
            )
        if desk.state in (P.OFFLINE, P.PAUSED):
            self.change(desk, P.AVAILABLE)

    def sign_out(self, desk: Desk) -> None:
        """Leaves now, or after the present call."""
        if desk.state in (P.RINGING, P.TALKING):
            desk.signing_out = True
        elif desk.state is not P.OFFLINE:
            self.change(desk, P.OFFLINE)

    def pause(self, desk: Desk, reason: str) -> None:
        if desk.state in (P.RINGING, P.TALKING):
            raise NotPossible(
                "Đang có cuộc gọi: tạm nghỉ được sau khi kết thúc cuộc gọi.",
                "You have a call: you can pause when it has ended.",
            )
        if not self.change(desk, P.PAUSED, reason or "break"):
            raise NotPossible(
                "Chưa vào ca nên không tạm nghỉ được: hãy vào ca trước.",
                "You are off duty and cannot pause: sign in first.",
            )

    def resume(self, desk: Desk) -> None:
        if desk.state is P.OFFLINE:
            raise NotPossible("Chưa vào ca: hãy vào ca trước.", "You are off duty: sign in first.")
        if desk.state is P.PAUSED:
            self.change(desk, P.AVAILABLE)

    def hold_wrap_up(self, desk: Desk, call_id: str) -> None:
        """The page asks for this call's disposition: the time alone does not end the wrap-up."""
        if desk.state is P.WRAP_UP and desk.call_id == call_id:
            self.change(desk, P.WRAP_UP, HELD, call_id)
        elif desk.interrupted[0] == call_id:
            desk.interrupted = call_id, HELD

    def finish_wrap_up(self, desk: Desk) -> None:
        if desk.state is P.WRAP_UP:
            self.change(desk, P.AVAILABLE)


def _as_left(desk: Desk, phone: str) -> Desk:
    return Desk(desk.operator_id, desk.username, desk.hotlines, desk.skills, phone=phone)
