"""Who is signed in: the one reading of the session cookie, shared by the panel and the live stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin
from werkzeug.middleware.proxy_fix import ProxyFix

from hotline.database import reading
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.secrets import secret
from hotline.settings import settings

COOKIE = "hotline_session"
SHIFT = timedelta(hours=12)


@dataclass(frozen=True)
class SignedIn(UserMixin):  # type: ignore[misc] # Flask-Login carries no types
    """An operator's row as it was when this request began."""

    id: int
    username: str
    full_name: str
    role: str
    language: str
    hotlines: tuple[str, ...]
    """Keys of the hotlines served; empty means all."""
    epoch: int
    station: str = ""
    """Key of the station whose account it is."""
    phone: str = ""
    """The desk phone they usually sit at, and the one beside it."""
    second_phone: str = ""
    agency: str = ""
    """Key of the team or the command centre that the account belongs to."""
    must_change_password: bool = False
    """Until they have, they see no other page."""

    def get_id(self) -> str:
        return f"{self.id}:{self.epoch}"

    @property
    def supervises(self) -> bool:
        return self.role in (Role.SUPERVISOR, Role.ADMINISTRATOR)

    @property
    def administers(self) -> bool:
        return self.role == Role.ADMINISTRATOR

    def serves(self, hotline: str) -> bool:
        """Whether this person may see that hotline's calls and tickets."""
        return self.supervises or not self.hotlines or hotline in self.hotlines


def of(row: Operator) -> SignedIn:
    """The value of a row."""
    return SignedIn(
        row.id,
        row.username,
        row.full_name,
        row.role,
        row.language,
        tuple(row.hotlines or ()),
        row.session_epoch,
        row.station if row.role == Role.STATION else "",
        row.phone,
        row.second_phone,
        row.agency if row.role in (Role.TEAM, Role.LEADER) else "",
        row.must_change_password,
    )


def find(signed: str) -> SignedIn | None:
    """Whom a session's "<id>:<epoch>" names; None when that person was switched off or their sessions ended, and their talk too."""
    number, _, epoch = signed.partition(":")
    if not (number.isdecimal() and epoch.isdecimal()):
        return None
    with reading() as session:
        row = session.get(Operator, int(number))
        if row is None:
            return None
        if row.active and row.session_epoch == int(epoch):
            return of(row)
        kept_epoch, _, call_id = row.sessions_kept_for.partition(":")
        presence = session.get(OperatorPresence, row.id) if kept_epoch == epoch else None
        if presence is None or presence.state != Presence.TALKING or presence.call_id != call_id:
            return None
        return replace(of(row), epoch=int(epoch), must_change_password=False)


class Session(SecureCookieSessionInterface):
    """A cookie of its own for https, which no page by http can read or overwrite."""

    def get_cookie_name(self, app: Flask) -> str:
        return f"__Host-{COOKIE}" if request.is_secure else COOKIE

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def wire(app: Flask) -> None:
    """Gives the application the installation's session cookie, and the browser's own address behind the front."""
    # Only this machine reaches the application itself, so only the front can have written these headers.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign] # as Flask's own pages say
    app.session_interface = Session()
    app.config.update(
        SECRET_KEY=secret(settings().var, "session"),
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SHIFT,
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    login = LoginManager()
    login.init_app(app)
    login.user_loader(find)
