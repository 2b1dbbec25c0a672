"""A song and its analysis go in; one picture of both comes out, to be read like a sheet of music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.audio_analysis.plot.captions import facts, trust
from agents.audio_analysis.plot.overview import OVERVIEW_PX, draw_overview
from agents.audio_analysis.plot.staves import LINE_PX, draw_line, lines_of
from agents.audio_analysis.plot.waveform import Wave, wave_of
from agents.drawing.canvas import INK, LEFT, QUIET, WIDTH, Canvas, Scale, blank, save_png
from agents.drawing.text import TextStyle, printable
from schemas.audio_analyzed import AudioAnalysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEAD_PX = 112
_MARGIN_PX = 26
_DOUBT_PX = 24
_MOST_DOUBTS = 12
_TITLE, _FACTS, _PARTS = TextStyle(30, INK, bold=True), TextStyle(19, INK), TextStyle(16, QUIET, align="right")
_DOUBT, _LEGEND = TextStyle(16, INK), TextStyle(13, QUIET, align="right")


def draw(path: Path, analysis: AudioAnalysis, title: str, target: Path) -> None:
    """Write a PNG, 1800 px wide, of the analysed song at `path`: facts, an overview, lines of music, doubts.

    `title` may hold anything: what cannot be printed is left out. Raises `Poison` as decoding does.
    """
    save_png(figure(wave_of(path, analysis.duration_s), analysis, title), target)


def figure(wave: Wave, analysis: AudioAnalysis, title: str) -> Figure:
    """The picture itself: one axes whose coordinates are pixels from the upper left."""
    lines, doubts = lines_of(analysis), _doubts(analysis)
    foot = _HEAD_PX + OVERVIEW_PX + LINE_PX * len(lines)
    picture, sheet = blank(foot + _DOUBT_PX * len(doubts) + _MARGIN_PX)
    _head(sheet, analysis, title)
    draw_overview(sheet, _HEAD_PX, wave, analysis)
    longest = max(end - start for start, end in lines)
    for n, (start, end) in enumerate(lines):
        draw_line(sheet, _HEAD_PX + OVERVIEW_PX + n * LINE_PX, Scale(start, end, longest), wave, analysis)
    _foot(sheet, foot, doubts)
    return picture


def _head(sheet: Canvas, analysis: AudioAnalysis, title: str) -> None:
    sheet.text(LEFT, 38, printable(title) or "(no title)", _TITLE, WIDTH)
    sheet.text(LEFT, 76, facts(analysis), _FACTS)
    sheet.text(LEFT + WIDTH, 76, trust(analysis), _PARTS)


def _foot(sheet: Canvas, top: float, doubts: list[str]) -> None:
    for n, doubt in enumerate(doubts):
        sheet.text(LEFT, top + _DOUBT_PX * (n + 0.5), doubt, _DOUBT, WIDTH)
    if doubts:
        sheet.text(LEFT - 8, top + _DOUBT_PX / 2, "doubts", _LEGEND)


def _doubts(analysis: AudioAnalysis) -> list[str]:
    told = [str(doubt) for doubt in analysis.doubts[:_MOST_DOUBTS]]
    left = len(analysis.doubts) - len(told)
    return [*told, f"and {left} more"] if left else told
