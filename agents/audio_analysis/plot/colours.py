"""Choose the colours of a song's picture: of its sections, its energy and its confidence."""

from __future__ import annotations

import numpy as np

from agents.drawing.canvas import Rgb, tint

WAVEFORM_COLOUR, ENERGY_COLOUR = "#7d858f", "#0b4f6c"

# Paul Tol's light scheme: colour-blind readers can distinguish its colours, too.
_SECTION_COLOURS = ("#77aadd", "#eedd88", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00")
# Dark red, light yellow, bluish green: where red and green look alike, dark and light, warm and cold still differ.
_CONFIDENCE_SCALE: tuple[Rgb, ...] = ((0.72, 0.11, 0.14), (0.96, 0.77, 0.28), (0.06, 0.58, 0.52))


def band_colour(repeat_group: int) -> Rgb:
    """Return a light colour for each repeat group; every eighth group has the same."""
    return tint(_SECTION_COLOURS[repeat_group % len(_SECTION_COLOURS)], 0.5)


def confidence_colour(confidence: float) -> Rgb:
    """Return red for 0, yellow for 0.5, green for 1, and the colours between."""
    red, green, blue = (
        float(np.interp(confidence, (0, 0.5, 1), shades)) for shades in zip(*_CONFIDENCE_SCALE, strict=True)
    )
    return red, green, blue
