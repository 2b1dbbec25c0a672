"""Detect the landmarks of a person in a region of a picture with MediaPipe's landmark network.

Decoding follows MediaPipe's pose_landmark_by_roi graph, with the same refinement of positions by the heatmap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Image
from agents.move_indexing.dancers.networks import Network
from agents.move_indexing.dancers.region import Region

_LANDMARKS, _OUTPUT_POINTS = 33, 39  # two of the other six define the region for the next frame
_HIP, _TOP = 33, 34
_WINDOW_RADIUS_CELLS = 3  # of the heatmap around a landmark
_MIN_HEAT = 0.5


@dataclass(frozen=True)
class Body:
    """A person in a region of a picture.

    `presence` 0-1, the probability that there is a person; `xy` (33, 2) pixels; `world` (33, 3) metres from the hips,
    y down; `visibility` (33,) 0-1; `mask` (s, s) 0-1, of the region's crop; `next_region`: the region to use in the
    next frame.
    """

    presence: float
    xy: Floats
    world: Floats
    visibility: Floats
    region: Region
    mask: Floats
    next_region: Region

    def mask_on(self, rgb: Image) -> Floats:
        """Return the probability 0-1 that each pixel of the picture shows this body: (height, width)."""
        return self.region.project_mask(self.mask, rgb.shape)


class LandmarkDetector:
    """Detects the landmarks of one person in a region, without state between pictures."""

    def __init__(self, network: Network) -> None:
        """Create a detector from `network`, MediaPipe's pose landmark model."""
        self._network = network

    def detect(self, rgb: Image, region: Region) -> Body:
        """Return the body in `region`; a low `presence` means that there is none."""
        size = self._network.size
        crop = region.crop(rgb, size).astype(np.float32) / np.float32(255)
        points, presence, mask, heat, world = self._network.run(crop)
        refined = refine(points.reshape(_OUTPUT_POINTS, -1)[:, :4].astype(float), heat[0], size)
        matrix = region.matrix(size)
        xy = refined[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return Body(
            presence=float(presence.ravel()[0]),
            xy=xy[:_LANDMARKS],
            world=_upright(world.reshape(_OUTPUT_POINTS, 3)[:_LANDMARKS].astype(float), region.rotation),
            visibility=_sigmoid(refined[:_LANDMARKS, 3]),
            region=region,
            mask=_sigmoid(mask[0, :, :, 0]),
            next_region=Region.around(xy[_HIP], xy[_TOP]),
        )


def refine(points: Floats, heat: Floats, size: int) -> Floats:
    """Return the landmarks (39, 4), x and y in pixels of the crop, moved to the heatmap's centroid around each.

    `heat`: the heatmap's logits (64, 64, 39). Landmarks with no cell of at least 0.5 around them do not move.
    """
    cells = len(heat)
    cell = np.floor(points[:, :2] * cells / size).astype(int)
    inside = np.flatnonzero(((cell >= 0) & (cell < cells)).all(axis=1))
    moved = points.copy()
    step = np.arange(-_WINDOW_RADIUS_CELLS, _WINDOW_RADIUS_CELLS + 1)
    columns, rows = (cell[inside, axis, None] + step for axis in (0, 1))
    in_heatmap = ((rows >= 0) & (rows < cells))[:, :, None] & ((columns >= 0) & (columns < cells))[:, None, :]
    clipped = np.clip(rows, 0, cells - 1)[:, :, None], np.clip(columns, 0, cells - 1)[:, None, :]
    weights = np.where(in_heatmap, _sigmoid(heat[*clipped, inside[:, None, None]]), 0.0)
    total = weights.sum(axis=(1, 2))
    is_reliable = weights.max(axis=(1, 2), initial=0.0) >= _MIN_HEAT
    x = (weights * columns[:, None, :]).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    y = (weights * rows[:, :, None]).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    moved[inside[is_reliable], :2] = np.column_stack([x, y])[is_reliable] * size / cells
    return moved


def _upright(world: Floats, rotation: float) -> Floats:
    """Return `world` with the region's rotation undone."""
    cos, sin = np.cos(rotation), np.sin(rotation)
    return np.column_stack([cos * world[:, 0] - sin * world[:, 1], sin * world[:, 0] + cos * world[:, 1], world[:, 2]])


def _sigmoid(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
