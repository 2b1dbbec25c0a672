"""Measure the colours of a dancer's clothes and hair, which distinguish the two dancers of a couple."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Floats, Image
from agents.move_indexing.dancers.detections import ANKLES, EARS, HIPS, KNEES, SHOULDERS

_MIN_PIXELS = 20
_LIMB_WIDTH_PX = 7
_TORSO_CORNERS = [SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0]]
_MEASURED_LANDMARKS = [*EARS, *SHOULDERS, *HIPS, *KNEES, *ANKLES]
_MAX_COORDINATE_PX = 4096  # landmarks can be far outside the picture
COLOUR_VALUES = 12


def clothing_colours(rgb: Image, xy: Floats, hidden: Bools | None = None) -> Floats:
    """Return the CIE Lab colours (OpenCV's 8-bit scale) of torso, thighs, shins and hair: (12,).

    Each is the median of the pixels that are not `hidden` (height, width); NaN where these are fewer than 20.
    """
    area, corner = _bounding_area(xy[_MEASURED_LANDMARKS], rgb.shape[:2])
    points = np.clip(np.rint(xy - corner), -_MAX_COORDINATE_PX, _MAX_COORDINATE_PX).astype(np.int32)
    crop, hidden_crop = rgb[area], None if hidden is None else hidden[area]
    part_masks = (
        _torso_mask,
        partial(_limb_mask, HIPS, KNEES),
        partial(_limb_mask, KNEES, ANKLES),
        partial(_limb_mask, EARS, EARS[::-1]),
    )
    return np.concatenate([_median_lab(crop, part_mask(crop, points), hidden_crop) for part_mask in part_masks])


def _bounding_area(xy: Floats, size: tuple[int, ...]) -> tuple[tuple[slice, slice], Floats]:
    """Return the rectangle of a picture around some points, as slices, and its upper left corner (x, y)."""
    limits = np.array([size[1], size[0]])
    low = np.clip(np.floor(xy.min(axis=0)) - _LIMB_WIDTH_PX, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(xy.max(axis=0)) + _LIMB_WIDTH_PX, low + 1, limits).astype(int)
    return (slice(low[1], high[1]), slice(low[0], high[0])), low.astype(float)


def _torso_mask(rgb: Image, points: npt.NDArray[np.int32]) -> Image:
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, points[_TORSO_CORNERS], 1)
    return mask


def _limb_mask(starts: list[int], ends: list[int], rgb: Image, points: npt.NDArray[np.int32]) -> Image:
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for start, end in zip(starts, ends, strict=True):
        cv2.line(mask, points[start].tolist(), points[end].tolist(), 1, _LIMB_WIDTH_PX)
    return mask


def _median_lab(rgb: Image, mask: Image, hidden: Bools | None) -> Floats:
    visible = mask.astype(bool) if hidden is None else mask.astype(bool) & ~hidden
    pixels = rgb[visible]
    if len(pixels) < _MIN_PIXELS:
        return np.full(3, np.nan)
    median: Floats = np.median(cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0], axis=0)
    return median
