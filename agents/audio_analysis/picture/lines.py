"""A song's outline and analysis go in; lines are drawn as in sheet music, each beginning on a 1, with counts below."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.audio_analysis.picture.overview import draw_wave
from agents.audio_analysis.picture.pen import Pen
from agents.audio_analysis.picture.sheet import FIVE, INK, LEFT, ONE, QUIET, Scale, Sheet, band_colour, trust_colour
from agents.audio_analysis.picture.wave import Wave
from agents.audio_analysis.picture.words import names
from schemas.audio_analyzed import AudioAnalysis, Section, clock

LINE_PX = 136
_NAMES_PX, _WAVE_PX, _TRUST_PX = 22, 66, 4
_LINE_S = 30.0
_MOST_LINES = 15
_DIGIT_PX = 13.0
_DIGITS: tuple[tuple[tuple[int, ...], int, Pen], ...] = (
    ((1,), 8, Pen(22, ONE, bold=True, align="center")),
    ((5,), 4, Pen(17, FIVE, bold=True, align="center")),
    ((2, 3, 4, 6, 7, 8), 1, Pen(14, QUIET, align="center")),
)
"""(counts, beats to the next of them, how they look), the most important first."""
_STARTS, _GOES_ON = Pen(15, INK, bold=True), Pen(15, INK)
_TIME = Pen(15, INK, align="right")


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


def draw_line(sheet: Sheet, top: float, scale: Scale, wave: Wave, analysis: AudioAnalysis) -> None:
    """One line: sections as bands with their names above, the outline, a tick for each beat, its count below."""
    for section in analysis.sections:
        if section.start_s < scale.end_s and section.end_s > scale.start_s:
            _section(sheet, top, scale, section)
    draw_wave(sheet, top + _NAMES_PX, _WAVE_PX, scale, wave)
    sheet.words(LEFT - 8, top + _NAMES_PX + _WAVE_PX / 2, clock(scale.start_s), _TIME)
    _beats(sheet, top + _NAMES_PX, scale, analysis)


def _section(sheet: Sheet, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    sheet.box(left, top + _NAMES_PX, right - left, _WAVE_PX, band_colour(section.music))
    sheet.box(left, top + _NAMES_PX + _WAVE_PX, right - left, _TRUST_PX, trust_colour(section.confidence))
    if section.start_s < scale.start_s:
        return sheet.fitting(left + 2, top + _NAMES_PX / 2, names(section), _GOES_ON, right - left - 4)
    sheet.strokes(np.array([left]), top, _NAMES_PX + _WAVE_PX + _TRUST_PX, INK, 2)
    called = (f"{clock(section.start_s)}  {names(section)[0]}", *names(section))
    return sheet.fitting(left + 6, top + _NAMES_PX / 2, called, _STARTS, right - left - 8)


def _beats(sheet: Sheet, top: float, scale: Scale, analysis: AudioAnalysis) -> None:
    beats, counts = np.array(analysis.beats, float), np.array(analysis.counts, int)
    here = (beats >= scale.start_s) & ((beats < scale.end_s) | (scale.end_s >= analysis.duration_s))
    xs, counts = scale.xs(beats[here]), counts[here]
    shown = legible(xs, counts)
    for kind, _, pen in _DIGITS:
        alike = np.isin(counts, kind)
        _ticks(sheet, top, xs[alike], pen.colour, first=1 in kind)
        for x, count in zip(xs[alike & shown].tolist(), counts[alike & shown].tolist(), strict=True):
            sheet.words(x, top + _WAVE_PX + _TRUST_PX + 14, str(count), pen)


def _ticks(sheet: Sheet, top: float, xs: Floats, colour: str, *, first: bool) -> None:
    inset = 0 if first else 12
    sheet.strokes(xs, top + inset, _WAVE_PX - 2 * inset, colour, 2 if first else 1)


def legible(xs: Floats, counts: Ints) -> Bools:
    """Which counts to print, (beats,): all where there is room, else 1 and 5, else each 1; never one upon another."""
    gap = float(np.median(np.diff(xs))) if len(xs) > 1 else np.inf
    printed = np.zeros(len(xs), bool)
    for kind, beats_apart, _ in _DIGITS:
        if gap * beats_apart >= _DIGIT_PX:
            for n in np.flatnonzero(np.isin(counts, kind)):
                printed[n] = bool(np.all(np.abs(xs[printed] - xs[n]) >= _DIGIT_PX))
    return printed
