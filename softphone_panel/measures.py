"""The numbers that Prometheus scrapes, computed from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline import deadlines, figures, text_messages
from hotline.acuity import Acuity
from hotline.calls import Call, CallState
from hotline.database import reading
from hotline.events import now
from hotline.figures import By, Figures
from hotline.installation import Installation
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.recalls import Recall, RecallState
from hotline.tickets import Ticket, TicketEntry
from hotline.transfers import ACCEPT_WITHIN_S, Transfer
from softphone_panel.live_state import STALE_AFTER, unapproved, waiting_oldest_s
from softphone_panel.words import midnight


class Measures(Collector):
    """One scrape's numbers."""

    def __init__(self, province: Installation, beat_age_s: float | None) -> None:
        self._province = province
        self._beat_age_s = beat_age_s

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is told at registration, so that no query is made for it."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        at = now()
        with reading() as session:
            yield from self._calls_now(session, at)
            yield from self._calls_today(session, at)
            yield from self._people(session)
            yield from self._recalls(session, at)
            yield self._corrected(session, at)
            yield from self._handed_over(session, at)
            yield from self._deadlines(session, at)
            yield from self._messages(session, at)
            missing = GaugeMetricFamily(
                "hotline_protocols_unapproved", "Hotlines that answer without an approved protocol"
            )
            missing.add_metric([], len(unapproved(session, self._province)))
            yield missing
        if self._beat_age_s is not None:
            beat = GaugeMetricFamily(
                "hotline_calls_beat_age_seconds", "Since the calls process last reached Asterisk"
            )
            beat.add_metric([], self._beat_age_s)
            yield beat

    def _calls_now(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        rows = session.execute(
            select(Call.hotline, Call.state, Call.acuity, func.count())
            .where(Call.state != CallState.ENDED, Call.arrived_at > at - STALE_AFTER)
            .group_by(Call.hotline, Call.state, Call.acuity)
        )
        counted = {(h, s, a): n for h, s, a, n in rows}
        calls = GaugeMetricFamily("hotline_calls", "Calls now", labels=["hotline", "state", "acuity"])
        waits = GaugeMetricFamily(
            "hotline_waiting_seconds_max", "Longest present wait", labels=["hotline", "acuity"]
        )
        oldest = waiting_oldest_s(session, at)
        for hotline in self._province.hotlines:
            for acuity in Acuity:
                for state in CallState:
                    if state is not CallState.ENDED:
                        number = counted.get((hotline.key, state.value, acuity.value), 0)
                        calls.add_metric([hotline.key, state.value, acuity.value], number)
                waits.add_metric([hotline.key, acuity.value], oldest.get((hotline.key, acuity.value), 0.0))
        yield calls
        yield waits

    def _calls_today(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        families = {
            name: GaugeMetricFamily(f"hotline_today_{name}", meaning, labels=["hotline", "acuity"])
            for name, meaning in _TODAY.items()
        }
        for hotline in self._province.hotlines:
            lines = figures.counted(session, midnight(at), at, By.ACUITY, (hotline.key,)).lines
            for acuity in Acuity:
                found = lines.get(acuity.value, Figures())
                values = {
                    "arrived": found.arrived,
                    "answered": found.answered,
                    "answered_in_target": found.service.in_target,
                    "abandoned": found.lost,
                }
                for name, value in values.items():
                    families[name].add_metric([hotline.key, acuity.value], value)
        yield from families.values()

    def _people(self, session: Session) -> Iterator[GaugeMetricFamily]:
        states = Counter(
            presence or Presence.OFFLINE
            for presence in session.scalars(
                select(OperatorPresence.state)
                .select_from(Operator)
                .outerjoin(OperatorPresence, OperatorPresence.operator_id == Operator.id)
                .where(Operator.active, Operator.role == Role.OPERATOR)
            )
        )
        family = GaugeMetricFamily("hotline_operators", "Operators by state", labels=["state"])
        for state in Presence:
            family.add_metric([state.value], states[state.value])
        yield family

    def _corrected(self, session: Session, at: datetime) -> GaugeMetricFamily:
        """What the machine took too lightly is raised by people, what it took too gravely is lowered: both are counted."""
        family = GaugeMetricFamily(
            "hotline_today_corrected", "Levels that people changed", labels=["hotline", "before", "acuity"]
        )
        rows = session.execute(
            select(Ticket.hotline, TicketEntry.body)
            .join(Ticket, Ticket.id == TicketEntry.ticket_id)
            .where(
                TicketEntry.kind.in_(("acuity_raised", "acuity_corrected")), TicketEntry.at >= midnight(at)
            )
        )
        counted = Counter(
            (hotline, body.get("before", ""), body.get("acuity", ""))
            for hotline, body in rows
            if body.get("by")
        )
        for of, number in sorted(counted.items()):
            family.add_metric(list(of), number)
        return family

    def _handed_over(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        """How today's hand-overs ended, and how many stations accepted in time."""
        rows = session.execute(
            select(Ticket.hotline, Transfer.kind, Transfer.state, Transfer.rung_at, Transfer.accepted_at)
            .join(Ticket, Ticket.id == Transfer.ticket_id)
            .where(Transfer.asked_at >= midnight(at))
        ).all()
        ends = Counter((hotline, kind, state) for hotline, kind, state, _, _ in rows)
        family = GaugeMetricFamily(
            "hotline_today_hand_overs", "Hand-overs since midnight", labels=["hotline", "kind", "state"]
        )
        for of, number in sorted(ends.items()):
            family.add_metric(list(of), number)
        yield family
        accepted: Counter[tuple[str, str]] = Counter()
        in_target: Counter[tuple[str, str]] = Counter()
        for hotline, kind, _, rung_at, accepted_at in rows:
            if rung_at is not None and accepted_at is not None:
                accepted[hotline, kind] += 1
                in_target[hotline, kind] += (accepted_at - rung_at).total_seconds() <= ACCEPT_WITHIN_S
        for name, meaning, counted in (
            ("hotline_today_accepted", "Hand-overs that a station accepted", accepted),
            ("hotline_today_accepted_in_target", "Of these, within 30 s of the first ring", in_target),
        ):
            family = GaugeMetricFamily(name, meaning, labels=["hotline", "kind"])
            for pair in sorted(accepted):
                family.add_metric(list(pair), counted[pair])
            yield family

    def _deadlines(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        lag = deadlines.lag(session, at)
        for name, meaning, value in (
            ("hotline_deadlines_waiting", "What waits for its time", lag.waiting),
            ("hotline_deadlines_overdue", "Of these, due and not done", lag.overdue),
            ("hotline_deadlines_lag_seconds", "How long the oldest of those has been due", lag.late_s),
            ("hotline_deadlines_failing", "Deadlines whose work fails and is tried again", lag.failing),
            ("hotline_clock_jump_seconds", "How far a clock jumped in the last hour", lag.jumped_s),
            ("hotline_deadlines_beat_age_seconds", "Since the worker last looked", lag.beat_age_s),
        ):
            if value is not None:
                family = GaugeMetricFamily(name, meaning)
                family.add_metric([], value)
                yield family

    def _messages(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        lag = text_messages.lag(session, at)
        family = GaugeMetricFamily(
            "hotline_messages",
            "Messages that are not out yet; failed ones are dead letters",
            labels=["state"],
        )
        for state, number in lag.counts.items():
            family.add_metric([state], number)
        yield family
        late = GaugeMetricFamily(
            "hotline_messages_lag_seconds", "How long the oldest that is to go now has been due"
        )
        late.add_metric([], lag.late_s)
        yield late

    def _recalls(self, session: Session, at: datetime) -> Iterator[GaugeMetricFamily]:
        due: Counter[tuple[str, str]] = Counter()
        late: Counter[tuple[str, str]] = Counter()
        rows = session.execute(
            select(Recall.hotline, Recall.acuity, Recall.due_at).where(
                Recall.state.in_((RecallState.DUE, RecallState.DIALLING))
            )
        )
        for hotline, acuity, due_at in rows:
            due[hotline, acuity] += 1
            late[hotline, acuity] += due_at < at
        for name, meaning, counted in (
            ("hotline_recalls_due", "People the hotline owes a call", due),
            ("hotline_recalls_late", "Of these, past their time", late),
        ):
            family = GaugeMetricFamily(name, meaning, labels=["hotline", "acuity"])
            for hotline_ in self._province.hotlines:
                for acuity in Acuity:
                    family.add_metric([hotline_.key, acuity.value], counted[hotline_.key, acuity.value])
            yield family


_TODAY = {
    "arrived": "Calls that arrived since midnight",
    "answered": "Of these, answered by a human",
    "answered_in_target": "Of these, answered within the acuity's seconds",
    "abandoned": "Lost, as GLOSSARY.md says",
}
