"""A move, its clip and what was seen in it go in; one picture of its key frames comes out, with its counts below."""

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

_BEATS = 8
_MOST_ROWS = 2
_HEAD_PX, _COUNT_PX, _ROW_GAP_PX, _MARGIN_PX = 112, 40, 14, 22
_GAP_PX = 8
TILE_PX = (WIDTH_PX - (_BEATS - 1) * _GAP_PX) // _BEATS
_UNDERLINE_PX = 4
_TITLE, _FACTS, _LEGEND = TextStyle(30, INK, bold=True), TextStyle(19, INK), TextStyle(17, INK)
_NOTE, _PRESUMED = TextStyle(14, MUTED), "dashed, pale: hidden for a moment"
_ROW, _ROW_TIME = TextStyle(15, INK, bold=True, align="right"), TextStyle(14, MUTED, align="right")
_TIME = TextStyle(13, MUTED, align="right")
_COUNTS = {
    1: TextStyle(24, ONE_COLOUR, bold=True, align="center"),
    5: TextStyle(20, FIVE_COLOUR, bold=True, align="center"),
}
_COUNT = TextStyle(17, MUTED, align="center")
_NO_COUNT = "#c9ced5"


@dataclass(frozen=True)
class Row:
    """Eight moments at most, as (seconds, count); `name` says which eight they are, or nothing."""

    name: str
    moments: tuple[tuple[float, int], ...]


def draw_keys(path: Path, move: MoveSummary, dancers: Sequence[Dancer], target: Path) -> None:
    """Write a PNG, 1800 px wide, of the clip at `path`. Raises `Poison` as decoding does."""
    save_png(figure(path, move, dancers), target)


def figure(path: Path, move: MoveSummary, dancers: Sequence[Dancer]) -> Figure:
    """The picture itself: one axes whose coordinates are pixels from the upper left."""
    rows = rows_of(move)
    shown = _tiles(path, rows, dancers)
    row_px = shown[0].shape[0] + _UNDERLINE_PX + _COUNT_PX + _ROW_GAP_PX
    foot = _HEAD_PX + row_px * len(rows)
    picture, sheet = new_canvas(foot + STRIP_PX + _MARGIN_PX)
    _head(sheet, move, dancers)
    for n, row in enumerate(rows):
        _row(sheet, _HEAD_PX + n * row_px, row, shown[n * _BEATS : (n + 1) * _BEATS])
    draw_strip(sheet, foot, move, dancers)
    return picture


def rows_of(move: MoveSummary) -> tuple[Row, ...]:
    """The first whole eights, two at most; in a clip that has none, beats spread over it."""
    counted = tuple(zip(move.beats, move.counts, strict=True))
    if move.eights:
        starts = [eight.start_beat for eight in move.eights[:_MOST_ROWS]]
        return tuple(Row(f"eight {n}", counted[start : start + _BEATS]) for n, start in enumerate(starts, 1))
    picked = np.unique(np.linspace(0, len(counted) - 1, min(_BEATS, len(counted))).round().astype(int))
    return (Row("beats", tuple(counted[n] for n in picked.tolist()) or ((0.0, 1),)),)


def _tiles(path: Path, rows: Sequence[Row], dancers: Sequence[Dancer]) -> list[Image]:
    wanted = [time for row in rows for time, _ in row.moments]
    in_order = sorted(set(wanted))
    found = dict(zip(in_order, pictures_at(path, in_order), strict=True))
    return tiles([_scene(found[time], dancers) for time in wanted], TILE_PX)


def _scene(picture: Picture, dancers: Sequence[Dancer]) -> Scene:
    bodies = (dancer.at(picture.time_s, picture.size) for dancer in dancers)
    return Scene(picture, tuple(body for body in bodies if body))


def _head(sheet: Canvas, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
    legend = _legend(sheet, dancers)
    sheet.text(LEFT_PX, 38, printable(move.name) or "(no name)", _TITLE, legend - LEFT_PX - 24)
    sheet.text(LEFT_PX, 78, facts(move), _FACTS, WIDTH_PX)


def _legend(sheet: Canvas, dancers: Sequence[Dancer]) -> float:
    """Who has which colour, at the upper right; returns where it begins."""
    right = float(LEFT_PX + WIDTH_PX)
    for dancer in reversed(dancers):
        right -= width_of(dancer.name, _LEGEND)
        sheet.text(right, 38, dancer.name, _LEGEND)
        sheet.box(right - 34, 34, 26, 8, dancer.colour)
        right -= 60
    right -= width_of(_PRESUMED, _NOTE) + 6
    sheet.text(right, 38, _PRESUMED, _NOTE)
    return right


def facts(move: MoveSummary) -> str:
    """The move in one line."""
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


def _row(sheet: Canvas, top: float, row: Row, shown: Sequence[Image]) -> None:
    height = shown[0].shape[0]
    sheet.text(LEFT_PX - 10, top + height / 2 - 10, row.name, _ROW)
    sheet.text(LEFT_PX - 10, top + height / 2 + 12, f"{row.moments[0][0]:.1f} s", _ROW_TIME)
    for n, (tile, (time_s, count)) in enumerate(zip(shown, row.moments, strict=True)):
        left = LEFT_PX + n * (TILE_PX + _GAP_PX)
        _paste(sheet, left, top, tile)
        _below(sheet, left, top + height, time_s, count)


def _below(sheet: Canvas, left: float, top: float, time_s: float, count: int) -> None:
    sheet.box(left, top, TILE_PX, _UNDERLINE_PX, {1: ONE_COLOUR, 5: FIVE_COLOUR}.get(count, _NO_COUNT))
    middle = top + _UNDERLINE_PX + _COUNT_PX / 2
    sheet.text(left + TILE_PX / 2, middle, str(count), _COUNTS.get(count, _COUNT))
    sheet.text(left + TILE_PX, middle, f"{time_s:.2f} s", _TIME)


def _paste(sheet: Canvas, left: float, top: float, rgb: Image) -> None:
    height, width = rgb.shape[:2]
    extent = (left, left + width, top + height, top)
    sheet.axes.imshow(rgb, extent=extent, aspect="auto", interpolation="none", zorder=1)
