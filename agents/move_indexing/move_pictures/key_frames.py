"""Draw a move's key frames as one picture, with the counts below the frames and a strip over the whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Image
from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas, new_canvas, save_png
from agents.drawing.counts import FIVE_COLOUR, ONE_COLOUR
from agents.drawing.text import TextStyle, printable, width_of
from agents.media.pictures import Picture, pictures_at
from agents.move_indexing.move_pictures.bodies import Dancer
from agents.move_indexing.move_pictures.tiles import Scene, tiles
from agents.move_indexing.move_pictures.timeline_strip import STRIP_PX, draw_strip
from schemas.move_indexed import MoveSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_BEATS = 8  # in a row
_MAX_ROWS = 2
_HEADER_PX, _COUNT_PX, _ROW_GAP_PX, _MARGIN_PX = 112, 40, 14, 22
_GAP_PX = 8
TILE_PX = (WIDTH_PX - (_MAX_BEATS - 1) * _GAP_PX) // _MAX_BEATS
_UNDERLINE_PX = 4
_TITLE_STYLE, _FACTS_STYLE, _LEGEND_STYLE = TextStyle(30, INK, bold=True), TextStyle(19, INK), TextStyle(17, INK)
_NOTE_STYLE = TextStyle(14, MUTED)
_INTERPOLATED_NOTE = "dashed, pale: hidden for a moment"
_ROW_NAME_STYLE = TextStyle(15, INK, bold=True, align="right")
_ROW_TIME_STYLE = TextStyle(14, MUTED, align="right")
_TIME_STYLE = TextStyle(13, MUTED, align="right")
_COUNT_STYLES = {
    1: TextStyle(24, ONE_COLOUR, bold=True, align="center"),
    5: TextStyle(20, FIVE_COLOUR, bold=True, align="center"),
}
_OTHER_COUNT_STYLE = TextStyle(17, MUTED, align="center")
_UNDERLINE_COLOURS = {1: ONE_COLOUR, 5: FIVE_COLOUR}
_OTHER_UNDERLINE_COLOUR = "#c9ced5"


@dataclass(frozen=True)
class Row:
    """A row of tiles: its name, and at most eight beats as (seconds, count)."""

    name: str
    beats: tuple[tuple[float, int], ...]


def draw_key_frames(path: Path, move: MoveSummary, dancers: Sequence[Dancer], target: Path) -> None:
    """Write a PNG, 1800 px wide, of the clip at `path`. Raises: `Poison`, as decoding does."""
    save_png(figure(path, move, dancers), target)


def figure(path: Path, move: MoveSummary, dancers: Sequence[Dancer]) -> Figure:
    """Return the picture: one axes whose coordinates are pixels from the upper left corner."""
    rows = rows_of(move)
    row_tiles = _tiles(path, rows, dancers)
    row_px = row_tiles[0].shape[0] + _UNDERLINE_PX + _COUNT_PX + _ROW_GAP_PX
    strip_top = _HEADER_PX + row_px * len(rows)
    picture, canvas = new_canvas(strip_top + STRIP_PX + _MARGIN_PX)
    _header(canvas, move, dancers)
    for n, row in enumerate(rows):
        _row(canvas, _HEADER_PX + n * row_px, row, row_tiles[n * _MAX_BEATS : (n + 1) * _MAX_BEATS])
    draw_strip(canvas, strip_top, move, dancers)
    return picture


def rows_of(move: MoveSummary) -> tuple[Row, ...]:
    """Return the first whole eights, at most two; without a whole eight, at most eight beats spread over the clip.

    A clip without beats has one row with its time 0.
    """
    counted = tuple(zip(move.beats, move.counts, strict=True))
    if move.eights:
        starts = [eight.start_beat for eight in move.eights[:_MAX_ROWS]]
        return tuple(Row(f"eight {n}", counted[start : start + _MAX_BEATS]) for n, start in enumerate(starts, 1))
    spread = np.unique(np.linspace(0, len(counted) - 1, min(_MAX_BEATS, len(counted))).round().astype(int))
    return (Row("beats", tuple(counted[n] for n in spread.tolist()) or ((0.0, 1),)),)


def _tiles(path: Path, rows: Sequence[Row], dancers: Sequence[Dancer]) -> list[Image]:
    times_s = [time_s for row in rows for time_s, _ in row.beats]
    increasing = sorted(set(times_s))
    pictures = dict(zip(increasing, pictures_at(path, increasing), strict=True))
    return tiles([_scene(pictures[time_s], dancers) for time_s in times_s], TILE_PX)


def _scene(picture: Picture, dancers: Sequence[Dancer]) -> Scene:
    bodies = (dancer.body_at(picture.time_s, picture.size) for dancer in dancers)
    return Scene(picture, tuple(body for body in bodies if body))


def _header(canvas: Canvas, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
    legend_left = _legend(canvas, dancers)
    canvas.text(LEFT_PX, 38, printable(move.name) or "(no name)", _TITLE_STYLE, legend_left - LEFT_PX - 24)
    canvas.text(LEFT_PX, 78, facts(move), _FACTS_STYLE, WIDTH_PX)


def _legend(canvas: Canvas, dancers: Sequence[Dancer]) -> float:
    """Draw the dancers' colours in the upper right corner, and return the legend's left edge."""
    left = float(LEFT_PX + WIDTH_PX)
    for dancer in reversed(dancers):
        left -= width_of(dancer.name, _LEGEND_STYLE)
        canvas.text(left, 38, dancer.name, _LEGEND_STYLE)
        canvas.box(left - 34, 34, 26, 8, dancer.colour)
        left -= 60
    left -= width_of(_INTERPOLATED_NOTE, _NOTE_STYLE) + 6
    canvas.text(left, 38, _INTERPOLATED_NOTE, _NOTE_STYLE)
    return left


def facts(move: MoveSummary) -> str:
    """Return category, difficulty, energy, tempo, duration and the share of frames with both dancers in one line."""
    return "   ·   ".join(
        (
            printable(move.category.replace("_", " ")),
            move.difficulty,
            f"energy {move.energy}",
            f"{move.tempo_bpm:.1f} BPM",
            f"{move.clip.duration_s:.1f} s",
            f"both dancers found in {move.dancers.both:.0%} of the pictures",
        )
    )


def _row(canvas: Canvas, top: float, row: Row, row_tiles: Sequence[Image]) -> None:
    height = row_tiles[0].shape[0]
    canvas.text(LEFT_PX - 10, top + height / 2 - 10, row.name, _ROW_NAME_STYLE)
    canvas.text(LEFT_PX - 10, top + height / 2 + 12, f"{row.beats[0][0]:.1f} s", _ROW_TIME_STYLE)
    for n, (tile, (time_s, count)) in enumerate(zip(row_tiles, row.beats, strict=True)):
        left = LEFT_PX + n * (TILE_PX + _GAP_PX)
        _image(canvas, left, top, tile)
        _caption(canvas, left, top + height, time_s, count)


def _caption(canvas: Canvas, left: float, top: float, time_s: float, count: int) -> None:
    canvas.box(left, top, TILE_PX, _UNDERLINE_PX, _UNDERLINE_COLOURS.get(count, _OTHER_UNDERLINE_COLOUR))
    middle = top + _UNDERLINE_PX + _COUNT_PX / 2
    canvas.text(left + TILE_PX / 2, middle, str(count), _COUNT_STYLES.get(count, _OTHER_COUNT_STYLE))
    canvas.text(left + TILE_PX, middle, f"{time_s:.2f} s", _TIME_STYLE)


def _image(canvas: Canvas, left: float, top: float, rgb: Image) -> None:
    height, width = rgb.shape[:2]
    extent = (left, left + width, top + height, top)
    canvas.axes.imshow(rgb, extent=extent, aspect="auto", interpolation="none", zorder=1)
