"""A picture goes in; where people may be in it comes out, after MediaPipe's pose detector (BlazePose).

Its anchors and its decoding are those of MediaPipe's pose_detection graph: five layers of squares of 8, 16 and 32
pixels, and of each person a box and four points, of which the hips' middle and the reach of the body are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.move_indexing.dancers.networks import Network
from agents.move_indexing.dancers.region import Region

_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells a side, and anchors a cell: 224 / 8, 224 / 16, three times 224 / 32
_OVERLAP = 0.3
_SCORE_LIMIT = 100.0


@dataclass(frozen=True)
class Candidate:
    """Somebody, as the detector sees it: `score` 0-1, where the hips are, and a point at the body's reach, pixels."""

    score: float
    hip: Floats
    top: Floats

    @property
    def region(self) -> Region:
        """Where to look for the landmarks."""
        return Region.around(self.hip, self.top)


class Detector:
    """Finds people in one picture; keeps nothing from one to the next."""

    def __init__(self, network: Network) -> None:
        """`network`: MediaPipe's pose detector."""
        self._network = network
        self._anchors = _anchors()

    def find(self, rgb: Image, least_score: float) -> list[Candidate]:
        """All who score `least_score` at least, the best first."""
        size, side = self._network.size, max(rgb.shape[:2])
        corner = (np.array(rgb.shape[1::-1]) - side) / 2
        raw, logits = self._network.run(_squared(rgb, size))
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(float), -_SCORE_LIMIT, _SCORE_LIMIT)))
        likely = np.flatnonzero(scores >= least_score)
        values = raw[0, likely].astype(float) / size
        values[:, :2] += self._anchors[likely]
        values[:, 4:] += np.tile(self._anchors[likely], 4)
        return [_candidate(score, row * side, corner) for score, row in _distinct(scores[likely], values)]


def _anchors() -> Floats:
    """The middle of the cell of each anchor, x and y in shares of the picture: (2254, 2)."""
    grids = []
    for cells, of_a_cell in _GRIDS:
        y, x = np.divmod(np.arange(cells * cells), cells)
        grids.append(np.repeat((np.column_stack([x, y]) + 0.5) / cells, of_a_cell, axis=0))
    return np.concatenate(grids)


def _squared(rgb: Image, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The whole picture in a square, black beside it, -1 to 1."""
    height, width = rgb.shape[:2]
    scale = size / max(height, width)
    shift = (np.array([size, size]) - np.array([width, height]) * scale) / 2
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(rgb, place, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32) / 127.5 - 1


def _distinct(scores: Floats, values: Floats) -> list[tuple[float, Floats]]:
    """One for each who overlaps no better one: the mean of the overlapping ones, weighted by their scores."""
    order = np.argsort(-scores, kind="stable")
    found = []
    while len(order):
        alike = _overlaps(values[order[0]], values[order]) > _OVERLAP
        alike[0] = True
        group = order[alike]
        found.append((float(scores[order[0]]), np.average(values[group], axis=0, weights=scores[group])))
        order = order[~alike]
    return found


def _overlaps(one: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes given by their middle and size in the first four columns."""
    low = np.maximum(one[:2] - one[2:4] / 2, others[:, :2] - others[:, 2:4] / 2)
    high = np.minimum(one[:2] + one[2:4] / 2, others[:, :2] + others[:, 2:4] / 2)
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    both = np.prod(one[2:4]) + np.prod(others[:, 2:4], axis=1)
    overlap: Floats = shared / np.maximum(both - shared, 1e-9)
    return overlap


def _candidate(score: float, values: Floats, corner: Floats) -> Candidate:
    return Candidate(score, values[4:6] + corner, values[6:8] + corner)
