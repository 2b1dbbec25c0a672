"""Choose the colours of a song's picture: its sections, its energy and its confidence."""

from __future__ import annotations

import numpy as np

from agents.drawing.canvas import Rgb, paled

WAVE, ENERGY = "#7d858f", "#0b4f6c"

# Paul Tol's light scheme: apart from each other for colour-blind readers, too.
_LIGHT = ("#77aadd", "#eedd88", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00")
# Dark red, light yellow, bluish green: where red and green look alike, dark and light, warm and cold still differ.
_TRUST: tuple[Rgb, ...] = ((0.72, 0.11, 0.14), (0.96, 0.77, 0.28), (0.06, 0.58, 0.52))


def band_colour(music: int) -> Rgb:
    """Return a pale colour for each piece of music."""
    return paled(_LIGHT[music % len(_LIGHT)], 0.5)


def confidence_colour(confidence: float) -> Rgb:
    """Return red for 0, yellow for a half, green for 1."""
    red, green, blue = (float(np.interp(confidence, (0, 0.5, 1), shades)) for shades in zip(*_TRUST, strict=True))
    return red, green, blue
