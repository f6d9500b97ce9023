"""Orders: who is sent where by when, under whose authority; the tables of what may follow what, and the rows.

An order belongs to a ticket. Each team that is to go has an assignment of its own, so several teams are one order. Pure but for
the rows; `hotline.ordering` carries out, `hotline.order_facts` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment
from hotline.operators import Role
from hotline.transfers import Refusal


class OrderState(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    ISSUED = "issued"
    REFUSED = "refused"
    """The committee said no."""
    RECALLED = "recalled"
    DONE = "done"
    """A team has done it, and no other is on its way."""


class AssignmentState(StrEnum):
    WAITING = "waiting"
    """The order is not approved yet: the team knows nothing."""
    SENT = "sent"
    """The team is told, and asked for its yes."""
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ON_SITE = "on_site"
    DONE = "done"
    FAILED = "failed"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    """Nobody of the team said yes in time: the level above was asked."""
    REPLACED = "replaced"
    """Another team has it."""
    RECALLED = "recalled"


A = AssignmentState
WORKING = frozenset({A.ACCEPTED, A.EN_ROUTE, A.ON_SITE})
LIVE = frozenset({A.WAITING, A.SENT, *WORKING})
"""A team that may still help."""


class Happening(StrEnum):
    """What can happen to an assignment."""

    SEND = "send"
    ACCEPT = "accept"
    DECLINE = "decline"
    SET_OUT = "set_out"
    ARRIVE = "arrive"
    FINISH = "finish"
    FAIL = "fail"
    NOBODY = "nobody"
    """No yes in time, or no number left to ring."""
    REPLACE = "replace"
    RECALL = "recall"


H = Happening


class Actor(StrEnum):
    TEAM = "team"
    ISSUER = "issuer"
    CLOCK = "clock"


class Means(StrEnum):
    """How somebody said it."""

    PANEL = "panel"
    LINK = "link"
    TELEPHONE = "telephone"
    API = "api"
    """Their own computer system."""
    CLOCK = "clock"


BY_CLOCK = "worker"
"""Whose name it is done in when a time is up."""

WHO: Mapping[Happening, frozenset[Actor]] = {
    H.SEND: frozenset({Actor.ISSUER, Actor.CLOCK}),
    **dict.fromkeys((H.ACCEPT, H.DECLINE, H.SET_OUT, H.ARRIVE), frozenset({Actor.TEAM})),
    # Who has the team on the telephone may write down how it ended.
    **dict.fromkeys((H.FINISH, H.FAIL), frozenset({Actor.TEAM, Actor.ISSUER})),
    H.NOBODY: frozenset({Actor.CLOCK}),
    H.REPLACE: frozenset({Actor.ISSUER}),
    H.RECALL: frozenset({Actor.ISSUER, Actor.CLOCK}),
}

NOT_APPROVED = Refusal(
    "Lệnh này chưa được duyệt: hãy chờ Ban Chỉ đạo.",
    "This order is not approved yet: wait for the steering committee.",
)
ALREADY_ACCEPTED = Refusal(
    "Lệnh này đã được đội nhận trước đó, không cần nhận lại.",
    "The team has accepted this order already.",
)
TOO_LATE_TO_DECLINE = Refusal(
    "Đội đã nhận lệnh này: nếu không làm được, hãy báo “Không làm được” kèm lý do.",
    "The team has accepted this order: if it cannot be done, report “failed” with the reason.",
)
ACCEPT_FIRST = Refusal("Hãy nhận lệnh trước rồi báo tiếp.", "Accept the order first, then report on it.")
SAID_ALREADY = Refusal("Việc này đã được báo rồi.", "This has been reported already.")
SENT_ALREADY = Refusal("Lệnh này đã gửi cho đội rồi.", "This order was sent to the team already.")
RECALLED = Refusal(
    "Lệnh này đã được thu hồi: không phải làm nữa.",
    "This order was recalled: nothing is to be done any more.",
)
REPLACED = Refusal("Lệnh này đã được giao cho đội khác.", "This order was given to another team.")
DECLINED = Refusal(
    "Đội đã từ chối lệnh này: nếu làm được, hãy gọi trung tâm.",
    "The team has declined this order: call the centre if it can be done after all.",
)
CLIMBED = Refusal(
    "Lệnh này quá giờ trả lời và đã chuyển lên cấp trên: hãy gọi trung tâm.",
    "This order was not answered in time and went to the level above: call the centre.",
)
OVER = Refusal("Lệnh này đã kết thúc.", "This order is over.")
NOT_YOURS = Refusal("Bạn không được làm việc này với lệnh này.", "You may not do this to this order.")

_NEVER_BACK: Mapping[Happening, AssignmentState | Refusal] = {H.SEND: SENT_ALREADY, H.NOBODY: SAID_ALREADY}
_GOES_ON: Mapping[Happening, AssignmentState | Refusal] = {
    H.ACCEPT: ALREADY_ACCEPTED, H.DECLINE: TOO_LATE_TO_DECLINE, H.FINISH: A.DONE, H.FAIL: A.FAILED,
    H.REPLACE: A.REPLACED, H.RECALL: A.RECALLED,
}  # fmt: skip


def _all(refusal: Refusal) -> dict[Happening, AssignmentState | Refusal]:
    return dict.fromkeys(Happening, refusal)


FOLLOWS: Mapping[AssignmentState, Mapping[Happening, AssignmentState | Refusal]] = {
    A.WAITING: {**_all(NOT_APPROVED), H.SEND: A.SENT, H.REPLACE: A.REPLACED, H.RECALL: A.RECALLED},
    A.SENT: {
        **_all(ACCEPT_FIRST), H.SEND: SENT_ALREADY, H.ACCEPT: A.ACCEPTED, H.DECLINE: A.DECLINED,
        H.NOBODY: A.UNANSWERED, H.REPLACE: A.REPLACED, H.RECALL: A.RECALLED,
    },
    A.ACCEPTED: {**_NEVER_BACK, **_GOES_ON, H.SET_OUT: A.EN_ROUTE, H.ARRIVE: A.ON_SITE},
    A.EN_ROUTE: {**_NEVER_BACK, **_GOES_ON, H.SET_OUT: SAID_ALREADY, H.ARRIVE: A.ON_SITE},
    A.ON_SITE: {**_NEVER_BACK, **_GOES_ON, H.SET_OUT: SAID_ALREADY, H.ARRIVE: SAID_ALREADY},
    # A late yes counts as long as the level above has not said its own (hotline.ordering asks).
    A.UNANSWERED: {**_all(CLIMBED), H.ACCEPT: A.ACCEPTED, H.DECLINE: A.DECLINED, H.RECALL: A.RECALLED},
    A.DONE: _all(OVER),
    A.FAILED: _all(OVER),
    A.DECLINED: _all(DECLINED),
    A.REPLACED: _all(REPLACED),
    A.RECALLED: _all(RECALLED),
}  # fmt: skip
"""State and happening → the next state, or why not."""


def follows(
    state: AssignmentState, happening: Happening, actor: Actor, *, above_has_it: bool = False
) -> AssignmentState | Refusal:
    """The next state, or why not. `above_has_it`: a team that was asked instead of this one has said yes."""
    if actor not in WHO[happening]:
        return NOT_YOURS
    if state is A.UNANSWERED and happening is H.ACCEPT and above_has_it:
        return CLIMBED
    return FOLLOWS[state][happening]


# -- authority --

LEVELS = ("commune", "district", "province")
AUTHORITY: Mapping[str, frozenset[str]] = {
    Role.OPERATOR: frozenset({"commune"}),
    Role.SUPERVISOR: frozenset({"commune", "district"}),
    Role.LEADER: frozenset(LEVELS),
}
"""Whose teams somebody may send on their own word; for all others the committee is asked."""


def needs_approval(
    role: str, levels: frozenset[str], authority: Mapping[str, frozenset[str]] = AUTHORITY
) -> bool:
    """Whether an order to teams of these levels goes beyond what that role may order itself.

    `authority` is what a campaign says of some roles (`Installation.authority`); of all others the table holds.
    """
    return not levels <= authority.get(role, AUTHORITY.get(role, frozenset()))


class TryState(StrEnum):
    """What became of one call to one number of a team."""

    RINGING = "ringing"
    ASKED = "asked"
    """Somebody answered and is asked whether they are the team."""
    BRIEFING = "briefing"
    """They said so, and hear the order."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    STRANGER = "stranger"
    """They are not the team."""
    NO_KEY = "no_key"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The order was answered otherwise, or recalled, meanwhile."""
    INTERRUPTED = "interrupted"
    """The process that rang is gone: the same number is rung again."""


TRY_LIVE = frozenset({TryState.RINGING, TryState.ASKED, TryState.BRIEFING})


class ApprovalState(StrEnum):
    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    CLIMBED = "climbed"
    """Nobody answered in time: the committee above was asked."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Team:
    """Whom an order goes to, with the numbers as they are on duty when it is issued."""

    key: str
    name: str
    level: str
    numbers: tuple[tuple[str, str], ...] = ()
    """(whose, number) in the order of ringing."""

    def plain(self) -> dict[str, Any]:
        numbers = [{"name": name, "number": number} for name, number in self.numbers]
        return {"team": self.key, "name": self.name, "level": self.level, "numbers": numbers}


# -- rows --


class Order(Base):
    """One order; its id is "o-<ticket's call>-<n>"."""

    __tablename__ = "team_order"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    number: Mapped[int] = mapped_column()
    """Counts from 1 within its ticket; people say "BP-17/2"."""
    state: Mapped[str] = mapped_column(String(20), index=True)
    category: Mapped[str] = mapped_column(String(32))
    acuity: Mapped[str] = mapped_column(String(8))
    unit_code: Mapped[str] = mapped_column(String(8), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    """Where, in words."""
    what: Mapped[str] = mapped_column(String(500))
    due_at: Mapped[datetime] = mapped_column(Moment, index=True)
    issued_by: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[datetime] = mapped_column(Moment, index=True)
    centre: Mapped[str] = mapped_column(String(48), default="")
    """Key of the command centre that issued it; empty when the hotline itself did."""
    approved_by: Mapped[str] = mapped_column(String(64), default="")
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    why: Mapped[str] = mapped_column(String(200), default="")
    """Why it was recalled or refused."""
    overdue: Mapped[bool] = mapped_column(default=False)
    """Its deadline passed before it was done."""
    times: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """By when it is answered and approved, and when teams are rung (hotline.order_times), as it was issued."""


class Assignment(Base):
    """One team's part in an order; its id is "<order>.<n>"."""

    __tablename__ = "assignment"
    __table_args__ = (
        # The database's own word that no number is rung for two orders at once, whichever processes compete.
        Index(
            "uq_assignment_dialled", "dialled", unique=True,
            sqlite_where=text("dialled != ''"), postgresql_where=text("dialled != ''"),
        ),
    )  # fmt: skip
    id: Mapped[str] = mapped_column(String(88), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("team_order.id"), index=True)
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    team: Mapped[str] = mapped_column(String(48), index=True)
    """Key of the agency."""
    team_name: Mapped[str] = mapped_column(String(160))
    level: Mapped[str] = mapped_column(String(16), default="")
    state: Mapped[str] = mapped_column(String(16), index=True)
    instead_of: Mapped[str] = mapped_column(String(88), default="")
    """The assignment that climbed to this team or was given to it."""
    plan: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """{"name", "number"} in the order of ringing."""
    next_place: Mapped[int] = mapped_column(default=0)
    """Place in the plan of the number that is rung next."""
    next_call_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    """When; None when nothing is to be rung."""
    dial_id: Mapped[str] = mapped_column(String(64), default="")
    """The call that rings for it now, or rang last."""
    dialled: Mapped[str] = mapped_column(String(40), default="")
    """The number that is rung now; empty while none is."""
    dial_until: Mapped[datetime | None] = mapped_column(Moment)
    """Whoever rings tells the result before this; later the process is taken for dead."""
    answer_by: Mapped[datetime | None] = mapped_column(Moment)
    """By when the team must have said yes."""
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted_by: Mapped[str] = mapped_column(String(160), default="")
    accepted_means: Mapped[str] = mapped_column(String(16), default="")
    changed_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(String(500), default="")
    """What was said with the last report: why it failed, what was done."""


class OrderStep(Base):
    """One dated step of an assignment: who said it, by what means, from where; never edited."""

    __tablename__ = "order_step"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(160), default="")
    means: Mapped[str] = mapped_column(String(16), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    latitude: Mapped[float | None] = mapped_column()
    longitude: Mapped[float | None] = mapped_column()


class OrderTry(Base):
    """One call to one number of a team; its id is the call's."""

    __tablename__ = "order_try"
    dial_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), index=True)
    place: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(160), default="")
    number: Mapped[str] = mapped_column(String(40), default="")
    state: Mapped[str] = mapped_column(String(16))
    rung_at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class OrderApproval(Base):
    """One question to a committee; unanswered it climbs, as a new row, to the one above."""

    __tablename__ = "order_approval"
    id: Mapped[str] = mapped_column(String(88), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("team_order.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    centre: Mapped[str] = mapped_column(String(48), default="")
    """Key of the command centre whose leaders are asked; empty: any leader of the hotline."""
    centre_name: Mapped[str] = mapped_column(String(160), default="")
    asked_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[str] = mapped_column(String(64), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    said: Mapped[str] = mapped_column(String(200), default="")


class OrderLink(Base):
    """A link that opens one assignment without signing in; the token itself is nowhere but in the message."""

    __tablename__ = "order_link"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    """answer: says yes or no, once; work: reports until it expires."""
    made_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class OrderPhoto(Base):
    """A picture that a team sent, kept as a file of ours."""

    __tablename__ = "order_photo"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(160), default="")
    path: Mapped[str] = mapped_column(String(120))
    """Inside the recordings' folder."""
    kind: Mapped[str] = mapped_column(String(16))
    size_bytes: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64))


def label(ticket_label: str, number: int) -> str:
    """BP-17/2."""
    return f"{ticket_label}/{number}"
