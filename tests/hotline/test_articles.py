"""Articles: taken from files and documents, found by their words on both databases, approved by a second person."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from hotline import article_documents, articles, documents
from hotline.article_documents import ARTICLE
from hotline.articles import ArticleRow, Sought
from hotline.database import reading, transaction
from hotline.documents import Content, House, Refused
from hotline.settings import PROJECT

DEMO = PROJECT / "installation" / "demo.toml"
DAY = date(2026, 3, 2)
NEW: Content = {
    "title": "Hỗ trợ thuê trọ", "category": "relief", "source": "Quyết định thử",
    "text": "Người thuê trọ gặp khó khăn được xem xét hỗ trợ.",
}  # fmt: skip


def found(engine: Engine, words: str, **more: object) -> list[str]:
    with reading(engine) as session:
        return [row.key for row in articles.find(session, Sought(words, **{"day": DAY, **more}))]  # type: ignore[arg-type] # the fields of Sought


@pytest.fixture
def loaded(database: Engine) -> Engine:
    with transaction(database) as session:
        assert article_documents.load(session, documents.house(session, DEMO)) == []
    return database


def change(engine: Engine, by: str, content: Content | None = None, key: str = "thue-tro") -> None:
    """Save a draft, or without content approve it."""
    with transaction(engine) as session:
        house, seen = documents.house(session, DEMO), documents.seen(session, ARTICLE, key)
        if content is None:
            documents.publish(session, house, ARTICLE, key, by=by, seen=seen)
        else:
            documents.save(session, house, ARTICLE, key, content, by=by, seen=seen)


def test_the_demos_articles_have_no_fault_and_speak_of_every_category(loaded: Engine) -> None:
    with reading(loaded) as session:
        rows = session.scalars(select(ArticleRow)).all()
    assert len(rows) >= 75
    medical = ("emergency_transport", "suspected_case", "post_vaccination")
    assert all(sum(row.category == one for row in rows) >= 12 for one in medical)
    assert len({row.category for row in rows}) == 10


def test_words_are_found_with_and_without_diacritics_the_last_by_its_beginning_titles_first(
    loaded: Engine,
) -> None:
    assert found(loaded, "tre tho ren")[0] == found(loaded, "Trẻ thở rên")[0] == "tre-kho-tho"
    assert found(loaded, "viem co ti")[0] == "viem-co-tim"
    assert "f0-dau-hieu-bao-ngay" in found(loaded, "spo2")
    assert found(loaded, "SpO2")[0] == "do-spo2"
    assert found(loaded, "đồng nai", category="procedure") == ["sau-sap-nhap-tinh"]


def test_where_no_article_has_all_the_words_those_with_some_are_found(loaded: Engine) -> None:
    assert "thieu-luong-thuc" in found(loaded, "hết gạo xyzzy")
    rent = found(loaded, "ho tro tien thue tro", category="procedure")  # no article has all of it
    assert rent[0] == "gian-cach-ho-tro", "what has most of the words first, whatever the ticket's category"
    assert found(loaded, "xyzzy") == []
    assert found(loaded, "\" ' * ( AND") == [] or found(loaded, "\" ' * ( AND")


def test_the_tickets_category_comes_first_and_an_other_hotlines_articles_never(loaded: Engine) -> None:
    assert found(loaded, "bao lâu", category="violation", hotline="binhduong")[0] == "vi-pham-xu-ly-bao-lau"
    assert "vi-pham-xu-ly-bao-lau" not in found(loaded, "bao lâu", hotline="binhphuoc")


def test_an_article_is_found_on_the_days_it_holds(loaded: Engine) -> None:
    assert "nghi-dinh-13" not in found(loaded, "nghị định 13/2023")
    assert "nghi-dinh-13" in found(loaded, "nghị định 13/2023", day=date(2025, 12, 31))
    assert "luat-du-lieu-ca-nhan" not in found(loaded, "dữ liệu cá nhân", day=date(2025, 12, 31))
    assert "nghi-dinh-13" in found(loaded, "nghị định 13/2023", day=None)


def test_a_draft_is_found_by_nobody_until_a_second_person_approves_it(loaded: Engine) -> None:
    change(loaded, "lan", NEW)
    assert found(loaded, "thuê") == []
    with pytest.raises(Refused, match="second person"):
        change(loaded, "lan")
    assert found(loaded, "thuê") == []
    change(loaded, "truongca")
    assert found(loaded, "thue") == ["thue-tro"]
    change(loaded, "truongca", {**NEW, "title": "Hỗ trợ tiền nhà"})
    change(loaded, "lan")
    assert found(loaded, "tien nha")[0] == "thue-tro"
    with reading(loaded) as session:
        row = articles.one(session, "thue-tro")
        assert row is not None and row.number == 2


def test_an_undo_brings_the_earlier_text_back_and_withdrawing_is_found_no_more(loaded: Engine) -> None:
    change(loaded, "lan", NEW)
    change(loaded, "truongca")
    change(loaded, "lan", {})
    change(loaded, "truongca")
    assert found(loaded, "thuê") == []
    with transaction(loaded) as session:
        house, seen = documents.house(session, DEMO), documents.seen(session, ARTICLE, "thue-tro")
        documents.undo(session, house, ARTICLE, "thue-tro", 1, by="truongca", seen=seen)
    assert found(loaded, "thuê") == ["thue-tro"]


def test_loading_again_keeps_what_was_approved_and_a_broken_file_takes_nothing_away(
    loaded: Engine, tmp_path: Path
) -> None:
    change(loaded, "lan", NEW)
    change(loaded, "truongca")
    broken = tmp_path / "broken.toml"
    broken.write_text("[article.x\n", encoding="utf-8")
    with transaction(loaded) as session:
        whole = documents.house(session, DEMO)
        house = House({**whole.raw, "articles": [str(broken)]}, whole.path, whole.published)
        faults = article_documents.load(session, house)
    assert "broken.toml cannot be read" in str(faults[0])
    assert found(loaded, "thuê") == ["thue-tro"]
    assert "do-spo2" in found(loaded, "spo2")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": "a"}, "title"), ({"text": "ngắn"}, "text"), ({"source": ""}, "source"), ({"category": "x"}, "category"),
        ({"valid_from": "31/08/2021"}, "valid_from"), ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to"),
        ({"hotline": "nowhere"}, "hotline"), ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_field(wrong: Content, field: str) -> None:
    house = House({"hotline": {"binhphuoc": {}}}, DEMO)
    faults = article_documents.judge(house, "x", {**NEW, **wrong})
    assert [fault.field for fault in faults] == [field]
    assert NEW and article_documents.judge(house, "x", NEW) == []
