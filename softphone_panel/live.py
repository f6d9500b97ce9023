"""The live stream: server-sent events for everybody signed in, on a port and a gunicorn worker of its own."""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, request, session
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from hotline.access import ROUTES, Open, may
from hotline.database import reading
from hotline.operators import OperatorPresence, Presence
from hotline.settings import settings
from softphone_panel import people_signed_in, waiting
from softphone_panel.hub import Browser, Counted, Hub, Message, place

room = Blueprint("stream", __name__)

PING_S = 10.0
"""So that a page can notice silence."""
BROWSERS = 280
"""Each holds one of the worker's 300 threads."""
RETRY_MS = 2000
ABOUT = 6
"""Calls and tickets that a page may name."""
STREAM_ID = re.compile(r"\d{1,20}-\d{1,20}")
PING = Message("ping", "", "{}")
ENDED = Message("ended", "", "{}")


def create_app() -> Flask:
    """The stream's application; its reading thread begins with the first browser, after gunicorn's fork."""
    app = Flask("softphone_panel.live", static_folder=None)
    people_signed_in.wire(app)
    app.extensions["hub"] = Hub(settings().redis, counted)
    app.register_blueprint(room)
    app.before_request(_only_whom_the_table_names)
    app.after_request(_for_the_panel_only)
    return app


def counted() -> Counted:
    """Who waits while no phone rings for them, and who talks."""
    with reading() as db:
        talking = select(OperatorPresence.operator_id).where(OperatorPresence.state == Presence.TALKING)
        return waiting.by_hotline(db), frozenset(str(one) for one in db.scalars(talking))


def _only_whom_the_table_names() -> None:
    endpoint = request.endpoint
    if endpoint is None or request.method == "OPTIONS" or ROUTES.get(endpoint) is Open.ANYONE:
        return
    if not current_user.is_authenticated:
        abort(401)
    if not may(current_user.role, endpoint):
        abort(403)


def panel_origin() -> str | None:
    """The request's Origin, if it is the panel on this very host; None for any other page's."""
    origin = request.headers.get("Origin", "")
    asked, here = urlsplit(origin), urlsplit(f"//{request.host}")
    try:
        same_host = asked.hostname == here.hostname and asked.port == settings().panel_port
    except ValueError:
        return None
    return origin if same_host and asked.scheme in ("http", "https") else None


def _for_the_panel_only(answer: AnyResponse) -> AnyResponse:
    origin = panel_origin()
    if origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Credentials"] = "true"
    answer.headers["Vary"] = "Origin, Cookie"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@room.get("/live")
def live() -> tuple[str, int]:
    return "ok\n", 200


@room.get("/events")
def events() -> Response:
    """Everything since `Last-Event-ID` (or `after`), then what happens, until the browser goes or the session ends.

    With `operator` only what is about that operator and their calls: 200 desks need not hear all that happens.
    """
    hub: Hub = current_app.extensions["hub"]
    if len(hub) >= BROWSERS:
        abort(Response("too many browsers follow this stream\n", 503, {"Retry-After": "5"}))
    last = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    if not STREAM_ID.fullmatch(last):
        last = ""
    signed = str(session.get("_user_id", ""))
    operator, about = request.args.get("operator", ""), request.args.get("about", "").split()
    if current_user.station:
        operator, about = str(current_user.id), []  # whatever it asks for: what is about its own hand-overs
    browser, missed = hub.join(
        last, operator if operator.isdecimal() else "", about[:ABOUT], current_user.station
    )
    answer = Response(_stream(hub, browser, missed, signed), content_type="text/event-stream; charset=utf-8")
    answer.headers["X-Accel-Buffering"] = "no"
    answer.call_on_close(lambda: hub.leave(browser))
    return answer


def _stream(hub: Hub, browser: Browser, missed: list[Message], signed: str) -> Iterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    sent = (0, 0)
    for message in missed:
        sent = max(sent, place(message.id))
        yield message.wire()
    looked_at = time.monotonic()
    while not browser.is_cut:
        try:
            found = browser.messages.get(timeout=PING_S)
        except queue.Empty:
            found = PING
        if found is None:
            return
        if time.monotonic() - looked_at >= PING_S:
            looked_at = time.monotonic()
            if _is_over(signed):
                yield ENDED.wire()
                return
            if found is not PING:
                yield PING.wire()
        if found.id and found.event == "change" and place(found.id) <= sent:
            continue  # it came in between joining and reading what was missed
        yield found.wire()


def _is_over(signed: str) -> bool:
    """Whether the session has ended meanwhile; a database that is away ends nobody's."""
    try:
        return people_signed_in.find(signed) is None
    except SQLAlchemyError:
        return False
