"""Who may do what: one table from the panel's endpoints to roles; what is not in it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from hotline.operators import Role


class Open(Enum):
    """Ways in that need no sign-in."""

    ANYONE = "anyone"
    MACHINES = "machines"
    """From this machine, or with the token `secret(var, "metrics")`."""


Who = frozenset[Role] | Open

EVERYBODY = frozenset(Role)
STAFF = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.ADMINISTRATOR})
DESKS = STAFF | {Role.STATION}
"""Who has a telephone here."""
STATIONS = frozenset({Role.STATION})
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
LEADERS = frozenset({Role.LEADER})
TEAMS = frozenset({Role.TEAM})
COMMAND = STAFF | {Role.LEADER}
"""Who sees orders; what somebody may order or approve is judged order by order (hotline.ordering)."""

ROUTES: Mapping[str, Who] = {
    "static": Open.ANYONE,
    "signing.sign_in": Open.ANYONE,
    "signing.sign_out": EVERYBODY,
    "signing.password": EVERYBODY,
    "signing.choose_language": Open.ANYONE,
    "trust.guide": Open.ANYONE,
    "status.page": Open.ANYONE,
    "trust.authority": Open.ANYONE,
    "health.live": Open.ANYONE,
    "health.ready": Open.ANYONE,
    "health.metrics": Open.MACHINES,
    "desk.first": EVERYBODY,
    "desk.page": STAFF,
    "desk.board": STAFF,
    "desk.bar": DESKS,
    "desk.my_call": STAFF,
    "desk.command": DESKS,
    "phone.door": Open.ANYONE,
    "phone.login": DESKS,
    "phone.state": DESKS,
    "phone.command": DESKS,
    "my_desk.page": STAFF,
    "handing_over.fragment": STAFF,
    "handing_over.stations": STAFF,
    "handing_over.begin": STAFF,
    "handing_over.wish": STAFF,
    "my_desk.caller": STAFF,
    "contacts.fragment": STAFF,
    "contacts.act": STAFF,
    "my_desk.work": STAFF,
    "my_desk.fields": STAFF,
    "my_desk.save": STAFF,
    "my_desk.lower": STAFF,
    "wrapping_up.fragment": STAFF,
    "wrapping_up.finish": STAFF,
    "wrapping_up.hold": STAFF,
    "wrapping_up.recall_dropped": STAFF,
    "telling.heard": STAFF,
    "call_tasks.fragment": STAFF,
    "call_tasks.act": STAFF,
    "call_tasks.finish_late": STAFF,
    "station_desk.page": STATIONS,
    "station_desk.offers": STATIONS,
    "station_desk.answer": STATIONS,
    "team_desk.page": TEAMS | STATIONS,
    "team_desk.report": TEAMS | STATIONS,
    "station_cases.report": STATIONS,
    "team_desk.link": Open.ANYONE,
    "team_desk.link_report": Open.ANYONE,
    "agency_desk.page": TEAMS | STATIONS,
    "agency_desk.answer": TEAMS | STATIONS,
    "agency_desk.link": Open.ANYONE,
    "agency_desk.link_say": Open.ANYONE,
    **{
        f"referrals.{name}": STAFF
        for name in ("index", "listing", "new", "agencies", "refer", "one", "parts", "text", "act")
    },
    **{
        f"team_orders.{name}": COMMAND
        for name in (
            "index",
            "listed",
            "one",
            "parts",
            "decide",
            "recall",
            "give",
            "ended",
            "photo",
            "new",
            "teams",
            "issue",
        )
    },
    "tickets.index": STAFF,
    **{f"claiming.{name}": STAFF for name in ("fragment", "listed", "act", "beat")},
    "tickets.one": STAFF,
    "tickets.timeline": STAFF,
    "tickets.calls": STAFF,
    "tickets.viewers": SUPERVISORS,
    "tickets.note": STAFF,
    "tickets.change": STAFF,
    "tickets.units": STAFF,
    "ticket_matter.fragment": STAFF,
    "ticket_matter.choose": STAFF,
    "ticket_matter.save": STAFF,
    **{f"ticket_ties.{name}": STAFF for name in ("fragment", "tie", "untie")},
    # Which act, to which tickets, is judged one by one (softphone_panel/ticket_bulk.py).
    **{f"ticket_bulk.{name}": STAFF for name in ("look", "do")},
    **{f"ticket_files.{name}": STAFF for name in ("add", "one")},
    **{f"ticket_filters.{name}": STAFF for name in ("save", "remove")},
    "ticket_persons.fragment": STAFF,
    "ticket_persons.save": STAFF,
    **{
        f"knowledge.{name}": STAFF
        for name in ("index", "found", "one", "new", "add", "save", "discard", "answer")
    },
    **{f"knowledge.{name}": SUPERVISORS for name in ("publish", "undo")},
    "ticket_clock.fragment": STAFF,
    "ticket_clock.act": STAFF,
    "messages.index": SUPERVISORS,
    "messages.send_again": SUPERVISORS,
    "ticket_clock.late": STAFF,
    "ticket_clock.late_list": STAFF,
    "tickets.correct_acuity": STAFF,
    "tickets.unmask": STAFF,
    "listening.begin": STAFF,
    "listening.sound": STAFF,
    "listening.listeners": SUPERVISORS,
    "recalls.index": STAFF,
    "recalls.listed": STAFF,
    "alarm_banner.index": STAFF,
    "alarm_banner.handle": SUPERVISORS,
    "recalls.command": SUPERVISORS,
    "recordings.index": STAFF,
    "leg_recordings.one": STAFF,
    "leg_recordings.comment": STAFF,
    "leg_recordings.export": SUPERVISORS,
    "recordings.one": STAFF,
    "recordings.comment": STAFF,
    "recordings.share": SUPERVISORS,
    "recordings.export": SUPERVISORS,
    "quality.page": STAFF,
    "quality.draw": SUPERVISORS,
    "form_signing.sign": SUPERVISORS,
    "quality.calibrate": SUPERVISORS,
    "quality.calibration": SUPERVISORS,
    "quality.absent": SUPERVISORS,
    "scoring.answer": SUPERVISORS,
    "scoring.finish": SUPERVISORS,
    "scoring.note": SUPERVISORS,
    "scoring.acknowledge": STAFF,
    "scoring.unread": STAFF,
    "floor.page": SUPERVISORS,
    "floor.board": SUPERVISORS,
    "floor.command": SUPERVISORS,
    "wallboard.page": SUPERVISORS,
    "wallboard.board": SUPERVISORS,
    "wallboard.tv": STAFF,
    "wallboard.tv_board": STAFF,
    "reports.index": SUPERVISORS,
    "reports.table": SUPERVISORS,
    **{f"ticket_reports.{name}": SUPERVISORS | LEADERS for name in ("index", "table", "document")},
    **{
        f"prompts.{name}": SUPERVISORS
        for name in (
            "index",
            "one",
            "send",
            "publish",
            "discard",
            "back",
            "now",
            "machine",
            "kept",
            "original",
        )
    },
    "people.index": ADMINISTRATORS,
    "people.new": ADMINISTRATORS,
    "people.add": ADMINISTRATORS,
    "people.one": ADMINISTRATORS,
    "people.change": ADMINISTRATORS,
    "administration.index": SUPERVISORS,
    "administration.one": SUPERVISORS,
    "administration.begin": ADMINISTRATORS,
    "administration.save": ADMINISTRATORS,
    "administration.publish": ADMINISTRATORS,
    "administration.undo": ADMINISTRATORS,
    "administration.discard": ADMINISTRATORS,
    "people.undo": ADMINISTRATORS,
    "people.password": ADMINISTRATORS,
    "people.end_sessions": ADMINISTRATORS,
    "stations.index": SUPERVISORS,
    "stations.chain": SUPERVISORS,
    "stations.units": SUPERVISORS,
    "stations.new": ADMINISTRATORS,
    "stations.add": ADMINISTRATORS,
    **{
        f"profile_editing.{name}": ADMINISTRATORS
        for name in ("begin", "one", "save", "publish", "undo", "discard", "remove")
    },
    "command_board.page": SUPERVISORS | LEADERS,
    "command_board.board": SUPERVISORS | LEADERS,
    "campaigns.index": SUPERVISORS | LEADERS,
    "campaigns.one": SUPERVISORS | LEADERS,
    **{f"campaigns.{name}": ADMINISTRATORS | LEADERS for name in ("switch", "undo", "cancel")},
    **{f"organisation.{name}": SUPERVISORS for name in ("first", "index", "one", "export")},
    **{
        f"organisation.{name}": ADMINISTRATORS
        for name in ("new", "save", "remove", "switch", "publish", "undo", "discard", "files", "take_in")
    },
    "stream.events": EVERYBODY,
    # Each asks for the token of an agency itself.
    **{
        f"agency_api.{name}": Open.ANYONE
        for name in (
            "orders",
            "order",
            "report",
            "tickets",
            "ticket",
            "entry",
            "ticket_report",
            "questions",
            "answer",
            "webhooks",
            "add_webhook",
            "end_webhook",
            "document",
        )
    },
    **{
        f"connections.{name}": ADMINISTRATORS
        for name in ("index", "make_token", "end_token", "add_webhook", "end_webhook", "resume", "again")
    },
    "stream.live": Open.ANYONE,
}
"""Endpoint → who. A test walks the URL maps of the panel and of the live stream against it."""


def may(role: str, endpoint: str) -> bool:
    """Whether somebody signed in with that role may use the endpoint; an unknown endpoint is refused to all."""
    who = ROUTES.get(endpoint)
    if who is None:
        return False
    return isinstance(who, Open) or role in who
