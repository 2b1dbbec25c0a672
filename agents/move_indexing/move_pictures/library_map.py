"""The library's moves go in; one picture comes out with a point for each, near each other where they are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.drawing.canvas import INK, LEFT, QUIET, WIDTH, Canvas, blank, save_png
from agents.drawing.text import TextStyle, printable, width_of
from agents.move_indexing.draw_job import MapPoint
from agents.move_indexing.move_pictures.projection import places

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOP, _HIGH, _MARGIN = 116, 1040, 40
_LEGEND_PX = 330
_WIDE = WIDTH - _LEGEND_PX
_INSET = 70  # between the border and the outermost points
_LINE_PX = 27
# Okabe and Ito's scheme, with Paul Tol's indigo and wine: apart from each other for colour-blind readers, too.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#332288", "#b8a800", "#882255")
_SHAPES = ("o", "s", "^", "D")  # nine colours and four shapes: 36 categories differ
_MOST_CATEGORIES = len(_COLOURS) * len(_SHAPES) - 2
_OTHER = ("#9aa1ab", "o")
_PAPER, _EDGE = "#f7f8fa", "#d5d9df"
_MOST_NAMED = 150
_FEW, _MANY = 60, 600
_TITLE, _FACTS = TextStyle(30, INK, bold=True), TextStyle(19, INK)
_KIND, _NUMBER, _NAME = TextStyle(16, INK), TextStyle(16, QUIET, align="right"), TextStyle(14, INK)
_HEADING = TextStyle(14, QUIET)

_Box = tuple[float, float, float, float]  # left, top, right, bottom


def draw_map(points: Sequence[MapPoint], target: Path) -> None:
    """Write a PNG, 1800 px wide, of one move or more."""
    save_png(figure(points), target)


def figure(points: Sequence[MapPoint]) -> Figure:
    """The picture itself: one axes whose coordinates are pixels from the upper left."""
    flat, share = places(np.array([point.embedding for point in points], float))
    picture, sheet = blank(_TOP + _HIGH + _MARGIN)
    sheet.text(LEFT, 38, "The library: " + (f"{len(points)} moves" if len(points) > 1 else "1 move"), _TITLE)
    sheet.text(LEFT, 80, _facts(len(points), share), _FACTS, WIDTH)
    xy = pixels(flat)
    looks = looks_of([point.category for point in points])
    _frame(sheet)
    _dots(sheet, xy, [looks.get(point.category, _OTHER) for point in points])
    if len(points) <= _MOST_NAMED:
        _names(sheet, xy, [printable(point.name) for point in points])
    _legend(sheet, looks, Counter(point.category for point in points))
    return picture


def _facts(many: int, share: float) -> str:
    if many < 3:
        return "near is alike, in motion and music"
    return f"near is alike, in motion and music; these two dimensions hold {share:.0%} of how the moves differ"


def pixels(flat: Floats) -> Floats:
    """Places on the sheet: the same scale both ways, so that as far is as unlike in any direction."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.array([_WIDE, _HIGH], float) - 2 * _INSET
    spread = np.where(high - low > 1e-9, high - low, np.inf)
    scale = min(float((room / spread).min()) or 1.0, 1e6)
    middle = np.array([LEFT + _WIDE / 2, _TOP + _HIGH / 2])
    placed: Floats = middle + (flat - (low + high) / 2) * scale * (1, -1)
    return placed


def looks_of(categories: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Each category's (colour, shape), by name; where there are too many, the most frequent ones'."""
    often = sorted(Counter(categories).items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_CATEGORIES]
    named = sorted(category for category, _ in often)
    return {name: (_COLOURS[n % len(_COLOURS)], _SHAPES[n % len(_SHAPES)]) for n, name in enumerate(named)}


def _frame(sheet: Canvas) -> None:
    sheet.box(LEFT - 1, _TOP - 1, _WIDE + 2, _HIGH + 2, _EDGE)
    sheet.box(LEFT, _TOP, _WIDE, _HIGH, _PAPER)


def _size_px(many: int) -> float:
    return float(np.interp(many, (_FEW, _MANY), (17, 8)))


def _dots(sheet: Canvas, xy: Floats, looks: Sequence[tuple[str, str]]) -> None:
    size = _size_px(len(xy))
    for look in sorted(set(looks)):
        alike = np.array([other == look for other in looks])
        _marks(sheet, xy[alike], look, size)


def _marks(sheet: Canvas, xy: Floats, look: tuple[str, str], size: float) -> None:
    colour, shape = look
    area = (size * 0.72) ** 2  # matplotlib counts square points, 72 to 100 of our pixels
    sheet.axes.scatter(xy[:, 0], xy[:, 1], s=area, c=colour, marker=shape, edgecolors="white", linewidths=0.8, zorder=3)


def _legend(sheet: Canvas, looks: dict[str, tuple[str, str]], many: Counter[str]) -> None:
    left, top = LEFT + _WIDE + 36.0, _TOP + 12.0
    sheet.text(left - 10, top, "category", _HEADING)
    rows = [(name, look, many[name]) for name, look in looks.items()]
    others = sum(many.values()) - sum(number for _, _, number in rows)
    for name, look, number in [*rows, ("others", _OTHER, others)] if others else rows:
        top += _LINE_PX
        _marks(sheet, np.array([[left, top]]), look, 17)
        sheet.text(left + 18, top, printable(name.replace("_", " ")), _KIND, _LEGEND_PX - 110)
        sheet.text(LEFT + WIDTH, top, str(number), _NUMBER)


def _names(sheet: Canvas, xy: Floats, names: Sequence[str]) -> None:
    """Each name where it covers neither a point nor another name; left out where there is no such place."""
    half = _size_px(len(xy)) / 2 + 1
    taken: list[_Box] = [(x - half, y - half, x + half, y + half) for x, y in xy.tolist()]
    for (x, y), name in zip(xy.tolist(), names, strict=True):
        box = next((box for box in _around(x, y, width_of(name, _NAME), half) if _is_free(box, taken)), None)
        if box:
            taken.append(box)
            sheet.text(box[0], (box[1] + box[3]) / 2, name, _NAME)


def _around(x: float, y: float, wide: float, half: float) -> Iterator[_Box]:
    """Where a name may stand beside its point, the best place first."""
    high, gap = _NAME.size + 2, half + 3
    right, left, middle = x + gap, x - gap - wide, x - wide / 2
    above, below, level = y - gap - high, y + gap, y - high / 2
    corners = ((right, y - high), (right, y), (left, y - high), (left, y))
    for corner in ((right, level), (left, level), (middle, above), (middle, below), *corners):
        yield corner[0], corner[1], corner[0] + wide, corner[1] + high


def _is_free(box: _Box, taken: Sequence[_Box]) -> bool:
    inside = box[0] >= LEFT + 4 and box[2] <= LEFT + _WIDE - 4 and box[1] >= _TOP and box[3] <= _TOP + _HIGH
    return inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )
