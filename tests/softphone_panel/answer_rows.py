"""Articles, a draft, a silent claim and a disputed question, for the panel's tests in a browser."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from hotline import agencies, article_documents, documents, referring, ticket_claims
from hotline.article_documents import ARTICLE
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.referrals import Happening
from hotline.referring import Wanted
from hotline.settings import settings
from hotline.tickets import Ticket
from tests.softphone_panel.order_rows import OTHER, TEAM


def loaded() -> None:
    """The demo's articles, and a draft of a change to one."""
    with transaction() as session:
        house = documents.house(session, settings().installation)
        article_documents.load(session, house)
        key, text = "gio-lam-viec", "Tổng đài làm việc cả ngày lẫn đêm, cả ngày lễ."
        seen = documents.seen(session, ARTICLE, key)
        documents.save(
            session, house, ARTICLE, key, {**house.content(ARTICLE, key), "text": text}, by="lan", seen=seen
        )


def disputed(ticket: str) -> str:
    """A question with two answers that contradict each other, on a ticket whose claim is stale; its id."""
    loaded()
    at = now()
    with transaction() as session:
        known = agencies.organisation(session)
        wanted = Wanted(
            ticket,
            "Mức hỗ trợ thuê trọ ở phường là bao nhiêu?",
            "policy",
            (TEAM, OTHER),
            at + timedelta(hours=4),
        )
        one = referring.refer(session, wanted, "lan", at, known, ("policy",))
        referring.act(
            session,
            f"{one}.1",
            Happening.ANSWER,
            "cán bộ phường",
            "panel",
            at,
            known,
            "Được hỗ trợ 1 triệu đồng.",
        )
        referring.act(
            session, f"{one}.2", Happening.ANSWER, "cán bộ sở", "link", at, known, "Không thuộc diện hỗ trợ."
        )
        referring.contradict(session, one, "một bên nói được, một bên nói không", "lan", at, known)
        lan = session.scalars(select(Operator.id).where(Operator.username == "lan")).one()
        ticket_claims.claim(session, session.get_one(Ticket, ticket), lan, "lan", at - timedelta(minutes=2))
        second = Wanted(ticket, "Nộp đơn ở đâu, cần giấy tờ gì?", "policy", (TEAM,), at + timedelta(hours=1))
        referring.refer(session, second, "lan", at, known, ("policy",))
    return one
