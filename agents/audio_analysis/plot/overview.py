"""Draw the panel that shows the whole song: sections, waveform, energy and confidence over time."""

from __future__ import annotations

import numpy as np

from agents.audio_analysis.plot.captions import names
from agents.audio_analysis.plot.colours import WAVEFORM_COLOUR, confidence_colour
from agents.audio_analysis.plot.waveform import Waveform
from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas, Scale
from agents.drawing.section_colours import ENERGY_COLOUR, band_colour
from agents.drawing.text import TextStyle
from schemas.audio_analyzed import AudioAnalysis, Section, clock

OVERVIEW_PX = 284
_NAMES_PX, _PANEL_PX, _CONFIDENCE_PX = 24, 170, 22
_GAP_PX = 8
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300)
_MAX_TICKS = 15
_MAX_BEATS_OF_THICK_LINE = WIDTH_PX // 2
_NAME_STYLE = TextStyle(15, INK, bold=True)
_TIME_STYLE = TextStyle(14, MUTED, align="center")
_LEGEND_STYLE = TextStyle(13, MUTED, align="right")


def draw_overview(canvas: Canvas, top: float, waveform: Waveform, analysis: AudioAnalysis) -> None:
    """Draw sections as bands, the energy over the waveform, each section's confidence below, and the time."""
    scale = Scale(0, max(analysis.duration_s, 0.1), max(analysis.duration_s, 0.1))
    panel = top + _NAMES_PX
    confidence_top = panel + _PANEL_PX + _GAP_PX
    for section in analysis.sections:
        _band(canvas, top, scale, section)
        _confidence(canvas, confidence_top, scale, section)
    draw_waveform(canvas, panel, _PANEL_PX, scale, waveform)
    _energy(canvas, panel, scale, analysis)
    canvas.text(LEFT_PX - 8, confidence_top + _CONFIDENCE_PX / 2, "confidence", _LEGEND_STYLE)
    _time(canvas, confidence_top + _CONFIDENCE_PX + 4, scale)


def draw_waveform(canvas: Canvas, top: float, height: float, scale: Scale, waveform: Waveform) -> None:
    """Draw the waveform of the scale's range from `top` down, `height` pixels high, with a column for each pixel."""
    seconds, low, high = waveform.between(scale.start_s, scale.end_s, WIDTH_PX)
    middle, half = top + height / 2, height / 2 - 2
    if len(seconds):
        canvas.area(scale.xs(seconds), middle - half * high, middle - half * low, WAVEFORM_COLOUR, 0.4)


def _band(canvas: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    canvas.box(left, top + _NAMES_PX, right - left, _PANEL_PX, band_colour(section.repeat_group))
    canvas.vertical_lines(np.array([left]), top, _NAMES_PX + _PANEL_PX, "white", 2)
    canvas.text_that_fits(left + 2, top + _NAMES_PX / 2, names(section), _NAME_STYLE, right - left - 4)


def _confidence(canvas: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    canvas.box(left + 1, top, max(right - left - 2, 1), _CONFIDENCE_PX, confidence_colour(section.confidence))
    style = TextStyle(14, INK if 0.25 < section.confidence < 0.8 else "white", bold=True, align="center")
    number = (f"{section.confidence:.2f}",)
    canvas.text_that_fits((left + right) / 2, top + _CONFIDENCE_PX / 2, number, style, right - left - 6)


def _energy(canvas: Canvas, top: float, scale: Scale, analysis: AudioAnalysis) -> None:
    for energy in (0, 0.5, 1):
        canvas.text(LEFT_PX - 8, top + _PANEL_PX * (1 - energy), f"{energy:g}", _LEGEND_STYLE)
    canvas.text(LEFT_PX - 8, top + _PANEL_PX / 4, "energy", TextStyle(13, ENERGY_COLOUR, align="right"))
    xs = scale.xs(np.array(analysis.beats, float))
    ys = top + _PANEL_PX * (1 - np.array(analysis.energy, float))
    width = 2 if len(xs) < _MAX_BEATS_OF_THICK_LINE else 1
    canvas.curve(xs, ys, "white", 2 * width)
    canvas.curve(xs, ys, ENERGY_COLOUR, width)


def _time(canvas: Canvas, top: float, scale: Scale) -> None:
    step = next((step for step in _TICK_STEPS_S if scale.end_s / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
    for second in range(0, int(scale.end_s) + 1, step):
        canvas.vertical_lines(np.array([scale.x(second)]), top, 5, MUTED, 1)
        canvas.text(scale.x(second), top + 14, clock(second), _TIME_STYLE)
