"""What is wrong with a form, as a sentence for the person who sent it."""

from __future__ import annotations


class InputFault(ValueError):  # noqa: N818 - exceptions are named by the fact
    """A field is wrong; the text names it and says what to do. `field` is the form's name for it."""

    def __init__(self, field: str, sentence: str, status: int = 422) -> None:
        super().__init__(sentence)
        self.field = field
        self.status = status
