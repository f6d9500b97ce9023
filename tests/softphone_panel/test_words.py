"""Every Vietnamese sentence of the panel has its English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
from jinja2 import nodes

from softphone_panel import (
    application,
    fault_words,
    incident_words,
    order_words,
    people,
    powers,
    referral_words,
    sentences,
    shown,
    stations,
    words,
)

ROOM = Path(words.__file__).parent


def in_code() -> Iterator[str]:
    """Texts handed to say(), and the tables of words."""
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                for text in ast.walk(node.args[0]):
                    if (
                        isinstance(text, ast.Constant)
                        and isinstance(text.value, str)
                        and not text.value.isascii()
                    ):
                        yield text.value
    for name, table in [
        pair
        for one in (shown, fault_words, order_words, incident_words, referral_words)
        for pair in vars(one).items()
    ]:
        if name.isupper() and isinstance(table, dict) and not name.endswith("_MARKS"):
            yield from filter(None, table.values())
    yield from (fault_words.LATER, fault_words.REFUSED)
    yield from sentences.MACHINES.values()
    yield from sentences.HOW.values()
    yield from application.SENTENCES.values()
    yield from people.REFUSALS.values()
    yield from powers.POWERS.values()
    yield powers.SUPERVISORS_SEE
    yield from stations.BEGINS.values()
    yield stations.BY_OPERATOR


def in_templates() -> Iterator[str]:
    """Texts handed to _()."""
    read = jinja2.Environment(autoescape=True)
    for path in (ROOM / "templates").glob("*.html"):
        for call in read.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                first = call.args[0]
                if isinstance(first, nodes.Const):
                    yield first.value


def test_every_sentence_has_its_english_with_the_same_names_in_it() -> None:
    used = {*in_code(), *in_templates()}
    english = words.english()
    assert sorted(used - set(english)) == []
    assert sorted(set(english) - used) == []
    for vietnamese, said in english.items():
        assert set(re.findall(r"{(\w+)}", vietnamese)) == set(re.findall(r"{(\w+)}", said)), vietnamese
