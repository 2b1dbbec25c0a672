"""Draw a song in lines, as in sheet music, each beginning on a 1, with the counts below the beats."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.plot.captions import names
from agents.audio_analysis.plot.colours import confidence_colour
from agents.audio_analysis.plot.overview import draw_waveform
from agents.audio_analysis.plot.waveform import Waveform
from agents.drawing.canvas import INK, LEFT_PX, MUTED, Canvas, Scale
from agents.drawing.counts import COUNT_KINDS, FIVE_COLOUR, ONE_COLOUR, legible
from agents.drawing.section_colours import band_colour
from agents.drawing.text import TextStyle
from schemas.audio_analyzed import AudioAnalysis, Section, clock

LINE_PX = 136
_NAMES_PX, _WAVEFORM_PX, _CONFIDENCE_PX = 22, 66, 4
_LINE_S = 30.0
_LONG_SONG_LINES = 15  # a song of more than 15 lines of 30 s has longer lines instead
_COUNT_STYLES = (  # for each of COUNT_KINDS: 1, 5 and the others
    TextStyle(22, ONE_COLOUR, bold=True, align="center"),
    TextStyle(17, FIVE_COLOUR, bold=True, align="center"),
    TextStyle(14, MUTED, align="center"),
)
_STARTED_STYLE, _CONTINUED_STYLE = TextStyle(15, INK, bold=True), TextStyle(15, INK)
_TIME_STYLE = TextStyle(15, INK, align="right")


def lines_of(analysis: AudioAnalysis) -> list[tuple[float, float]]:
    """Return start and end of each line in seconds: some 30 s each, from a 1 to a 1 where there is one."""
    end = max(analysis.duration_s, *analysis.beats[-1:], 0.1)
    length = max(_LINE_S, end / _LONG_SONG_LINES)
    ones = [beat for beat, count in zip(analysis.beats, analysis.counts, strict=True) if count == 1]
    starts = [0.0]
    while end - starts[-1] > 1.1 * length:
        latest = starts[-1] + length
        starts.append(max((one for one in ones if latest - length / 2 < one <= latest), default=latest))
    return list(zip(starts, [*starts[1:], end], strict=True))


def draw_line(canvas: Canvas, top: float, scale: Scale, waveform: Waveform, analysis: AudioAnalysis) -> None:
    """Draw one line: sections as bands with their names above, the waveform, a tick for each beat, its count below."""
    for section in analysis.sections:
        if section.start_s < scale.end_s and section.end_s > scale.start_s:
            _section(canvas, top, scale, section)
    draw_waveform(canvas, top + _NAMES_PX, _WAVEFORM_PX, scale, waveform)
    canvas.text(LEFT_PX - 8, top + _NAMES_PX + _WAVEFORM_PX / 2, clock(scale.start_s), _TIME_STYLE)
    _beats(canvas, top + _NAMES_PX, scale, analysis)


def _section(canvas: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    names_y = top + _NAMES_PX / 2
    canvas.box(left, top + _NAMES_PX, right - left, _WAVEFORM_PX, band_colour(section.repeat_group))
    canvas.box(
        left, top + _NAMES_PX + _WAVEFORM_PX, right - left, _CONFIDENCE_PX, confidence_colour(section.confidence)
    )
    if section.start_s < scale.start_s:
        return canvas.text_that_fits(left + 2, names_y, names(section), _CONTINUED_STYLE, right - left - 4)
    canvas.vertical_lines(np.array([left]), top, _NAMES_PX + _WAVEFORM_PX + _CONFIDENCE_PX, INK, 2)
    texts = (f"{clock(section.start_s)}  {names(section)[0]}", *names(section))
    return canvas.text_that_fits(left + 6, names_y, texts, _STARTED_STYLE, right - left - 8)


def _beats(canvas: Canvas, top: float, scale: Scale, analysis: AudioAnalysis) -> None:
    beats, counts = np.array(analysis.beats, float), np.array(analysis.counts, int)
    in_line = (beats >= scale.start_s) & ((beats < scale.end_s) | (scale.end_s >= analysis.duration_s))
    xs, counts = scale.xs(beats[in_line]), counts[in_line]
    printed = legible(xs, counts)
    for kind, style in zip(COUNT_KINDS, _COUNT_STYLES, strict=True):
        of_kind = np.isin(counts, kind)
        _ticks(canvas, top, xs[of_kind], style.colour, first=1 in kind)
        for x, count in zip(xs[of_kind & printed].tolist(), counts[of_kind & printed].tolist(), strict=True):
            canvas.text(x, top + _WAVEFORM_PX + _CONFIDENCE_PX + 14, str(count), style)


def _ticks(canvas: Canvas, top: float, xs: Floats, colour: str, *, first: bool) -> None:
    inset = 0 if first else 12
    canvas.vertical_lines(xs, top + inset, _WAVEFORM_PX - 2 * inset, colour, 2 if first else 1)
