"""Detect people in a picture with MediaPipe's pose detector (BlazePose).

Anchors and decoding follow MediaPipe's pose_detection graph: five layers with strides of 8, 16 and 32 pixels, and for
each person a box and four points, of which the midpoint of the hips and the point at the body's full extent are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.move_indexing.dancers.networks import Network
from agents.move_indexing.dancers.region import Region

_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells per side, anchors per cell: 224 / 8, 224 / 16, three times 224 / 32
_MIN_OVERLAP_OF_SAME_PERSON = 0.3  # intersection over union
_MAX_LOGIT = 100.0


@dataclass(frozen=True)
class Candidate:
    """A detected person: `score` 0-1; `hip`, the midpoint of the hips, and `top`, the body's full extent, pixels."""

    score: float
    hip: Floats
    top: Floats

    @property
    def region(self) -> Region:
        """Return the region in which to detect the landmarks."""
        return Region.around(self.hip, self.top)


class Detector:
    """Detects people in single pictures, without state between them."""

    def __init__(self, network: Network) -> None:
        """Create a detector from `network`, MediaPipe's pose detector."""
        self._network = network
        self._anchors = _anchors()

    def find(self, rgb: Image, min_score: float) -> list[Candidate]:
        """Return the people with a score of at least `min_score`, best first."""
        size, side = self._network.size, max(rgb.shape[:2])
        corner = (np.array(rgb.shape[1::-1]) - side) / 2
        raw, logits = self._network.run(_squared(rgb, size))
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(float), -_MAX_LOGIT, _MAX_LOGIT)))
        likely = np.flatnonzero(scores >= min_score)
        values = raw[0, likely].astype(float) / size
        values[:, :2] += self._anchors[likely]
        values[:, 4:] += np.tile(self._anchors[likely], 4)
        return [_candidate(score, row * side, corner) for score, row in _merge_overlapping(scores[likely], values)]


def _anchors() -> Floats:
    """Return the centre of each anchor's cell, x and y as shares of the picture: (2254, 2)."""
    grids = []
    for cells, anchors_per_cell in _GRIDS:
        y, x = np.divmod(np.arange(cells * cells), cells)
        grids.append(np.repeat((np.column_stack([x, y]) + 0.5) / cells, anchors_per_cell, axis=0))
    return np.concatenate(grids)


def _squared(rgb: Image, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the whole picture scaled into a square with black padding: (size, size, 3), -1 to 1."""
    height, width = rgb.shape[:2]
    scale = size / max(height, width)
    shift = (np.array([size, size]) - np.array([width, height]) * scale) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32) / 127.5 - 1


def _merge_overlapping(scores: Floats, values: Floats) -> list[tuple[float, Floats]]:
    """Return one detection per group of overlapping ones: the best score, and the mean weighted by their scores."""
    order = np.argsort(-scores, kind="stable")
    merged = []
    while len(order):
        same_person = _overlaps(values[order[0]], values[order]) > _MIN_OVERLAP_OF_SAME_PERSON
        same_person[0] = True
        group = order[same_person]
        merged.append((float(scores[order[0]]), np.average(values[group], axis=0, weights=scores[group])))
        order = order[~same_person]
    return merged


def _overlaps(one: Floats, others: Floats) -> Floats:
    """Return the intersection over union of boxes, whose first four columns are centre and size."""
    low = np.maximum(one[:2] - one[2:4] / 2, others[:, :2] - others[:, 2:4] / 2)
    high = np.minimum(one[:2] + one[2:4] / 2, others[:, :2] + others[:, 2:4] / 2)
    intersection = np.prod(np.maximum(high - low, 0), axis=1)
    total = np.prod(one[2:4]) + np.prod(others[:, 2:4], axis=1)
    overlap: Floats = intersection / np.maximum(total - intersection, 1e-9)
    return overlap


def _candidate(score: float, values: Floats, corner: Floats) -> Candidate:
    return Candidate(score, values[4:6] + corner, values[6:8] + corner)
