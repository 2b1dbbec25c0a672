"""A picture and a body go in; the body's skeleton is drawn on the picture in its colour."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.drawing.canvas import rgb_of
from agents.move_indexing.dancers.detections import ANKLES, EARS, ELBOWS, HIPS, KNEES, NOSE, SHOULDERS, WRISTS, middle
from agents.move_indexing.move_pictures.bodies import Body

Colour = tuple[int, int, int]

_FINGERS, _TOES = (19, 20), (31, 32)
_LIMBS = tuple(
    chain
    for side in (0, 1)
    for chain in (
        (SHOULDERS[side], ELBOWS[side], WRISTS[side], _FINGERS[side]),
        (HIPS[side], KNEES[side], ANKLES[side], _TOES[side]),
    )
)
_TRUNK = (SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0], SHOULDERS[0])
# Pairs of BlazePose's landmarks that a line joins.
BONES = tuple((one, other) for chain in (*_LIMBS, _TRUNK) for one, other in pairwise(chain))
_DOTS = (*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)
_EDGE: Colour = (16, 20, 26)
_CORE: Colour = (255, 255, 255)
_HEAD = 0.25  # torso lengths
_FAINT = 0.85
_SHIFT = 4  # bits of a pixel's fraction that OpenCV takes


def draw_body(rgb: Image, body: Body, thick: int) -> None:
    """Draw on `rgb`: firm lines with a dark edge for who is found, dashes for who is only presumed there."""
    if body.sure:
        _strokes(rgb, body, _EDGE, thick + 2)
        _strokes(rgb, body, rgb_of(body.colour), thick)
        _dots(rgb, body.xy, rgb_of(body.colour), thick)
    else:
        _presumed(rgb, body, thick)


def _presumed(rgb: Image, body: Body, thick: int) -> None:
    above = rgb.copy()
    for one, other in BONES:
        for start, end in _dashes(body.xy[one], body.xy[other], 4.0 * thick):
            _line(above, start, end, rgb_of(body.colour), thick)
    _head(above, body, rgb_of(body.colour), 1)
    rgb[:] = cv2.addWeighted(above, _FAINT, rgb, 1 - _FAINT, 0)


def _strokes(rgb: Image, body: Body, colour: Colour, thick: int) -> None:
    for one, other in BONES:
        _line(rgb, body.xy[one], body.xy[other], colour, thick)
    _line(rgb, middle(body.xy, SHOULDERS), _chin(body), colour, thick)
    _head(rgb, body, colour, thick)


def _dots(rgb: Image, xy: Floats, colour: Colour, thick: int) -> None:
    for joint in _DOTS:
        for radius, shade in ((thick + 1.5, _EDGE), (thick + 0.5, colour), (0.45 * thick + 0.4, _CORE)):
            cv2.circle(rgb, _fixed(xy[joint]), round(radius * 2**_SHIFT), shade, -1, cv2.LINE_AA, _SHIFT)


def _head(rgb: Image, body: Body, colour: Colour, thick: int) -> None:
    radius = round(_HEAD * body.unit * 2**_SHIFT)
    cv2.circle(rgb, _fixed(_head_middle(body.xy)), radius, colour, thick, cv2.LINE_AA, _SHIFT)


def _head_middle(xy: Floats) -> Floats:
    between: Floats = (2 * middle(xy, EARS) + xy[NOSE]) / 3
    return between


def _chin(body: Body) -> Floats:
    """Where the neck meets the head's circle, or the neck's own foot where that lies within."""
    neck, head = middle(body.xy, SHOULDERS), _head_middle(body.xy)
    length = float(np.linalg.norm(head - neck)) + 1e-6
    chin: Floats = head + (neck - head) * min(1.0, _HEAD * body.unit / length)
    return chin


def _dashes(start: Floats, end: Floats, length: float) -> list[tuple[Floats, Floats]]:
    pieces = max(1, round(float(np.linalg.norm(end - start)) / length / 2))
    return [(start + (end - start) * n / pieces, start + (end - start) * (n + 0.5) / pieces) for n in range(pieces)]


def _line(rgb: Image, start: Floats, end: Floats, colour: Colour, thick: int) -> None:
    cv2.line(rgb, _fixed(start), _fixed(end), colour, thick, cv2.LINE_AA, _SHIFT)


def _fixed(point: Floats) -> tuple[int, int]:
    """A point in OpenCV's fractions of pixels, kept where its arithmetic does not overflow."""
    x, y = (np.clip(point, -20_000, 20_000) * 2**_SHIFT).round().astype(int).tolist()
    return x, y
