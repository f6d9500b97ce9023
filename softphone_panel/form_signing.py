"""Scoring forms signed by a second person, as protocols are: calls can be scored by an unsigned one, and the pages say that it is."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.approvals import Approval, last_approved
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Operator
from ivr.scoring_form import Form
from softphone_panel import scoring
from softphone_panel.faults import InputFault
from softphone_panel.words import say

room = Blueprint("form_signing", __name__, url_prefix="/quality/forms")

PREFIX = "form:"
"""Before a form's id in the name of its approval; no protocol's name has a colon."""


@dataclass(frozen=True)
class Signed:
    """A form in use, and who signed this very text."""

    form: Form
    approval: Approval | None
    by: str = ""


def forms(session: Session) -> list[Signed]:
    """The forms in use, each with its signature if its present text has one."""
    return [signed(session, form) for form in scoring.files().forms.values()]


def signed(session: Session, form: Form) -> Signed:
    last = last_approved(session, PREFIX + form.id)
    if last is None or last.digest != form.digest:
        return Signed(form, None)
    by = session.get(Operator, last.approved_by)
    return Signed(form, last, by.full_name if by is not None else "")


@room.post("/<digest>/sign")
def sign(digest: str) -> AnyResponse:
    """The reader answers for the form; whoever wrote it is somebody else."""
    form = scoring.files().forms.get(digest)
    if form is None:
        abort(404)
    wrote = request.form.get("wrote", "")
    with transaction() as session:
        known = session.scalar(select(Operator.id).where(Operator.username == wrote))
        if known is None:
            raise InputFault("wrote", say("Ô “Ai đã soạn”: hãy chọn một người trong danh sách."))
        if wrote == current_user.username:
            raise InputFault("wrote", say("Người duyệt phải là người thứ hai, không phải người đã soạn."))
        last = last_approved(session, PREFIX + form.id)
        if last is not None and last.digest == digest:
            raise InputFault("wrote", say("Bản này đã được duyệt: hãy tải lại trang."), 409)
        if last is not None and last.version == form.version:
            raise InputFault(
                "wrote",
                say(
                    "Nội dung mẫu đã đổi mà vẫn là bản {version}: hãy ghi số bản mới vào tệp.",
                    version=form.version,
                ),
                409,
            )
        session.add(
            Approval(
                name=(PREFIX + form.id)[:64], version=form.version[:32], digest=digest, text=scoring.files().texts[digest],
                edited_by=wrote, approved_by=current_user.id, approved_at=now(),
            )
        )  # fmt: skip
    flash(say("Đã duyệt mẫu phiếu chấm bản {version}.", version=form.version))
    return redirect(url_for("quality.page"), 303)
