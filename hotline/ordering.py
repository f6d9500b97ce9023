"""Ordering: what people, teams and clocks do with orders, each in the caller's transaction; what cannot be is refused in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.acuity import Acuity
from hotline.facts import apply
from hotline.operators import Role
from hotline.order_times import TIMES, OrderTimes, kept
from hotline.orders import (
    AUTHORITY,
    BY_CLOCK,
    LIVE,
    WORKING,
    Actor,
    ApprovalState,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderApproval,
    OrderState,
    Team,
    follows,
    needs_approval,
)
from hotline.organisation import Agency, Organisation
from hotline.tickets import Ticket, TicketState
from hotline.transfers import Refusal
from hotline.units import VIETNAM, Unit

A, H = AssignmentState, Happening
TEAMS_AT_MOST = 20
SHORTEST, LONGEST, REASON = 5, 500, 200
FURTHEST = timedelta(days=30)


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


# -- people --


def issue(
    session: Session,
    wanted: Wanted,
    by: By,
    at: datetime,
    organisation: Organisation,
    categories: Collection[str],
) -> str:
    """Write an order, and send it or ask the committee; its id. Raises OrderRefused, and then nothing is written."""
    ticket = session.scalar(select(Ticket).where(Ticket.id == wanted.ticket_id).with_for_update())
    if ticket is None or ticket.state == TicketState.CLOSED:
        raise OrderRefused(
            "Phiếu này đã đóng: hãy mở lại phiếu rồi ra lệnh.",
            "This ticket is closed: reopen it, then order.",
        )
    what = written(wanted.what, "what", "Nội dung lệnh", "What is to be done", LONGEST)
    if wanted.category not in categories:
        raise OrderRefused(
            "Ô “Loại việc”: hãy chọn một loại trong danh sách.",
            "Category: choose one from the list.",
            "category",
        )
    acuity = wanted.acuity or ticket.acuity
    if acuity not in Acuity.__members__:
        raise OrderRefused("Ô “Mức”: hãy chọn một mức.", "Level: choose one.", "acuity")
    _check_due(wanted.due_at, at)
    unit_code = wanted.unit_code or ticket.unit_code
    check_unit(session, unit_code, organisation.day(at))
    agencies = _agencies(organisation, ticket.hotline, wanted.teams, at)
    beyond = needs_approval(by.role, frozenset(one.level for one in agencies), by.authority)
    asks = beyond or wanted.ask
    reason = (
        written(wanted.reason, "reason", "Lý do xin duyệt", "Why it needs approval", REASON) if asks else ""
    )
    number = (session.scalar(select(func.max(Order.number)).where(Order.ticket_id == ticket.id)) or 0) + 1
    order_id = f"o-{ticket.id.removeprefix('t-')}-{number}"
    centre = organisation.agency(by.agency) if by.agency else None
    apply(
        session,
        e.OrderIssued(
            at=at, order_id=order_id, ticket_id=ticket.id, hotline=ticket.hotline, number=number,
            state=OrderState.AWAITING_APPROVAL if asks else OrderState.ISSUED, category=wanted.category,
            acuity=acuity, what=what, place=wanted.place.strip()[:REASON], unit_code=unit_code,
            due_at=wanted.due_at, by=by.username, times=by.times.of(Acuity(acuity)), centre=centre.key if centre is not None else "",
            plan=tuple(
                {"assignment_id": f"{order_id}.{n}", **team_of(organisation, one, at).plain()}
                for n, one in enumerate(agencies, 1)
            ),
            teams=tuple(one.name for one in agencies),
        ),
        by.username,
    )  # fmt: skip
    if asks:
        highest = max(agencies, key=lambda one: _rank(one.level))
        order = held(session, order_id)
        _ask(session, order, by, reason, at, _committee(organisation, highest, centre, at), organisation)
    return order_id


def decide(
    session: Session,
    approval_id: str,
    by: By,
    approves: bool,
    said: str,
    at: datetime,
    organisation: Organisation,
) -> None:
    """The committee's word. Raises OrderRefused."""
    asked = session.get(OrderApproval, approval_id)
    if asked is None:
        raise OrderRefused("Không có yêu cầu duyệt này.", "There is no such request.")
    order = held(session, asked.order_id)
    session.refresh(asked)
    if order.state == OrderState.RECALLED:
        raise OrderRefused(
            "Lệnh này đã được thu hồi, không duyệt được nữa.",
            "This order was recalled: it cannot be decided any more.",
        )
    if asked.state == ApprovalState.CLIMBED:
        raise OrderRefused(
            "Yêu cầu này quá hạn và đã chuyển lên cấp trên.",
            "This request was not answered in time and went up.",
        )
    if asked.state != ApprovalState.ASKED or order.state != OrderState.AWAITING_APPROVAL:
        raise OrderRefused(
            f"Yêu cầu này đã được {asked.decided_by} quyết định.",
            f"{asked.decided_by} has decided this already.",
        )
    if asked.asked_by == by.username or order.issued_by == by.username:
        raise OrderRefused(
            "Người duyệt phải là người khác với người ra lệnh.", "Whoever approves must be another person."
        )
    if not may_decide(organisation, by, asked.centre, at):
        raise OrderRefused(
            "Tài khoản của bạn không thuộc Ban Chỉ đạo được hỏi.",
            "You do not belong to the committee that was asked.",
        )
    if approves and order.due_at <= at:
        raise OrderRefused(
            f"Hạn của lệnh ({_said(order.due_at)}) đã qua trước khi duyệt: hãy từ chối để người ra lệnh đặt hạn mới.",
            f"The order's deadline ({_said(order.due_at)}) has passed: refuse it, so that a new one is set.",
        )
    if not approves:
        said = written(said, "said", "Lý do từ chối", "Why it is refused", REASON)
    to = ApprovalState.APPROVED if approves else ApprovalState.REFUSED
    told = e.ApprovalDecided(
        at=at, order_id=order.id, approval_id=asked.id, state=to, by=by.username, reason=said.strip()[:REASON]
    )
    apply(session, told, by.username)
    state = OrderState.ISSUED if approves else OrderState.REFUSED
    reason = "" if approves else said
    apply(
        session,
        e.OrderChanged(at=at, order_id=order.id, state=state, by=by.username, reason=reason),
        by.username,
    )
    if not approves:
        _end_all(session, order.id, by.username, at, Means.PANEL)


def may_decide(organisation: Organisation, by: By, centre: str, at: datetime) -> bool:
    """Leaders of the centre that was asked, of those above it, and of the whole province."""
    if by.role != Role.LEADER:
        return False
    above = {one.key for one in organisation.ladder(centre, organisation.day(at))} if centre else set()
    return not centre or by.agency in ("", centre) or by.agency in above


def recall(session: Session, order_id: str, by: By, reason: str, at: datetime) -> None:
    """Nobody is to go any more. Raises OrderRefused."""
    order = held(session, order_id)
    _check_open(order)
    why = written(reason, "reason", "Lý do thu hồi", "Why it is recalled", REASON)
    for asked in _asked(session, order_id):
        apply(
            session,
            e.ApprovalDecided(
                at=at, order_id=order_id, approval_id=asked, state=ApprovalState.WITHDRAWN, by=by.username
            ),
            by.username,
        )
    _end_all(session, order_id, by.username, at, Means.PANEL)
    told = e.OrderChanged(at=at, order_id=order_id, state=OrderState.RECALLED, by=by.username, reason=why)
    apply(session, told, by.username)


def give(
    session: Session,
    order_id: str,
    team: str,
    by: By,
    reason: str,
    at: datetime,
    organisation: Organisation,
    instead_of: str = "",
) -> str:
    """One more team, or another in place of one; the new assignment's id. Raises OrderRefused."""
    order = held(session, order_id)
    _check_open(order)
    (agency,) = _agencies(organisation, order.hotline, (team,), at)
    parts = _parts(session, order_id)
    if any(one.team == team and one.state in LIVE for one in parts):
        raise OrderRefused(
            f"{agency.name} đang có lệnh này rồi: hãy chọn đội khác.",
            f"{agency.name} has this order already: choose another team.",
            "team",
        )
    if needs_approval(by.role, frozenset({agency.level}), by.authority) and not order.approved_by:
        raise OrderRefused(
            f"{agency.name} vượt thẩm quyền của bạn: hãy ra lệnh mới và xin Ban Chỉ đạo duyệt.",
            f"{agency.name} is beyond your authority: issue a new order and ask the committee.",
            "team",
        )
    why = written(reason, "reason", "Lý do giao lại", "Why it is given to another", REASON)
    if instead_of:
        before = next((one for one in parts if one.id == instead_of), None)
        if before is None:
            raise OrderRefused("Không có phần việc này.", "There is no such assignment.")
        if before.state in LIVE:
            _moved(session, before, A.REPLACED, H.REPLACE, by.username, Means.PANEL, at, Said(why))
    return _make(
        session,
        order,
        agency,
        by.username,
        "replaced" if instead_of else "added",
        at,
        organisation,
        instead_of,
    )


# -- the team --


def act(
    session: Session,
    assignment_id: str,
    happening: Happening,
    actor: Actor,
    by: str,
    means: Means,
    at: datetime,
    organisation: Organisation,
    said: Said = NOTHING_SAID,
) -> AssignmentState:
    """What a team (or, for how it ended, the issuer) says about its part; the state that follows. Raises OrderRefused."""
    one = session.get(Assignment, assignment_id)
    if one is None:
        raise OrderRefused("Không có lệnh này.", "There is no such order.")
    order = held(session, one.order_id)
    session.refresh(one)
    to = follows(
        A(one.state), happening, actor, above_has_it=_above_has_it(_parts(session, order.id), assignment_id)
    )
    if isinstance(to, Refusal):
        raise OrderRefused(to.vi, to.en)
    if happening is H.FAIL or (happening is H.FINISH and actor is Actor.ISSUER):
        said = replace(said, note=written(said.note, "note", "Ghi chú", "Note", LONGEST))
    before = A(one.state)
    _moved(session, one, to, happening, by, means, at, said)
    if before is A.UNANSWERED and to is A.ACCEPTED:
        for other in _instead_of(_parts(session, order.id), assignment_id):
            if other.state in LIVE:
                _moved(session, other, A.RECALLED, H.RECALL, by, means, at)
    if to is A.DECLINED and before is A.SENT:
        _climb(session, order, one, at, organisation)
    if to is A.DONE and order.state == OrderState.ISSUED:
        still = [x for x in _parts(session, order.id) if x.state in LIVE]
        if not still:
            done = e.OrderChanged(at=at, order_id=order.id, state=OrderState.DONE, by=by)
            apply(session, done, by)
    return to


# -- clocks --


def answer_is_due(
    session: Session, assignment_id: str, at: datetime, organisation: Organisation
) -> datetime | None:
    """No yes in time: the level above is asked. A time when somebody is on the telephone about it: look again then."""
    one = session.get(Assignment, assignment_id)
    if one is None:
        return None
    order = held(session, one.order_id)
    session.refresh(one)
    if one.state != A.SENT or one.answer_by is None:
        return None
    if one.answer_by > at:
        return one.answer_by
    if one.dialled and one.dial_until is not None and one.dial_until > at:
        return min(one.dial_until, at + timedelta(seconds=10))
    _moved(session, one, A.UNANSWERED, H.NOBODY, BY_CLOCK, Means.CLOCK, at)
    _climb(session, order, one, at, organisation)
    return None


def approval_is_due(session: Session, approval_id: str, at: datetime, organisation: Organisation) -> None:
    """The committee has said nothing: the one above is asked; at the top it stays open, and alarms."""
    asked = session.get(OrderApproval, approval_id)
    if asked is None:
        return
    order = held(session, asked.order_id)
    session.refresh(asked)
    if asked.state != ApprovalState.ASKED or order.state != OrderState.AWAITING_APPROVAL:
        return
    above = next(
        (one for one in organisation.ladder(asked.centre, organisation.day(at)) if one.kind == "centre"), None
    )
    if above is None:
        return
    climbed = e.ApprovalDecided(at=at, order_id=order.id, approval_id=asked.id, state=ApprovalState.CLIMBED)
    apply(session, climbed, BY_CLOCK)
    _ask(session, order, By(asked.asked_by), asked.reason, at, above, organisation)


def order_is_due(session: Session, order_id: str, at: datetime) -> None:
    """The deadline has passed before it was done."""
    order = held(session, order_id)
    if order.state in OPEN and not order.overdue:
        late = e.OrderChanged(at=at, order_id=order_id, state=order.state, overdue=True)
        apply(session, late, BY_CLOCK)


# -- small parts --

OPEN = frozenset({OrderState.AWAITING_APPROVAL, OrderState.ISSUED})


def held(session: Session, order_id: str) -> Order:
    """The order, held until the transaction ends: whoever acts on it acts in turn. Raises OrderRefused."""
    order = session.scalar(
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    )
    if order is None:
        raise OrderRefused("Không có lệnh này.", "There is no such order.")
    return order


def team_of(organisation: Organisation, agency: Agency, at: datetime) -> Team:
    """With the numbers of who is on duty at that moment."""
    lines = organisation.numbers(agency.key, at)
    return Team(agency.key, agency.name, agency.level, tuple((line.name, line.number) for line in lines))


def _check_open(order: Order) -> None:
    ended: Mapping[str, tuple[str, str]] = {
        OrderState.RECALLED: ("đã được thu hồi", "was recalled"),
        OrderState.REFUSED: ("đã bị Ban Chỉ đạo từ chối", "was refused by the committee"),
        OrderState.DONE: ("đã làm xong", "is done"),
    }
    if order.state in ended:
        vi, en = ended[order.state]
        raise OrderRefused(f"Lệnh này {vi}.", f"This order {en}.")


def _check_due(due_at: datetime, at: datetime) -> None:
    if due_at <= at:
        raise OrderRefused(
            f"Ô “Hạn”: {_said(due_at)} đã qua, hãy chọn một giờ sau {_said(at)}.",
            f"Deadline: {_said(due_at)} has passed, choose a time after {_said(at)}.",
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


def _agencies(organisation: Organisation, hotline: str, keys: Sequence[str], at: datetime) -> list[Agency]:
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


def _ask(
    session: Session, order: Order, by: By, reason: str, at: datetime, centre: Agency | None,
    organisation: Organisation,
) -> None:  # fmt: skip
    count = session.scalar(
        select(func.count()).select_from(OrderApproval).where(OrderApproval.order_id == order.id)
    )
    within = timedelta(seconds=kept(order.times, "approve_s", Acuity(order.acuity)))
    numbers = tuple(number for _, number in team_of(organisation, centre, at).numbers) if centre else ()
    asked = e.ApprovalAsked(
        at=at, order_id=order.id, approval_id=f"{order.id}.a{(count or 0) + 1}", by=by.username, reason=reason,
        due_at=at + within, centre=centre.key if centre is not None else "",
        centre_name=centre.name if centre is not None else "", numbers=numbers,
    )  # fmt: skip
    apply(session, asked, by.username)


def _committee(organisation: Organisation, team: Agency, own: Agency | None, at: datetime) -> Agency | None:
    """The nearest centre above the team whose level is at least the team's; the issuer's own is not above itself."""
    for one in organisation.ladder(team.key, organisation.day(at)):
        if one.kind == "centre" and _rank(one.level) >= _rank(team.level) and one != own:
            return one
    return None


def _rank(level: str) -> int:
    return {"commune": 0, "district": 1, "province": 2}.get(level, 0)


def _asked(session: Session, order_id: str) -> list[str]:
    open_ = (OrderApproval.order_id == order_id, OrderApproval.state == ApprovalState.ASKED)
    return list(session.scalars(select(OrderApproval.id).where(*open_)))


def _parts(session: Session, order_id: str) -> list[Assignment]:
    rows = select(Assignment).where(Assignment.order_id == order_id).order_by(Assignment.id)
    return list(session.scalars(rows.execution_options(populate_existing=True)))


def _instead_of(parts: Sequence[Assignment], assignment_id: str) -> list[Assignment]:
    """Those that were asked instead of it, and instead of those."""
    found: list[Assignment] = []
    wanted = {assignment_id}
    for one in sorted(parts, key=lambda part: int(part.id.rpartition(".")[2])):
        if one.instead_of in wanted:
            wanted.add(one.id)
            found.append(one)
    return found


def _above_has_it(parts: Sequence[Assignment], assignment_id: str) -> bool:
    return any(one.state in WORKING or one.state == A.DONE for one in _instead_of(parts, assignment_id))


def _moved(
    session: Session,
    one: Assignment,
    to: AssignmentState,
    why: Happening,
    by: str,
    means: Means,
    at: datetime,
    said: Said = NOTHING_SAID,
) -> None:
    told = e.AssignmentMoved(
        at=at, order_id=one.order_id, assignment_id=one.id, state=to, happening=why, by=by, means=means,
        team_name=one.team_name, note=said.note, latitude=said.latitude, longitude=said.longitude,
    )  # fmt: skip
    apply(session, told, by)


def _end_all(session: Session, order_id: str, by: str, at: datetime, means: Means) -> None:
    for one in _parts(session, order_id):
        if one.state in LIVE or one.state == A.UNANSWERED:
            _moved(session, one, A.RECALLED, H.RECALL, by, means, at)


def _climb(session: Session, order: Order, one: Assignment, at: datetime, organisation: Organisation) -> None:
    """The level above is asked, who has not been asked yet; with nobody above the order alarms until a person acts."""
    known = {part.team for part in _parts(session, order.id)}
    for above in organisation.ladder(one.team, organisation.day(at)):
        if above.key not in known:
            _make(session, order, above, BY_CLOCK, "climbed", at, organisation, one.id)
            return


def _make(
    session: Session,
    order: Order,
    agency: Agency,
    by: str,
    why: str,
    at: datetime,
    organisation: Organisation,
    instead_of: str,
) -> str:
    count = len(_parts(session, order.id))
    assignment_id = f"{order.id}.{count + 1}"
    part = {"assignment_id": assignment_id, **team_of(organisation, agency, at).plain()}
    made = e.AssignmentMade(
        at=at, order_id=order.id, assignment_id=assignment_id, team_name=agency.name, plan=(part,),
        instead_of=instead_of, why=why, by=by,
    )  # fmt: skip
    apply(session, made, by)
    return assignment_id


def _said(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
