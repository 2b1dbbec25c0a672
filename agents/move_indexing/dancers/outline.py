"""A body that was found goes in; the pixels that are its own come out, and how many another body has of its own.

The network's mask of one dancer often takes in the partner who is held. Only what lies near the dancer's own limbs
is kept of it.
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
    middle,
    torso,
)
from agents.move_indexing.dancers.landmarks import Body

Mask = Bools

_IS_BODY = 0.5
_RIM = np.ones((5, 5), np.uint8)
_HANDS, _TOES, _FACE = [19, 20], [31, 32], list(range(11))
# How wide clothed limbs are, in torso lengths.
_LIMBS = (
    (SHOULDERS, ELBOWS, 0.3), (ELBOWS, WRISTS, 0.25), (WRISTS, _HANDS, 0.25),
    (HIPS, KNEES, 0.42), (KNEES, ANKLES, 0.32), (ANKLES, _TOES, 0.25),
)  # fmt: skip
_TRUNK, _HEAD, _NECK = 0.4, 0.36, 0.3
_LEAST_TORSO = 0.25  # of the body's longer side: a torso bent towards the camera looks shorter than it is
_FAR_PX = 4096


def own_pixels(body: Body, rgb: Image) -> Mask:
    """The pixels that show this body, and a rim around them: (height, width)."""
    mask = (body.mask_on(rgb) > _IS_BODY) & _near_limbs(body, rgb.shape)
    return cv2.dilate(mask.astype(np.uint8), _RIM).astype(bool)


def share_beside(body: Body, rgb: Image, hidden: Mask) -> float:
    """Which share of a body lies beside the `hidden` pixels: little of one that was made up from another's rim."""
    mask = body.mask_on(rgb) > _IS_BODY
    return float((mask & ~hidden).sum() / max(1, mask.sum()))


def _near_limbs(body: Body, shape: tuple[int, ...]) -> Mask:
    unit = max(float(torso(body.xy)), extent(body.xy) * _LEAST_TORSO)
    points = np.clip(np.rint(body.xy), -_FAR_PX, _FAR_PX).astype(np.int32)
    near = np.zeros(shape[:2], np.uint8)
    for starts, ends, width in _LIMBS:
        for start, end in zip(starts, ends, strict=True):
            cv2.line(near, points[start].tolist(), points[end].tolist(), 1, _pixels(width * unit))
    _draw_trunk(near, points, unit)
    return near.astype(bool)


def _draw_trunk(near: Image, points: npt.NDArray[np.int32], unit: float) -> None:
    trunk = points[[SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0]]]
    head, neck = (middle(points.astype(float), of).astype(int).tolist() for of in (_FACE, SHOULDERS))
    cv2.fillPoly(near, [trunk], 1)
    cv2.polylines(near, [trunk], True, 1, _pixels(_TRUNK * unit))
    cv2.circle(near, head, _pixels(_HEAD * unit), 1, -1)
    cv2.line(near, head, neck, 1, _pixels(_NECK * unit))


def _pixels(length: float) -> int:
    return max(1, int(length))
