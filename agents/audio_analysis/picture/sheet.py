"""Shapes and words in pixels go in; a matplotlib figure that holds them comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.picture.pen import Pen, cut, known, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHEET_PX = 1800
LEFT = 84
WIDTH = 1680
INK, QUIET, WAVE, ENERGY = "#23272e", "#6b727c", "#7d858f", "#0b4f6c"
ONE, FIVE = "#c2124f", "#3d4653"

Rgb = tuple[float, float, float]

_DPI = 100
_LIGHT = ("#77aadd", "#eedd88", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00")
"""Paul Tol's light scheme: apart from each other for colour-blind readers, too."""
_TRUST: tuple[Rgb, ...] = ((0.72, 0.11, 0.14), (0.96, 0.77, 0.28), (0.06, 0.58, 0.52))
"""Dark red, light yellow, bluish green: where red and green look alike, dark and light, warm and cold still differ."""


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
class Sheet:
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

    def words(self, x: float, y: float, text: str, pen: Pen, room: float = np.inf) -> None:
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

    def fitting(self, x: float, y: float, names: tuple[str, ...], pen: Pen, room: float) -> None:
        """The first of the names for which there is room, or none."""
        for name in names:
            if width_of(name, pen) <= room:
                return self.words(x, y, name, pen)
        return None


def blank(height: int) -> tuple[Figure, Sheet]:
    """An empty sheet of full width."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SHEET_PX / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, SHEET_PX), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    return figure, Sheet(axes)


def band_colour(music: int) -> Rgb:
    """A pale colour for each piece of music."""
    colour = _LIGHT[music % len(_LIGHT)]
    red, green, blue = (1 - 0.5 * (1 - int(colour[k : k + 2], 16) / 255) for k in (1, 3, 5))
    return red, green, blue


def trust_colour(confidence: float) -> Rgb:
    """Red for 0, yellow for a half, green for 1."""
    red, green, blue = (float(np.interp(confidence, (0, 0.5, 1), shades)) for shades in zip(*_TRUST, strict=True))
    return red, green, blue
