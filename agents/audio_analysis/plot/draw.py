"""Draw a song and its analysis as one picture that is read like sheet music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.audio_analysis.plot.captions import confidence_parts, facts
from agents.audio_analysis.plot.overview import OVERVIEW_PX, draw_overview
from agents.audio_analysis.plot.staves import LINE_PX, draw_line, lines_of
from agents.audio_analysis.plot.waveform import Waveform, waveform_of
from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas, Scale, new_canvas, save_png
from agents.drawing.text import TextStyle, printable
from schemas.audio_analyzed import AudioAnalysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADER_PX = 112
_MARGIN_PX = 26
_DOUBT_PX = 24
_MAX_DOUBTS = 12
_TITLE_STYLE, _FACTS_STYLE = TextStyle(30, INK, bold=True), TextStyle(19, INK)
_CONFIDENCE_STYLE = TextStyle(16, MUTED, align="right")
_DOUBT_STYLE, _LEGEND_STYLE = TextStyle(16, INK), TextStyle(13, MUTED, align="right")


def draw(path: Path, analysis: AudioAnalysis, title: str, target: Path, track: int = 0) -> None:
    """Write a PNG, 1800 px wide, of the analysed song at `path`: facts, an overview, lines of music, doubts.

    `title` may be any text: characters that cannot be printed are left out.
    Raises: `Poison`, as `decode_mono` does.
    """
    save_png(figure(waveform_of(path, analysis.duration_s, track), analysis, title), target)


def figure(waveform: Waveform, analysis: AudioAnalysis, title: str) -> Figure:
    """Return the picture: one axes whose coordinates are pixels from the upper left corner."""
    lines, doubts = lines_of(analysis), _doubts(analysis)
    footer_top = _HEADER_PX + OVERVIEW_PX + LINE_PX * len(lines)
    picture, canvas = new_canvas(footer_top + _DOUBT_PX * len(doubts) + _MARGIN_PX)
    _header(canvas, analysis, title)
    draw_overview(canvas, _HEADER_PX, waveform, analysis)
    longest = max(end - start for start, end in lines)
    for n, (start, end) in enumerate(lines):
        draw_line(canvas, _HEADER_PX + OVERVIEW_PX + n * LINE_PX, Scale(start, end, longest), waveform, analysis)
    _footer(canvas, footer_top, doubts)
    return picture


def _header(canvas: Canvas, analysis: AudioAnalysis, title: str) -> None:
    canvas.text(LEFT_PX, 38, printable(title) or "(no title)", _TITLE_STYLE, WIDTH_PX)
    canvas.text(LEFT_PX, 76, facts(analysis), _FACTS_STYLE)
    canvas.text(LEFT_PX + WIDTH_PX, 76, confidence_parts(analysis), _CONFIDENCE_STYLE)


def _footer(canvas: Canvas, top: float, doubts: list[str]) -> None:
    for n, doubt in enumerate(doubts):
        canvas.text(LEFT_PX, top + _DOUBT_PX * (n + 0.5), doubt, _DOUBT_STYLE, WIDTH_PX)
    if doubts:
        canvas.text(LEFT_PX - 8, top + _DOUBT_PX / 2, "doubts", _LEGEND_STYLE)


def _doubts(analysis: AudioAnalysis) -> list[str]:
    listed = [str(doubt) for doubt in analysis.doubts[:_MAX_DOUBTS]]
    more = len(analysis.doubts) - len(listed)
    return [*listed, f"and {more} more"] if more else listed
