"""A hotline's morning as rows: calls in every state, made of the same facts that the product tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.approvals import Approval
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Operator, Role
from hotline.record import apply
from hotline.recordings import relative_path
from hotline.settings import PROJECT
from hotline.units import Unit
from ivr.protocol import read

PASSWORD = "mật khẩu thử 1022"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

PEOPLE: Mapping[str, tuple[str, Role]] = {
    "quantri": ("Nguyễn Thị Quản Trị", Role.ADMINISTRATOR),
    "truongca": ("Trần Văn Trưởng Ca", Role.SUPERVISOR),
    "truongca2": ("Bùi Thu Thủy", Role.SUPERVISOR),
    "lan": ("Lê Thị Lan", Role.OPERATOR),
    "minh": ("Phạm Quang Minh", Role.OPERATOR),
    "hoa": ("Võ Thị Hoa", Role.OPERATOR),
    "tuan": ("Đặng Anh Tuấn", Role.OPERATOR),
}
FEVER = (
    ("ROOT", "2", "ho, sốt, nghi mắc COVID"),
    ("A1", "2", "không: khó thở, môi tím hoặc đau tức ngực"),
    ("A2", "2", "không: lơ mơ, co giật, ngất hoặc không uống được"),
    ("A3", "3", "SpO2 từ 96, hoặc không có máy"),
)


def people(session: Session) -> dict[str, int]:
    """The people, by username; all sign in with PASSWORD."""
    rows = {
        name: Operator(username=name, full_name=full, role=role, password_hash=_HASH)
        for name, (full, role) in PEOPLE.items()
    }
    session.add_all(rows.values())
    session.flush()
    return {name: row.id for name, row in rows.items()}


def approve(session: Session, officer: int, at: datetime) -> str:
    """Approves the shipped protocol; its digest."""
    text = (PROJECT / "ivr" / "protocols" / "covid-2021.toml").read_text(encoding="utf-8")
    protocol = read(text, "covid-2021.toml")
    row = Approval(
        name="covid-2021", version=protocol.version, digest=protocol.digest, text=text, edited_by="quantri",
        approved_by=officer, approved_at=at,
    )  # fmt: skip
    session.add(row)
    return protocol.digest


def units(session: Session) -> None:
    for code, name, full, level, parent in (
        ("70", "Bình Phước", "Tỉnh Bình Phước", "province", ""),
        ("697", "Chơn Thành", "Thị xã Chơn Thành", "district", "70"),
        ("689", "Đồng Xoài", "Thành phố Đồng Xoài", "district", "70"),
        ("25432", "Hưng Long", "Phường Hưng Long", "commune", "697"),
        ("25195", "Tân Phú", "Phường Tân Phú", "commune", "689"),
    ):
        session.add(
            Unit(
                id=f"{code}@2021", code=code, name=name, full_name=full, kind=full.split()[0].lower(), level=level,
                parent_code=parent, province_code="70", valid_from=datetime(2021, 1, 1).date(), valid_to=None,
            )
        )  # fmt: skip


@dataclass
class Caller:
    """One caller, told fact by fact."""

    session: Session
    call_id: str
    at: datetime
    hotline: str = "binhphuoc"
    number: str = "+84912345678"

    def tell(self, kind: type[e.Event], after_s: float = 0.0, **values: Any) -> Caller:
        self.at += timedelta(seconds=after_s)
        apply(self.session, kind(at=self.at, call_id=self.call_id, **values), "calls")  # type: ignore[call-arg] # every fact told here has a call_id
        return self

    def arrives(self) -> Caller:
        called = {"binhphuoc": "02711022", "binhduong": "02741022"}[self.hotline]
        return self.tell(
            e.CallArrived, hotline=self.hotline, node="n1", trunk="vnpt", called_number=called,
            caller_number=self.number, caller_kind="mobile",
        )  # fmt: skip

    def is_triaged(
        self, acuity: str, reason: str, digest: str = "", branch: str = "medical", path: Any = FEVER
    ) -> Caller:
        steps = tuple(
            {"question": q, "key": k, "said": s, "at": (self.at + timedelta(seconds=7 * i)).isoformat()}
            for i, (q, k, s) in enumerate(path, 1)
        )
        self.tell(
            e.CallTriaged, 21, hotline=self.hotline, acuity=acuity, branch=branch, reason=reason, language="vi", path=steps,
            protocol_id="vn1022-covid-ivr" if digest else "", protocol_version="0.2-draft" if digest else "",
            protocol_digest=digest,
        )  # fmt: skip
        return self.tell(e.CallQueued, 0.1, hotline=self.hotline, acuity=acuity)

    def rings(self, operator: int, phone: str, after_s: float = 1.0) -> Caller:
        leg = f"op-{self.call_id}-1"
        self.tell(
            e.LegDialled,
            after_s,
            leg_id=leg,
            node="n1",
            role="operator",
            endpoint=f"PJSIP/{phone}",
            operator_id=operator,
        )
        return self.presence(operator, "ringing", phone)

    def presence(self, operator: int, state: str, phone: str, reason: str = "") -> Caller:
        call_id = self.call_id if state in ("ringing", "talking", "wrap_up") else ""
        change = e.OperatorChanged(
            at=self.at, operator_id=operator, state=state, reason=reason, phone=phone, call_id=call_id
        )
        apply(self.session, change, "calls")
        return self

    def talks(self, operator: int, username: str, phone: str, after_s: float = 4.0) -> Caller:
        leg = f"op-{self.call_id}-1"
        self.tell(e.CallAnswered, after_s, leg_id=leg, answered_by=username, operator_id=operator)
        return self.presence(operator, "talking", phone)

    def ends(self, reason: str = "served", after_s: float = 95.0) -> Caller:
        return self.tell(e.CallEnded, after_s, reason=reason, heard_s=after_s + 30)

    def is_recorded(self, recordings: Path, seconds: float = 12.0) -> Caller:
        """A recording of two tones, the caller's louder than what the caller hears."""
        path = relative_path(self.call_id)
        sound = _two_tones(seconds)
        (recordings / path).parent.mkdir(parents=True, exist_ok=True)
        (recordings / path).write_bytes(sound)
        return self.tell(
            e.RecordingKept,
            1,
            node="n1",
            path=str(path),
            length_s=seconds,
            size_bytes=len(sound),
            sha256="0" * 64,
        )


@lru_cache(maxsize=4)
def _two_tones(seconds: float) -> bytes:
    times = np.arange(int(8000 * seconds)) / 8000
    left = 9000 * np.sin(2 * np.pi * 620 * times) * (np.sin(times * 2) > 0)
    right = 5000 * np.sin(2 * np.pi * 440 * times) * (np.sin(times * 2) <= 0)
    return np.stack([left, right], axis=1).astype("<i2").tobytes()


def call_id(at: datetime, number: int) -> str:
    return f"n1-{int(at.timestamp())}.{number}"


def morning(session: Session, recordings: Path, at: datetime) -> dict[str, int]:
    """Everybody and a busy quarter of an hour before `at`; people's ids by username."""
    who = people(session)
    units(session)
    digest = approve(session, who["truongca"], at - timedelta(days=3))
    session.flush()

    def ago(seconds: float) -> datetime:
        return at - timedelta(seconds=seconds)

    def caller(seconds_ago: float, n: int, number: str, hotline: str = "binhphuoc") -> Caller:
        began = ago(seconds_ago)
        return Caller(session, call_id(began, n), began, hotline, number).arrives()

    asked = "Hỏi thủ tục đăng ký tạm trú"
    done = (
        (880, "+84903112233", "YELLOW", "Sốt trên 38,5 độ đã hai ngày", "lan", "101"),
        (820, "+84977889900", "NONMED", asked, "minh", "102"),
        (700, "+84388123456", "ORANGE", "Đau ngực sau tiêm vắc xin", "lan", "101"),
        (610, "+84918273645", "NONMED", "Phản ánh rác thải không được thu gom", "hoa", "103"),
    )
    for n, (seconds, number, acuity, reason, name, phone) in enumerate(done, 100):
        one = caller(seconds, n, number).is_triaged(
            acuity, reason, digest, "medical" if acuity != "NONMED" else "nonmedical"
        )
        one.rings(who[name], phone).talks(who[name], name, phone).ends().is_recorded(recordings)
        one.presence(who[name], "wrap_up", phone)
    lost = caller(540, 110, "+84912000111").is_triaged("GREEN", "Hỏi về cách ly tại nhà", digest)
    lost.ends("abandoned", 44).tell(
        e.RecallDue,
        0,
        hotline="binhphuoc",
        number="+84912000111",
        acuity="GREEN",
        why="lost",
        due_at=at + timedelta(hours=3),
    )
    lost_red = caller(400, 111, "+84934567001").is_triaged("RED", "Khó thở, tím tái", digest)
    lost_red.ends("abandoned", 6).tell(
        e.RecallDue, 0, hotline="binhphuoc", number="+84934567001", acuity="RED", why="lost", due_at=ago(300)
    )
    talking = caller(160, 120, "+84865432109").is_triaged("ORANGE", "Sốt cao, li bì", digest)
    talking.rings(who["lan"], "101").talks(who["lan"], "lan", "101")
    second = caller(220, 121, "+84706655443", "binhduong").is_triaged("YELLOW", "Ho nhiều, mệt", digest)
    second.rings(who["minh"], "102").talks(who["minh"], "minh", "102", 8)
    caller(29, 130, "+84812345098").is_triaged("RED", "Khó thở, tím tái hoặc đau ngực", digest).rings(
        who["hoa"], "103"
    )
    caller(75, 131, "+84969123777").is_triaged("ORANGE", "Xin gặp tổng đài viên trong nhánh y tế", digest)
    caller(240, 132, "+84911224466").is_triaged("YELLOW", "Sốt dưới 38,5 độ, có bệnh nền", digest)
    caller(130, 133, "", "binhduong").is_triaged("GREEN", "Tiếp xúc gần, không triệu chứng", digest)
    caller(110, 134, "+84355667788").is_triaged("NONMED", asked, digest, "nonmedical")
    caller(9, 140, "+84944556677")
    Caller(session, "-", ago(360)).presence(who["tuan"], "paused", "104", "meal")
    session.flush()
    return who


def arrives(number: str, acuity: str = "RED") -> str:
    """A caller joins the line now; the call's id."""
    began = now() - timedelta(seconds=22)
    with transaction() as session:
        caller = Caller(session, call_id(began, int(number[-4:])), began, number=number)
        caller.arrives().is_triaged(acuity, "Ngất, co giật")
    return caller.call_id
