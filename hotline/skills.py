"""Skills: what an operator can do that not everybody can; one table, by which callers are brought to those who have what they need."""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGE = "language"
BRANCH = "branch"
HOME_LANGUAGE = "vi"
"""Everybody speaks it: no caller needs somebody for it."""
MEDICAL, SERVICES = "medical", "nonmedical"


@dataclass(frozen=True)
class Skill:
    kind: str
    """LANGUAGE or BRANCH."""
    vi: str
    en: str


SKILLS: Mapping[str, Skill] = {
    MEDICAL: Skill(BRANCH, "Y tế", "Medical"),
    SERVICES: Skill(BRANCH, "Dịch vụ công", "Public services"),
    "en": Skill(LANGUAGE, "Tiếng Anh", "English"),
    "km": Skill(LANGUAGE, "Tiếng Khmer", "Khmer"),
    "sti": Skill(LANGUAGE, "Tiếng Stiêng", "Stieng"),
    "zh": Skill(LANGUAGE, "Tiếng Trung", "Chinese"),
    "ko": Skill(LANGUAGE, "Tiếng Hàn", "Korean"),
}
"""By the word that stands in an operator's row; a language's is its code."""
