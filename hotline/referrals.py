"""Referrals: a ticket's question to one or several agencies at once; the tables of what may follow what, and the rows.

Each agency that is asked has a part of its own; their answers become one text, which the operator tells the citizen. Pure but for
the rows; `hotline.referring` carries out, `hotline.referral_facts` writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.acuity import Acuity
from hotline.database import Base, Moment
from hotline.transfers import Refusal


class ReferralState(StrEnum):
    ASKED = "asked"
    """At least one agency still has to answer."""
    ANSWERED = "answered"
    """Nobody is waited for: the answers are to be assembled and told."""
    DISPUTED = "disputed"
    """Agencies contradict each other, or one refuses: somebody above has to say."""
    RETURNED = "returned"
    """Nobody answers for it: the hotline decides what to do."""
    TOLD = "told"
    RECALLED = "recalled"


class PartState(StrEnum):
    ASKED = "asked"
    LATE = "late"
    """Its time is up and the level above was asked; its answer still counts."""
    ANSWERED = "answered"
    NOT_OURS = "not_ours"
    REFUSED = "refused"
    RECALLED = "recalled"


R, P = ReferralState, PartState
OPEN = frozenset({R.ASKED, R.ANSWERED, R.DISPUTED, R.RETURNED})
WAITED_FOR = frozenset({P.ASKED, P.LATE})


class Happening(StrEnum):
    """What can happen to a part."""

    ANSWER = "answer"
    NOT_OURS = "not_ours"
    REFUSE = "refuse"
    EXPIRE = "expire"
    RECALL = "recall"


H = Happening


class Why(StrEnum):
    """Why an agency was asked."""

    CHOSEN = "chosen"
    NEXT = "next"
    """The one before said that it is not theirs."""
    CLIMBED = "climbed"
    """The one below did not answer in time."""
    DISPUTED = "disputed"
    """Those below contradict each other: its answer decides."""


ANSWERED_ALREADY = Refusal(
    "Đơn vị đã trả lời câu hỏi này rồi: câu trả lời trước được giữ nguyên.",
    "This agency has answered already: the first answer stands.",
)
GIVEN_BACK = Refusal(
    "Đơn vị đã trả lại câu hỏi này, đã chuyển nơi khác: hãy gọi 1022 nếu có ý kiến thêm.",
    "The agency has given this question back and others have it: call 1022 to add something.",
)
REFUSED_ALREADY = Refusal(
    "Đơn vị đã từ chối câu hỏi này, cấp trên đang xem xét.",
    "The agency has refused this question: the level above looks at it.",
)
WITHDRAWN = Refusal(
    "Câu hỏi này đã được thu hồi: không phải trả lời nữa.",
    "This question was recalled: no answer is needed any more.",
)
LATE_ALREADY = Refusal("Câu hỏi này đã quá hạn.", "This question is late already.")


def _all(refusal: Refusal) -> dict[Happening, PartState | Refusal]:
    return dict.fromkeys(Happening, refusal)


_SAYS: Mapping[Happening, PartState | Refusal] = {
    H.ANSWER: P.ANSWERED, H.NOT_OURS: P.NOT_OURS, H.REFUSE: P.REFUSED, H.RECALL: P.RECALLED,
}  # fmt: skip
FOLLOWS: Mapping[PartState, Mapping[Happening, PartState | Refusal]] = {
    P.ASKED: {**_SAYS, H.EXPIRE: P.LATE},
    P.LATE: {**_SAYS, H.EXPIRE: LATE_ALREADY},
    P.ANSWERED: _all(ANSWERED_ALREADY),
    P.NOT_OURS: _all(GIVEN_BACK),
    P.REFUSED: _all(REFUSED_ALREADY),
    P.RECALLED: _all(WITHDRAWN),
}
"""A part's state and happening → the next state, or why not."""


class Step(StrEnum):
    """What can happen to the whole."""

    ASK = "ask"
    """One more agency is asked."""
    ALL_IN = "all_in"
    NOBODY = "nobody"
    CONTRADICT = "contradict"
    TELL = "tell"
    RECALL = "recall"


TOLD_ALREADY = Refusal(
    "Câu trả lời này đã được báo cho người dân: hãy chuyển một câu hỏi mới.",
    "This answer was told to the citizen already: forward a new question.",
)
RECALLED_ALREADY = Refusal("Câu hỏi này đã được thu hồi.", "This question was recalled.")
STILL_WAITING = Refusal(
    "Còn đơn vị chưa trả lời: hãy chờ, hoặc thu hồi phần của đơn vị đó rồi báo người dân.",
    "An agency has not answered yet: wait, or recall its part, then tell the citizen.",
)
ABOVE_DECIDES = Refusal(
    "Các trả lời đang trái nhau: chờ cấp trên có ý kiến rồi mới báo người dân.",
    "The answers contradict each other: wait for the level above, then tell the citizen.",
)
NOTHING_TO_CONTRADICT = Refusal(
    "Chưa có hai câu trả lời để so: hãy chờ các đơn vị trả lời.",
    "There are no two answers to compare yet: wait for the agencies.",
)


def _whole(**more: ReferralState | Refusal) -> dict[Step, ReferralState | Refusal]:
    return {Step(name): to for name, to in more.items()}


WHOLE_FOLLOWS: Mapping[ReferralState, Mapping[Step, ReferralState | Refusal]] = {
    R.ASKED: _whole(ask=R.ASKED, all_in=R.ANSWERED, nobody=R.RETURNED, contradict=R.DISPUTED, tell=STILL_WAITING, recall=R.RECALLED),
    R.ANSWERED: _whole(ask=R.ASKED, all_in=R.ANSWERED, nobody=R.RETURNED, contradict=R.DISPUTED, tell=R.TOLD, recall=R.RECALLED),
    R.DISPUTED: _whole(ask=R.DISPUTED, all_in=R.ANSWERED, nobody=R.RETURNED, contradict=ABOVE_DECIDES, tell=ABOVE_DECIDES,
                        recall=R.RECALLED),
    R.RETURNED: _whole(ask=R.ASKED, all_in=R.ANSWERED, nobody=R.RETURNED, contradict=NOTHING_TO_CONTRADICT, tell=R.TOLD, recall=R.RECALLED),
    R.TOLD: dict.fromkeys(Step, TOLD_ALREADY),
    R.RECALLED: dict.fromkeys(Step, RECALLED_ALREADY),
}  # fmt: skip
"""The whole's state and step → the next state, or why not."""

ANSWER_WITHIN: Mapping[Acuity, timedelta] = {
    Acuity.RED: timedelta(minutes=15),
    Acuity.ORANGE: timedelta(minutes=30),
    Acuity.YELLOW: timedelta(hours=1),
    Acuity.GREEN: timedelta(hours=4),
    Acuity.NONMED: timedelta(hours=4),
}
"""The deadline that the form offers: what is left of the promised five hours is for assembling and telling."""
WARN_AT = 0.8
"""Of an agency's time; then it is reminded and the operator sees it."""
GROUNDS = ("duty", "life", "consent")
"""Why an agency may be given what is in a question: the state's duty, life or health in danger, the citizen's consent."""


class Referral(Base):
    __tablename__ = "referral"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    """"f-<call id>-<number>"."""
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    number: Mapped[int] = mapped_column()
    """Counts from 1 within a ticket."""
    state: Mapped[str] = mapped_column(String(16), index=True)
    category: Mapped[str] = mapped_column(String(32))
    acuity: Mapped[str] = mapped_column(String(8))
    unit_code: Mapped[str] = mapped_column(String(8), default="")
    unit_on: Mapped[date] = mapped_column()
    """The day on which that code is read: the units of that day."""
    question: Mapped[str] = mapped_column(Text)
    ground: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(Moment, index=True)
    due_at: Mapped[datetime] = mapped_column(Moment)
    assembled: Mapped[str] = mapped_column(Text, default="")
    """What the citizen is told; empty until somebody has kept one."""
    assembled_by: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[int] = mapped_column(default=1)
    """Of the assembled text: a form carries the one it saw."""
    why: Mapped[str] = mapped_column(String(300), default="")
    """Why it is disputed or recalled."""
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class ReferralPart(Base):
    """One agency's part."""

    __tablename__ = "referral_part"
    id: Mapped[str] = mapped_column(String(88), primary_key=True)
    referral_id: Mapped[str] = mapped_column(ForeignKey("referral.id"), index=True)
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    agency: Mapped[str] = mapped_column(String(48), index=True)
    agency_name: Mapped[str] = mapped_column(String(160))
    level: Mapped[str] = mapped_column(String(16), default="")
    state: Mapped[str] = mapped_column(String(16), index=True)
    instead_of: Mapped[str] = mapped_column(String(88), default="")
    why: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    warned_at: Mapped[datetime | None] = mapped_column(Moment)
    said: Mapped[str] = mapped_column(Text, default="")
    """Its answer, or why it gives it back or refuses."""
    said_by: Mapped[str] = mapped_column(String(160), default="")
    means: Mapped[str] = mapped_column(String(16), default="")
    changed_at: Mapped[datetime] = mapped_column(Moment)


class ReferralLink(Base):
    """A link that answers one part without signing in, once; the token itself is nowhere but in the message."""

    __tablename__ = "referral_link"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    part_id: Mapped[str] = mapped_column(ForeignKey("referral_part.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


def assembled(parts: Iterable[ReferralPart]) -> str:
    """The answers as one text to begin with: who decided a dispute stands alone, else each agency's words under its name."""
    answered = [one for one in parts if one.state == P.ANSWERED]
    deciding = [one for one in answered if one.why == Why.DISPUTED]
    chosen = deciding[-1:] or answered
    if len(chosen) == 1:
        return f"{chosen[0].agency_name} trả lời: {chosen[0].said}"
    return "\n\n".join(f"{one.agency_name}: {one.said}" for one in chosen)


def settled(state: ReferralState, parts: Iterable[ReferralPart]) -> Step | None:
    """What follows from where the parts stand: nothing while somebody is waited for."""
    those = list(parts)
    if any(one.state in WAITED_FOR for one in those):
        return None
    answered = [one for one in those if one.state == P.ANSWERED]
    if state is R.DISPUTED:
        decided = any(one.why == Why.DISPUTED for one in answered)
        return Step.ALL_IN if decided else Step.NOBODY
    return Step.ALL_IN if answered else Step.NOBODY
