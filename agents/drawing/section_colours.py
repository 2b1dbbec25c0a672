"""Choose the colours of a song's sections and its energy."""

from __future__ import annotations

from agents.drawing.canvas import Rgb, tint

ENERGY_COLOUR = "#0b4f6c"

# Paul Tol's light scheme: colour-blind readers can distinguish its colours, too.
LIGHT_COLOURS = ("#77aadd", "#eedd88", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00")


def section_colour(repeat_group: int) -> str:
    """Return the colour of each repeat group; every eighth group has the same."""
    return LIGHT_COLOURS[repeat_group % len(LIGHT_COLOURS)]


def band_colour(repeat_group: int) -> Rgb:
    """Return the light colour of each repeat group."""
    return tint(section_colour(repeat_group), 0.5)
