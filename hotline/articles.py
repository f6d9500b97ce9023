"""Articles: what operators answer from while they talk, each approved by a second person, with its source and the days it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base
from hotline.folding import folded
from hotline.ticket_words import PREFIX_CHARACTERS, WORD, words_of

SHOWN = 12
SOME_MOST = 200
"""So many that have only some of the words are looked at, to find those that have most."""


class ArticleRow(Base):
    """One article as it stands, written by its document (`hotline.article_documents`)."""

    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    hotline: Mapped[str] = mapped_column(String(32), default="")
    """Empty: every hotline's."""
    category: Mapped[str] = mapped_column(String(32), index=True)
    title: Mapped[str] = mapped_column(String(160))
    text: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(300))
    """The document or page on which every word of it stands."""
    valid_from: Mapped[date | None] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()
    """Its last day."""
    number: Mapped[int] = mapped_column(default=0)
    """Of the version that stands; 0: as the file has it."""
    title_words: Mapped[str] = mapped_column(Text, default="")
    """Folded; the index is kept from these by the database itself."""
    text_words: Mapped[str] = mapped_column(Text, default="")

    def holds(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Sought:
    """What an operator looks for."""

    words: str = ""
    category: str = ""
    """The ticket's: its articles come first. With `only` no others."""
    hotline: str = ""
    day: date | None = None
    """Only what holds on that day; None: also what does not."""
    only: bool = False


def find(session: Session, sought: Sought, most: int = SHOWN) -> list[ArticleRow]:
    """The articles that have all the words, the best first; when there is none, those that have some."""
    words = words_of(folded(sought.words))
    if not words:
        order = (case((ArticleRow.category == sought.category, 0), else_=1), ArticleRow.title_words)
        return list(session.scalars(_limited(select(ArticleRow), sought).order_by(*order).limit(most)))
    found = _matching(session, words, sought, most, together=True)
    if found or len(words) == 1:
        return found
    some = _matching(session, words, sought, SOME_MOST, together=False)
    return sorted(some, key=lambda row: -_shared(row, words))[:most]


def _shared(row: ArticleRow, words: Sequence[str]) -> int:
    """How many of the words it has, and of their pairs side by side (two syllables are one Vietnamese word); those of its title twice."""
    title, body = (f" {' '.join(WORD.findall(text))} " for text in (row.title_words, row.text_words))
    wanted = [f" {one} " for one in (*words, *(f"{one} {after}" for one, after in pairwise(words)))]
    return sum(2 * (one in title) + (one in body) for one in wanted)


def _matching(
    session: Session, words: Sequence[str], sought: Sought, most: int, *, together: bool
) -> list[ArticleRow]:
    hits = _hits(session.get_bind().dialect.name, words, together=together).subquery()
    asked = _limited(select(ArticleRow).join(hits, hits.c.id == ArticleRow.id), sought)
    order = (case((ArticleRow.category == sought.category, 0), else_=1), hits.c.worse, ArticleRow.title_words)
    return list(session.scalars(asked.order_by(*order).limit(most)))


def _hits(dialect: str, words: Sequence[str], *, together: bool) -> Select[Any]:
    """Ids with how badly they fit: a word of the title weighs eight of the text."""
    *whole, last = words
    ends = len(last) >= PREFIX_CHARACTERS
    if dialect == "sqlite":
        quoted = [f'"{word}"' for word in whole] + [f'"{last}"' + (" *" if ends else "")]
        wanted = (" AND " if together else " OR ").join(quoted)
        return select(
            table("article_words", column("rowid", Integer)).c.rowid.label("id"),
            literal_column("bm25(article_words, 8.0, 1.0)").label("worse"),
        ).where(text("article_words MATCH :wanted").bindparams(wanted=wanted))
    wanted = (" & " if together else " | ").join([*whole, last + (":*" if ends else "")])
    matches = text("article.words @@ CAST(:wanted AS tsquery)").bindparams(wanted=wanted)
    weights: ColumnElement[Any] = literal_column("CAST('{0, 0, 0.125, 1}' AS real[])")
    indexed: ColumnElement[Any] = literal_column("article.words")
    fits = func.ts_rank(weights, indexed, cast(wanted, TSQUERY))
    return select(ArticleRow.id, (-fits).label("worse")).where(matches)


def _limited(asked: Select[Any], sought: Sought) -> Select[Any]:
    if sought.hotline:
        asked = asked.where(ArticleRow.hotline.in_(("", sought.hotline)))
    if sought.only and sought.category:
        asked = asked.where(ArticleRow.category == sought.category)
    if sought.day is not None:
        begun = or_(ArticleRow.valid_from.is_(None), ArticleRow.valid_from <= sought.day)
        asked = asked.where(begun, or_(ArticleRow.valid_to.is_(None), ArticleRow.valid_to >= sought.day))
    return asked


def one(session: Session, key: str) -> ArticleRow | None:
    return session.scalar(select(ArticleRow).where(ArticleRow.key == key))
