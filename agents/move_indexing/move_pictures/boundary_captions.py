"""Write below the tiles of a move's eights what is known at each boundary and what is danced in each eight."""

from __future__ import annotations

from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas
from agents.drawing.text import TextStyle
from agents.move_indexing.move_pictures.boundary_texts import HANDS_LEGEND, SURE, boundary_lines, content_text
from schemas.boundary import Boundary, EightContent

_LINES, _LINE_PX, _CONTENT_PX, _GAP_PX = 5, 18, 32, 4
CAPTIONS_PX = _GAP_PX + _LINES * _LINE_PX + _CONTENT_PX
LEGEND_PX = 26
_LEGEND = (
    f"At a boundary: hold; joined hands, {HANDS_LEGEND}; the foot that is free until this beat; facing. "
    f"Pale with ?: confidence below {SURE:g}"
)
_SURE_STYLE, _UNSURE_STYLE = TextStyle(14, INK), TextStyle(14, MUTED)
_CONTENT_STYLE = TextStyle(16, INK, bold=True)


def draw_boundary(canvas: Canvas, left: float, top: float, width: float, boundary: Boundary) -> None:
    """Draw a boundary's lines from `top` down, at most `width` wide."""
    for n, fact in enumerate(boundary_lines(boundary)):
        style = _SURE_STYLE if fact.is_sure else _UNSURE_STYLE
        canvas.text(left, top + _GAP_PX + (n + 0.5) * _LINE_PX, fact.marked, style, width)


def draw_content(canvas: Canvas, top: float, name: str, content: EightContent) -> None:
    """Draw what is danced in an eight as one line below the lines of its boundaries, which begin at `top`."""
    middle = top + _GAP_PX + _LINES * _LINE_PX + _CONTENT_PX / 2
    canvas.text(LEFT_PX, middle, f"{name}: {content_text(content)}", _CONTENT_STYLE, WIDTH_PX)


def draw_legend(canvas: Canvas, y: float) -> None:
    """Draw what the lines mean, vertically centred on `y`."""
    canvas.text(LEFT_PX, y, _LEGEND, _UNSURE_STYLE, WIDTH_PX)
