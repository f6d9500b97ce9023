"""A report's table as a PDF, with Vietnamese in a font of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
FIRST_MM = 62
"""Width of the lines' names."""


def table(title: str, under: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Landscape A4; the last row is the total."""
    # 0.3 s that only who asks for a PDF waits for
    from fpdf import FPDF
    from fpdf.fonts import FontFace

    paper = FPDF(orientation="L", format="A4")
    paper.add_font("report", "", str(FONTS / "report-regular.ttf"))
    paper.add_font("report", "B", str(FONTS / "report-bold.ttf"))
    paper.set_title(title)
    paper.set_auto_page_break(True, 14)
    paper.add_page()
    paper.set_font("report", "B", 15)
    paper.cell(0, 8, title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font("report", "", 9)
    paper.cell(0, 6, under, new_x="LMARGIN", new_y="NEXT")
    paper.set_font("report", "", 7.5)
    others = (paper.epw - FIRST_MM) / (len(head) - 1)
    with paper.table(
        col_widths=(FIRST_MM, *[others] * (len(head) - 1)), text_align=("LEFT", *["RIGHT"] * (len(head) - 1)),
        headings_style=FontFace(emphasis="BOLD", fill_color=(230, 233, 238)), line_height=4.5,
    ) as drawn:  # fmt: skip
        drawn.row(list(head))
        for n, row in enumerate(rows):
            drawn.row(list(row), style=FontFace(emphasis="BOLD") if n == len(rows) - 1 else None)
    return bytes(paper.output())
