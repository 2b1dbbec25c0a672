"""Draw shapes and text on a matplotlib figure, in pixels from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.drawing.text import TextStyle, cut, replace_missing_glyphs, width_of
from infra.base.atomic_file import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CANVAS_PX = 1800
LEFT_PX = 84
WIDTH_PX = 1680
INK, MUTED = "#23272e", "#6b727c"

Rgb = tuple[float, float, float]

_DPI = 100


@dataclass(frozen=True)
class Scale:
    """A linear scale from time to x in pixels, clipped to a range; `full_width_s` seconds fill the whole line."""

    start_s: float
    end_s: float
    full_width_s: float

    def x(self, seconds: float) -> float:
        return float(self.xs(np.array(seconds)))

    def xs(self, seconds: Floats) -> Floats:
        inside = np.clip(seconds, self.start_s, self.end_s)
        return np.asarray(LEFT_PX + (inside - self.start_s) * WIDTH_PX / self.full_width_s)


@dataclass(frozen=True)
class Canvas:
    """A drawing area, in pixels from the upper left corner; later drawings cover earlier ones."""

    axes: Axes

    def box(self, x: float, y: float, width: float, height: float, colour: str | Rgb) -> None:
        from matplotlib.patches import Rectangle

        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none"))

    def vertical_lines(self, xs: Floats, y: float, height: float, colour: str, width: float) -> None:
        """Draw vertical lines from `y` down to `y + height`."""
        self.axes.vlines(xs, y, y + height, colors=colour, linewidths=width * 72 / _DPI)

    def curve(self, xs: Floats, ys: Floats, colour: str, width: float) -> None:
        self.axes.plot(xs, ys, color=colour, linewidth=width * 72 / _DPI, solid_joinstyle="round", marker="")

    def area(self, xs: Floats, low: Floats, high: Floats, colour: str, opacity: float) -> None:
        """Fill the area between two curves."""
        self.axes.fill_between(xs, low, high, color=colour, alpha=opacity, linewidth=0.6)

    def text(self, x: float, y: float, text: str, style: TextStyle, max_width_px: float = np.inf) -> None:
        """Draw one line of text, vertically centred on `y`, without parsing formulas, shortened to `max_width_px`."""
        line = cut(replace_missing_glyphs(text, style), style, max_width_px)
        self.axes.text(
            x,
            y,
            line,
            color=style.colour,
            ha=style.align,
            va="center_baseline",
            fontproperties=style.font(_DPI),
            parse_math=False,
            usetex=False,
        )

    def text_that_fits(self, x: float, y: float, texts: tuple[str, ...], style: TextStyle, max_width_px: float) -> None:
        """Draw the first of `texts` that is not wider than `max_width_px`, or none."""
        for text in texts:
            if width_of(text, style) <= max_width_px:
                return self.text(x, y, text, style)
        return None


def new_canvas(height: int) -> tuple[Figure, Canvas]:
    """Return an empty figure of the full width, `height` pixels high, and its canvas."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(CANVAS_PX / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, CANVAS_PX), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    return figure, Canvas(axes)


def save_png(figure: Figure, target: Path) -> None:
    """Write the figure as a PNG, atomically."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with replacing(target) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Return `#rrggbb` as three values, 0-255."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue


def tint(colour: str, share: float) -> Rgb:
    """Return `#rrggbb` mixed with white, as three values, 0-1: `share` (0-1) of the colour, the rest white."""
    red, green, blue = (1 - share * (1 - value / 255) for value in rgb_of(colour))
    return red, green, blue
