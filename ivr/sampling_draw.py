"""The draw of a week's calls for quality: candidates from the record, the choice by the rules, rows for the scorers."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.operators import Operator, Role
from hotline.quality import ToScore
from hotline.recordings import Recording
from hotline.tickets import Ticket, TicketEntry
from hotline.transfers import Transfer
from ivr.sampling import Candidate, Sampling, choose, shared_out

WEEK = timedelta(days=7)
VIETNAM_AHEAD = timedelta(hours=7)


def monday_of(at: datetime) -> date:
    """The Monday, on Vietnam's clocks, of the week of that moment."""
    day = (at + VIETNAM_AHEAD).date()
    return day - timedelta(days=day.weekday())


def begins(week: date, at: datetime) -> datetime:
    """When the week began; `at` gives the zone."""
    return datetime.combine(week, datetime.min.time(), at.tzinfo) - VIETNAM_AHEAD


def draw(engine: Engine, sampling: Sampling, week: date, at: datetime) -> int:
    """Choose what the week's rules still lack, and say who scores it; how many calls were added.

    May be repeated at any time: what was chosen stays, and a call with a level changed later is found then. A week is read
    without holding anything that calls write to. Raises IntegrityError when somebody else draws at the same moment.
    """
    with reading(engine) as session:
        rows = _lacking(session, sampling, week, at)
    if rows:
        with transaction(engine) as session:
            session.add_all(rows)
    return len(rows)


def _lacking(session: Session, sampling: Sampling, week: date, at: datetime) -> list[ToScore]:
    scorers = session.scalars(
        select(Operator.id).where(Operator.role == Role.SUPERVISOR, Operator.active)
    ).all()
    crowd = candidates(session, begins(week, at), begins(week + WEEK, at))
    before = session.execute(select(ToScore.call_id, ToScore.rule).where(ToScore.week == week)).tuples()
    chosen = choose(sampling, week.isoformat(), crowd, dict(before.all()))
    busy = session.execute(
        select(ToScore.scorer_id, func.count()).where(ToScore.week == week).group_by(ToScore.scorer_id)
    )
    given = shared_out(chosen, scorers, sampling.seed, dict(busy.tuples().all()))
    return [
        ToScore(
            call_id=one.candidate.call_id, week=week, rule=one.rule, operator_id=one.candidate.operator_id,
            scorer_id=given[one.candidate.call_id], chosen_at=at,
        )
        for one in chosen
        if one.candidate.call_id in given
    ]  # fmt: skip


def candidates(session: Session, since: datetime, until: datetime) -> list[Candidate]:
    """The recorded calls of that time in which an operator talked."""
    when = (Call.arrived_at >= since, Call.arrived_at < until)
    changes = session.execute(
        select(TicketEntry.ticket_id, TicketEntry.body)
        .join(Ticket, Ticket.id == TicketEntry.ticket_id)
        .where(
            TicketEntry.kind.in_(("acuity_corrected", "acuity_raised")),
            Ticket.id.in_(select(Call.ticket_id).where(*when)),
        )
    )
    levels: dict[str, set[Acuity]] = {}
    for ticket_id, body in changes:
        if not body.get("by"):
            continue  # the caller's own key, or the machine
        found = levels.setdefault(ticket_id, set())
        found |= {
            Acuity(word) for key in ("before", "acuity") if (word := body.get(key)) in Acuity.__members__
        }
    handed = set(
        session.scalars(select(Transfer.call_id).where(Transfer.call_id.in_(select(Call.id).where(*when))))
    )
    rows = session.execute(
        select(
            Call.id, Call.ticket_id, Call.operator_id, Call.acuity, Call.arrived_at, Call.queued_at, Call.human_at,
            Call.ended_at,
        )
        .join(Recording, Recording.call_id == Call.id)
        .join(Operator, Operator.id == Call.operator_id)
        .where(*when, Call.human_at.is_not(None))
    )  # fmt: skip
    return [
        Candidate(
            call_id=row.id, operator_id=row.operator_id,
            levels=frozenset({_level(row.acuity)} | levels.get(row.ticket_id, set())),
            corrected=row.ticket_id in levels, handed_over=row.id in handed,
            waited_s=(row.human_at - (row.queued_at or row.arrived_at)).total_seconds(),
            talked_s=(row.ended_at - row.human_at).total_seconds() if row.ended_at else 0.0,
        )
        for row in rows
    ]  # fmt: skip


def _level(word: str) -> Acuity:
    return Acuity(word) if word in Acuity.__members__ else FAILSAFE
