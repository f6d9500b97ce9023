"""Folding: a text as it is searched for, in lower case and without the marks of Vietnamese letters."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Lower case without diacritics: "Đồng Xoài" → "dong xoai"."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
