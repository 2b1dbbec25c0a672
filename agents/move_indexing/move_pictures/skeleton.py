"""Draw a body's skeleton on a picture, in the body's colour."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.drawing.canvas import rgb_of
from agents.move_indexing.dancers.detections import ANKLES, EARS, ELBOWS, HIPS, KNEES, NOSE, SHOULDERS, WRISTS, midpoint
from agents.move_indexing.move_pictures.bodies import Body

Colour = tuple[int, int, int]

FINGERS, TOES = (19, 20), (31, 32)
_LIMBS = tuple(
    chain
    for side in (0, 1)
    for chain in (
        (SHOULDERS[side], ELBOWS[side], WRISTS[side], FINGERS[side]),
        (HIPS[side], KNEES[side], ANKLES[side], TOES[side]),
    )
)
_TRUNK = (SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0], SHOULDERS[0])
# Pairs of BlazePose's landmarks that a line joins.
BONES = tuple((one, other) for chain in (*_LIMBS, _TRUNK) for one, other in pairwise(chain))
_JOINTS_WITH_DOTS = (*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)
_EDGE_COLOUR: Colour = (16, 20, 26)
_DOT_COLOUR: Colour = (255, 255, 255)
_HEAD_RADIUS = 0.25  # torso lengths
_INTERPOLATED_OPACITY = 0.85
_FRACTION_BITS = 4  # of the coordinates passed to OpenCV


def draw_body(rgb: Image, body: Body, thickness: int) -> None:
    """Draw on `rgb`: solid lines with a dark edge for a detected body, pale dashes for an interpolated one."""
    if body.detected:
        _strokes(rgb, body, _EDGE_COLOUR, thickness + 2)
        _strokes(rgb, body, rgb_of(body.colour), thickness)
        _dots(rgb, body.xy, rgb_of(body.colour), thickness)
    else:
        _dashed(rgb, body, thickness)


def _dashed(rgb: Image, body: Body, thickness: int) -> None:
    layer = rgb.copy()
    for one, other in BONES:
        for start, end in _dashes(body.xy[one], body.xy[other], 4.0 * thickness):
            _line(layer, start, end, rgb_of(body.colour), thickness)
    _head(layer, body, rgb_of(body.colour), 1)
    rgb[:] = cv2.addWeighted(layer, _INTERPOLATED_OPACITY, rgb, 1 - _INTERPOLATED_OPACITY, 0)


def _strokes(rgb: Image, body: Body, colour: Colour, thickness: int) -> None:
    for one, other in BONES:
        _line(rgb, body.xy[one], body.xy[other], colour, thickness)
    _line(rgb, midpoint(body.xy, SHOULDERS), _chin(body), colour, thickness)
    _head(rgb, body, colour, thickness)


def _dots(rgb: Image, xy: Floats, colour: Colour, thickness: int) -> None:
    rings = ((thickness + 1.5, _EDGE_COLOUR), (thickness + 0.5, colour), (0.45 * thickness + 0.4, _DOT_COLOUR))
    for joint in _JOINTS_WITH_DOTS:
        for radius, shade in rings:
            fixed_radius = round(radius * 2**_FRACTION_BITS)
            cv2.circle(rgb, _fixed_point(xy[joint]), fixed_radius, shade, -1, cv2.LINE_AA, _FRACTION_BITS)


def _head(rgb: Image, body: Body, colour: Colour, thickness: int) -> None:
    radius = round(_HEAD_RADIUS * body.torso_px * 2**_FRACTION_BITS)
    cv2.circle(rgb, _fixed_point(_head_centre(body.xy)), radius, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _head_centre(xy: Floats) -> Floats:
    centre: Floats = (2 * midpoint(xy, EARS) + xy[NOSE]) / 3
    return centre


def _chin(body: Body) -> Floats:
    """Return where the neck meets the head's circle, or the shoulders' midpoint where that is inside the circle."""
    neck, head = midpoint(body.xy, SHOULDERS), _head_centre(body.xy)
    length = float(np.linalg.norm(head - neck)) + 1e-6
    chin: Floats = head + (neck - head) * min(1.0, _HEAD_RADIUS * body.torso_px / length)
    return chin


def _dashes(start: Floats, end: Floats, length_px: float) -> list[tuple[Floats, Floats]]:
    count = max(1, round(float(np.linalg.norm(end - start)) / length_px / 2))
    return [(start + (end - start) * n / count, start + (end - start) * (n + 0.5) / count) for n in range(count)]


def _line(rgb: Image, start: Floats, end: Floats, colour: Colour, thickness: int) -> None:
    cv2.line(rgb, _fixed_point(start), _fixed_point(end), colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _fixed_point(point: Floats) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point coordinates, clipped to +-20,000 px, where they do not overflow."""
    x, y = (np.clip(point, -20_000, 20_000) * 2**_FRACTION_BITS).round().astype(int).tolist()
    return x, y
