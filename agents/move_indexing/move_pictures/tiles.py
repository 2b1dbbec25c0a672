"""Cut tiles around the dancers out of a clip's pictures, all at one scale, with the skeletons drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.media.pictures import Picture
from agents.move_indexing.dancers.detections import EARS, JOINTS
from agents.move_indexing.move_pictures.bodies import Body
from agents.move_indexing.move_pictures.skeleton import FINGERS, TOES, draw_body

_LANDMARKS_IN_TILE = (*JOINTS, *EARS, *FINGERS, *TOES)
# Torso lengths: hair, skirts and shoes extend beyond the landmarks.
_MARGIN_BESIDE, _MARGIN_ABOVE, _MARGIN_BELOW = 0.4, 0.55, 0.3
_MIN_HEIGHT_TO_WIDTH, _MAX_HEIGHT_TO_WIDTH = 1.0, 1.6
_MIN_BOX_PX = 16.0
_LINE_PX = 2
_BACKGROUND = (236, 238, 241)


@dataclass(frozen=True)
class Scene:
    """A picture and the bodies in it."""

    picture: Picture
    bodies: tuple[Body, ...]


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2


def tiles(scenes: Sequence[Scene], width: int) -> list[Image]:
    """Return a tile for each scene, `width` pixels wide, all of one height and at one scale, with the skeletons."""
    boxes = _filled([_box(scene) for scene in scenes], scenes)
    max_width = max(box.width for box in boxes)
    max_height = max(box.height for box in boxes)
    height_to_width = min(max(max_height / max_width, _MIN_HEIGHT_TO_WIDTH), _MAX_HEIGHT_TO_WIDTH)
    crop_width = max(max_width, max_height / height_to_width)
    size = width, round(width * height_to_width)
    return [_tile(scene, box.centre, crop_width, size) for scene, box in zip(scenes, boxes, strict=True)]


def _box(scene: Scene) -> _Box | None:
    """Return the bounding box of a picture's dancers, with margins; None without dancers."""
    if not scene.bodies:
        return None
    points = np.concatenate([body.xy[list(_LANDMARKS_IN_TILE)] for body in scene.bodies])
    torso_px = max(body.torso_px for body in scene.bodies)
    low = np.clip(points.min(axis=0) - np.array([_MARGIN_BESIDE, _MARGIN_ABOVE]) * torso_px, 0, scene.picture.size)
    high = np.clip(points.max(axis=0) + np.array([_MARGIN_BESIDE, _MARGIN_BELOW]) * torso_px, 0, scene.picture.size)
    width, height = np.maximum(high - low, _MIN_BOX_PX).tolist()
    return _Box(float(low[0]), float(low[1]), width, height)


def _filled(boxes: Sequence[_Box | None], scenes: Sequence[Scene]) -> list[_Box]:
    """Return the boxes, a missing one replaced by the nearest scene's; where all are missing, the whole pictures."""
    with_box = [n for n, box in enumerate(boxes) if box]
    if not with_box:
        return [_Box(0, 0, *scene.picture.size) for scene in scenes]
    nearest = (min(with_box, key=lambda k, n=n: abs(k - n)) for n in range(len(boxes)))  # type: ignore[misc]
    return [box for n in nearest if (box := boxes[n])]


def _tile(scene: Scene, centre: tuple[float, float], crop_width: float, size: tuple[int, int]) -> Image:
    """Return the crop of `crop_width` pixels around a point, scaled to `size`; a background beyond the picture."""
    scale = size[0] / crop_width
    tile, corner = part_around(scene.picture, centre, scale, size)
    for body in scene.bodies:
        draw_body(tile, replace(body, xy=(body.xy - corner) * scale, torso_px=body.torso_px * scale), _LINE_PX)
    return tile


def part_around(
    picture: Picture, centre: tuple[float, float], scale: float, size: tuple[int, int]
) -> tuple[Image, Floats]:
    """Return a part of a picture, scaled to `size` (width, height), and its upper left corner in the picture."""
    corner = np.array([_corner(c, s / scale, p) for c, s, p in zip(centre, size, picture.size, strict=True)])
    return _crop(picture.rgb, corner, scale, size), corner


def _corner(centre: float, length: float, side: int) -> float:
    """Return the start of an interval around `centre` on a picture's side, moved inside the picture if it fits."""
    if length >= side:
        return (side - length) / 2
    return min(max(centre - length / 2, 0.0), side - length)


def _crop(rgb: Image, corner: Floats, scale: float, size: tuple[int, int]) -> Image:
    # Shrink by averaging first: warping alone samples only every third pixel or so.
    shrink = min(1.0, scale)
    small = cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else rgb
    rest = scale * rgb.shape[1] / small.shape[1]
    matrix = np.array([[rest, 0, -corner[0] * scale], [0, rest, -corner[1] * scale]])
    crop = cv2.warpAffine(
        small, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=_BACKGROUND
    )
    return np.ascontiguousarray(crop, np.uint8)
