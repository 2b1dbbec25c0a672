"""Draw a move's key frames as one picture, with the counts below the frames and a strip over the whole clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from agents.move_indexing.move_pictures.boundary_captions import (
    CAPTIONS_PX,
    LEGEND_PX,
    draw_boundary,
    draw_content,
    draw_legend,
)
from agents.move_indexing.move_pictures.tiles import Scene, tiles
from agents.move_indexing.move_pictures.timeline_strip import STRIP_PX, draw_strip
from agents.playable import certainty_of_one, confidence_text
from schemas.boundary import Boundary, EightContent
from schemas.move_indexed import BEATS_PER_EIGHT, MoveSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_ROWS = 2
_HEADER_PX, _COUNT_PX, _ROW_GAP_PX, _MARGIN_PX = 112, 40, 14, 22
_GAP_PX = 8
_UNDERLINE_PX = 4
_TITLE_STYLE, _FACTS_STYLE, _LEGEND_STYLE = TextStyle(30, INK, bold=True), TextStyle(19, INK), TextStyle(17, INK)
_NOTE_STYLE = TextStyle(14, MUTED)
_INTERPOLATED_NOTE = "dashed, pale: interpolated"
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
    """A row of tiles: its name, and its beats as (seconds, count), each with its boundary, if there is one there.

    `content`: of its eight, if known.
    """

    name: str
    beats: tuple[tuple[float, int], ...]
    boundaries: tuple[Boundary | None, ...]
    content: EightContent | None = None


def draw_key_frames(path: Path, move: MoveSummary, dancers: Sequence[Dancer], target: Path) -> None:
    """Write a PNG, 1800 px wide, of the clip at `path`. Raises: `Poison`, as decoding does."""
    save_png(figure(path, move, dancers), target)


def figure(path: Path, move: MoveSummary, dancers: Sequence[Dancer]) -> Figure:
    """Return the picture: one axes whose coordinates are pixels from the upper left corner."""
    rows = rows_of(move)
    row_tiles = _tiles(path, rows, dancers, tile_px(move))
    header_px = _HEADER_PX + (LEGEND_PX if move.boundaries else 0)
    captions_px = CAPTIONS_PX if move.boundaries or any(row.content for row in rows) else 0
    row_px = row_tiles[0][0].shape[0] + _UNDERLINE_PX + _COUNT_PX + captions_px + _ROW_GAP_PX
    strip_top = header_px + row_px * len(rows)
    picture, canvas = new_canvas(strip_top + STRIP_PX + _MARGIN_PX)
    _header(canvas, move, dancers)
    for n, (row, tiles_of_row) in enumerate(zip(rows, row_tiles, strict=True)):
        _row(canvas, header_px + n * row_px, row, tiles_of_row)
    draw_strip(canvas, strip_top, move, dancers)
    return picture


def tile_px(move: MoveSummary) -> int:
    """Return the width of a tile in pixels."""
    columns = _columns(move)
    return (WIDTH_PX - (columns - 1) * _GAP_PX) // columns


def _columns(move: MoveSummary) -> int:
    """Return the tiles of a row: with boundaries, an eight's row ends with the boundary that ends it."""
    return BEATS_PER_EIGHT + bool(move.boundaries)


def rows_of(move: MoveSummary) -> tuple[Row, ...]:
    """Return the first whole eights, at most two; without a whole eight, at most eight beats spread over the clip.

    With boundaries, an eight has the beat too on which the next one begins. A clip without beats has one row with its
    time 0.
    """
    if move.eights:
        return tuple(
            _row_of(move, f"eight {n}", range(eight.start_beat, eight.start_beat + _columns(move)), eight.content)
            for n, eight in enumerate(move.eights[:_MAX_ROWS], 1)
        )
    if not move.beats:
        return (Row("beats", ((0.0, 1),), (None,)),)
    spread = np.linspace(0, len(move.beats) - 1, min(BEATS_PER_EIGHT, len(move.beats)))
    return (_row_of(move, "beats", np.unique(spread.round().astype(int)).tolist()),)


def _row_of(move: MoveSummary, name: str, beats: Sequence[int], content: EightContent | None = None) -> Row:
    counted = tuple((move.beats[beat], move.counts[beat]) for beat in beats)
    return Row(name, counted, tuple(map(move.boundary_at, beats)), content)


def _tiles(path: Path, rows: Sequence[Row], dancers: Sequence[Dancer], width: int) -> list[list[Image]]:
    """Return the tiles of each row, `width` pixels wide, all at one scale."""
    times_s = [time_s for row in rows for time_s, _ in row.beats]
    increasing = sorted(set(times_s))
    pictures = dict(zip(increasing, pictures_at(path, increasing), strict=True))
    drawn = iter(tiles([_scene(pictures[time_s], dancers) for time_s in times_s], width))
    return [[next(drawn) for _ in row.beats] for row in rows]


def _scene(picture: Picture, dancers: Sequence[Dancer]) -> Scene:
    bodies = (dancer.body_at(picture.time_s, picture.size) for dancer in dancers)
    return Scene(picture, tuple(body for body in bodies if body))


def _header(canvas: Canvas, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
    legend_left = _legend(canvas, dancers)
    canvas.text(LEFT_PX, 38, printable(move.name) or "(no name)", _TITLE_STYLE, legend_left - LEFT_PX - 24)
    canvas.text(LEFT_PX, 78, facts(move), _FACTS_STYLE, WIDTH_PX)
    if move.boundaries:
        draw_legend(canvas, _HEADER_PX)


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
    """Return category, difficulty, energy, tempo, duration, and how sure dancers and count are, in one line."""
    return "   ·   ".join(
        (
            printable(move.category.replace("_", " ")),
            move.difficulty,
            f"energy {move.energy}",
            f"{move.tempo_bpm:.1f} BPM",
            f"{move.clip.duration_s:.1f} s",
            f"both dancers found in {move.dancers.both:.0%} of the pictures",
            *_count_facts(move),
        )
    )


def _count_facts(move: MoveSummary) -> Iterator[str]:
    """Yield whether the count 1 is sure, where it is known."""
    certainty = certainty_of_one(move)
    if certainty != "unknown":
        confidence = confidence_text(certainty, move.count_confidence)
        yield f"the 1 is {certainty}" + (f": {confidence}" if confidence else "")


def _row(canvas: Canvas, top: float, row: Row, row_tiles: Sequence[Image]) -> None:
    height, width = row_tiles[0].shape[:2]
    canvas.text(LEFT_PX - 10, top + height / 2 - 10, row.name, _ROW_NAME_STYLE)
    canvas.text(LEFT_PX - 10, top + height / 2 + 12, f"{row.beats[0][0]:.1f} s", _ROW_TIME_STYLE)
    below = top + height + _UNDERLINE_PX + _COUNT_PX
    for n, (tile, (time_s, count), boundary) in enumerate(zip(row_tiles, row.beats, row.boundaries, strict=True)):
        left = LEFT_PX + n * (width + _GAP_PX)
        _image(canvas, left, top, tile)
        _caption(canvas, left, top + height, width, (time_s, count))
        if boundary:
            draw_boundary(canvas, left, below, width, boundary)
    if row.content:
        draw_content(canvas, below, row.name, row.content)


def _caption(canvas: Canvas, left: float, top: float, width: float, beat: tuple[float, int]) -> None:
    time_s, count = beat
    canvas.box(left, top, width, _UNDERLINE_PX, _UNDERLINE_COLOURS.get(count, _OTHER_UNDERLINE_COLOUR))
    middle = top + _UNDERLINE_PX + _COUNT_PX / 2
    canvas.text(left + width / 2, middle, str(count), _COUNT_STYLES.get(count, _OTHER_COUNT_STYLE))
    canvas.text(left + width, middle, f"{time_s:.2f} s", _TIME_STYLE)


def _image(canvas: Canvas, left: float, top: float, rgb: Image) -> None:
    height, width = rgb.shape[:2]
    extent = (left, left + width, top + height, top)
    canvas.axes.imshow(rgb, extent=extent, aspect="auto", interpolation="none", zorder=1)
