"""Which protocol text was approved, by whom, when: calls run the last approved one of each name."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment


class Approval(Base):
    __tablename__ = "approval"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    """The protocol file's name without .toml."""
    version: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    """The whole TOML, so that an edited file is only a draft beside it."""
    edited_by: Mapped[str] = mapped_column(String(64))
    approved_by: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    approved_at: Mapped[datetime] = mapped_column(Moment)


def last_approved(session: Session, name: str) -> Approval | None:
    return session.scalar(select(Approval).where(Approval.name == name).order_by(Approval.id.desc()).limit(1))
