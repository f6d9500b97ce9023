"""The panel's application: settings, sign-in, headers, the permission table and the rooms' routes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, current_app, g, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from hotline import pictures
from hotline.access import ROUTES, Open, may
from hotline.acuity import Acuity
from hotline.in_force import InForce
from hotline.settings import settings
from softphone_panel import (
    administration,
    agency_api,
    agency_desk,
    agency_document,
    alarm_banner,
    call_tasks,
    campaigns,
    claiming,
    command_board,
    connections,
    contacts,
    desk,
    floor,
    form_signing,
    handing_over,
    health,
    knowledge,
    leg_recordings,
    listening,
    messages,
    my_desk,
    order_form,
    organisation,
    people,
    people_signed_in,
    phone,
    profile_editing,
    prompts,
    quality,
    recalls,
    recordings,
    referrals,
    reports,
    scoring,
    shown,
    signing,
    station_cases,
    station_desk,
    stations,
    status,
    team_desk,
    telling,
    ticket_bulk,
    ticket_clock,
    ticket_files,
    ticket_filters,
    ticket_matter,
    ticket_persons,
    ticket_reports,
    ticket_ties,
    tickets,
    trust,
    wallboard,
    words,
    wrapping_up,
)
from softphone_panel.faults import InputFault
from softphone_panel.limits import limiter
from softphone_panel.words import say

log = structlog.get_logger(__name__)

LARGEST_FORM_BYTES = 256 * 1024
csrf = CSRFProtect()

HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]")
NEVER_RETURNED = frozenset({"csrf_token", "password", "new_password", "again"})
BEFORE_A_PASSWORD = frozenset({"signing.password", "signing.sign_out"})
"""What somebody sees whose password the system made; the other pages come after their own."""

SENTENCES: Mapping[int, str] = {
    400: "Yêu cầu không đọc được: hãy tải lại trang rồi làm lại.",
    401: "Phiên làm việc đã hết: hãy đăng nhập lại.",
    403: "Tài khoản của bạn không có quyền làm việc này: hãy nhờ trưởng ca.",
    404: "Không có trang này: hãy kiểm tra lại đường dẫn.",
    405: "Trang này không nhận kiểu yêu cầu đó: hãy dùng nút trên trang.",
    413: "Nội dung gửi lên quá dài: hãy viết ngắn lại.",
    429: "Bạn thử quá nhiều lần: hãy chờ một phút rồi thử lại.",
    500: "Máy chủ gặp lỗi, việc vừa rồi có thể chưa được ghi: hãy thử lại, nếu vẫn lỗi hãy báo quản trị.",
    503: "Cơ sở dữ liệu đang bận, chưa ghi được: nội dung bạn viết còn ở dưới, hãy gửi lại.",
}


def create() -> Flask:
    """Builds the application; it starts no thread and opens no connection, so gunicorn may fork afterwards."""
    app = Flask("softphone_panel")
    given = settings()
    people_signed_in.wire(app)
    in_force = InForce(given)
    in_force.on_change(lambda now: app.config.update(INSTALLATION=now))
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_STORAGE_URI=_limits_storage(given.redis),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        IN_FORCE=in_force,
        INSTALLATION=in_force.installation,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.before_request(_a_recording_may_be_large)  # before anything looks into the form
    csrf.init_app(app)
    csrf.exempt(
        "softphone_panel.team_desk.link_report"
    )  # the link's token is the secret, and no session is used
    csrf.exempt("softphone_panel.agency_desk.link_say")  # as above
    csrf.exempt(agency_api.room)  # a token is needed, and no session is used
    limiter.init_app(app)
    for one in threading.enumerate():
        if isinstance(one, threading.Timer):
            one.join(1.0)  # the limiter's memory starts a 10 ms timer; nothing may run while gunicorn forks
    rooms = (
        signing,
        trust,
        desk,
        contacts,
        my_desk,
        handing_over,
        station_desk,
        team_desk,
        station_cases,
        order_form,  # with the room of orders
        agency_desk,
        referrals,
        wrapping_up,
        call_tasks,
        telling,
        phone,
        tickets,
        claiming,
        listening,
        ticket_clock,
        ticket_matter,
        messages,
        ticket_persons,
        ticket_bulk,
        ticket_files,
        ticket_filters,
        knowledge,
        ticket_ties,
        status,
        recalls,
        alarm_banner,
        recordings,
        leg_recordings,
        scoring,
        form_signing,
        quality,
        floor,
        wallboard,
        command_board,
        reports,
        ticket_reports,
        prompts,
        people,
        stations,
        organisation,
        campaigns,
        profile_editing,
        administration,
        connections,
        agency_document,  # all rooms of the agencies' interface are one
    )
    for room in (*rooms, health):
        app.register_blueprint(room.room)
    app.before_request(_follow_settings)
    app.before_request(_only_whom_the_table_names)
    app.after_request(_headers)
    app.context_processor(_for_every_page)
    app.jinja_env.filters.update(clock=words.clock, day_clock=words.day_clock, minutes=words.length)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_error_handler(InputFault, _input_fault)
    app.register_error_handler(CSRFError, _csrf_fault)
    app.register_error_handler(HTTPException, _http_fault)
    app.register_error_handler(SQLAlchemyError, _database_fault)
    return app


def _a_recording_may_be_large() -> None:
    if request.endpoint == "prompts.send":
        request.max_content_length = prompts.LARGEST_FORM_BYTES
    elif request.endpoint in (*team_desk.LARGER_FORMS, *ticket_files.LARGER_FORMS):
        request.max_content_length = pictures.LARGEST_BYTES + LARGEST_FORM_BYTES


def _limits_storage(url: str) -> str:
    return "redis+" + url if url.startswith("unix://") else url


def _follow_settings() -> None:
    """What was published a second ago or earlier counts for this request."""
    if request.endpoint not in ("static", "health.live"):
        current_app.config["IN_FORCE"].look_if_due()


def _only_whom_the_table_names() -> AnyResponse | None:
    endpoint = request.endpoint
    if endpoint is None:
        return None  # no such page: the 404 tells nothing
    who = ROUTES.get(endpoint)
    if who is Open.ANYONE:
        return None
    if who is Open.MACHINES:
        health.only_machines()
        return None
    if not current_user.is_authenticated:
        return _to_sign_in()
    if current_user.must_change_password and endpoint not in BEFORE_A_PASSWORD:
        return _to_password()
    if not may(current_user.role, endpoint):
        abort(403)
    return None


def _to_password() -> AnyResponse:
    """Whoever has a password that somebody else has seen makes one of their own first."""
    answer: AnyResponse = redirect(url_for("signing.password"), 303)
    if words.is_htmx():
        answer = Response(status=204)
        answer.headers["HX-Redirect"] = url_for("signing.password")
    return answer


def _to_sign_in() -> AnyResponse:
    there = url_for("signing.sign_in", next=request.full_path if request.method == "GET" else None)
    if words.is_htmx():
        answer = Response(say(SENTENCES[401]), 401)
        answer.headers["HX-Redirect"] = url_for("signing.sign_in")
        return answer
    if request.method != "GET":
        abort(401)
    return redirect(there, 303)


def is_behind_front() -> bool:
    """Whether the page was asked for at the front, where stream and telephone are of its own origin."""
    return request.headers.get("X-Hotline-Front") == "1"


def stream_url() -> str:
    """Where the page finds the live stream: at its own origin, or on the stream's port when the panel is called itself."""
    if is_behind_front():
        return ""
    host = request.host.rpartition(":")[0] if re.search(r":\d+$", request.host) else request.host
    safe = host if HOST.fullmatch(host) else settings().panel_host
    return f"{request.scheme}://{safe}:{settings().live_port}"


def style_nonce() -> str:
    """This page's word for the one style that a library adds by script: the waveform's."""
    if "style_nonce" not in g:
        g.style_nonce = token_urlsafe(16)
    return str(g.style_nonce)


def _headers(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = "; ".join(
        (
            *(
                "default-src 'none'",
                "script-src 'self'",
                f"style-src 'self' 'nonce-{style_nonce()}'",
                "img-src 'self' data:",
            ),
            *("font-src 'self'", "media-src 'self'", f"connect-src 'self' {stream_url()}"),
            *("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"),
        )
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Frame-Options"] = "DENY"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # A team may tell where it is, by its own click.
    place = "(self)" if request.blueprint == team_desk.room.name else "()"
    answer.headers["Permissions-Policy"] = f"camera=(), geolocation={place}, microphone=(self)"
    if request.endpoint != "static":
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _for_every_page() -> dict[str, Any]:
    own = {h.key: h for h in desk.province().hotlines}
    return {
        "_": say,
        "language": words.language(),
        "languages": words.LANGUAGES,
        "me": current_user if current_user.is_authenticated else None,
        "is_demo": settings().demo,
        "stream_url": stream_url(),
        "is_behind_front": is_behind_front(),
        "own_authority": not settings().certificate,
        "style_nonce": style_nonce,
        "province": desk.province(),
        "hotlines": own,
        "acuities": list(Acuity),
        "home": desk.home,
        "phone_word": desk.phone_word,
        "percent_of": words.percent,
        "acuity_word": shown.acuity_word,
        "acuity_mark": shown.ACUITY_MARKS,
        "to_json": lambda value: Markup(json.dumps(value)),  # noqa: S704 - numbers and names of ours, in attributes
        "may": _may,
    }


def _may(endpoint: str) -> bool:
    """Whether whoever reads this page may open that one now."""
    if not current_user.is_authenticated or current_user.must_change_password:
        return False
    return may(current_user.role, endpoint)


# --- faults -----------------------------------------------------------------------------------------------


def _fault_page(sentence: str, status: int, *, again: bool = False) -> tuple[str, int]:
    """A sentence, and what was typed, so that nothing is lost; a fragment for the page's own script."""
    typed: list[tuple[str, str]] = []
    if request.method == "POST" and status != 413:
        with suppress(RequestEntityTooLarge):  # refused before anybody looked into it
            typed = [(k, v) for k, v in request.form.items(multi=True) if k not in NEVER_RETURNED]
    if words.is_htmx():
        return render_template("fault_fragment.html", sentence=sentence), status
    page = render_template(
        "fault.html", sentence=sentence, status=status, typed=typed, again=again, back=_page_before()
    )
    return page, status


def _page_before() -> str:
    """The panel's page whose form was sent; empty when it is not known."""
    came_from = urlsplit(request.referrer or "")
    is_ours = request.method == "POST" and came_from.netloc == request.host
    return came_from.path if is_ours and came_from.path != request.path else ""


def _input_fault(fault: InputFault) -> tuple[str, int]:
    return _fault_page(str(fault), fault.status, again=True)


def _csrf_fault(fault: CSRFError) -> tuple[str, int]:
    return _fault_page(say("Trang đã cũ: hãy gửi lại."), 400, again=current_user.is_authenticated)


def _http_fault(fault: HTTPException) -> tuple[str | Response, int] | HTTPException:
    status = fault.code or 500
    if fault.response is not None:
        return fault
    if _for_programs():
        return agency_api.fault_answer(status)
    return _fault_page(say(SENTENCES.get(status, SENTENCES[400])), status, again=status == 503)


def _for_programs() -> bool:
    return request.path.startswith(f"{agency_api.PREFIX}/")


def _database_fault(fault: SQLAlchemyError) -> tuple[str | Response, int]:
    log.error("a page could not use the database", endpoint=request.endpoint, error=type(fault).__name__)
    if _for_programs():
        return agency_api.fault_answer(503)
    return _fault_page(say(SENTENCES[503]), 503, again=request.method == "POST")
