"""Draw the library's moves as points on a map: the nearer two points, the more similar their moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas, new_canvas, save_png
from agents.drawing.text import TextStyle, printable, width_of
from agents.move_indexing.draw_job import MapPoint
from agents.move_indexing.move_pictures.projection import project

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOP_PX, _HEIGHT_PX, _MARGIN_PX = 116, 1040, 40
_LEGEND_PX = 330
_MAP_WIDTH_PX = WIDTH_PX - _LEGEND_PX
_INSET_PX = 70  # between the border and the outermost points
_LINE_PX = 27
# Okabe and Ito's scheme, with Paul Tol's indigo and wine: colour-blind readers can distinguish its colours, too.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#332288", "#b8a800", "#882255")
_SHAPES = ("o", "s", "^", "D")  # with nine colours and four shapes, 36 markers differ
_MAX_CATEGORIES = len(_COLOURS) * len(_SHAPES) - 2
_OTHER_MARKER = ("#9aa1ab", "o")
_BACKGROUND, _BORDER_COLOUR = "#f7f8fa", "#d5d9df"
_MAX_NAMED_MOVES = 150
_MARKER_SIZES_PX = (17, 8)  # of the points of a small and of a large library
_SMALL_LIBRARY, _LARGE_LIBRARY = 60, 600  # moves
_TITLE_STYLE, _FACTS_STYLE = TextStyle(30, INK, bold=True), TextStyle(19, INK)
_CATEGORY_STYLE, _NUMBER_STYLE = TextStyle(16, INK), TextStyle(16, MUTED, align="right")
_NAME_STYLE, _HEADING_STYLE = TextStyle(14, INK), TextStyle(14, MUTED)

_Marker = tuple[str, str]  # colour, shape
_Box = tuple[float, float, float, float]  # left, top, right, bottom


def draw_map(points: Sequence[MapPoint], target: Path) -> None:
    """Write a PNG, 1800 px wide, of at least one move."""
    save_png(figure(points), target)


def figure(points: Sequence[MapPoint]) -> Figure:
    """Return the picture: one axes whose coordinates are pixels from the upper left corner."""
    flat, share = project(np.array([point.embedding for point in points], float))
    picture, canvas = new_canvas(_TOP_PX + _HEIGHT_PX + _MARGIN_PX)
    title = "The library: " + (f"{len(points)} moves" if len(points) > 1 else "1 move")
    canvas.text(LEFT_PX, 38, title, _TITLE_STYLE)
    canvas.text(LEFT_PX, 80, _facts(len(points), share), _FACTS_STYLE, WIDTH_PX)
    xy = to_pixels(flat)
    markers = category_markers([point.category for point in points])
    _frame(canvas)
    _points(canvas, xy, [markers.get(point.category, _OTHER_MARKER) for point in points])
    if len(points) <= _MAX_NAMED_MOVES:
        _names(canvas, xy, [printable(point.name) for point in points])
    _legend(canvas, markers, Counter(point.category for point in points))
    return picture


def _facts(count: int, share: float) -> str:
    if count < 3:
        return "near is alike, in motion and music"
    return f"near is alike, in motion and music; these two dimensions hold {share:.0%} of how the moves differ"


def to_pixels(flat: Floats) -> Floats:
    """Return positions (n, 2) in pixels, at one scale in both directions, so that distances can be compared."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    available = np.array([_MAP_WIDTH_PX, _HEIGHT_PX], float) - 2 * _INSET_PX
    spread = np.where(high - low > 1e-9, high - low, np.inf)
    scale = min(float((available / spread).min()) or 1.0, 1e6)
    centre = np.array([LEFT_PX + _MAP_WIDTH_PX / 2, _TOP_PX + _HEIGHT_PX / 2])
    xy: Floats = centre + (flat - (low + high) / 2) * scale * (1, -1)
    return xy


def category_markers(categories: Sequence[str]) -> dict[str, _Marker]:
    """Return the (colour, shape) of each category, by name; of the 34 most frequent ones where there are more."""
    frequent = sorted(Counter(categories).items(), key=lambda pair: (-pair[1], pair[0]))[:_MAX_CATEGORIES]
    names = sorted(category for category, _ in frequent)
    return {name: (_COLOURS[n % len(_COLOURS)], _SHAPES[n % len(_SHAPES)]) for n, name in enumerate(names)}


def _frame(canvas: Canvas) -> None:
    canvas.box(LEFT_PX - 1, _TOP_PX - 1, _MAP_WIDTH_PX + 2, _HEIGHT_PX + 2, _BORDER_COLOUR)
    canvas.box(LEFT_PX, _TOP_PX, _MAP_WIDTH_PX, _HEIGHT_PX, _BACKGROUND)


def _marker_size_px(count: int) -> float:
    return float(np.interp(count, (_SMALL_LIBRARY, _LARGE_LIBRARY), _MARKER_SIZES_PX))


def _points(canvas: Canvas, xy: Floats, markers: Sequence[_Marker]) -> None:
    size_px = _marker_size_px(len(xy))
    for marker in sorted(set(markers)):
        with_marker = np.array([other == marker for other in markers])
        _scatter(canvas, xy[with_marker], marker, size_px)


def _scatter(canvas: Canvas, xy: Floats, marker: _Marker, size_px: float) -> None:
    colour, shape = marker
    area = (size_px * 0.72) ** 2  # in matplotlib's square points: 72 points are 100 of our pixels
    canvas.axes.scatter(
        xy[:, 0], xy[:, 1], s=area, c=colour, marker=shape, edgecolors="white", linewidths=0.8, zorder=3
    )


def _legend(canvas: Canvas, markers: dict[str, _Marker], sizes: Counter[str]) -> None:
    left, top = LEFT_PX + _MAP_WIDTH_PX + 36.0, _TOP_PX + 12.0
    canvas.text(left - 10, top, "category", _HEADING_STYLE)
    rows = [(name, marker, sizes[name]) for name, marker in markers.items()]
    others = sum(sizes.values()) - sum(size for _, _, size in rows)
    for name, marker, size in [*rows, ("others", _OTHER_MARKER, others)] if others else rows:
        top += _LINE_PX
        _scatter(canvas, np.array([[left, top]]), marker, _MARKER_SIZES_PX[0])
        canvas.text(left + 18, top, printable(name.replace("_", " ")), _CATEGORY_STYLE, _LEGEND_PX - 110)
        canvas.text(LEFT_PX + WIDTH_PX, top, str(size), _NUMBER_STYLE)


def _names(canvas: Canvas, xy: Floats, names: Sequence[str]) -> None:
    """Draw each name beside its point, where it covers no point and no other name; omit it where it always would."""
    half = _marker_size_px(len(xy)) / 2 + 1
    occupied: list[_Box] = [(x - half, y - half, x + half, y + half) for x, y in xy.tolist()]
    for (x, y), name in zip(xy.tolist(), names, strict=True):
        boxes = _label_boxes(x, y, width_of(name, _NAME_STYLE), half)
        box = next((box for box in boxes if _is_free(box, occupied)), None)
        if box:
            occupied.append(box)
            canvas.text(box[0], (box[1] + box[3]) / 2, name, _NAME_STYLE)


def _label_boxes(x: float, y: float, width: float, half: float) -> Iterator[_Box]:
    """Yield the possible boxes of a name around its point, the best one first."""
    height, gap = _NAME_STYLE.size + 2, half + 3
    right, left, middle = x + gap, x - gap - width, x - width / 2
    above, below, level = y - gap - height, y + gap, y - height / 2
    corners = ((right, y - height), (right, y), (left, y - height), (left, y))
    for corner in ((right, level), (left, level), (middle, above), (middle, below), *corners):
        yield corner[0], corner[1], corner[0] + width, corner[1] + height


def _is_free(box: _Box, occupied: Sequence[_Box]) -> bool:
    left, top, right, bottom = LEFT_PX, _TOP_PX, LEFT_PX + _MAP_WIDTH_PX, _TOP_PX + _HEIGHT_PX
    inside = box[0] >= left + 4 and box[2] <= right - 4 and box[1] >= top and box[3] <= bottom
    return inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in occupied
    )
