"""A song's outline and analysis go in; the panel that shows the whole song at a glance is drawn."""

from __future__ import annotations

import numpy as np

from agents.audio_analysis.plot.captions import names
from agents.audio_analysis.plot.colours import ENERGY, WAVE, band_colour, confidence_colour
from agents.audio_analysis.plot.waveform import Wave
from agents.drawing.canvas import INK, LEFT, QUIET, WIDTH, Canvas, Scale
from agents.drawing.text import TextStyle
from schemas.audio_analyzed import AudioAnalysis, Section, clock

OVERVIEW_PX = 284
_NAMES_PX, _PANEL_PX, _TRUST_PX = 24, 170, 22
_GAP_PX = 8
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300)
_MOST_TICKS = 15
_MOST_CLEAR = WIDTH // 2
_NAME = TextStyle(15, INK, bold=True)
_TIME = TextStyle(14, QUIET, align="center")
_LEGEND = TextStyle(13, QUIET, align="right")


def draw_overview(sheet: Canvas, top: float, wave: Wave, analysis: AudioAnalysis) -> None:
    """Sections as bands, the energy over the outline, each section's confidence below, and the time."""
    scale = Scale(0, max(analysis.duration_s, 0.1), max(analysis.duration_s, 0.1))
    panel = top + _NAMES_PX
    strip = panel + _PANEL_PX + _GAP_PX
    for section in analysis.sections:
        _band(sheet, top, scale, section)
        _confidence(sheet, strip, scale, section)
    draw_wave(sheet, panel, _PANEL_PX, scale, wave)
    _energy(sheet, panel, scale, analysis)
    sheet.text(LEFT - 8, strip + _TRUST_PX / 2, "confidence", _LEGEND)
    _time(sheet, strip + _TRUST_PX + 4, scale)


def draw_wave(sheet: Canvas, top: float, height: float, scale: Scale, wave: Wave) -> None:
    """The outline between two heights, a column for each pixel."""
    seconds, low, high = wave.between(scale.start_s, scale.end_s, WIDTH)
    middle, half = top + height / 2, height / 2 - 2
    if len(seconds):
        sheet.area(scale.xs(seconds), middle - half * high, middle - half * low, WAVE, 0.4)


def _band(sheet: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    sheet.box(left, top + _NAMES_PX, right - left, _PANEL_PX, band_colour(section.repeat_group))
    sheet.strokes(np.array([left]), top, _NAMES_PX + _PANEL_PX, "white", 2)
    sheet.fitting(left + 2, top + _NAMES_PX / 2, names(section), _NAME, right - left - 4)


def _confidence(sheet: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    sheet.box(left + 1, top, max(right - left - 2, 1), _TRUST_PX, confidence_colour(section.confidence))
    pen = TextStyle(14, INK if 0.25 < section.confidence < 0.8 else "white", bold=True, align="center")
    number = (f"{section.confidence:.2f}",)
    sheet.fitting((left + right) / 2, top + _TRUST_PX / 2, number, pen, right - left - 6)


def _energy(sheet: Canvas, top: float, scale: Scale, analysis: AudioAnalysis) -> None:
    for share in (0, 0.5, 1):
        sheet.text(LEFT - 8, top + _PANEL_PX * (1 - share), f"{share:g}", _LEGEND)
    sheet.text(LEFT - 8, top + _PANEL_PX / 4, "energy", TextStyle(13, ENERGY, align="right"))
    xs = scale.xs(np.array(analysis.beats, float))
    ys = top + _PANEL_PX * (1 - np.array(analysis.energy, float))
    width = 2 if len(xs) < _MOST_CLEAR else 1
    sheet.curve(xs, ys, "white", 2 * width)
    sheet.curve(xs, ys, ENERGY, width)


def _time(sheet: Canvas, top: float, scale: Scale) -> None:
    step = next((step for step in _STEPS_S if scale.end_s / step <= _MOST_TICKS), _STEPS_S[-1])
    for second in range(0, int(scale.end_s) + 1, step):
        sheet.strokes(np.array([scale.x(second)]), top, 5, QUIET, 1)
        sheet.text(scale.x(second), top + 14, clock(second), _TIME)
