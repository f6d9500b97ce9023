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
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})

ROUTES: Mapping[str, Who] = {
    "static": Open.ANYONE,
    "signing.sign_in": Open.ANYONE,
    "signing.sign_out": EVERYBODY,
    "signing.choose_language": Open.ANYONE,
    "trust.guide": Open.ANYONE,
    "trust.authority": Open.ANYONE,
    "health.live": Open.ANYONE,
    "health.ready": Open.ANYONE,
    "health.metrics": Open.MACHINES,
    "desk.first": EVERYBODY,
    "desk.page": EVERYBODY,
    "desk.board": EVERYBODY,
    "desk.bar": EVERYBODY,
    "desk.my_call": EVERYBODY,
    "desk.command": EVERYBODY,
    "phone.door": Open.ANYONE,
    "phone.login": EVERYBODY,
    "phone.state": EVERYBODY,
    "phone.command": EVERYBODY,
    "my_desk.page": EVERYBODY,
    "handing_over.fragment": EVERYBODY,
    "handing_over.stations": EVERYBODY,
    "handing_over.begin": EVERYBODY,
    "handing_over.wish": EVERYBODY,
    "my_desk.caller": EVERYBODY,
    "my_desk.work": EVERYBODY,
    "my_desk.fields": EVERYBODY,
    "my_desk.save": EVERYBODY,
    "my_desk.lower": EVERYBODY,
    "wrapping_up.fragment": EVERYBODY,
    "wrapping_up.finish": EVERYBODY,
    "wrapping_up.hold": EVERYBODY,
    "wrapping_up.recall_dropped": EVERYBODY,
    "call_tasks.fragment": EVERYBODY,
    "call_tasks.act": EVERYBODY,
    "call_tasks.finish_late": EVERYBODY,
    "tickets.index": EVERYBODY,
    "tickets.one": EVERYBODY,
    "tickets.timeline": EVERYBODY,
    "tickets.calls": EVERYBODY,
    "tickets.viewers": SUPERVISORS,
    "tickets.note": EVERYBODY,
    "tickets.change": EVERYBODY,
    "tickets.units": EVERYBODY,
    "tickets.correct_acuity": EVERYBODY,
    "tickets.unmask": EVERYBODY,
    "listening.begin": EVERYBODY,
    "listening.sound": EVERYBODY,
    "listening.listeners": SUPERVISORS,
    "recalls.index": EVERYBODY,
    "recalls.listed": EVERYBODY,
    "recalls.command": SUPERVISORS,
    "recordings.index": EVERYBODY,
    "recordings.one": EVERYBODY,
    "recordings.comment": EVERYBODY,
    "recordings.share": SUPERVISORS,
    "recordings.export": SUPERVISORS,
    "floor.page": SUPERVISORS,
    "floor.board": SUPERVISORS,
    "floor.command": SUPERVISORS,
    "wallboard.page": SUPERVISORS,
    "wallboard.board": SUPERVISORS,
    "wallboard.tv": EVERYBODY,
    "wallboard.tv_board": EVERYBODY,
    "reports.index": SUPERVISORS,
    "reports.table": SUPERVISORS,
    "people.index": ADMINISTRATORS,
    "people.add": ADMINISTRATORS,
    "people.change": ADMINISTRATORS,
    "stream.events": EVERYBODY,
    "stream.live": Open.ANYONE,
}
"""Endpoint → who. A test walks the URL maps of the panel and of the live stream against it."""


def may(role: str, endpoint: str) -> bool:
    """Whether somebody signed in with that role may use the endpoint; an unknown endpoint is refused to all."""
    who = ROUTES.get(endpoint)
    if who is None:
        return False
    return isinstance(who, Open) or role in who
