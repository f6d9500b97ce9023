"""An article as a settings document: first as the files have it, written as a draft, approved by a second person, undone.

An empty content means that there is no such article: it is the first value of one that was written in the browser, and what
withdraws one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hotline import categories, documents
from hotline.articles import ArticleRow
from hotline.categories import CategoryFaults
from hotline.documents import Content, House, Kind
from hotline.folding import folded
from hotline.toml_table import Fault

LONGEST: Mapping[str, int] = {"title": 160, "text": 4000, "source": 300}
SHORTEST = {"title": 5, "text": 20, "source": 3}
NAMES = {
    "title": ("Tiêu đề", "Title"), "text": ("Nội dung trả lời", "Answer"), "source": ("Nguồn, văn bản", "Source"),
    "category": ("Lĩnh vực", "Category"), "valid_from": ("Có giá trị từ", "Valid from"), "valid_to": ("Đến hết ngày", "Valid until"),
    "hotline": ("Tổng đài", "Hotline"),
}  # fmt: skip
FIELDS = tuple(NAMES)


def where(key: str) -> str:
    return f"[article.{key}]"


def file_tables(house: House) -> Mapping[str, Content]:
    """The articles of the installation's files by key."""
    return _read(_files(house))[0]


def tables(house: House) -> dict[str, Content]:
    """Every article by key, as it stands; a withdrawn one is empty."""
    laid = {key: content for (kind, key), content in house.published.items() if kind == ARTICLE.name}
    return {**file_tables(house), **laid}


def load(session: Session, house: House) -> list[Fault]:
    """Bring the rows to what files and published documents tell; what is wrong with the files, which is left out."""
    faults = list(_read(_files(house))[1])
    known = {row.key: row for row in session.scalars(select(ArticleRow))}
    unread = bool(faults)
    for key, content in tables(house).items():
        if (ARTICLE.name, key) not in house.published:
            wrong = judge(house, key, content)
            faults += wrong
            if wrong:
                continue
        _write(session, known.pop(key, None), key, content, _number(session, key))
    for row in known.values():
        if not unread:  # a file that cannot be read takes nothing away
            session.delete(row)
    session.flush()
    return faults


def judge(house: House, key: str, content: Content) -> list[Fault]:
    """Everything that is wrong with it; an empty one is none."""
    if not content:
        return []
    faults: list[Fault] = []

    def wrong(name: str, vi: str, en: str) -> None:
        word = NAMES.get(name, (name, name))
        faults.append(Fault(f"Ô “{word[0]}”: {vi}", f"{where(key)} {word[1]}: {en}", where(key), name))

    for name, most in LONGEST.items():
        given = content.get(name, "")
        if not isinstance(given, str) or not SHORTEST[name] <= len(given.strip()) <= most:
            wrong(
                name,
                f"hãy viết từ {SHORTEST[name]} đến {most} ký tự.",
                f"write {SHORTEST[name]} to {most} characters.",
            )
    try:
        matters = categories.beside(house.path)
    except CategoryFaults:
        matters = {}
    if content.get("category") not in matters:
        wrong("category", "hãy chọn một lĩnh vực trong danh sách.", "choose one of the list.")
    hotlines = {*house.raw.get("hotline", {}), *(key for kind, key in house.published if kind == "hotline")}
    if content.get("hotline", "") not in {"", *hotlines}:
        wrong("hotline", "không có tổng đài này.", "there is no such hotline.")
    days = {name: _day(content.get(name, "")) for name in ("valid_from", "valid_to")}
    for name, day in days.items():
        if day is None and content.get(name, ""):
            wrong(name, "hãy viết ngày như 2021-08-31.", "write a day like 2021-08-31.")
    if days["valid_from"] and days["valid_to"] and days["valid_to"] < days["valid_from"]:
        wrong("valid_to", "phải sau ngày bắt đầu.", "must be after the first day.")
    for name in content:
        if name not in FIELDS:
            wrong(name, "không có ô này, hãy bỏ đi.", "there is no such field, remove it.")
    return faults


def _day(text: Any) -> date | None:
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None


def _files(house: House) -> tuple[tuple[Path, int], ...]:
    paths: list[Path] = []
    for name in house.raw.get("articles", []):
        path = house.path.parent / str(name)
        paths += sorted(path.glob("*.toml")) if path.is_dir() else [path]
    return tuple((path, path.stat().st_mtime_ns if path.exists() else 0) for path in paths)


@lru_cache(maxsize=2)
def _read(files: Iterable[tuple[Path, int]]) -> tuple[Mapping[str, Content], tuple[Fault, ...]]:
    faults: list[Fault] = []
    found: dict[str, Content] = {}
    for path, _ in files:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            faults.append(
                Fault(
                    f"Tệp bài viết {path.name} không đọc được: {error}.",
                    f"{path.name} cannot be read: {error}.",
                )
            )
            continue
        for key, table in raw.get("article", {}).items():
            if key in found:
                faults.append(
                    Fault(f"Bài {key} có hai lần.", f"{path.name}: {where(key)} stands twice.", where(key))
                )
            found[key] = _plain(table)
    return found, tuple(faults)


def _plain(table: Mapping[str, Any]) -> Content:
    """TOML has days of its own, JSON has texts; a text may be written over several lines."""
    return {
        name: str(value) if isinstance(value, date) else value.strip() if isinstance(value, str) else value
        for name, value in table.items()
    }


def _keys(house: House) -> tuple[str, ...]:
    return tuple(tables(house))


def _first(house: House, key: str) -> Content:
    return deepcopy(dict(file_tables(house).get(key, {})))


def _number(session: Session, key: str) -> int:
    stands = documents.standing(session, ARTICLE, key)
    return (stands.number or 0) if stands is not None else 0


def _publish(session: Session, house: House, key: str, content: Content) -> None:
    row = session.scalar(select(ArticleRow).where(ArticleRow.key == key))
    _write(session, row, key, content, _number(session, key))


def _write(session: Session, row: ArticleRow | None, key: str, content: Content, number: int) -> None:
    if not content:
        session.execute(delete(ArticleRow).where(ArticleRow.key == key))
        return
    if row is None:
        row = ArticleRow(key=key)
        session.add(row)
    values = {
        "hotline": content.get("hotline", ""), "category": content["category"], "title": content["title"],
        "text": content["text"], "source": content["source"], "valid_from": _day(content.get("valid_from")),
        "valid_to": _day(content.get("valid_to")), "number": number, "title_words": folded(content["title"]),
        "text_words": folded(content["text"] + " " + content["source"]),
    }  # fmt: skip
    for name, value in values.items():
        if getattr(row, name, None) != value:
            setattr(row, name, value)
    session.flush()


ARTICLE = Kind("article", _keys, _first, judge, _publish, second_person=True)
"""What operators answer from. It has a page of its own, and is none of the settings' kinds."""
