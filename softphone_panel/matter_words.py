"""Categories and their fields in words."""

from __future__ import annotations

from collections.abc import Mapping

from hotline import categories
from hotline.categories import Category, CategoryField
from hotline.settings import settings
from softphone_panel.words import language, say


def known() -> Mapping[str, Category]:
    """The installation's categories. Raises CategoryFaults."""
    return categories.beside(settings().installation)


def category_said(key: str) -> str:
    """The category in the reader's language; its key when the file has it no more."""
    found = known().get(key)
    return found.word(language()) if found is not None else key


def said(field: CategoryField, value: str) -> str:
    """A value as people read it."""
    if field.kind == "yes":
        return say("Có") if value == "yes" else say("Không")
    return next((en if language() == "en" else vi for key, vi, en in field.choices if key == value), value)
