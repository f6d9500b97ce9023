"""Webhooks in the agencies' interface: an agency's system says itself where it is told what."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import webhooks as told
from hotline.agency_tokens import WEBHOOKS, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.refusals import RequestRefused
from hotline.settings import settings
from hotline.webhooks import LONGEST_URL, AgencyWebhook, Networks
from softphone_panel.agency_api import (
    NotAllowed,
    authorised,
    given_json,
    given_text,
    guessed,
    limited,
    moment,
    room,
)

LARGEST_NUMBER = 2**31 - 1


def allowed() -> Networks:
    """The private networks that this installation lets webhooks reach."""
    return told.networks(settings().webhook_networks)


@room.get("/webhooks")
@limited
@guessed
def webhooks() -> Response:
    with reading() as session:
        token = authorised(session, WEBHOOKS)
        rows = session.scalars(
            select(AgencyWebhook)
            .where(AgencyWebhook.agency_key == token.agency_key, AgencyWebhook.ended_at.is_(None))
            .order_by(AgencyWebhook.id)
        )
        return jsonify(webhooks=[_plain(row) for row in rows])


@room.post("/webhooks")
@limited
@guessed
def add_webhook() -> tuple[Response, int]:
    """The answer has the secret that signs, which is told nowhere else."""
    with transaction() as session:
        token = authorised(session, WEBHOOKS)
        given = given_json()
        url, events = given_text(given, "url", LONGEST_URL, needed=True), given.get("events")
        if not isinstance(events, list) or not all(isinstance(one, str) for one in events):
            raise NotAllowed(422, "events must be a list of names.")
        try:
            made = told.register(session, token.agency_key, url, events, token.name, now(), allowed())
        except RequestRefused as refused:
            raise NotAllowed(422, refused.en) from refused
        return jsonify({**_plain(made), "secret": told.secret_of(made, settings().var)}), 201


@room.delete("/webhooks/<int:number>")
@limited
@guessed
def end_webhook(number: int) -> Response:
    with transaction() as session:
        token = authorised(session, WEBHOOKS)
        row = _own(session, token, number)
        told.end(session, row.id, token.name, now())
        return jsonify(_plain(row))


def _own(session: Session, token: AgencyToken, number: int) -> AgencyWebhook:
    row = session.get(AgencyWebhook, number) if number <= LARGEST_NUMBER else None
    if row is None or row.agency_key != token.agency_key or row.ended_at is not None:
        raise NotAllowed(404, "Your agency has no such webhook.")
    return row


def _plain(row: AgencyWebhook) -> dict[str, Any]:
    return {
        "id": row.id, "url": row.url, "events": row.events, "made_at": row.made_at.isoformat(), "paused_at": moment(row.paused_at),
        "ended_at": moment(row.ended_at),
    }  # fmt: skip
