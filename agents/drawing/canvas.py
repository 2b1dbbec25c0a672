"""Draw shapes and text on a matplotlib figure, in pixels from the upper left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.drawing.text import TextStyle, cut, known, width_of
from infra.base.atomic_file import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CANVAS_PX = 1800
LEFT = 84
WIDTH = 1680
INK, QUIET = "#23272e", "#6b727c"

Rgb = tuple[float, float, float]

_DPI = 100


@dataclass(frozen=True)
class Scale:
    """Time as pixels: a stretch of the song, on a line that has room for `longest_s`."""

    start_s: float
    end_s: float
    longest_s: float

    def x(self, seconds: float) -> float:
        return float(self.xs(np.array(seconds)))

    def xs(self, seconds: Floats) -> Floats:
        inside = np.clip(seconds, self.start_s, self.end_s)
        return np.asarray(LEFT + (inside - self.start_s) * WIDTH / self.longest_s)


@dataclass(frozen=True)
class Canvas:
    """Paper to draw on, in pixels from the upper left. What is drawn later lies above."""

    axes: Axes

    def box(self, x: float, y: float, width: float, height: float, colour: str | Rgb) -> None:
        from matplotlib.patches import Rectangle

        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none"))

    def strokes(self, xs: Floats, y: float, height: float, colour: str, width: float) -> None:
        """Upright lines."""
        self.axes.vlines(xs, y, y + height, colors=colour, linewidths=width * 72 / _DPI)

    def curve(self, xs: Floats, ys: Floats, colour: str, width: float) -> None:
        self.axes.plot(xs, ys, color=colour, linewidth=width * 72 / _DPI, solid_joinstyle="round", marker="")

    def area(self, xs: Floats, low: Floats, high: Floats, colour: str, opacity: float) -> None:
        """What lies between two curves."""
        self.axes.fill_between(xs, low, high, color=colour, alpha=opacity, linewidth=0.6)

    def text(self, x: float, y: float, text: str, pen: TextStyle, room: float = np.inf) -> None:
        """One line of text around the height `y`, as it stands: no formulas; shortened where there is no room."""
        set_text = cut(known(text, pen), pen, room)
        self.axes.text(
            x,
            y,
            set_text,
            color=pen.colour,
            ha=pen.align,
            va="center_baseline",
            fontproperties=pen.font(_DPI),
            parse_math=False,
            usetex=False,
        )

    def fitting(self, x: float, y: float, names: tuple[str, ...], pen: TextStyle, room: float) -> None:
        """The first of the names for which there is room, or none."""
        for name in names:
            if width_of(name, pen) <= room:
                return self.text(x, y, name, pen)
        return None


def blank(height: int) -> tuple[Figure, Canvas]:
    """An empty sheet of full width."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(CANVAS_PX / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, CANVAS_PX), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    return figure, Canvas(axes)


def save_png(figure: Figure, target: Path) -> None:
    """Write the figure as a PNG, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with replacing(target) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Return `#rrggbb` as three values of 0-255."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue


def paled(colour: str, share: float) -> Rgb:
    """Return `#rrggbb` with only a share of its difference from white, 0-1 each."""
    red, green, blue = (1 - share * (1 - value / 255) for value in rgb_of(colour))
    return red, green, blue
