"""Choose the colours of a song's picture: of its waveform and its confidence."""

from __future__ import annotations

import numpy as np

from agents.drawing.canvas import Rgb

WAVEFORM_COLOUR = "#7d858f"

# Dark red, light yellow, bluish green: where red and green look alike, dark and light, warm and cold still differ.
_CONFIDENCE_SCALE: tuple[Rgb, ...] = ((0.72, 0.11, 0.14), (0.96, 0.77, 0.28), (0.06, 0.58, 0.52))


def confidence_colour(confidence: float) -> Rgb:
    """Return red for 0, yellow for 0.5, green for 1, and the colours between."""
    red, green, blue = (
        float(np.interp(confidence, (0, 0.5, 1), shades)) for shades in zip(*_CONFIDENCE_SCALE, strict=True)
    )
    return red, green, blue
