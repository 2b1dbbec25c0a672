"""A picture and a region of it go in; the landmarks of who is there come out, after MediaPipe's landmark network.

Decoded as MediaPipe's pose_landmark_by_roi graph does it, with the same refinement of places by the heatmap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Image
from agents.move_indexing.dancers.networks import Network
from agents.move_indexing.dancers.region import Region

_POINTS, _ALL = 33, 39  # two of the other six say where to look next
_HIP, _TOP = 33, 34
_WINDOW = 3  # cells of the heatmap around a landmark
_LEAST_HEAT = 0.5


@dataclass(frozen=True)
class Body:
    """Who a look found.

    `presence` 0-1, whether somebody is there at all; `xy` (33, 2) pixels; `world` (33, 3) metres from the hips, y
    down; `visibility` (33,) 0-1; `mask` (s, s) 0-1, of the region's cut-out; `after`: where to look next.
    """

    presence: float
    xy: Floats
    world: Floats
    visibility: Floats
    region: Region
    mask: Floats
    after: Region

    def mask_on(self, rgb: Image) -> Floats:
        """The share to which each pixel of the picture shows this body: (height, width)."""
        return self.region.laid_back(self.mask, rgb.shape)


class Landmarks:
    """Looks at one region of a picture; keeps nothing from one to the next."""

    def __init__(self, network: Network) -> None:
        """`network`: MediaPipe's pose landmark model."""
        self._network = network

    def look(self, rgb: Image, region: Region) -> Body:
        """The body in `region`; its `presence` says whether there is one."""
        size = self._network.size
        cut = region.cut_out(rgb, size).astype(np.float32) / np.float32(255)
        points, presence, mask, heat, world = self._network.run(cut)
        found = refined(points.reshape(_ALL, -1)[:, :4].astype(float), heat[0], size)
        matrix = region.matrix(size)
        xy = found[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return Body(
            presence=float(presence.ravel()[0]),
            xy=xy[:_POINTS],
            world=_upright(world.reshape(_ALL, 3)[:_POINTS].astype(float), region.turn),
            visibility=_share(found[:_POINTS, 3]),
            region=region,
            mask=_share(mask[0, :, :, 0]),
            after=Region.around(xy[_HIP], xy[_TOP]),
        )


def refined(points: Floats, heat: Floats, size: int) -> Floats:
    """Each landmark (39, 4), x and y in pixels of the cut-out, moved to the middle of the heat (64, 64, 39) around it.

    Those around which no cell is half warm stay where they are.
    """
    cells = len(heat)
    at = np.floor(points[:, :2] * cells / size).astype(int)
    inside = np.flatnonzero(((at >= 0) & (at < cells)).all(axis=1))
    moved = points.copy()
    step = np.arange(-_WINDOW, _WINDOW + 1)
    columns, rows = (at[inside, axis, None] + step for axis in (0, 1))
    real = ((rows >= 0) & (rows < cells))[:, :, None] & ((columns >= 0) & (columns < cells))[:, None, :]
    clipped = np.clip(rows, 0, cells - 1)[:, :, None], np.clip(columns, 0, cells - 1)[:, None, :]
    warmth = np.where(real, _share(heat[*clipped, inside[:, None, None]]), 0.0)
    total = warmth.sum(axis=(1, 2))
    warm = warmth.max(axis=(1, 2), initial=0.0) >= _LEAST_HEAT
    x = (warmth * columns[:, None, :]).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    y = (warmth * rows[:, :, None]).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    moved[inside[warm], :2] = np.column_stack([x, y])[warm] * size / cells
    return moved


def _upright(world: Floats, turn: float) -> Floats:
    """Turned back by what the region was turned."""
    cos, sin = np.cos(turn), np.sin(turn)
    return np.column_stack([cos * world[:, 0] - sin * world[:, 1], sin * world[:, 0] + cos * world[:, 1], world[:, 2]])


def _share(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
