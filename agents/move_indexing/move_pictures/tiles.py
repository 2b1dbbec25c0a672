"""A clip's pictures and the bodies in them go in; tiles of one scale, each around the couple, come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.media.pictures import Picture
from agents.move_indexing.dancers.detections import EARS, JOINTS
from agents.move_indexing.move_pictures.bodies import Body
from agents.move_indexing.move_pictures.skeleton import draw_body

_SHOWN = (*JOINTS, *EARS, 19, 20, 31, 32)
_BESIDE, _ABOVE, _BELOW = 0.4, 0.55, 0.3  # torso lengths: hair, skirts and shoes reach beyond the landmarks
_WIDEST, _HIGHEST = 1.0, 1.6  # height to width of a tile
_LINE_PX = 2
_PAPER = (236, 238, 241)


@dataclass(frozen=True)
class Scene:
    """A picture and who is in it."""

    picture: Picture
    bodies: tuple[Body, ...]


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2


def tiles(scenes: Sequence[Scene], width: int) -> list[Image]:
    """A tile for each scene, `width` pixels wide, all of one height and at one scale, the skeletons drawn on them."""
    boxes = _filled([_box(scene) for scene in scenes], scenes)
    wide = max(box.width for box in boxes)
    high = max(box.height for box in boxes)
    shape = min(max(high / wide, _WIDEST), _HIGHEST)
    crop = max(wide, high / shape)
    size = width, round(width * shape)
    return [_tile(scene, box.middle, crop, size) for scene, box in zip(scenes, boxes, strict=True)]


def _box(scene: Scene) -> _Box | None:
    """What holds all of a picture's dancers, with some room around."""
    if not scene.bodies:
        return None
    points = np.concatenate([body.xy[list(_SHOWN)] for body in scene.bodies])
    unit = max(body.unit for body in scene.bodies)
    low = np.clip(points.min(axis=0) - np.array([_BESIDE, _ABOVE]) * unit, 0, scene.picture.size)
    high = np.clip(points.max(axis=0) + np.array([_BESIDE, _BELOW]) * unit, 0, scene.picture.size)
    wide, tall = np.maximum(high - low, 16.0).tolist()
    return _Box(float(low[0]), float(low[1]), wide, tall)


def _filled(boxes: Sequence[_Box | None], scenes: Sequence[Scene]) -> list[_Box]:
    """For a picture without dancers the box of the nearest one with some; where there is none, whole pictures."""
    known = [n for n, box in enumerate(boxes) if box]
    if not known:
        return [_Box(0, 0, *scene.picture.size) for scene in scenes]
    nearest = (min(known, key=lambda k, n=n: abs(k - n)) for n in range(len(boxes)))  # type: ignore[misc]
    return [box for n in nearest if (box := boxes[n])]


def _tile(scene: Scene, middle: tuple[float, float], crop: float, size: tuple[int, int]) -> Image:
    """What is `crop` pixels wide around a point, at the size of a tile; paper where the picture ends."""
    scale = size[0] / crop
    corner = np.array([_corner(m, s / scale, p) for m, s, p in zip(middle, size, scene.picture.size, strict=True)])
    tile = _cut(scene.picture.rgb, corner, scale, size)
    for body in scene.bodies:
        draw_body(tile, replace(body, xy=(body.xy - corner) * scale, unit=body.unit * scale), _LINE_PX)
    return tile


def _corner(middle: float, length: float, side: int) -> float:
    """Where a stretch begins that lies around `middle`, within the picture if it can."""
    if length >= side:
        return (side - length) / 2
    return min(max(middle - length / 2, 0.0), side - length)


def _cut(rgb: Image, corner: Floats, scale: float, size: tuple[int, int]) -> Image:
    """Shrunk first by averaging, since warping alone takes every third pixel or so."""
    shrink = min(1.0, scale)
    small = cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else rgb
    rest = scale * rgb.shape[1] / small.shape[1]
    matrix = np.array([[rest, 0, -corner[0] * scale], [0, rest, -corner[1] * scale]])
    cut = cv2.warpAffine(small, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=_PAPER)
    return np.ascontiguousarray(cut, np.uint8)
