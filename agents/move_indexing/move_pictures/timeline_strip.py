"""A move and its dancers go in; a strip over the clip's length is drawn: its eights, its counts, and who is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.drawing.canvas import INK, LEFT, QUIET, Canvas, Scale, paled
from agents.drawing.counts import FIVE, ONE, legible
from agents.drawing.text import TextStyle
from agents.move_indexing.move_pictures.bodies import Dancer
from schemas.move_indexed import MoveSummary

_EIGHTS_PX, _BEATS_PX, _DIGITS_PX, _SEEN_PX, _AXIS_PX = 26, 30, 30, 20, 30
STRIP_PX = 12 + _EIGHTS_PX + _BEATS_PX + _DIGITS_PX + 2 * _SEEN_PX + _AXIS_PX
_BAR_PX = 10
_EIGHT, _PAPER = "#dfe3e8", "#f4f5f7"
_NAME = TextStyle(14, INK, align="center")
_NONE = TextStyle(14, QUIET)
_LABEL = TextStyle(14, QUIET, align="right")
_TICK = TextStyle(13, QUIET, align="center")
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300)
_MOST_TICKS = 14
_PALE = 0.35


def draw_strip(sheet: Canvas, top: float, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
    """From `top` on, `STRIP_PX` high."""
    length_s = max(move.clip.duration_s, *move.beats[-1:], 0.1)
    scale = Scale(0, length_s, length_s)
    at = top + 12
    _eights(sheet, at, scale, move)
    _beats(sheet, at + _EIGHTS_PX, scale, move)
    at += _EIGHTS_PX + _BEATS_PX + _DIGITS_PX
    for n, dancer in enumerate(dancers):
        _seen(sheet, at + n * _SEEN_PX, scale, dancer)
    _seconds(sheet, at + len(dancers) * _SEEN_PX, scale)


def _eights(sheet: Canvas, top: float, scale: Scale, move: MoveSummary) -> None:
    sheet.text(LEFT - 10, top + _EIGHTS_PX / 2 - 2, "eights", _LABEL)
    if not move.eights:
        sheet.text(LEFT + 2, top + _EIGHTS_PX / 2 - 2, "no whole eight", _NONE)
    for n, eight in enumerate(move.eights, 1):
        left, right = (scale.x(move.beats[beat]) for beat in (eight.start_beat, eight.start_beat + 8))
        sheet.box(left + 1, top, right - left - 2, _EIGHTS_PX - 4, _EIGHT)
        names = (f"eight {n}", str(n))
        sheet.fitting((left + right) / 2, top + _EIGHTS_PX / 2 - 2, names, _NAME, right - left - 8)


def _beats(sheet: Canvas, top: float, scale: Scale, move: MoveSummary) -> None:
    sheet.text(LEFT - 10, top + _BEATS_PX + _DIGITS_PX / 2, "counts", _LABEL)
    sheet.box(LEFT, top, scale.x(scale.end_s) - LEFT, _BEATS_PX, _PAPER)
    xs, counts = scale.xs(np.array(move.beats, float)), np.array(move.counts, int)
    shown = legible(xs, counts)
    for kind, colour, inset in (((2, 3, 4, 6, 7, 8), QUIET, 10), ((5,), FIVE, 5), ((1,), ONE, 0)):
        alike = np.isin(counts, kind)
        sheet.strokes(xs[alike], top + inset, _BEATS_PX - 2 * inset, colour, 2 if inset < 10 else 1)
        pen = TextStyle(20 - inset // 2, colour, bold=inset < 10, align="center")
        for x, count in zip(xs[alike & shown].tolist(), counts[alike & shown].tolist(), strict=True):
            sheet.text(x, top + _BEATS_PX + _DIGITS_PX / 2, str(count), pen)


def _seen(sheet: Canvas, top: float, scale: Scale, dancer: Dancer) -> None:
    """Full colour where the dancer is found, pale where only presumed, paper where neither."""
    sheet.text(LEFT - 10, top + _SEEN_PX / 2, dancer.name, _LABEL)
    bar = top + (_SEEN_PX - _BAR_PX) / 2
    sheet.box(LEFT, bar, scale.x(scale.end_s) - LEFT, _BAR_PX, _PAPER)
    for sure, colour in ((False, paled(dancer.colour, _PALE)), (True, dancer.colour)):
        for start, end in dancer.stretches(sure=sure):
            sheet.box(scale.x(start), bar, scale.x(end) - scale.x(start), _BAR_PX, colour)


def _seconds(sheet: Canvas, top: float, scale: Scale) -> None:
    step = next((step for step in _STEPS_S if scale.end_s / step <= _MOST_TICKS), _STEPS_S[-1])
    for n in range(int(scale.end_s / step) + 1):
        sheet.strokes(np.array([scale.x(n * step)]), top + 2, 5, QUIET, 1)
        sheet.text(scale.x(n * step), top + 18, f"{n * step:g} s", _TICK)
