"""Compute which pixels show a detected body, and which share of a body is outside the mask of another.

The network's mask of one dancer often includes the partner in close hold. So it is limited to the area near the
dancer's own limbs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Image
from agents.move_indexing.dancers.detections import (
    ANKLES,
    ELBOWS,
    HIPS,
    KNEES,
    SHOULDERS,
    WRISTS,
    extent,
    midpoint,
    torso_length,
)
from agents.move_indexing.dancers.landmarks import Body

Mask = Bools

_MIN_MASK_VALUE = 0.5
_DILATION_KERNEL = np.ones((5, 5), np.uint8)
_HANDS, _TOES, _FACE = [19, 20], [31, 32], list(range(11))
# Widths of clothed limbs, in torso lengths.
_LIMBS = (
    (SHOULDERS, ELBOWS, 0.3), (ELBOWS, WRISTS, 0.25), (WRISTS, _HANDS, 0.25),
    (HIPS, KNEES, 0.42), (KNEES, ANKLES, 0.32), (ANKLES, _TOES, 0.25),
)  # fmt: skip
_TRUNK_WIDTH, _HEAD_RADIUS, _NECK_WIDTH = 0.4, 0.36, 0.3  # torso lengths
_MIN_TORSO_SHARE = 0.25  # of the body's longer side: a torso bent towards the camera looks shorter than it is
_MAX_COORDINATE_PX = 4096  # landmarks can be far outside the frame


def body_mask(body: Body, rgb: Image) -> Mask:
    """Return the pixels that show this body, dilated by two pixels: (height, width)."""
    mask = (body.mask_on(rgb) > _MIN_MASK_VALUE) & _near_limbs(body, rgb.shape)
    return cv2.dilate(mask.astype(np.uint8), _DILATION_KERNEL).astype(bool)


def visible_share(body: Body, rgb: Image, hidden: Mask) -> float:
    """Return the share of a body outside the `hidden` pixels: small for a false body at the edge of another one."""
    mask = body.mask_on(rgb) > _MIN_MASK_VALUE
    return float((mask & ~hidden).sum() / max(1, int(mask.sum())))


def _near_limbs(body: Body, shape: tuple[int, ...]) -> Mask:
    unit = max(float(torso_length(body.xy)), extent(body.xy) * _MIN_TORSO_SHARE)
    points = np.clip(np.rint(body.xy), -_MAX_COORDINATE_PX, _MAX_COORDINATE_PX).astype(np.int32)
    near = np.zeros(shape[:2], np.uint8)
    for starts, ends, width in _LIMBS:
        for start, end in zip(starts, ends, strict=True):
            cv2.line(near, points[start].tolist(), points[end].tolist(), 1, _pixels(width * unit))
    _draw_trunk(near, points, unit)
    return near.astype(bool)


def _draw_trunk(near: Image, points: npt.NDArray[np.int32], unit: float) -> None:
    trunk = points[[SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0]]]
    head, neck = (midpoint(points.astype(float), pair).astype(int).tolist() for pair in (_FACE, SHOULDERS))
    cv2.fillPoly(near, [trunk], 1)
    cv2.polylines(near, [trunk], True, 1, _pixels(_TRUNK_WIDTH * unit))
    cv2.circle(near, head, _pixels(_HEAD_RADIUS * unit), 1, -1)
    cv2.line(near, head, neck, 1, _pixels(_NECK_WIDTH * unit))


def _pixels(length: float) -> int:
    return max(1, int(length))
