"""A picture and a dancer's landmarks go in; the colours that tell this dancer from the other come out."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Floats, Image
from agents.move_indexing.dancers.detections import ANKLES, EARS, HIPS, KNEES, SHOULDERS

_ENOUGH_PIXELS = 20
_BONE_PX = 7
_OUTLINE = [SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0]]
_DRESSED = [*EARS, *SHOULDERS, *HIPS, *KNEES, *ANKLES]
_FAR_PX = 4096
COLOURS = 12


def clothing_colours(rgb: Image, xy: Floats, hidden: Bools | None = None) -> Floats:
    """CIE Lab (OpenCV's 8-bit scale) of torso, thighs, shins and hair, (12,): medians of what is not `hidden`.

    NaN where fewer than 20 pixels are left.
    """
    area, corner = _around(xy[_DRESSED], rgb.shape[:2])
    points = np.clip(np.rint(xy - corner), -_FAR_PX, _FAR_PX).astype(np.int32)
    part, covered = rgb[area], None if hidden is None else hidden[area]
    parts = (_torso, partial(_bones, HIPS, KNEES), partial(_bones, KNEES, ANKLES), partial(_bones, EARS, EARS[::-1]))
    return np.concatenate([_median_lab(part, drawn(part, points), covered) for drawn in parts])


def _around(xy: Floats, size: tuple[int, ...]) -> tuple[tuple[slice, slice], Floats]:
    """The part of a picture that holds some points, and its upper left corner (x, y)."""
    limits = np.array([size[1], size[0]])
    low = np.clip(np.floor(xy.min(axis=0)) - _BONE_PX, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(xy.max(axis=0)) + _BONE_PX, low + 1, limits).astype(int)
    return (slice(low[1], high[1]), slice(low[0], high[0])), low.astype(float)


def _torso(rgb: Image, points: npt.NDArray[np.int32]) -> Image:
    canvas = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(canvas, points[_OUTLINE], 1)
    return canvas


def _bones(starts: list[int], ends: list[int], rgb: Image, points: npt.NDArray[np.int32]) -> Image:
    canvas = np.zeros(rgb.shape[:2], np.uint8)
    for start, end in zip(starts, ends, strict=True):
        cv2.line(canvas, points[start].tolist(), points[end].tolist(), 1, _BONE_PX)
    return canvas


def _median_lab(rgb: Image, part: Image, hidden: Bools | None) -> Floats:
    chosen = part.astype(bool) if hidden is None else part.astype(bool) & ~hidden
    pixels = rgb[chosen]
    if len(pixels) < _ENOUGH_PIXELS:
        return np.full(3, np.nan)
    median: Floats = np.median(cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0], axis=0)
    return median
