"""Draw a strip over the clip's length: its eights, its counts, and when each dancer is detected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.drawing.canvas import INK, LEFT_PX, MUTED, Canvas, Scale, tint
from agents.drawing.counts import FIVE_COLOUR, ONE_COLOUR, legible
from agents.drawing.text import TextStyle
from agents.move_indexing.move_pictures.bodies import Dancer
from schemas.move_indexed import MoveSummary

_TOP_GAP_PX = 12
_EIGHTS_PX, _BEATS_PX, _COUNTS_PX, _DANCER_PX, _AXIS_PX = 26, 30, 30, 20, 30
STRIP_PX = _TOP_GAP_PX + _EIGHTS_PX + _BEATS_PX + _COUNTS_PX + 2 * _DANCER_PX + _AXIS_PX
_BAR_PX = 10
_EIGHT_COLOUR, _BACKGROUND = "#dfe3e8", "#f4f5f7"
_NAME_STYLE = TextStyle(14, INK, align="center")
_NO_EIGHT_STYLE = TextStyle(14, MUTED)
_LABEL_STYLE = TextStyle(14, MUTED, align="right")
_TICK_STYLE = TextStyle(13, MUTED, align="center")
_TICK_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300)
_MAX_TICKS = 14
_INTERPOLATED_TINT = 0.35  # share of the dancer's colour


def draw_strip(canvas: Canvas, top: float, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
    """Draw the strip from `top` down, `STRIP_PX` high with two dancers."""
    length_s = max(move.end_s, *move.beats[-1:], 0.1)
    scale = Scale(0, length_s, length_s)
    y = top + _TOP_GAP_PX
    _eights(canvas, y, scale, move)
    _beats(canvas, y + _EIGHTS_PX, scale, move)
    y += _EIGHTS_PX + _BEATS_PX + _COUNTS_PX
    for n, dancer in enumerate(dancers):
        _dancer(canvas, y + n * _DANCER_PX, scale, dancer)
    _seconds(canvas, y + len(dancers) * _DANCER_PX, scale)


def _eights(canvas: Canvas, top: float, scale: Scale, move: MoveSummary) -> None:
    canvas.text(LEFT_PX - 10, top + _EIGHTS_PX / 2 - 2, "eights", _LABEL_STYLE)
    if not move.eights:
        canvas.text(LEFT_PX + 2, top + _EIGHTS_PX / 2 - 2, "no whole eight", _NO_EIGHT_STYLE)
    for n, eight in enumerate(move.eights, 1):
        left, right = (scale.x(move.beats[beat]) for beat in (eight.start_beat, eight.start_beat + 8))
        canvas.box(left + 1, top, right - left - 2, _EIGHTS_PX - 4, _EIGHT_COLOUR)
        kind = (f"eight {n}: {eight.content.kind}",) if eight.content else ()
        names = (*kind, f"eight {n}", str(n))
        canvas.text_that_fits((left + right) / 2, top + _EIGHTS_PX / 2 - 2, names, _NAME_STYLE, right - left - 8)


def _beats(canvas: Canvas, top: float, scale: Scale, move: MoveSummary) -> None:
    canvas.text(LEFT_PX - 10, top + _BEATS_PX + _COUNTS_PX / 2, "counts", _LABEL_STYLE)
    canvas.box(LEFT_PX, top, scale.x(scale.end_s) - LEFT_PX, _BEATS_PX, _BACKGROUND)
    xs, counts = scale.xs(np.array(move.beats, float)), np.array(move.counts, int)
    printed = legible(xs, counts)
    for kind, colour, inset in (((2, 3, 4, 6, 7, 8), MUTED, 10), ((5,), FIVE_COLOUR, 5), ((1,), ONE_COLOUR, 0)):
        of_kind = np.isin(counts, kind)
        canvas.vertical_lines(xs[of_kind], top + inset, _BEATS_PX - 2 * inset, colour, 2 if inset < 10 else 1)
        style = TextStyle(20 - inset // 2, colour, bold=inset < 10, align="center")
        for x, count in zip(xs[of_kind & printed].tolist(), counts[of_kind & printed].tolist(), strict=True):
            canvas.text(x, top + _BEATS_PX + _COUNTS_PX / 2, str(count), style)


def _dancer(canvas: Canvas, top: float, scale: Scale, dancer: Dancer) -> None:
    """Draw a bar: in the dancer's colour where detected, pale where interpolated, the background where not tracked."""
    canvas.text(LEFT_PX - 10, top + _DANCER_PX / 2, dancer.name, _LABEL_STYLE)
    bar = top + (_DANCER_PX - _BAR_PX) / 2
    canvas.box(LEFT_PX, bar, scale.x(scale.end_s) - LEFT_PX, _BAR_PX, _BACKGROUND)
    for detected, colour in ((False, tint(dancer.colour, _INTERPOLATED_TINT)), (True, dancer.colour)):
        for start_s, end_s in dancer.intervals(detected=detected):
            canvas.box(scale.x(start_s), bar, scale.x(end_s) - scale.x(start_s), _BAR_PX, colour)


def _seconds(canvas: Canvas, top: float, scale: Scale) -> None:
    step = next((step for step in _TICK_STEPS_S if scale.end_s / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
    for n in range(int(scale.end_s / step) + 1):
        canvas.vertical_lines(np.array([scale.x(n * step)]), top + 2, 5, MUTED, 1)
        canvas.text(scale.x(n * step), top + 18, f"{n * step:g} s", _TICK_STYLE)
