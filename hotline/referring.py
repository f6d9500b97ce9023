"""Referring: what operators, agencies and clocks do with a question; each in the caller's transaction, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.facts import apply
from hotline.folding import folded
from hotline.organisation import Agency, Organisation
from hotline.referrals import (
    FOLLOWS,
    GROUNDS,
    OPEN,
    WAITED_FOR,
    WHOLE_FOLLOWS,
    Happening,
    PartState,
    Referral,
    ReferralPart,
    ReferralState,
    Step,
    Why,
    assembled,
    settled,
)
from hotline.refusals import FURTHEST, RequestRefused, check_unit, listed, said_at, written
from hotline.tickets import Ticket, TicketState
from hotline.transfers import Refusal

AT_MOST = 10
"""Agencies asked at once."""
QUESTION, ANSWER, REASON = 2000, 4000, 300
SHORTEST_TIME = timedelta(minutes=5)
CLOCK = "worker"


@dataclass(frozen=True)
class Wanted:
    """A question as somebody wants it forwarded."""

    ticket_id: str
    question: str
    category: str
    agencies: tuple[str, ...]
    """Keys."""
    due_at: datetime
    unit_code: str = ""
    ground: str = GROUNDS[0]


def refer(
    session: Session,
    wanted: Wanted,
    by: str,
    at: datetime,
    organisation: Organisation,
    categories: Collection[str],
) -> str:
    """Ask the agencies; the referral's id. Raises RequestRefused, and then nothing is written."""
    day = organisation.day(at)
    ticket = session.scalar(select(Ticket).where(Ticket.id == wanted.ticket_id).with_for_update())
    if ticket is None or ticket.state == TicketState.CLOSED:
        raise RequestRefused(
            "Phiếu này đã đóng: hãy mở lại phiếu rồi chuyển.",
            "This ticket is closed: reopen it, then forward it.",
        )
    question = written(wanted.question, "question", "Câu hỏi cho đơn vị", "Question", QUESTION)
    if wanted.category not in categories:
        raise RequestRefused(
            "Ô “Lĩnh vực”: hãy chọn một lĩnh vực trong danh sách.",
            "Category: choose one of the list.",
            "category",
        )
    if wanted.ground not in GROUNDS:
        raise RequestRefused(
            "Ô “Căn cứ chuyển thông tin”: hãy chọn trong danh sách.",
            "Ground: choose one of the list.",
            "ground",
        )
    _check_due(wanted.due_at, at)
    unit_code = wanted.unit_code or ticket.unit_code
    check_unit(session, unit_code, day)
    asked = [_agency(organisation, ticket.hotline, key, day) for key in dict.fromkeys(wanted.agencies) if key]
    if not asked:
        raise RequestRefused("Hãy chọn ít nhất một đơn vị.", "Choose at least one agency.", "agency")
    if len(asked) > AT_MOST:
        raise RequestRefused(
            f"Một câu hỏi gửi nhiều nhất {AT_MOST} đơn vị.",
            f"One question goes to {AT_MOST} agencies at most.",
            "agency",
        )
    number = (
        session.scalar(select(func.max(Referral.number)).where(Referral.ticket_id == ticket.id)) or 0
    ) + 1
    referral_id = f"f-{ticket.id.removeprefix('t-')}-{number}"
    apply(
        session,
        e.ReferralMade(
            at=at, referral_id=referral_id, ticket_id=ticket.id, hotline=ticket.hotline, number=number,
            category=wanted.category, acuity=ticket.acuity, question=question, ground=wanted.ground,
            unit_code=unit_code, unit_on=day, due_at=wanted.due_at, by=by, folded=folded(question),
            plan=tuple(
                _plan(organisation, one, f"{referral_id}.{n}", Why.CHOSEN, at) for n, one in enumerate(asked, 1)
            ),
            agencies=tuple(one.name for one in asked), owner=asked[0].key,
        ),
        by,
    )  # fmt: skip
    return referral_id


def ask_also(
    session: Session,
    referral_id: str,
    key: str,
    by: str,
    at: datetime,
    organisation: Organisation,
    due_at: datetime,
) -> str:
    """One more agency for the same question; its part's id. Raises RequestRefused."""
    row = held(session, referral_id)
    _step(row, Step.ASK)
    agency = _agency(organisation, row.hotline, key, organisation.day(at))
    if any(one.agency == key and one.state in WAITED_FOR for one in parts_of(session, referral_id)):
        raise RequestRefused(
            f"{agency.name} đang có câu hỏi này rồi: hãy chọn đơn vị khác.",
            f"{agency.name} has this question already: choose another.",
            "agency",
        )
    _check_due(due_at, at)
    made = _ask(session, row, agency, Why.CHOSEN, "", by, at, organisation, due_at)
    _move(session, row, Step.ASK, by, at)
    return made


def act(
    session: Session,
    part_id: str,
    happening: Happening,
    by: str,
    means: str,
    at: datetime,
    organisation: Organisation,
    said: str = "",
) -> PartState:
    """What an agency says to its part; the state that follows. Raises RequestRefused, and then nothing is written."""
    one = session.get(ReferralPart, part_id)
    if one is None or happening not in (Happening.ANSWER, Happening.NOT_OURS, Happening.REFUSE):
        raise RequestRefused("Không có câu hỏi này: hãy tải lại trang.", "There is no such question: reload.")
    row = held(session, one.referral_id)
    session.refresh(one)
    if row.state not in OPEN:
        told = WHOLE_FOLLOWS[ReferralState(row.state)][Step.TELL]
        assert isinstance(told, Refusal)  # noqa: S101 - nothing follows what is over
        if one.state in WAITED_FOR:
            raise RequestRefused(told.vi, told.en)
    to = _follows(one, happening)
    names = {
        Happening.ANSWER: ("Câu trả lời", "Answer", ANSWER),
        Happening.NOT_OURS: ("Vì sao không thuộc đơn vị", "Why it is not yours", REASON),
        Happening.REFUSE: ("Vì sao từ chối", "Why you refuse", REASON),
    }
    vi, en, most = names[happening]
    text = written(said, "said", vi, en, most)
    _part_moved(session, one, to, by, means, at, text)
    if to is PartState.NOT_OURS:
        _to_the_next(session, row, one, at, organisation)
    elif to is PartState.REFUSED:
        _dispute(session, row, one, text, by, at, organisation)
    _settle(session, row, by, at)
    return to


def contradict(
    session: Session, referral_id: str, reason: str, by: str, at: datetime, organisation: Organisation
) -> str:
    """The operator finds that answers contradict each other: the level above is asked; its name. Raises RequestRefused."""
    row = held(session, referral_id)
    _step(row, Step.CONTRADICT)
    answered = [one for one in parts_of(session, referral_id) if one.state == PartState.ANSWERED]
    if len(answered) < 2:
        raise RequestRefused(
            "Chưa có hai câu trả lời để so: hãy chờ các đơn vị trả lời.",
            "There are no two answers to compare yet: wait for the agencies.",
        )
    why = written(reason, "reason", "Trái nhau ở điểm nào", "What they contradict each other in", REASON)
    above = _above(session, row, answered, at, organisation)
    if above is None:
        raise RequestRefused(
            "Không còn cấp trên nào chưa được hỏi: hãy báo lãnh đạo, rồi chọn đơn vị hỏi thêm.",
            "Nobody above is left to ask: tell the leaders, then choose whom to ask besides.",
        )
    _move(session, row, Step.CONTRADICT, by, at, reason=why)
    _ask(session, row, above, Why.DISPUTED, answered[0].id, by, at, organisation)
    return above.name


def recall(session: Session, referral_id: str, reason: str, by: str, at: datetime) -> None:
    """Nobody has to answer any more. Raises RequestRefused."""
    row = held(session, referral_id)
    _step(row, Step.RECALL)
    why = written(reason, "reason", "Lý do thu hồi", "Why it is recalled", REASON)
    for one in parts_of(session, referral_id):
        if one.state in WAITED_FOR:
            _part_moved(session, one, PartState.RECALLED, by, "panel", at)
    _move(session, row, Step.RECALL, by, at, reason=why)


def recall_part(session: Session, part_id: str, by: str, at: datetime) -> None:
    """One agency has to answer no more; the others' answers are enough. Raises RequestRefused."""
    one = session.get(ReferralPart, part_id)
    if one is None:
        raise RequestRefused("Không có câu hỏi này: hãy tải lại trang.", "There is no such question: reload.")
    row = held(session, one.referral_id)
    session.refresh(one)
    _step(row, Step.RECALL)
    _part_moved(session, one, _follows(one, Happening.RECALL), by, "panel", at)
    _settle(session, row, by, at)


def keep(session: Session, referral_id: str, text: str, seen: int, by: str, at: datetime) -> None:
    """The assembled text as an operator has written it; somebody else's later one is never lost. Raises RequestRefused."""
    row = held(session, referral_id)
    if row.state not in OPEN:
        _step(row, Step.TELL)
    plain = written(text, "text", "Câu trả lời cho người dân", "Answer to the citizen", ANSWER)
    if seen != row.version:
        raise RequestRefused(
            f"{row.assembled_by} vừa sửa câu trả lời này: hãy tải lại trang, so rồi sửa tiếp.",
            f"{row.assembled_by} has just changed this answer: reload, compare, then go on.",
            "text",
        )
    if plain != row.assembled:
        apply(
            session,
            e.ReferralChanged(
                at=at, referral_id=row.id, state=row.state, by=by, text=plain, folded=folded(plain)
            ),
            by,
        )


def told(session: Session, referral_id: str, by: str, at: datetime) -> Referral:
    """The citizen is told: the row, which has the text. Raises RequestRefused while somebody is waited for, or without a text."""
    row = held(session, referral_id)
    _step(row, Step.TELL)
    if not row.assembled:
        raise RequestRefused(
            "Chưa có câu trả lời cho người dân: hãy soạn và lưu trước.",
            "There is no answer for the citizen yet: write and keep one first.",
            "text",
        )
    _move(session, row, Step.TELL, by, at)
    return session.get_one(Referral, referral_id, populate_existing=True)


# -- clocks --


def warn_is_due(session: Session, part_id: str, at: datetime) -> None:
    """Four fifths of its time are gone: agency and operator see it."""
    one = session.get(ReferralPart, part_id)
    if one is None or one.state not in WAITED_FOR or one.warned_at is not None:
        return
    warned = e.ReferralWarned(
        at=at, referral_id=one.referral_id, part_id=one.id, agency_name=one.agency_name, due_at=one.due_at
    )
    apply(session, warned, CLOCK)


def answer_is_due(session: Session, part_id: str, at: datetime, organisation: Organisation) -> None:
    """No answer in time: the level above is asked; the late one still counts."""
    one = session.get(ReferralPart, part_id)
    if one is None:
        return
    row = held(session, one.referral_id)
    session.refresh(one)
    if row.state not in OPEN or one.state != PartState.ASKED:
        return
    _part_moved(session, one, PartState.LATE, CLOCK, "clock", at)
    above = _above(session, row, [one], at, organisation)
    if above is not None:
        _ask(session, row, above, Why.CLIMBED, one.id, CLOCK, at, organisation)


# -- small parts --


def held(session: Session, referral_id: str) -> Referral:
    """The referral, held until the transaction ends: whoever acts on it acts in turn. Raises RequestRefused."""
    row = session.scalar(
        select(Referral)
        .where(Referral.id == referral_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise RequestRefused("Không có câu hỏi này: hãy tải lại trang.", "There is no such question: reload.")
    return row


def parts_of(session: Session, referral_id: str) -> list[ReferralPart]:
    rows = select(ReferralPart).where(ReferralPart.referral_id == referral_id)
    found = session.scalars(rows.execution_options(populate_existing=True))
    return sorted(found, key=lambda one: int(one.id.rpartition(".")[2]))


def beginning(row: Referral, parts: Sequence[ReferralPart]) -> str:
    """What the operator begins with: what somebody kept, else the answers under each other."""
    return row.assembled or assembled(parts)


def _step(row: Referral, step: Step) -> ReferralState:
    to = WHOLE_FOLLOWS[ReferralState(row.state)][step]
    if isinstance(to, Refusal):
        raise RequestRefused(to.vi, to.en)
    return to


def _follows(one: ReferralPart, happening: Happening) -> PartState:
    to = FOLLOWS[PartState(one.state)][happening]
    if isinstance(to, Refusal):
        raise RequestRefused(to.vi, to.en)
    return to


def _move(session: Session, row: Referral, step: Step, by: str, at: datetime, *, reason: str = "") -> None:
    to = _step(row, step)
    if to != row.state:
        apply(session, e.ReferralChanged(at=at, referral_id=row.id, state=to, by=by, reason=reason), by)
        session.refresh(row)


def _settle(session: Session, row: Referral, by: str, at: datetime) -> None:
    session.refresh(row)
    step = settled(ReferralState(row.state), parts_of(session, row.id)) if row.state in OPEN else None
    if step is not None:
        _move(session, row, step, by, at)


def _part_moved(
    session: Session, one: ReferralPart, to: PartState, by: str, means: str, at: datetime, said: str = ""
) -> None:
    moved = e.ReferralPartMoved(
        at=at, referral_id=one.referral_id, part_id=one.id, state=to, agency_name=one.agency_name, said=said, by=by,
        means=means, folded=folded(said),
    )  # fmt: skip
    apply(session, moved, by)
    session.refresh(one)


def _to_the_next(
    session: Session, row: Referral, one: ReferralPart, at: datetime, organisation: Organisation
) -> None:
    """The next who answers for that matter there and has not been asked; with nobody left it is the hotline's again."""
    asked = {part.agency for part in parts_of(session, row.id)}
    day = organisation.day(at)
    near = organisation.responsible(row.hotline, row.category, row.unit_code, day, row.unit_on)
    following = next((agency for agency in near if agency.key not in asked), None)
    if following is not None:
        _ask(session, row, following, Why.NEXT, one.id, one.said_by, at, organisation)


def _dispute(
    session: Session,
    row: Referral,
    one: ReferralPart,
    reason: str,
    by: str,
    at: datetime,
    organisation: Organisation,
) -> None:
    above = _above(session, row, [one], at, organisation)
    if above is None:
        return
    if row.state != ReferralState.DISPUTED:
        _move(session, row, Step.CONTRADICT, by, at, reason=reason)
    _ask(session, row, above, Why.DISPUTED, one.id, by, at, organisation)


def _above(
    session: Session, row: Referral, below: Sequence[ReferralPart], at: datetime, organisation: Organisation
) -> Agency | None:
    """The nearest above them who has not been asked."""
    asked = {part.agency for part in parts_of(session, row.id)}
    for one in below:
        for agency in organisation.ladder(one.agency, organisation.day(at)):
            if agency.key not in asked:
                return agency
    return None


def _ask(
    session: Session, row: Referral, agency: Agency, why: Why, instead_of: str, by: str, at: datetime,
    organisation: Organisation, due_at: datetime | None = None,
) -> str:  # fmt: skip
    """Who is asked later has as long as the first had."""
    part_id = f"{row.id}.{len(parts_of(session, row.id)) + 1}"
    plan = _plan(organisation, agency, part_id, why, at) | {"instead_of": instead_of}
    made = e.ReferralPartMade(
        at=at, referral_id=row.id, part_id=part_id, agency_name=agency.name, why=why, plan=(plan,), owner=agency.key, by=by,
        due_at=due_at or at + max(row.due_at - row.asked_at, SHORTEST_TIME),
    )  # fmt: skip
    apply(session, made, by)
    return part_id


def _plan(
    organisation: Organisation, agency: Agency, part_id: str, why: Why, at: datetime
) -> dict[str, object]:
    lines = organisation.numbers(agency.key, at)
    return {
        "part_id": part_id, "agency": agency.key, "name": agency.name, "level": agency.level, "why": why.value,
        "numbers": [line.number for line in lines],
    }  # fmt: skip


def _agency(organisation: Organisation, hotline: str, key: str, day: date) -> Agency:
    found = listed(organisation, hotline, key, "agency")
    if not found.stands(day):
        raise RequestRefused(
            f"{found.name} không còn nhận việc từ ngày {day:%d/%m/%Y}: hãy chọn đơn vị khác.",
            f"{found.name} takes no questions on {day:%d/%m/%Y} any more: choose another.",
            "agency",
        )
    return found


def _check_due(due_at: datetime, at: datetime) -> None:
    if due_at < at + SHORTEST_TIME:
        raise RequestRefused(
            f"Ô “Hạn trả lời”: {said_at(due_at)} đã qua hoặc quá gấp, hãy chọn sau {said_at(at + SHORTEST_TIME)}.",
            f"Answer by: {said_at(due_at)} has passed or is too soon, choose a time after {said_at(at + SHORTEST_TIME)}.",
            "due_at",
        )
    if due_at > at + FURTHEST:
        raise RequestRefused(
            "Ô “Hạn trả lời”: hãy chọn trong vòng 30 ngày.", "Answer by: choose one within 30 days.", "due_at"
        )
