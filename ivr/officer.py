"""The officers' tool: check a protocol or the operators' script, look at it as a picture or a table, and approve it as a second person."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline import events
from hotline.approvals import Approval, last_approved
from hotline.database import transaction
from hotline.operators import Operator, Role
from hotline.settings import settings
from ivr import approved, review, script, script_review
from ivr.protocol import Protocol, read
from ivr.protocol_faults import ProtocolFaults
from ivr.script import Script
from ivr.speech import prompt_set

MAY_APPROVE = (Role.SUPERVISOR, Role.ADMINISTRATOR)


class NotApproved(Exception):  # noqa: N818 - an exception is named after the fact
    """The protocol stays a draft; the text is one sentence saying why and what mends it."""


def main(words: list[str]) -> int:
    """`check | draw | table | approve NAME`; 0 when all is well, 1 with sentences on what is not."""
    parser = _parser()
    try:
        asked = parser.parse_args(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    try:
        return int(_VERBS[asked.verb](asked))
    except ProtocolFaults as wrong:
        sys.stderr.write(wrong.text("vi") + "\n")
    except (NotApproved, approved.NoSuchProtocol) as wrong:
        sys.stderr.write(f"{wrong}\n")
    except SQLAlchemyError as failure:
        sys.stderr.write(
            f"Không dùng được cơ sở dữ liệu ({type(failure).__name__}); hãy chạy ./run migrate.\n"
        )
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("Đã dừng, chưa duyệt gì.\n")
    return 1


def faults_of(name: str) -> list[str]:
    """What stands against approving the file: its own faults cannot be listed here, `read` raises them all."""
    protocol, _ = _read(name)
    if isinstance(protocol, Script):
        return []  # what it must find is in its own rules; the table is what an officer signs
    path = approved.file_of(name).with_suffix(".scenarios.toml")
    if not path.exists():
        return [f"Chưa có tệp tình huống {path.name}: hãy viết các ca mà bộ câu hỏi phải đúng."]
    scenarios = review.read_scenarios(path.read_text(encoding="utf-8"), path.name)
    return review.run_scenarios(protocol, scenarios, "vi")


def approve(session: Session, name: str, *, edited_by: str, officer: Operator) -> Approval:
    """Store the file's text as approved by `officer`. Raises NotApproved; ProtocolFaults when it cannot be read."""
    if officer.role not in MAY_APPROVE or not officer.active:
        raise NotApproved(f"{officer.username} không có quyền duyệt: cần trưởng ca hoặc quản trị.")
    if officer.username == edited_by:
        raise NotApproved("Người duyệt phải là người thứ hai, không phải người đã sửa.")
    if not edited_by:
        raise NotApproved("Hãy ghi ai đã sửa bộ câu hỏi: --edited-by TÊN.")
    if faults := faults_of(name):
        raise NotApproved("\n".join(["Chưa duyệt được:", *faults]))
    protocol, text = _read(name)
    known = last_approved(session, name)
    if known is not None and known.digest == protocol.digest:
        raise NotApproved(f"Bản này ({protocol.version}) đã được duyệt ngày {known.approved_at:%d/%m/%Y}.")
    if known is not None and known.version == protocol.version:
        raise NotApproved(f"Nội dung đã đổi mà phiên bản vẫn là {protocol.version}: hãy ghi phiên bản mới.")
    return _stored(session, name, protocol, text, edited_by, officer)


def approve_for_demo(session: Session, name: str, operator: Operator) -> Approval | None:
    """The shipped file approved in the demo's name, whatever was approved before; None when it is already."""
    protocol, text = _read(name)
    known = last_approved(session, name)
    if known is not None and known.digest == protocol.digest:
        return None
    return _stored(session, name, protocol, text, "demo", operator)


def signed_in(session: Session, username: str, password: str) -> Operator:
    """The person of this name and password. Raises NotApproved, which does not tell which of them was wrong."""
    officer = session.scalar(select(Operator).where(Operator.username == username, Operator.active))
    try:
        # Also without such a person a hash is looked at, so that the time does not tell who exists.
        PasswordHasher().verify(officer.password_hash if officer else PasswordHasher().hash("-"), password)
    except (VerificationError, InvalidHashError):
        officer = None
    if officer is None:
        raise NotApproved("Tên hoặc mật khẩu không đúng.")
    return officer


# The verbs


def _check(asked: argparse.Namespace) -> int:
    protocol, _ = _read(asked.name)
    if isinstance(protocol, Script):
        sys.stdout.write(
            f"{asked.name} {protocol.version}: không có lỗi, {len(protocol.questions)} câu hỏi, "
            f"{len(protocol.rules)} quy tắc.\nSHA-256 {protocol.digest}\n"
        )
        return 0
    faults = faults_of(asked.name) if asked.name != approved.EMERGENCY_ONLY else []
    for sentence in faults:
        sys.stderr.write(f"{sentence}\n")
    if not faults:
        ways = sum(1 for _ in review.ways(protocol))
        sys.stdout.write(
            f"{asked.name} {protocol.version}: không có lỗi, {len(protocol.questions)} câu hỏi, {ways} đường đi.\n"
            f"SHA-256 {protocol.digest}\n"
        )
    return 1 if faults else 0


def _draw(asked: argparse.Namespace) -> int:
    protocol, _ = _read(asked.name)
    if isinstance(protocol, Script):
        raise NotApproved(f"{asked.name} không có sơ đồ: dùng ./run protocol table {asked.name}.")
    sys.stdout.write(review.draw(protocol, asked.language))
    return 0


def _table(asked: argparse.Namespace) -> int:
    protocol, _ = _read(asked.name)
    if isinstance(protocol, Script):
        sys.stdout.write(script_review.table(protocol, asked.language))
    else:
        sys.stdout.write(review.table(protocol, asked.language))
    return 0


def _approve(asked: argparse.Namespace) -> int:
    if faults := faults_of(asked.name):
        raise NotApproved("\n".join(["Chưa duyệt được:", *faults]))
    sys.stdout.write(f"Duyệt bộ câu hỏi {asked.name}: người duyệt đăng nhập.\n")
    username = asked.officer or input("  tên đăng nhập: ").strip()
    password = getpass.getpass("  mật khẩu: ")
    is_script = isinstance(_read(asked.name)[0], Script)
    # The sounds first: the calls take an approved protocol only when it can be heard.
    unspoken = () if is_script else prompt_set.render(settings()).faults
    with transaction() as session:
        officer = signed_in(session, username, password)
        row = approve(session, asked.name, edited_by=asked.edited_by, officer=officer)
    sys.stdout.write(
        f"{asked.name} {row.version} đã được {username} duyệt lúc {row.approved_at:%d/%m/%Y %H:%M} UTC.\n"
        f"SHA-256 {row.digest}\n{'Bàn làm việc' if is_script else 'Tổng đài'} dùng bản này trong vòng 30 giây.\n"
    )
    for fault in unspoken:
        sys.stderr.write(f"{fault}\n")
    return 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "draw": _draw,
    "table": _table,
    "approve": _approve,
}


# The small parts


def _stored(
    session: Session, name: str, protocol: Protocol | Script, text: str, edited_by: str, officer: Operator
) -> Approval:
    row = Approval(
        name=name,
        version=protocol.version,
        digest=protocol.digest,
        text=text,
        edited_by=edited_by,
        approved_by=officer.id,
        approved_at=events.now(),
    )
    session.add(row)
    return row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run protocol", description="Bộ câu hỏi phân loại cuộc gọi.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="check | draw | table | approve")
    for verb, words in (
        ("check", "mọi lỗi trong tệp, và các tình huống"),
        ("draw", "sơ đồ Mermaid"),
        ("table", "bảng mọi đường đi để ký"),
        ("approve", "người thứ hai duyệt"),
    ):
        own = verbs.add_parser(verb, help=words)
        own.add_argument("name", metavar="NAME", help="tên tệp, không có .toml")
        if verb in ("draw", "table"):
            own.add_argument("--language", choices=("vi", "en"), default="vi")
        if verb == "approve":
            own.add_argument("--edited-by", required=True, metavar="USER", help="ai đã sửa tệp")
            own.add_argument(
                "--officer", default="", metavar="USER", help="ai duyệt; không ghi thì sẽ được hỏi"
            )
    return parser


def _read(name: str) -> tuple[Protocol | Script, str]:
    path = approved.file_of(name)
    text = path.read_text(encoding="utf-8")
    return (script.read(text, path.name) if name == script.NAME else read(text, path.name)), text
