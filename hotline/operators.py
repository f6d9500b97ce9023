"""Operators: who they are, their states, and the table of what may follow what."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class Role(StrEnum):
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    STATION = "station"
    """A health station's own account: it sees the hand-overs that are offered to it, and nothing else."""
    TEAM = "team"
    """A team's own account: it sees the orders that it was given, and nothing else."""
    LEADER = "leader"
    """Somebody of a command centre who decides on orders beyond others' authority."""


MUTED = "muted"
"""Why somebody talks and nobody hears them: they asked so at the page of their desk phone."""


class Presence(StrEnum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


FOLLOWS: dict[Presence, frozenset[Presence]] = {
    Presence.OFFLINE: frozenset({Presence.AVAILABLE}),
    Presence.AVAILABLE: frozenset({Presence.RINGING, Presence.PAUSED, Presence.OFFLINE}),
    Presence.RINGING: frozenset(
        {Presence.TALKING, Presence.AVAILABLE, Presence.WRAP_UP, Presence.PAUSED, Presence.OFFLINE}
    ),
    Presence.TALKING: frozenset({Presence.WRAP_UP, Presence.AVAILABLE, Presence.PAUSED, Presence.OFFLINE}),
    Presence.WRAP_UP: frozenset({Presence.AVAILABLE, Presence.RINGING, Presence.PAUSED, Presence.OFFLINE}),
    Presence.PAUSED: frozenset({Presence.AVAILABLE, Presence.TALKING, Presence.OFFLINE}),
}
"""What may follow what. Wrap-up may be interrupted by a RED call (ringing), and goes on when somebody else answers;
a supervisor who only listened may take the talk over."""


class Operator(Base):
    """A person who may sign in to the panel; operators with a phone can take calls."""

    __tablename__ = "operator"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8), default="vi")
    hotlines: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Keys of the hotlines served; empty means all."""
    skills: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Words of `hotline.skills`; empty when nothing is known."""
    phone: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """The desk phone they usually sit at, offered first; "web" is the telephone of the page."""
    second_phone: Mapped[str] = mapped_column(String(32), default="", server_default="")
    active: Mapped[bool] = mapped_column(default=True)
    station: Mapped[str] = mapped_column(String(48), default="", server_default="")
    """Key of the station whose account it is; empty for everybody else."""
    agency: Mapped[str] = mapped_column(String(48), default="", server_default="")
    """Key of the team whose account it is, or of the command centre that a leader belongs to; empty for everybody else."""
    session_epoch: Mapped[int] = mapped_column(default=0)
    """Raised to end all the operator's sessions."""
    sessions_kept_for: Mapped[str] = mapped_column(String(80), default="", server_default="")
    """"<epoch>:<call id>" of a talk that went on when the sessions ended: those of that epoch live to its end."""
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The password was made by the system and seen by whoever handed it over."""

    def end_sessions(self, presence: "OperatorPresence | None") -> None:
        """All of them are over; in a talk, when that talk is."""
        talking = presence.call_id if presence is not None and presence.state == Presence.TALKING else ""
        if talking and self.sessions_kept_for.partition(":")[2] != talking:
            self.sessions_kept_for = f"{self.session_epoch}:{talking}"
        self.session_epoch += 1


class OperatorPresence(Base):
    """Where an operator is now; its only writer is the calls process (through `hotline.record`)."""

    __tablename__ = "operator_presence"
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default=Presence.OFFLINE)
    reason: Mapped[str] = mapped_column(String(64), default="")
    """Why paused ("missed", "break", …), or MUTED."""
    phone: Mapped[str] = mapped_column(String(32), default="")
    """SIP endpoint the operator sits at, e.g. "101"."""
    second_phone: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Rings with it; the first that answers talks."""
    call_id: Mapped[str] = mapped_column(String(64), default="")
    since: Mapped[datetime] = mapped_column(Moment)


class OperatorEntry(Base):
    """One dated change of an operator's state; never edited."""

    __tablename__ = "operator_entry"
    __table_args__ = (Index("ix_operator_entry_in_turn", "operator_id", "at", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64), default="")
    call_id: Mapped[str] = mapped_column(String(64), default="")
