"""Articles to answer from: found while talking, read, answered with on the spot, written as drafts and approved by a second person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import article_documents, articles, clocks, closing, documents
from hotline.acuity import Acuity
from hotline.article_documents import ARTICLE
from hotline.articles import ArticleRow, Sought
from hotline.database import reading, transaction
from hotline.documents import Content, House, Refused, Version
from hotline.events import now
from hotline.folding import folded
from hotline.settings import settings
from hotline.tickets import Ticket, TicketState
from softphone_panel import claiming, desk, matter_words, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.ticket_changes import Asked
from softphone_panel.words import either, is_htmx, language, local, say

room = Blueprint("knowledge", __name__, url_prefix="/knowledge")

ANSWERED = "answered_with_article"
"""The entry's kind: which article, which version."""
ON_THE_SPOT = "answered_on_spot"
"""The disposition of a ticket that was answered from an article."""
MOST = 40
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True)
class Difference:
    """One field of a draft beside what stands."""

    name: str
    before: str
    after: str


@room.get("")
def index() -> str:
    """The articles, or those that the words find; what waits for a second person."""
    with reading() as session:
        ticket = _ticket(session)
        house = _house(session)
        drafts = documents.drafts(session, ARTICLE)
        return render_template(
            "knowledge.html", **_found(session, ticket, MOST), house=house, drafts=drafts, **_words(), told="",
            title_of=lambda draft: draft.content.get("title") or house.content(ARTICLE, draft.key).get("title", draft.key),
        )  # fmt: skip


@room.get("/found")
def found() -> str:
    """What the words find: the list alone, for the page and for the desk."""
    with reading() as session:
        return render_template("knowledge_found.html", **_found(session, _ticket(session)), **_words())


def _ticket(session: Session) -> Ticket | None:
    """The ticket that is being answered, if one is named that this reader may see."""
    wanted = request.args.get("ticket", "")[:72]
    return seen_ticket(session, wanted) if wanted else None


def _found(session: Session, ticket: Ticket | None, most: int = articles.SHOWN) -> dict[str, Any]:
    text = request.args.get("words", "").strip()[:100]
    category = request.args.get("category", "")[:32]
    everything = request.args.get("old") == "1"
    day = local(now()).date()
    sought = Sought(
        text, category or (ticket.category if ticket is not None else ""), ticket.hotline if ticket is not None else "",
        None if everything else day, only=bool(category),
    )  # fmt: skip
    return {
        "rows": articles.find(session, sought, most),
        "wanted": text,
        "category": category,
        "old": everything,
        "ticket": ticket,
        "ticket_label": ticket_view.label(ticket.hotline, ticket.number) if ticket is not None else "",
        "day": day,
        "is_urgent": ticket is not None and Acuity(ticket.acuity).urgent,
        "may_answer": ticket is not None and ticket.state != TicketState.CLOSED,
    }


def _words() -> dict[str, Any]:
    return {
        "categories": {key: one.word(language()) for key, one in matter_words.known().items()},
        "category_said": matter_words.category_said,
        "fresh_click": ticket_changes.fresh_click,
        "faults": {},
    }


# -- answering --


@room.post("/<key>/answer")
def answer(key: str) -> str | Response:
    """The citizen was answered with this article: the ticket says with which version, and closes when asked to."""
    form = request.form
    click = desk.click(form.get("click_id", ""))
    note = ticket_changes.checked_note(form.get("note", ""), needed=False)
    closes = form.get("closes") == "1"
    with transaction() as session:
        ticket = held_ticket(session, form.get("ticket_id", "")[:72])
        row = articles.one(session, key)
        if row is None:
            raise InputFault("article", say("Bài này vừa được rút: hãy tìm bài khác."), 409)
        if str(row.number) != form.get("number", ""):
            raise InputFault("article", say("Bài này vừa có bản mới: hãy đọc lại rồi trả lời."), 409)
        if not row.holds(local(now()).date()):
            raise InputFault("article", say("Bài này không còn giá trị hôm nay: hãy tìm bài khác."), 409)
        if ticket_changes.once(session, click):
            _answer(session, ticket, row, note, closes=closes)
        label = ticket_view.label(ticket.hotline, ticket.number)
    told = (
        say("Đã ghi: trả lời tại chỗ bằng “{title}”; phiếu {label} đã đóng.", title=row.title, label=label)
        if closes
        else say("Đã ghi: trả lời tại chỗ bằng “{title}”, phiếu {label}.", title=row.title, label=label)
    )
    if is_htmx():
        return render_template("knowledge_told.html", told=told)
    flash(told)
    return redirect(url_for("tickets.one", ticket_id=ticket.id), 303)


def _answer(session: Session, ticket: Ticket, row: ArticleRow, note: str, *, closes: bool) -> None:
    claiming.check_free(session, ticket)
    if ticket.state == TicketState.CLOSED:
        raise InputFault("ticket_id", say("Phiếu đã đóng: hãy mở lại phiếu trước."), 409)
    if not closing.known(session, ticket).talked:
        raise InputFault(
            "ticket_id",
            say("Chưa ai nói chuyện với người dân của phiếu này: hãy gọi cho họ rồi trả lời."),
            409,
        )
    by = current_user.username
    body = {
        "article": row.key, "title": row.title, "number": row.number, "source": row.source,
        "folded": folded(f"{row.title} {note}"),
    }  # fmt: skip
    ticket_changes.add_entry(session, ticket, ANSWERED, by, note, body)
    if not ticket.category:
        ticket.category = row.category
        ticket_changes.add_entry(session, ticket, "category_chosen", by, "", {"from": "", "to": row.category})
    if not closes:
        return
    ticket_changes.add_entry(session, ticket, clocks.DONE, by, row.title, {"result": "solved"})
    ticket_changes.add_entry(session, ticket, clocks.TOLD, by, "", {"how": "talk"})
    session.flush()
    seen = {name: getattr(ticket, name) for name in ticket_changes.EDITED}
    asked = Asked(
        ticket.version,
        seen,
        TicketState.CLOSED,
        ON_THE_SPOT,
        ticket.unit_code,
        "",
        bool(current_user.supervises),
    )
    ticket_changes.change(session, ticket, by, asked)


# -- one article --


@room.get("/new")
def new() -> str:
    return _new_page({}, {})


@room.post("")
def add() -> tuple[str, int] | Response:
    """A draft of an article that is not there yet; operators find it when a second person has approved it."""
    content = _content()
    try:
        with transaction() as session:
            house = _house(session)
            key = _new_key(session, house, content["title"])
            _check(house, key, content)
            seen = documents.seen(session, ARTICLE, key)
            documents.save(session, house, ARTICLE, key, content, by=current_user.username, seen=seen)
    except Refused as refused:
        return _new_page(content, _by_field(refused)), refused.status
    flash(say("Đã lưu nháp: một người khác duyệt thì mọi bàn tìm thấy."))
    return redirect(url_for("knowledge.one", key=key), 303)


@room.get("/<key>")
def one(key: str) -> str:
    with reading() as session:
        return _page(session, key)


@room.post("/<key>/save")
def save(key: str) -> tuple[str, int] | Response:
    content = {} if request.form.get("withdraw") == "1" else _content()
    try:
        with transaction() as session:
            house = _known(session, key)
            _check(house, key, content)
            documents.save(
                session, house, ARTICLE, key, content, by=current_user.username, seen=request.form.get("seen", "")
            )  # fmt: skip
    except Refused as refused:
        return _refused(key, refused, content)
    flash(say("Đã lưu nháp: một người khác duyệt thì mọi bàn tìm thấy."))
    return redirect(url_for("knowledge.one", key=key), 303)


@room.post("/<key>/publish")
def publish(key: str) -> tuple[str, int] | Response:
    """The second person's yes."""
    form = request.form
    try:
        with transaction() as session:
            house = _known(session, key)
            by, seen, note = current_user.username, form.get("seen", ""), form.get("note", "")
            documents.publish(session, house, ARTICLE, key, by=by, seen=seen, note=note)
    except Refused as refused:
        return _refused(key, refused)
    flash(say("Đã duyệt: mọi bàn tìm thấy bản này."))
    return redirect(url_for("knowledge.one", key=key), 303)


@room.post("/<key>/undo")
def undo(key: str) -> tuple[str, int] | Response:
    form = request.form
    wanted = form.get("number", "")
    if not wanted.isdecimal():
        raise InputFault("number", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 400)
    try:
        with transaction() as session:
            house = _known(session, key)
            by, seen = current_user.username, form.get("seen", "")
            documents.undo(session, house, ARTICLE, key, int(wanted), by=by, seen=seen)
    except Refused as refused:
        return _refused(key, refused)
    flash(say("Bản cũ dùng lại từ bây giờ."))
    return redirect(url_for("knowledge.one", key=key), 303)


@room.post("/<key>/discard")
def discard(key: str) -> tuple[str, int] | Response:
    try:
        with transaction() as session:
            _known(session, key)
            documents.discard(session, ARTICLE, key, seen=request.form.get("seen", ""))
    except Refused as refused:
        return _refused(key, refused)
    flash(say("Đã bỏ bản nháp."))
    return redirect(url_for("knowledge.index"), 303)


def _house(session: Session) -> House:
    return documents.house(session, settings().installation)


def _known(session: Session, key: str) -> House:
    """The house, if it has such an article or a draft of one; 404 otherwise."""
    house = _house(session)
    if not KEY.fullmatch(key) or (
        key not in ARTICLE.keys(house) and documents.draft(session, ARTICLE, key) is None
    ):
        abort(404, say("Không có bài này."))
    return house


def _content() -> Content:
    form = request.form
    content = {
        name: form.get(name, "").replace("\r\n", "\n").replace("\x00", "").strip()
        for name in article_documents.FIELDS
    }
    return {
        name: value
        for name, value in content.items()
        if value or name in ("title", "text", "source", "category")
    }


def _check(house: House, key: str, content: Content) -> None:
    """A draft is read by whoever approves it: it is kept only without faults. Raises Refused."""
    faults = documents.faults(house, ARTICLE, key, content)
    if faults:
        raise Refused(
            "Chưa lưu: hãy sửa các ô được đánh dấu.", "Not saved: mend the marked fields.", 422, faults
        )


def _new_key(session: Session, house: House, title: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", folded(title)).strip("-")[:48].strip("-") or "bai"
    there = {*ARTICLE.keys(house), *(draft.key for draft in documents.drafts(session, ARTICLE))}
    return next(key for n in range(1, 10_000) if (key := stem if n == 1 else f"{stem}-{n}") not in there)


def _by_field(refused: Refused) -> dict[str, str]:
    """Field → what is wrong with it; "" for the whole."""
    found = {"": either(refused)}
    for fault in refused.faults:
        found.setdefault(fault.field, fault.en.partition(" ")[2] if language() == "en" else fault.vi)
    return found


def _refused(key: str, refused: Refused, typed: Content | None = None) -> tuple[str, int]:
    with reading() as session:
        return _page(session, key, typed, _by_field(refused)), refused.status


def _new_page(typed: Content, faults: dict[str, str]) -> str:
    return render_template("knowledge_new.html", typed=typed, **(_words() | {"faults": faults}))


def _page(
    session: Session, key: str, typed: Content | None = None, faults: dict[str, str] | None = None
) -> str:
    house = _known(session, key)
    stands, begun = documents.standing(session, ARTICLE, key), documents.draft(session, ARTICLE, key)
    standing = house.content(ARTICLE, key)
    content = typed if typed is not None else begun.content if begun is not None else standing
    row = articles.one(session, key)
    return render_template(
        "knowledge_article.html", key=key, row=row, stands=stands, draft=begun, standing=standing, typed=content,
        seen=documents.seen(session, ARTICLE, key), differences=differences(standing, begun.content) if begun else [],
        is_stale=begun is not None and begun.based_on != (stands.number if stands else 0),
        is_own=begun is not None and begun.by == current_user.username,
        history=_history(session, house, key), day=local(now()).date(), in_file=bool(ARTICLE.first(house, key)),
        people=ticket_view.people_names(session), **(_words() | {"faults": faults or {}}),
    )  # fmt: skip


def differences(before: Content, after: Content) -> list[Difference]:
    """Field by field, what a draft or a version changed."""
    language_at = 1 if language() == "en" else 0
    return [
        Difference(names[language_at], str(before.get(name, "")), str(after.get(name, "")))
        for name, names in article_documents.NAMES.items()
        if before.get(name, "") != after.get(name, "")
    ]


def _history(session: Session, house: House, key: str) -> list[tuple[Version, list[Difference]]]:
    versions = documents.history(session, ARTICLE, key)
    before = [version.content for version in versions[1:]] + [ARTICLE.first(house, key)]
    return [(one, differences(earlier, one.content)) for one, earlier in zip(versions, before, strict=False)]
