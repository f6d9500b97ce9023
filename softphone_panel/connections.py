"""Agencies' own systems as an administrator sees them: their tokens, their webhooks, and what could not be told them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import agency_tokens, webhooks
from hotline.agencies import AgencyRow
from hotline.agency_tokens import LONGEST_NAME, SCOPES, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.refusals import RequestRefused
from hotline.settings import settings
from hotline.webhooks import (
    LONGEST_URL,
    REPLAY_S,
    AgencyWebhook,
    DeliveryState,
    Told,
    WebhookDelivery,
)
from softphone_panel import agency_webhooks, fault_words, shown
from softphone_panel.faults import InputFault
from softphone_panel.words import either, say

room = Blueprint("connections", __name__, url_prefix="/connections")

SHOWN = 100


@room.get("")
def index() -> str:
    with reading() as session:
        return _page(session)


def _page(session: Session, typed: Any = None, faults: dict[str, str] | None = None) -> str:
    tokens = session.scalars(
        select(AgencyToken).order_by(AgencyToken.ended_at.is_not(None), AgencyToken.id.desc()).limit(SHOWN)
    ).all()
    hooks = session.scalars(
        select(AgencyWebhook)
        .order_by(AgencyWebhook.ended_at.is_not(None), AgencyWebhook.id.desc())
        .limit(SHOWN)
    ).all()
    dead = session.execute(
        select(WebhookDelivery, AgencyWebhook)
        .join(AgencyWebhook, AgencyWebhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.state == DeliveryState.DEAD, AgencyWebhook.ended_at.is_(None))
        .order_by(WebhookDelivery.id.desc())
        .limit(SHOWN)
    ).all()
    waits = session.execute(
        select(WebhookDelivery.webhook_id, func.count())
        .where(WebhookDelivery.state == DeliveryState.DUE)
        .group_by(WebhookDelivery.webhook_id)
    )
    known = session.execute(
        select(AgencyRow.key, AgencyRow.name).where(~AgencyRow.removed).order_by(AgencyRow.name)
    )
    agencies = dict(known.tuples().all())
    return render_template(
        "connections.html", tokens=tokens, hooks=hooks, dead=dead, waits=dict(waits.tuples().all()), agencies=agencies,
        agency_name=lambda key: agencies.get(key, key), scopes=shown.SCOPES, events=shown.TOLD_EVENTS, longest_name=LONGEST_NAME,
        longest_url=LONGEST_URL, replay_minutes=REPLAY_S // 60, fault_word=fault_words.word,
        typed=typed or {}, faults=faults or {},
    )  # fmt: skip


def _refused(form: str, field: str, sentence: str) -> tuple[str, int]:
    """The page again, with what was typed and what is wrong with it."""
    given = request.form
    typed = {form: {**given, "scopes": given.getlist("scopes"), "events": given.getlist("events")}}
    with reading() as session:
        return _page(session, typed, {f"{form}-{field}": sentence}), 422


@room.post("/tokens")
def make_token() -> str | tuple[str, int]:
    """A new token stands on the answer and nowhere else."""
    form = request.form
    scopes = [scope for scope in SCOPES if scope in form.getlist("scopes")]
    agency = form.get("agency", "").strip()
    try:
        with transaction() as session:
            made = agency_tokens.make(
                session, agency, form.get("name", ""), scopes, now(), current_user.username
            )
    except RequestRefused as refused:
        return _refused("token", refused.name, either(refused))
    return render_template("connection_secret.html", secret=made, kind="token", agency=_name(agency))


@room.post("/tokens/<int:number>")
def end_token(number: int) -> AnyResponse:
    with transaction() as session:
        if agency_tokens.end(session, number, current_user.username, now()) is None:
            raise InputFault("token", say("Không có mã truy cập này: hãy tải lại trang."), 404)
    flash(say("Mã truy cập không còn mở được gì nữa."))
    return redirect(url_for("connections.index"), 303)


@room.post("/webhooks")
def add_webhook() -> str | tuple[str, int]:
    """The secret that signs stands on the answer and nowhere else."""
    form = request.form
    events = [event.value for event in Told if event.value in form.getlist("events")]
    agency = form.get("agency", "").strip()
    try:
        with transaction() as session:
            url, allowed = form.get("url", ""), agency_webhooks.allowed()
            made = webhooks.register(session, agency, url, events, current_user.username, now(), allowed)
            secret = webhooks.secret_of(made, settings().var)
    except RequestRefused as refused:
        return _refused("webhook", refused.name, either(refused))
    return render_template("connection_secret.html", secret=secret, kind="webhook", agency=_name(agency))


@room.post("/webhooks/<int:number>/end")
def end_webhook(number: int) -> AnyResponse:
    with transaction() as session:
        if webhooks.end(session, number, current_user.username, now()) is None:
            raise InputFault("webhook", say("Không có webhook này: hãy tải lại trang."), 404)
    flash(say("Webhook này không được báo gì nữa."))
    return redirect(url_for("connections.index"), 303)


@room.post("/webhooks/<int:number>/resume")
def resume(number: int) -> AnyResponse:
    with transaction() as session:
        if webhooks.resume(session, number) is None:
            raise InputFault("webhook", say("Không có webhook này: hãy tải lại trang."), 404)
    flash(say("Webhook chạy tiếp: những gì đang chờ được gửi ngay."))
    return redirect(url_for("connections.index"), 303)


@room.post("/deliveries/<int:number>")
def again(number: int) -> AnyResponse:
    """What could not be told is told once more."""
    with transaction() as session:
        if webhooks.again(session, number, now()) is None:
            raise InputFault("webhook", say("Tin này đã được gửi lại rồi: hãy tải lại trang."), 409)
    flash(say("Sẽ gửi lại ngay."))
    return redirect(url_for("connections.index"), 303)


def _name(agency: str) -> str:
    with reading() as session:
        return session.scalar(select(AgencyRow.name).where(AgencyRow.key == agency)) or agency
