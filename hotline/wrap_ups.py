"""Wrap-ups: how an operator finished a call, and what is still to be done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class WrapUp(Base):
    """One call's disposition by the operator who talked."""

    __tablename__ = "wrap_up"
    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    operator_id: Mapped[int] = mapped_column(index=True)
    disposition: Mapped[str] = mapped_column(String(32))
    follow_up_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)
