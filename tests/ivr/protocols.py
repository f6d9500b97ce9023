"""The shipped protocols, read once, and small ones that tests break on purpose."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ivr.protocol import Protocol, read

FOLDER = Path(__file__).parents[2] / "ivr" / "protocols"
PAGES = Path(__file__).parents[2] / "docs" / "protocols"


@cache
def shipped(name: str) -> Protocol:
    return read(text_of(name), f"{name}.toml")


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text()


def covid() -> Protocol:
    return shipped("covid-2021")


HEAD = """
[protocol]
id = "small"
version = "1"
campaign = "test"
languages = ["vi"]
root = "ROOT"

[branch.root]
kind = "root"
vi = "chào"
[branch.root.answers]
0 = { to = "YELLOW", vi = "gặp người", because = "chưa rõ" }
no_input = { to = "ORANGE", vi = "im lặng", because = "im lặng" }

[branch.fever]
kind = "medical"
vi = "sốt"
[branch.fever.answers]
0 = { to = "ORANGE", vi = "gặp người", because = "y tế" }
no_input = { to = "ORANGE", vi = "im lặng", because = "im lặng" }

[branch.services]
kind = "services"
vi = "việc khác"
[branch.services.answers]
0 = { to = "NONMED", vi = "gặp người", because = "việc khác" }
9 = { to = "RED", vi = "cấp cứu", because = "cấp cứu" }
no_input = { to = "NONMED", vi = "im lặng", because = "im lặng" }

[message.RED]
vi = "khẩn cấp"
[message.ORANGE]
vi = "rất khẩn"
[message.YELLOW]
vi = "khẩn"
[message.GREEN_A]
vi = "theo dõi, gặp người bấm 0"

[question.ROOT]
branch = "root"
vi = "Cấp cứu bấm 1. Sốt bấm 2. Việc khác bấm 3."
[question.ROOT.answers]
1 = { to = "RED", vi = "cấp cứu", because = "cấp cứu" }
2 = { to = "A1", vi = "sốt" }
3 = { to = "S1", vi = "việc khác" }

[question.S1]
branch = "services"
vi = "Chính sách bấm 1."
[question.S1.answers]
1 = { to = "NONMED", vi = "chính sách", because = "chính sách" }
"""

A1 = """
[question.A1]
branch = "fever"
vi = "Có bấm 1. Không bấm 2. Không rõ bấm 3."
[question.A1.answers]
1 = { to = "RED", vi = "có", means = "yes", because = "nguy hiểm" }
2 = { to = "GREEN", vi = "không", means = "no", message = "GREEN_A", because = "nhẹ" }
3 = { to = "ORANGE", vi = "không rõ", means = "unknown", because = "không loại trừ" }
"""

SMALL = HEAD + A1
