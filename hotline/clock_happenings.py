"""What a ticket's entries do to its clock: each kind of entry as happenings for `hotline.sla`, and the rules a ticket is under."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import agencies, sla
from hotline.installation import Installation
from hotline.orders import Assignment, AssignmentState
from hotline.sla import Clock, Happening, Kind, Rules, Stage
from hotline.tickets import Ticket, TicketEntry, TicketState

WARNED, ESCALATED, PAUSED, RESUMED = "clock_warned", "clock_escalated", "clock_paused", "clock_resumed"
STATION_REPORTED = "station_reported"
"""A station says what became of somebody it took: arrived, done, referred or absent."""
REOPENED, DONE, TOLD, ASSIGNED = "reopened", "work_done", "citizen_told", "assigned"


def _reached(*stages: Stage) -> Callable[[TicketEntry], list[Happening]]:
    return lambda entry: [Happening(entry.at, Kind.REACHED, stage.value) for stage in stages]


def _answered(entry: TicketEntry) -> list[Happening]:
    owner = entry.body.get("operator_id")
    taken = [Happening(entry.at, Kind.OWNED, f"operator:{owner}")] if owner else []
    return [Happening(entry.at, Kind.REACHED, Stage.ACCEPT), *taken]


def _order_moved(entry: TicketEntry) -> list[Happening]:
    stage = {"accepted": Stage.ASSIGN, "on_site": Stage.ON_SITE}.get(str(entry.body.get("state")))
    return [Happening(entry.at, Kind.REACHED, stage)] if stage else []


def _order_changed(entry: TicketEntry) -> list[Happening]:
    return [Happening(entry.at, Kind.REACHED, Stage.DONE)] if entry.body.get("state") == "done" else []


def _handed_over(entry: TicketEntry) -> list[Happening]:
    """A station that speaks with the citizen is assigned and, as far as a telephone goes, there."""
    if entry.body.get("state") != "handed_over":
        return []
    return [Happening(entry.at, Kind.REACHED, stage) for stage in (Stage.ASSIGN, Stage.ON_SITE)]


def _station_reported(entry: TicketEntry) -> list[Happening]:
    stage = {"arrived": Stage.ON_SITE, "done": Stage.DONE}.get(str(entry.body.get("state")))
    return [Happening(entry.at, Kind.REACHED, stage)] if stage else []


def _assigned(entry: TicketEntry) -> list[Happening]:
    owner = [Happening(entry.at, Kind.OWNED, f"agency:{a}")] if (a := entry.body.get("agency")) else []
    return [Happening(entry.at, Kind.REACHED, Stage.ASSIGN), *owner]


def _referred(entry: TicketEntry) -> list[Happening]:
    """Whoever is asked to answer has it: the first of several, then whom it goes on to."""
    owner = str(entry.body.get("owner", ""))
    owned = [Happening(entry.at, Kind.OWNED, f"agency:{owner}")] if owner else []
    return [Happening(entry.at, Kind.REACHED, Stage.ASSIGN), *owned]


def _referral_changed(entry: TicketEntry) -> list[Happening]:
    """All answers in, or nobody answers: it is the hotline's turn again."""
    back = entry.body.get("state") in ("answered", "returned", "recalled") and not entry.body.get("text")
    return [Happening(entry.at, Kind.OWNED, "role:operator")] if back else []


def _result_told(entry: TicketEntry) -> list[Happening]:
    """Who wants to talk has not been told as long as nobody says so; who is not helped has the ticket opened again."""
    told = entry.body.get("answer") in ("", "solved")
    return [Happening(entry.at, Kind.REACHED, Stage.TOLD)] if told else []


def _state(entry: TicketEntry) -> list[Happening]:
    if entry.body.get("from") == TicketState.CLOSED:
        return [Happening(entry.at, Kind.REOPENED)]
    return [Happening(entry.at, Kind.REACHED, Stage.ACCEPT)]


def _reopened(entry: TicketEntry) -> list[Happening]:
    return [Happening(entry.at, Kind.REOPENED, str(entry.body.get("owner", "")))]


def _sounded(entry: TicketEntry) -> list[Happening]:
    stage = Stage(entry.body["stage"])
    return [Happening(entry.at, Kind.SOUNDED, stage, number=int(entry.body["number"]))]


def _paused(entry: TicketEntry) -> list[Happening]:
    until = datetime.fromisoformat(entry.body["until"])
    return [Happening(entry.at, Kind.PAUSED, entry.text, until)]


HAPPENINGS: Mapping[str, Callable[[TicketEntry], list[Happening]]] = {
    "call_answered": _answered,
    "wrapped_up": _reached(Stage.ACCEPT),
    "transfer_moved": _handed_over,
    STATION_REPORTED: _station_reported,
    ASSIGNED: _assigned,
    "referral_made": _referred,
    "referral_part_made": _referred,
    "referral_changed": _referral_changed,
    "order_issued": _reached(Stage.ASSIGN),
    "assignment_moved": _order_moved,
    "order_changed": _order_changed,
    DONE: _reached(Stage.DONE),
    TOLD: _reached(Stage.TOLD),
    "result_told": _result_told,
    "state": _state,
    REOPENED: _reopened,
    "disposition": lambda entry: [Happening(entry.at, Kind.CLOSED)],
    "merged": lambda entry: [Happening(entry.at, Kind.MERGED)],
    "unmerged": lambda entry: [Happening(entry.at, Kind.UNMERGED)],
    PAUSED: _paused,
    RESUMED: lambda entry: [Happening(entry.at, Kind.RESUMED)],
    WARNED: _sounded,
    ESCALATED: _sounded,
}
"""What a ticket's entry does to its clock; entries of other kinds do nothing."""


def histories(session: Session, ticket_ids: Sequence[str]) -> dict[str, list[Happening]]:
    """What happened to each of these tickets, in the order in which it was entered."""
    rows = session.scalars(
        select(TicketEntry)
        .where(TicketEntry.ticket_id.in_(ticket_ids), TicketEntry.kind.in_(HAPPENINGS))
        .order_by(TicketEntry.id)
    )
    found: dict[str, list[Happening]] = {ticket_id: [] for ticket_id in ticket_ids}
    teams: Mapping[str, str] | None = None
    for row in rows:
        found[row.ticket_id] += HAPPENINGS[row.kind](row)
        if row.kind == "assignment_moved" and row.body.get("state") == AssignmentState.ACCEPTED:
            if teams is None:
                teams = _teams(session, ticket_ids)
            if team := teams.get(str(row.body.get("assignment_id"))):
                found[row.ticket_id].append(Happening(row.at, Kind.OWNED, f"agency:{team}"))
    return found


def history(session: Session, ticket_id: str) -> list[Happening]:
    """What happened to one ticket."""
    return histories(session, [ticket_id])[ticket_id]


def _teams(session: Session, ticket_ids: Sequence[str]) -> dict[str, str]:
    """Assignment → the team that has it."""
    asked = select(Assignment.id, Assignment.team).where(Assignment.ticket_id.in_(ticket_ids))
    return dict(session.execute(asked).tuples().all())


def rules_of(installation: Installation, hotline: str) -> Rules:
    """What that hotline promises; the usual for one that is not known."""
    found = next((h.sla for h in installation.hotlines if h.key == hotline), Rules(hotline))
    return replace(found, hotline=hotline, holidays=installation.holidays, medical=agencies.medical())


def of(session: Session, ticket: Ticket, rules: Rules, at: datetime) -> Clock:
    """The ticket's clock now."""
    return clock_of(ticket, rules, history(session, ticket.id), at)


def clock_of(ticket: Ticket, rules: Rules, known: Iterable[Happening], at: datetime) -> Clock:
    return sla.clock(rules, ticket.opened_at, ticket.acuity, category_of(ticket), known, at)


def category_of(ticket: Ticket) -> str:
    return getattr(ticket, "category", "") or "other"
