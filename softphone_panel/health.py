"""Whether the product is alive and ready, and its numbers for Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable

import redis
from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hotline import deadlines, documents, gateway_file, station_documents, text_messages
from hotline.bus import connection
from hotline.database import reading
from hotline.events import now
from hotline.installation import InstallationFaults
from hotline.secrets import secret
from hotline.settings import settings
from softphone_panel import desk, live_state, measures

room = Blueprint("health", __name__)
BEAT_STALE_S = 5.0
OK = "ok"
ANSWERED_WITHOUT = frozenset({"protocols", "redis", "settings", "stations", "clocks", "messages"})
"""Without an approved protocol key 1 is RED and all others meet a human at ORANGE; Redis only wakes: a click acts in 2 s;
where Asterisk did not take published settings, or a stations' file has a fault, the earlier ones go on; clocks that lag are
done late, in order; messages are tried again."""


@room.get("/live")
def live() -> tuple[str, int, dict[str, str]]:
    """This process answers; it asks nothing of any other part."""
    return "ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"}


@room.get("/ready")
def ready() -> tuple[Response, int]:
    """200 while calls are answered, else 503; each part with what is wrong with it, `degraded` naming those."""
    parts = {name: look() for name, look in PARTS.items()}
    wrong = [name for name, said in parts.items() if said != OK]
    return jsonify(parts=parts, degraded=wrong), 503 if set(wrong) - ANSWERED_WITHOUT else 200


def _database() -> str:
    try:
        with reading() as session:
            session.execute(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__}); run './run doctor'"
    return OK


def _redis() -> str:
    try:
        connection().ping()
    except redis.RedisError as error:
        return f"Redis does not answer ({type(error).__name__}); pages poll every 2 s meanwhile"
    return OK


def beat_age_s() -> float | None:
    """Seconds since the calls process last found its Asterisk; None when it never did."""
    try:
        return time.time() - (settings().var / "run" / "calls.beat").stat().st_mtime
    except OSError:
        return None


def _asterisk() -> str:
    age_s = beat_age_s()
    if age_s is None:
        return "the calls process has never reached Asterisk; run './run doctor'"
    if age_s > BEAT_STALE_S:
        return (
            f"the calls process has not reached Asterisk for {age_s:.0f} s; the dialplan serves calls alone"
        )
    return OK


def _protocols() -> str:
    try:
        with reading() as session:
            names = live_state.unapproved(session, desk.province())
    except SQLAlchemyError:
        return "not known while the database does not answer"
    if not names:
        return OK
    return f"no approved protocol: {', '.join(names)}; run './run protocol approve NAME' as a second person"


def _settings() -> str:
    try:
        with reading() as session:
            faults = [one.fault for one in documents.followers(session) if one.fault]
    except SQLAlchemyError:
        return "not known while the database does not answer"
    return f"Asterisk did not take what is published: {faults[0]}" if faults else OK


def _clocks() -> str:
    try:
        with reading() as session:
            lag = deadlines.lag(session, now())
    except SQLAlchemyError:
        return "not known while the database does not answer"
    return deadlines.said(lag) or OK


def _messages() -> str:
    try:
        with reading() as session:
            lag = text_messages.lag(session, now())
    except SQLAlchemyError:
        return "not known while the database does not answer"
    return gateway_file.fault(settings().installation, settings().var) or text_messages.said(lag) or OK


def _stations() -> str:
    try:
        with reading() as session:
            faults = station_documents.file_faults(documents.house(session, settings().installation))
    except (SQLAlchemyError, InstallationFaults):
        return OK  # the database's line, or the settings', says so
    return f"the last known stations stand, for {faults[0]}".rstrip(".") if faults else OK


PARTS: dict[str, Callable[[], str]] = {
    "database": _database,
    "redis": _redis,
    "asterisk": _asterisk,
    "protocols": _protocols,
    "settings": _settings,
    "clocks": _clocks,
    "messages": _messages,
    "stations": _stations,
}


def only_machines() -> None:
    """Lets in this machine, and who carries the token; anybody else gets 403."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if given and hmac.compare_digest(given.encode(), secret(settings().var, "metrics").encode()):
        return
    try:
        here = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        here = False
    # Behind a proxy everybody seems to be this machine.
    if not here or "X-Forwarded-For" in request.headers:
        abort(403)


@room.get("/metrics")
def metrics() -> Response:
    """The rows counted anew at each scrape: any number of panel workers tell the same."""
    registry = CollectorRegistry()
    registry.register(measures.Measures(desk.province(), beat_age_s()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
