"""What a desk asks of the calls process: rows that the calls process carries out in order; Redis only wakes it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.bus import announce
from hotline.database import Base, Moment
from hotline.events import now

WAKE = "hotline:commands"
"""Redis stream whose entries only say "look at the table"."""

KINDS = frozenset(
    {
        "sign_in",
        "sign_out",
        "pause",
        "resume",
        "finish_wrap_up",
        "hold_wrap_up",
        "raise_acuity",
        "recall_now",
        "recall_cancel",
        "dial",
        "hold",
        "retrieve",
        "mute",
        "unmute",
        "hang_up",
        "take_next",
        "phone_gone",
        "phone_ready",
        "listen",
        "whisper",
        "barge",
        "take_over",
        "stop_watching",
        "to_front",
        "force_pause",
        "force_sign_out",
        "force_wrap_up",
        "transfer_ask",
        "transfer_toggle",
        "transfer_merge",
        "transfer_leave",
        "transfer_cancel",
        "person_changed",
        "transfer_note",
        "transfer_note_end",
        "station_accept",
        "station_decline",
        "station_repeat",
    }
)
"""sign_in {phone, second_phone?, pause?: a reason, for a supervisor who takes no calls};
pause {reason}; raise_acuity {call_id, acuity, why, told?}; recall_now / recall_cancel {recall_id, mine?};
dial {number}: beside a talk, which is then kept on hold; hold / retrieve / hang_up {call_id}: of one contact of the desk; take_next {}: a
caller who waits, beside the present contact; phone_gone / phone_ready {}: the page that is
a telephone is being left / is there;
hold_wrap_up {call_id}: the page asks for the disposition, so the time alone does not end the wrap-up;
transfer_ask {call_id, station or number or colleague (an operator's id), card};
transfer_note / transfer_note_end {call_id}: the operator speaks a note for the station;
the other transfer_… {call_id, seen: the state the page showed};
person_changed {}: an administrator changed who this operator is; whoever was switched off leaves after the present call;
of a station's account: station_accept / station_decline / station_repeat {call_id, leg_id}, as its keys 1, 2, 3;
of a supervisor: listen / whisper / barge / take_over {call_id}; stop_watching {}; to_front {call_id}; force_… {operator_id}."""
LANGUAGE = "language"
"""Field of every body: in which language a refusal is to be read."""


class DeskCommand(Base):
    __tablename__ = "desk_command"
    id: Mapped[int] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(Moment)
    operator_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(24))
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    click_id: Mapped[str] = mapped_column(String(64), unique=True)
    """Made by the page for each click, so that a double click is one command."""
    done_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    refused: Mapped[str] = mapped_column(String(200), default="")
    """Why it could not be done, in a sentence for the operator; empty when done."""


def ask(
    session: Session, operator_id: int, kind: str, click_id: str, body: dict[str, Any] | None = None
) -> DeskCommand:
    """Add a command in the caller's transaction; ValueError when there is no such kind. A known click_id is returned as it is."""
    if kind not in KINDS:
        raise ValueError(f"no desk command {kind!r}")
    known = session.query(DeskCommand).filter_by(click_id=click_id).one_or_none()
    if known is not None:
        return known
    command = DeskCommand(
        asked_at=now(),
        operator_id=operator_id,
        kind=kind,
        click_id=click_id,
        body=body or {},
        done_at=None,
        refused="",
    )
    session.add(command)
    announce(session, WAKE, {"command": kind})
    return command
