"""The words by which tickets are found: kept beside the tickets by the database itself, in the transaction that writes them.

Triggers follow `ticket` and `ticket_entry`, so whoever writes an entry with `folded` in its body has it found, and nobody calls this.
SQLite keeps two FTS5 indexes, PostgreSQL a GIN index. Telephone numbers stand apart from words: who sees them masked never searches them.

PostgreSQL cannot walk a GIN index newest first, and its planner guesses badly how many tickets have several words together. So each
ticket's lexemes name the rooms it lies in, of 8192 tickets, of 65536 and of a million, and `newest_tickets` asks room by
room, newest first, until it has enough: one more word that every ticket of the room has. Beginnings are lexemes too.
"""

from __future__ import annotations

import re

from sqlalchemy import (
    BindParameter,
    Connection,
    ForeignKey,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.persons import NUMBERS

WORD = re.compile(r"[a-z0-9]+")
WORDS_MOST = 12
HITS = 1000
"""So many tickets, the newest, are found at most: forty pages."""
PREFIX_CHARACTERS = 3
"""The last word may be the beginning of one from this length on."""
WORD_CHARACTERS = 40
BEGINNING_CHARACTERS = 6
"""On PostgreSQL beginnings up to this length are kept as lexemes; few words have a longer one in common."""
ROOM_BITS = (13, 16, 20)
"""On PostgreSQL: a room of each size is the ids that are alike without so many bits."""


class TicketText(Base):
    """What one ticket is found by; its ids rise in the order in which tickets came."""

    __tablename__ = "ticket_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), unique=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    """The folded words of its entries."""
    numbers: Mapped[str] = mapped_column(Text, default="")
    """Every ending of its telephone numbers, so that the beginning of an ending finds any part."""


def words_of(folded: str) -> tuple[str, ...]:
    """The words of a folded text that are searched for."""
    return tuple(word[:WORD_CHARACTERS] for word in WORD.findall(folded)[:WORDS_MOST])


def hits(dialect: str, words: tuple[str, ...], number: str = "") -> Select[tuple[str]] | None:
    """Ids of the newest tickets that have all the words, or else a part of a telephone number; None when nothing is asked.

    At most `HITS`, so that a word which every ticket has costs no more than another.
    """
    if not words and not number:
        return None
    *whole, last = words or ("",)
    ends = len(last) >= PREFIX_CHARACTERS
    if dialect == "sqlite":
        quoted = [f'"{word}"' for word in whole] + [f'"{last}"' + (" *" if ends else "")]
        wanted = f'"{number}" *' if number else " AND ".join(quoted)
        index = table("ticket_numbers" if number else "ticket_words", column("rowid", Integer))
        newest = (
            select(index.c.rowid.label("id"))
            .where(text(f"{index.name} MATCH :wanted").bindparams(_own(wanted)))
            .order_by(index.c.rowid.desc())
        )
        found = newest.limit(HITS).subquery()
        return select(TicketText.ticket_id).join(found, found.c.id == TicketText.id)
    wanted = f"'#{number}':*" if number else " & ".join([*whole, _beginning(last) if ends else last])
    return select(func.newest_tickets(cast(wanted, TSQUERY), HITS).column_valued("ticket_id"))


def _beginning(word: str) -> str:
    """Of a tsquery: the words that begin so."""
    return f"'<{word}'" if len(word) <= BEGINNING_CHARACTERS else f"{word}:*"


def _own(wanted: str) -> BindParameter[str]:
    """Its own value, also beside another search in one statement."""
    return bindparam("wanted", wanted, unique=True)


def _endings(row: str) -> str:
    """SQL for all endings of both numbers, without the plus."""
    parts = [
        f"substr({row}.{column}, {first})"
        for column in ("caller_number", "callback_number")
        for first in range(2, 14)
    ]
    return " || ' ' || ".join(parts)


_PLAIN_FROM = "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ"
_PLAIN_TO = "aaaaaaaaaaaaaaaaaeeeeeeeeeeeiiiiiooooooooooooooooouuuuuuuuuuuyyyyyd"


def _sqlite_reason(row: str) -> str:
    # The tokenizer takes the accents off; đ is a letter of its own to it.
    return f"replace(replace({row}.reason, 'đ', 'd'), 'Đ', 'd')"


def _postgres_reason(row: str) -> str:
    return f"translate(normalize(lower({row}.reason), NFC), '{_PLAIN_FROM}', '{_PLAIN_TO}')"


_INDEXED = "ticket_lexemes(id, reason || ' ' || notes, numbers)"
_LEXEMES = f"""CREATE FUNCTION ticket_lexemes(id integer, said text, numbers text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
  WITH words AS (SELECT left(word, {WORD_CHARACTERS}) AS word
    FROM unnest(string_to_array(regexp_replace(left(said, 200000), '[^a-z0-9]+', ' ', 'g'), ' ')) AS word WHERE word <> '')
  SELECT array_to_tsvector(
    array(SELECT word FROM words) || array(SELECT '#' || ending FROM unnest(string_to_array(numbers, ' ')) AS ending WHERE ending <> '')
    || array(SELECT '<' || left(word, n) FROM generate_series({PREFIX_CHARACTERS}, {BEGINNING_CHARACTERS}) n
             JOIN words ON length(word) >= n)
    || array(SELECT '~' || bits::text || '-' || (id >> bits)::text FROM unnest(ARRAY{list(ROOM_BITS)}) AS bits)) $$"""  # noqa: S608 - all of it is written in this module
"""What is longer than a word is cut, as tsvector refuses it."""
_NEWEST = f"""CREATE FUNCTION newest_tickets(wanted tsquery, most integer) RETURNS SETOF varchar LANGUAGE plpgsql STABLE ROWS {HITS}
  SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE newest integer; upto integer; bits integer; room tsquery; given integer; found integer := 0; among float;
BEGIN
  SELECT max(id) INTO newest FROM ticket_text;
  upto := newest;
  WHILE upto >= 0 AND found < most LOOP
    -- Among so many tickets the rest will be, going by those seen; the first room is small, and so is what is asked of it.
    among := (most - found)::float * (newest - upto) / greatest(found, 0.5);
    bits := CASE WHEN among <= {2 << ROOM_BITS[0]} THEN {ROOM_BITS[0]}
                 WHEN among <= {4 << ROOM_BITS[1]} THEN {ROOM_BITS[1]} ELSE {ROOM_BITS[2]} END;
    room := quote_literal('~' || bits || '-' || (upto >> bits))::tsquery;
    RETURN QUERY SELECT ticket_id FROM ticket_text
      WHERE {_INDEXED} @@ (wanted && room) AND id + 0 <= upto
      ORDER BY id + 0 DESC LIMIT most - found;  -- + 0: the key's index is no way
    GET DIAGNOSTICS given = ROW_COUNT;
    found := found + given;
    upto := ((upto >> bits) << bits) - 1;
  END LOOP;
END $$"""  # noqa: S608 - all of it is written in this module


def _index(name: str, *columns: str) -> tuple[str, ...]:
    """One of SQLite's indexes over columns of ticket_text, with the triggers that keep it.

    It knows which tickets have a word and not where (`detail`): half the size, and twice as fast for several words together.
    """
    named = ", ".join(columns)
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("old", "new"))
    was, is_ = (" OR ".join(f"{row}.{column} <> ''" for column in columns) for row in ("old", "new"))
    out = f"INSERT INTO {name} ({name}, rowid, {named}) SELECT 'delete', old.id, {old} WHERE {was};"
    into = f"INSERT INTO {name} (rowid, {named}) VALUES (new.id, {new});"  # noqa: S608 - all of it is written in this module
    return (
        f"""CREATE VIRTUAL TABLE {name} USING fts5({named}, content='ticket_text', content_rowid='id',
           tokenize="unicode61 remove_diacritics 2", prefix='3 4', detail='none')""",
        f"INSERT INTO {name} ({name}) VALUES ('rebuild')",  # noqa: S608 - all of it is written in this module
        f"CREATE TRIGGER {name}_of_text_added AFTER INSERT ON ticket_text WHEN {is_} BEGIN {into} END",
        f"CREATE TRIGGER {name}_of_text_removed AFTER DELETE ON ticket_text BEGIN {out} END",
        # What is empty or stays as it is costs nothing: every ticket begins without a reason, and its numbers do not change.
        f"CREATE TRIGGER {name}_of_text_changed AFTER UPDATE OF {named} ON ticket_text "
        f"WHEN {' OR '.join(f'old.{column} <> new.{column}' for column in columns)} BEGIN {out} {into} END",
    )


def _numbers_follow(numbers: str) -> str:
    """SQLite's trigger for a changed number. The reason has its own: it changes in every call, and endings are dear."""
    return f"""CREATE TRIGGER ticket_words_changed AFTER UPDATE OF caller_number, callback_number ON ticket
         WHEN old.caller_number <> new.caller_number OR old.callback_number <> new.callback_number
         BEGIN UPDATE ticket_text SET numbers = {numbers} WHERE ticket_id = new.id; END"""  # noqa: S608 - all of it is written in this module


INDEXES = (*_index("ticket_words", "reason", "notes"), *_index("ticket_numbers", "numbers"))
"""SQLite's: words, and endings of numbers."""
_IN_SQLITE = (
    f"""CREATE TRIGGER ticket_words_opened AFTER INSERT ON ticket BEGIN
         INSERT INTO ticket_text (ticket_id, reason, notes, numbers)
         VALUES (new.id, {_sqlite_reason("new")}, '', {_endings("new")}); END""",  # noqa: S608 - all of it is written in this module
    f"""CREATE TRIGGER ticket_words_reason AFTER UPDATE OF reason ON ticket WHEN old.reason <> new.reason
         BEGIN UPDATE ticket_text SET reason = {_sqlite_reason("new")} WHERE ticket_id = new.id; END""",  # noqa: S608 - all of it is written in this module
    _numbers_follow(_endings("new")),
    """CREATE TRIGGER ticket_words_entered AFTER INSERT ON ticket_entry WHEN json_extract(new.body, '$.folded') <> ''
         BEGIN UPDATE ticket_text SET notes = notes || ' ' || json_extract(new.body, '$.folded')
         WHERE ticket_id = new.ticket_id; END""",
)
ROOMS = (
    _LEXEMES,
    _NEWEST,
    # Without a list of what is pending, which every search would have to read.
    f"CREATE INDEX ix_ticket_text_lexemes ON ticket_text USING gin ({_INDEXED}) WITH (fastupdate = off)",
)
"""PostgreSQL's index of words, and the function that asks it."""
_IN_POSTGRES = (
    f"""CREATE FUNCTION ticket_words_of_ticket() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF TG_OP = 'INSERT' THEN
           INSERT INTO ticket_text (ticket_id, reason, notes, numbers)
           VALUES (new.id, {_postgres_reason("new")}, '', {_endings("new")});
         ELSE
           UPDATE ticket_text SET reason = {_postgres_reason("new")}, numbers = {_endings("new")} WHERE ticket_id = new.id;
         END IF; RETURN NULL; END $$""",  # noqa: S608 - all of it is written in this module
    """CREATE FUNCTION ticket_words_of_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         UPDATE ticket_text SET notes = notes || ' ' || (new.body->>'folded') WHERE ticket_id = new.ticket_id;
         RETURN NULL; END $$""",
    "CREATE TRIGGER ticket_words_opened AFTER INSERT ON ticket FOR EACH ROW EXECUTE FUNCTION ticket_words_of_ticket()",
    """CREATE TRIGGER ticket_words_changed AFTER UPDATE OF reason, caller_number, callback_number ON ticket FOR EACH ROW
         WHEN (old.reason <> new.reason OR old.caller_number <> new.caller_number OR old.callback_number <> new.callback_number)
         EXECUTE FUNCTION ticket_words_of_ticket()""",
    """CREATE TRIGGER ticket_words_entered AFTER INSERT ON ticket_entry FOR EACH ROW WHEN ((new.body->>'folded') <> '')
         EXECUTE FUNCTION ticket_words_of_entry()""",
)


def install(connection: Connection) -> None:
    """Make index and triggers, and take in what is there already. `ticket_text` exists and is empty."""
    is_sqlite = connection.dialect.name == "sqlite"
    reason = (_sqlite_reason if is_sqlite else _postgres_reason)("ticket")
    folded = (
        "SELECT group_concat(json_extract(e.body, '$.folded'), ' ')"
        if is_sqlite
        else "SELECT string_agg(e.body->>'folded', ' ')"
    )
    connection.exec_driver_sql(
        f"INSERT INTO ticket_text (ticket_id, reason, notes, numbers) SELECT ticket.id, {reason}, "  # noqa: S608 - all of it is written above
        f"coalesce(({folded} FROM ticket_entry e WHERE e.ticket_id = ticket.id), ''), {_endings('ticket')} "
        "FROM ticket ORDER BY ticket.opened_at, ticket.id"
    )
    # One by one into an index takes longer than all at once.
    for statement in (*INDEXES, *_IN_SQLITE) if is_sqlite else (*ROOMS, *_IN_POSTGRES):
        connection.exec_driver_sql(statement)


_PEOPLES = "(" + ", ".join(f"'{name}'" for name in NUMBERS) + ")"


def _value_endings(row: str) -> str:
    return " || ' ' || ".join(f"substr({row}.value, {first})" for first in range(2, 14))


def _people(agg: str, ticket_id: str) -> str:
    return (
        f"coalesce((SELECT {agg}({_value_endings('f')}, ' ') FROM ticket_field f "  # noqa: S608 - all of it is written in this module
        f"WHERE f.ticket_id = {ticket_id} AND f.name IN {_PEOPLES}), '')"
    )


def install_people(connection: Connection) -> None:
    """Let the numbers of the people on a ticket be found like the caller's, after `install`."""
    if connection.dialect.name == "sqlite":
        numbers = f"{_endings('t')} || ' ' || {_people('group_concat', 't.id')}"
        connection.exec_driver_sql("DROP TRIGGER ticket_words_changed")
        own = f"{_endings('new')} || ' ' || {_people('group_concat', 'new.id')}"
        connection.exec_driver_sql(_numbers_follow(own))
        for name, what in (("added", "INSERT"), ("changed", "UPDATE OF value")):
            connection.exec_driver_sql(
                f"""CREATE TRIGGER ticket_person_{name} AFTER {what} ON ticket_field WHEN new.name IN {_PEOPLES}
                BEGIN UPDATE ticket_text SET numbers = (SELECT {numbers} FROM ticket t WHERE t.id = new.ticket_id)
                WHERE ticket_id = new.ticket_id; END"""  # noqa: S608 - as above
            )
        return
    own = f"{_endings('new')} || ' ' || {_people('string_agg', 'new.id')}"
    numbers = f"{_endings('t')} || ' ' || {_people('string_agg', 't.id')}"
    connection.exec_driver_sql(
        f"""CREATE OR REPLACE FUNCTION ticket_words_of_ticket() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF TG_OP = 'INSERT' THEN
           INSERT INTO ticket_text (ticket_id, reason, notes, numbers)
           VALUES (new.id, {_postgres_reason("new")}, '', {_endings("new")});
         ELSE
           UPDATE ticket_text SET reason = {_postgres_reason("new")}, numbers = {own} WHERE ticket_id = new.id;
         END IF; RETURN NULL; END $$"""  # noqa: S608 - as above
    )
    connection.exec_driver_sql(
        f"""CREATE FUNCTION ticket_words_of_person() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         UPDATE ticket_text SET numbers = (SELECT {numbers} FROM ticket t WHERE t.id = new.ticket_id)
         WHERE ticket_id = new.ticket_id; RETURN NULL; END $$"""  # noqa: S608 - as above
    )
    connection.exec_driver_sql(
        f"""CREATE TRIGGER ticket_person_added AFTER INSERT OR UPDATE OF value ON ticket_field FOR EACH ROW
        WHEN (new.name IN {_PEOPLES}) EXECUTE FUNCTION ticket_words_of_person()"""
    )


def renew_triggers(connection: Connection) -> None:
    """On SQLite, for a database whose triggers were made by an earlier state of this module."""
    for name in ("added", "changed"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ticket_person_{name}")
    for statement in (*INDEXES, *_IN_SQLITE):
        head, name = statement.split()[1:3]
        if head == "TRIGGER":
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(statement)
    install_people(connection)


def remove_people(connection: Connection) -> None:
    """Undo what `install_people` added; the ticket's own triggers keep knowing people's numbers, which does no harm."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name in ("added", "changed") if is_sqlite else ("added",):
        connection.exec_driver_sql(
            f"DROP TRIGGER ticket_person_{name}" + ("" if is_sqlite else " ON ticket_field")
        )
    if not is_sqlite:
        connection.exec_driver_sql("DROP FUNCTION ticket_words_of_person()")


def remove(connection: Connection) -> None:
    """Undo `install`; `ticket_text` itself stays. What `install_people` made on the fields is its own (`remove_people`)."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name, of in (("opened", "ticket"), ("changed", "ticket"), ("entered", "ticket_entry")):
        connection.exec_driver_sql(f"DROP TRIGGER ticket_words_{name}" + ("" if is_sqlite else f" ON {of}"))
    if is_sqlite:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS ticket_words_reason")
        for index in ("ticket_words", "ticket_numbers"):
            for name in ("added", "removed", "changed"):
                connection.exec_driver_sql(f"DROP TRIGGER {index}_of_text_{name}")
            connection.exec_driver_sql(f"DROP TABLE {index}")
    else:
        connection.exec_driver_sql("DROP INDEX ix_ticket_text_lexemes")
        connection.exec_driver_sql(
            "DROP FUNCTION ticket_words_of_ticket(), ticket_words_of_entry(), newest_tickets(tsquery, integer), "
            "ticket_lexemes(integer, text, text)"
        )
