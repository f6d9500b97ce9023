"""The organisation's pages: the list, one agency, a draft with its differences and its replay of earlier tickets, files in and out."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import documents, organisation_changes, organisation_documents, organisation_files
from hotline.database import reading, transaction
from hotline.directory import Station
from hotline.documents import Content, House, Refused
from hotline.events import now
from hotline.field_names import ORGANISATION_FIELDS
from hotline.organisation import KINDS, LEVELS, Agency
from hotline.organisation_documents import ORGANISATION
from hotline.organisation_files import FileFault, OrganisationFaults
from hotline.organisation_tables import content_of
from hotline.settings import settings
from hotline.stations import directory
from softphone_panel import desk, organisation_form, organisation_view, publishing, shown
from softphone_panel.faults import InputFault
from softphone_panel.unit_search import folded
from softphone_panel.words import either, say

room = Blueprint("organisation", __name__, url_prefix="/organisation")
SHOWN_AT_MOST = 400
FILES_AT_MOST = 6


@room.get("")
def first() -> AnyResponse:
    hotlines = [hotline.key for hotline in desk.province().hotlines]
    return redirect(url_for("organisation.index", hotline=hotlines[0]), 303)


@room.get("/<hotline>")
def index(hotline: str) -> str:
    """All agencies of a hotline as the draft has them, or those that the words find by name, place or number."""
    wanted = {name: request.args.get(name, "").strip()[:100] for name in ("text", "kind", "level", "on")}
    with reading() as session:
        house = _house(session, hotline)
        draft = documents.draft(session, ORGANISATION, hotline)
        content = draft.content if draft is not None else house.content(ORGANISATION, hotline)
        told = organisation_documents.read(house, hotline, content)
        day, at = _day(wanted["on"]) or desk.province().day(now()), now()
        stations = [s for s in directory(session) if s.hotline == hotline]
        view = organisation_view.View(session, house, hotline)
        rows = [a for a in told.agencies if _fits(a, wanted, day, view)]
        return render_template(
            "organisation.html", hotline=hotline, rows=rows[:SHOWN_AT_MOST], count=len(rows), total=len(told.agencies),
            wanted=wanted, day=day, at=at, view=view, agencies={a.key: a for a in told.agencies},
            stations=[s for s in stations if _station_fits(s, wanted)] if wanted["kind"] in ("", "station") else [],
            kinds=(*KINDS, "station"), levels=LEVELS, **organisation_view.of_draft(view, draft, _days_asked()),
        )  # fmt: skip


@room.get("/<hotline>/agency/<key>")
def one(hotline: str, key: str) -> str:
    with reading() as session:
        return _page(session, hotline, key)


@room.get("/<hotline>/new")
def new(hotline: str) -> str:
    with reading() as session:
        return _page(session, hotline, "")


@room.post("/<hotline>/agency", defaults={"key": ""})
@room.post("/<hotline>/agency/<key>")
def save(hotline: str, key: str) -> tuple[str, int] | AnyResponse:
    """What was typed joins the draft; what is wrong with it is told on the agency's page, and the rest of the draft stays."""
    try:
        with transaction() as session:
            house, content = _begun(session, hotline)
            key = key or _new_key(house, content)
            if not key or (request.path.endswith("/agency") and key in content["agency"]):
                raise InputFault(
                    "key",
                    say(
                        "Ô “Mã”: viết 1 đến 48 chữ thường không dấu, chữ số, dấu gạch, chưa đơn vị nào dùng."
                    ),
                )
            table, answers = organisation_form.typed(request.form, key, content)
            after = organisation_changes.with_agency(content, key, table, answers)
            told = organisation_documents.read(house, hotline, after)
            if wrong := organisation_form.faults_of(told, key, after):
                return _page(session, hotline, key, after, wrong), 422
            after = content_of(told.agencies, told.responsibilities)
            _save(session, house, hotline, after)
    except InputFault as fault:
        with reading() as session:
            _, content = _begun(session, hotline)
            again = organisation_changes.with_agency(
                content, "", *organisation_form.typed(request.form, "", content)
            )
            return _page(session, hotline, "", again, {fault.field: [str(fault)]}), fault.status
    except Refused as refused:
        return _refused(hotline, refused)
    flash(say("Đã ghi vào bản nháp. Công bố ở trang Tổ chức để có hiệu lực."))
    return redirect(url_for("organisation.one", hotline=hotline, key=key), 303)


@room.post("/<hotline>/agency/<key>/remove")
def remove(hotline: str, key: str) -> tuple[str, int] | AnyResponse:
    """Taken out of the draft; once published its name stays on what it did."""
    try:
        with transaction() as session:
            house, content = _begun(session, hotline)
            _save(session, house, hotline, organisation_changes.with_agency(content, key, None, []))
    except Refused as refused:
        return _refused(hotline, refused)
    flash(say("Đã bỏ khỏi bản nháp."))
    return redirect(url_for("organisation.index", hotline=hotline), 303)


@room.post("/<hotline>/agency/<key>/switch")
def switch(hotline: str, key: str) -> tuple[str, int] | AnyResponse:
    """On or off at once, with a reason; somebody's draft stays and has the change in it too."""
    reason, active = " ".join(request.form.get("note", "").split()), request.form.get("active") == "yes"
    if not reason:
        with reading() as session:
            return _page(session, hotline, key, None, {"note": [say("Ô “Lý do”: hãy viết vì sao.")]}), 422
    try:
        with transaction() as session:
            house = _house(session, hotline)
            if key not in house.content(ORGANISATION, hotline).get("agency", {}):
                abort(404)
            organisation_documents.switch(
                session, house, hotline, key, active, by=current_user.username,
                seen=request.form.get("seen", ""), note=reason,
            )  # fmt: skip
    except Refused as refused:
        return _refused(hotline, refused)
    flash(
        say("Đã bật. Có hiệu lực ngay.")
        if active
        else say("Đã tắt. Có hiệu lực ngay; lệnh mới chuyển lên đơn vị trên.")
    )
    return redirect(url_for("organisation.one", hotline=hotline, key=key), 303)


@room.post("/<hotline>/publish")
def publish(hotline: str) -> tuple[str, int] | AnyResponse:
    return _changed(hotline, say("Đã công bố. Phiếu và lệnh mới theo bản này."))


@room.post("/<hotline>/undo")
def undo(hotline: str) -> tuple[str, int] | AnyResponse:
    number = publishing.chosen_version()
    return _changed(hotline, say("Đã dùng lại bản số {number}.", number=number), number)


@room.post("/<hotline>/discard")
def discard(hotline: str) -> tuple[str, int] | AnyResponse:
    try:
        with transaction() as session:
            _house(session, hotline)
            documents.discard(session, ORGANISATION, hotline, seen=request.form.get("seen", ""))
    except Refused as refused:
        return _refused(hotline, refused)
    flash(say("Đã bỏ bản nháp."))
    return redirect(url_for("organisation.index", hotline=hotline), 303)


@room.get("/<hotline>/import")
def files(hotline: str) -> str:
    return _files_page(hotline)


@room.post("/<hotline>/import")
def take_in(hotline: str) -> tuple[str, int] | AnyResponse:
    """The files become the draft, whole or laid over what stands; with a fault in one of them nothing does."""
    sent = [
        (f.filename or "", f.read(organisation_files.BYTES_AT_MOST + 1))
        for f in request.files.getlist("files")
    ]
    sent = [(name.rsplit("/", 1)[-1][:80], whole) for name, whole in sent if name]
    if not sent or len(sent) > FILES_AT_MOST:
        return _files_page(
            hotline, said=say("Hãy chọn từ 1 đến {most} tệp CSV hoặc TOML.", most=FILES_AT_MOST)
        ), 422
    try:
        with transaction() as session:
            house, content = _begun(session, hotline)
            incoming = organisation_files.taken(sent)
            if strangers := set(incoming.contents) - {hotline}:
                said = say("Tệp có dòng của tổng đài {other}.", other=", ".join(sorted(strangers)))
                return _files_page(hotline, said=said), 422
            new = incoming.contents.get(hotline, organisation_documents.EMPTY)
            after = (
                new if request.form.get("mode") == "replace" else organisation_changes.merged(content, new)
            )
            # What the files do not name may be what their rows refer to: all is judged together.
            told = organisation_documents.read(house, hotline, after)
            if told.faults:
                before = len(after["responsibility"]) - len(new["responsibility"])
                found = [incoming.told(hotline, f, before) for f in told.faults]
                return _files_page(hotline, sorted(found, key=lambda one: (one.file, one.line))), 422
            _save(session, house, hotline, content_of(told.agencies, told.responsibilities))
    except OrganisationFaults as wrong:
        return _files_page(hotline, wrong.faults), 422
    except Refused as refused:
        return _refused(hotline, refused)
    flash(say("Tệp đã vào bản nháp, chưa có hiệu lực. Xem khác biệt rồi công bố."))
    return redirect(url_for("organisation.index", hotline=hotline), 303)


@room.get("/<hotline>/export/<form>")
def export(hotline: str, form: str) -> Response:
    """What stands, as a file that can be taken in again."""
    with reading() as session:
        told = organisation_documents.read(_house(session, hotline), hotline)
    texts = {
        "agencies.csv": lambda: organisation_files.agencies_csv(told.agencies),
        "responsible.csv": lambda: organisation_files.responsibilities_csv(
            told.responsibilities, {a.key: hotline for a in told.agencies}
        ),
        "whole.toml": lambda: organisation_files.toml(told.agencies, told.responsibilities),
    }
    if form not in texts:
        abort(404)
    # A spreadsheet needs the mark to read the diacritics.
    text = ("\ufeff" if form.endswith(".csv") else "") + texts[form]()
    kind = "text/csv" if form.endswith(".csv") else "application/toml"
    headers = {"Content-Disposition": f'attachment; filename="{hotline}-{form}"'}
    return Response(text, mimetype=kind, headers=headers)


# -- what several pages do --


def _house(session: Session, hotline: str) -> House:
    house = documents.house(session, settings().installation)
    if hotline not in ORGANISATION.keys(house):
        abort(404)
    return house


def _begun(session: Session, hotline: str) -> tuple[House, Content]:
    """The house, and the draft's content, else what stands."""
    house = _house(session, hotline)
    draft = documents.draft(session, ORGANISATION, hotline)
    return house, draft.content if draft is not None else house.content(ORGANISATION, hotline)


def _save(session: Session, house: House, hotline: str, content: Content) -> None:
    seen = request.form.get("seen", "")
    documents.save(session, house, ORGANISATION, hotline, content, by=current_user.username, seen=seen)


def _changed(hotline: str, done: str, number: int | None = None) -> tuple[str, int] | AnyResponse:
    try:
        with transaction() as session:
            house = _house(session, hotline)
            publishing.publish(session, house, ORGANISATION, hotline, number)
    except Refused as refused:
        return _refused(hotline, refused)
    flash(done)
    return redirect(url_for("organisation.index", hotline=hotline), 303)


def _refused(hotline: str, refused: Refused) -> tuple[str, int]:
    said = [either(refused)]
    said += [either(fault) for fault in refused.faults[:10]]
    return render_template("organisation_refused.html", hotline=hotline, said=said), refused.status


def _files_page(hotline: str, faults: Any = (), said: str = "") -> str:
    with reading() as session:
        _house(session, hotline)
        seen = documents.seen(session, ORGANISATION, hotline)
        has_draft = documents.draft(session, ORGANISATION, hotline) is not None
    told: list[FileFault] = list(faults)
    sentences = [said] if said else [either(fault) for fault in told]
    return render_template(
        "organisation_files.html", hotline=hotline, seen=seen, sentences=sentences, has_draft=has_draft,
        columns=(organisation_files.AGENCY_COLUMNS, organisation_files.RESPONSIBILITY_COLUMNS),
    )  # fmt: skip


def _page(
    session: Session, hotline: str, key: str, typed: Content | None = None, wrong: dict[str, list[str]] | None = None
) -> str:  # fmt: skip
    house, content = _begun(session, hotline)
    content = content if typed is None else typed
    if (
        key
        and key not in content.get("agency", {})
        and key not in house.content(ORGANISATION, hotline)["agency"]
    ):
        abort(404)
    view = organisation_view.View(session, house, hotline)
    return render_template(
        "organisation_agency.html", hotline=hotline, key=key, view=view, wrong=wrong or {},
        table=organisation_documents.table_of(content, key), typed=request.form,
        form=organisation_form.shown(content, key, view.day), categories=view.categories,
        kind_choices=[(one, view.kind(one)) for one in KINDS], level_choices=[(one, view.level(one)) for one in LEVELS],
        names=ORGANISATION_FIELDS, weekdays=shown.WEEKDAYS, seen=documents.seen(session, ORGANISATION, hotline),
        draft=documents.draft(session, ORGANISATION, hotline),
        others=[(k, str(one.get("name", k))) for k, one in content.get("agency", {}).items() if k != key],
        units=view.unit_choices(), **organisation_view.of_agency(view, key),
    )  # fmt: skip


def _new_key(house: House, content: Content) -> str:
    wanted = request.form.get("key", "").strip()
    return wanted if wanted not in content["agency"] and organisation_form.KEY.fullmatch(wanted) else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _days_asked() -> organisation_view.Asked:
    """Which tickets are replayed, and on which day they would come."""
    tickets, effect = (_day(request.args.get(name, "")) for name in ("tickets_of", "as_on"))
    return organisation_view.Asked(tickets, effect)


def _fits(agency: Agency, wanted: dict[str, str], day: date, view: organisation_view.View) -> bool:
    if wanted["kind"] not in ("", agency.kind) or wanted["level"] not in ("", agency.level):
        return False
    if agency.active and not agency.stands(day) and not wanted["text"]:
        return False
    people = [f"{shift.who} {shift.number}" for shift in agency.shifts]
    text = folded(
        " ".join((agency.name, agency.key, agency.unit, view.unit(agency.unit), *agency.numbers, *people))
    )
    return all(word in text for word in folded(wanted["text"]).split())


def _station_fits(station: Station, wanted: dict[str, str]) -> bool:
    if wanted["level"] not in ("", station.level):
        return False
    text = folded(" ".join((station.name, station.key, *station.units, *station.numbers)))
    return bool(wanted["text"] or wanted["kind"]) and all(
        word in text for word in folded(wanted["text"]).split()
    )
