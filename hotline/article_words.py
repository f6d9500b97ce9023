"""The index by which articles are found: kept by the database itself from the folded words of each row."""

from __future__ import annotations

from sqlalchemy import Connection

_IN_SQLITE = (
    """CREATE VIRTUAL TABLE article_words USING fts5(title_words, text_words, content='article', content_rowid='id',
       tokenize="unicode61 remove_diacritics 2", prefix='3 4')""",
    """CREATE TRIGGER article_words_added AFTER INSERT ON article BEGIN
         INSERT INTO article_words (rowid, title_words, text_words) VALUES (new.id, new.title_words, new.text_words); END""",
    """CREATE TRIGGER article_words_removed AFTER DELETE ON article BEGIN
         INSERT INTO article_words (article_words, rowid, title_words, text_words)
         VALUES ('delete', old.id, old.title_words, old.text_words); END""",
    """CREATE TRIGGER article_words_changed AFTER UPDATE OF title_words, text_words ON article BEGIN
         INSERT INTO article_words (article_words, rowid, title_words, text_words)
         VALUES ('delete', old.id, old.title_words, old.text_words);
         INSERT INTO article_words (rowid, title_words, text_words) VALUES (new.id, new.title_words, new.text_words); END""",
)


def _tokens(words: str) -> str:
    return f"to_tsvector('simple', regexp_replace(left({words}, 100000), '[^a-z0-9]+', ' ', 'g'))"


_IN_POSTGRES = (
    "ALTER TABLE article ADD COLUMN words tsvector GENERATED ALWAYS AS "
    f"(setweight({_tokens('title_words')}, 'A') || setweight({_tokens('text_words')}, 'B')) STORED",
    "CREATE INDEX ix_article_words ON article USING gin (words)",
)


def install(connection: Connection) -> None:
    """Make it; the table `article` exists and is empty."""
    for statement in _IN_SQLITE if connection.dialect.name == "sqlite" else _IN_POSTGRES:
        connection.exec_driver_sql(statement)


def remove(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in ("added", "removed", "changed"):
            connection.exec_driver_sql(f"DROP TRIGGER article_words_{name}")
        connection.exec_driver_sql("DROP TABLE article_words")
