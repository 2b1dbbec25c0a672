"""A song's outline and analysis go in; lines are drawn as in sheet music, each beginning on a 1, with counts below."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.plot.captions import names
from agents.audio_analysis.plot.colours import band_colour, confidence_colour
from agents.audio_analysis.plot.overview import draw_wave
from agents.audio_analysis.plot.waveform import Wave
from agents.drawing.canvas import INK, LEFT, QUIET, Canvas, Scale
from agents.drawing.counts import FIVE, KINDS, ONE, legible
from agents.drawing.text import TextStyle
from schemas.audio_analyzed import AudioAnalysis, Section, clock

LINE_PX = 136
_NAMES_PX, _WAVE_PX, _TRUST_PX = 22, 66, 4
_LINE_S = 30.0
_MOST_LINES = 15
_PENS = (  # for count 1, for count 5, for the others
    TextStyle(22, ONE, bold=True, align="center"),
    TextStyle(17, FIVE, bold=True, align="center"),
    TextStyle(14, QUIET, align="center"),
)
_STARTS, _GOES_ON = TextStyle(15, INK, bold=True), TextStyle(15, INK)
_TIME = TextStyle(15, INK, align="right")


def lines_of(analysis: AudioAnalysis) -> list[tuple[float, float]]:
    """Where each line starts and ends, in seconds: some 30 s each, from a 1 to a 1 where there is one."""
    end = max(analysis.duration_s, *analysis.beats[-1:], 0.1)
    length = max(_LINE_S, end / _MOST_LINES)
    ones = [beat for beat, count in zip(analysis.beats, analysis.counts, strict=True) if count == 1]
    starts = [0.0]
    while end - starts[-1] > 1.1 * length:
        due = starts[-1] + length
        starts.append(max((one for one in ones if due - length / 2 < one <= due), default=due))
    return list(zip(starts, [*starts[1:], end], strict=True))


def draw_line(sheet: Canvas, top: float, scale: Scale, wave: Wave, analysis: AudioAnalysis) -> None:
    """One line: sections as bands with their names above, the outline, a tick for each beat, its count below."""
    for section in analysis.sections:
        if section.start_s < scale.end_s and section.end_s > scale.start_s:
            _section(sheet, top, scale, section)
    draw_wave(sheet, top + _NAMES_PX, _WAVE_PX, scale, wave)
    sheet.text(LEFT - 8, top + _NAMES_PX + _WAVE_PX / 2, clock(scale.start_s), _TIME)
    _beats(sheet, top + _NAMES_PX, scale, analysis)


def _section(sheet: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    sheet.box(left, top + _NAMES_PX, right - left, _WAVE_PX, band_colour(section.repeat_group))
    sheet.box(left, top + _NAMES_PX + _WAVE_PX, right - left, _TRUST_PX, confidence_colour(section.confidence))
    if section.start_s < scale.start_s:
        return sheet.fitting(left + 2, top + _NAMES_PX / 2, names(section), _GOES_ON, right - left - 4)
    sheet.strokes(np.array([left]), top, _NAMES_PX + _WAVE_PX + _TRUST_PX, INK, 2)
    called = (f"{clock(section.start_s)}  {names(section)[0]}", *names(section))
    return sheet.fitting(left + 6, top + _NAMES_PX / 2, called, _STARTS, right - left - 8)


def _beats(sheet: Canvas, top: float, scale: Scale, analysis: AudioAnalysis) -> None:
    beats, counts = np.array(analysis.beats, float), np.array(analysis.counts, int)
    here = (beats >= scale.start_s) & ((beats < scale.end_s) | (scale.end_s >= analysis.duration_s))
    xs, counts = scale.xs(beats[here]), counts[here]
    shown = legible(xs, counts)
    for kind, pen in zip(KINDS, _PENS, strict=True):
        alike = np.isin(counts, kind)
        _ticks(sheet, top, xs[alike], pen.colour, first=1 in kind)
        for x, count in zip(xs[alike & shown].tolist(), counts[alike & shown].tolist(), strict=True):
            sheet.text(x, top + _WAVE_PX + _TRUST_PX + 14, str(count), pen)


def _ticks(sheet: Canvas, top: float, xs: Floats, colour: str, *, first: bool) -> None:
    inset = 0 if first else 12
    sheet.strokes(xs, top + inset, _WAVE_PX - 2 * inset, colour, 2 if first else 1)
