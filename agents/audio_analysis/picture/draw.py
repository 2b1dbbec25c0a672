"""A song and its analysis go in; one picture of both comes out, to be read like a sheet of music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.audio_analysis.picture.lines import LINE_PX, draw_line, lines_of
from agents.audio_analysis.picture.overview import OVERVIEW_PX, draw_overview
from agents.audio_analysis.picture.wave import Wave, wave_of
from agents.audio_analysis.picture.words import facts, trust
from agents.drawing.canvas import INK, LEFT, QUIET, WIDTH, Scale, Sheet, blank, save_png
from agents.drawing.text import Pen, printable
from schemas.audio_analyzed import AudioAnalysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEAD_PX = 112
_MARGIN_PX = 26
_DOUBT_PX = 24
_MOST_DOUBTS = 12
_TITLE, _FACTS, _PARTS = Pen(30, INK, bold=True), Pen(19, INK), Pen(16, QUIET, align="right")
_DOUBT, _LEGEND = Pen(16, INK), Pen(13, QUIET, align="right")


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


def _head(sheet: Sheet, analysis: AudioAnalysis, title: str) -> None:
    sheet.words(LEFT, 38, printable(title) or "(no title)", _TITLE, WIDTH)
    sheet.words(LEFT, 76, facts(analysis), _FACTS)
    sheet.words(LEFT + WIDTH, 76, trust(analysis), _PARTS)


def _foot(sheet: Sheet, top: float, doubts: list[str]) -> None:
    for n, doubt in enumerate(doubts):
        sheet.words(LEFT, top + _DOUBT_PX * (n + 0.5), doubt, _DOUBT, WIDTH)
    if doubts:
        sheet.words(LEFT - 8, top + _DOUBT_PX / 2, "doubts", _LEGEND)


def _doubts(analysis: AudioAnalysis) -> list[str]:
    told = [str(doubt) for doubt in analysis.doubts[:_MOST_DOUBTS]]
    left = len(analysis.doubts) - len(told)
    return [*told, f"and {left} more"] if left else told
