"""Draw a small picture of the couple at boundaries of a clip, with an arrow from each dancer's hips where it faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.drawing.canvas import rgb_of
from agents.media.pictures import Picture, each_picture_at
from agents.move_indexing.move_pictures.bodies import FOLLOW, LEAD
from agents.move_indexing.move_pictures.still import encode_jpeg
from agents.move_indexing.move_pictures.tiles import part_around
from schemas.boundary import Boundary

SIZE = 384, 240  # width, height in pixels
_HEIGHT_OF_PART = 1.25  # heights of the couple, which are without hair and shoes
_MIN_HEIGHT = 0.2  # of the picture: a smaller couple would be blurred
_ARROW_PX, _FLATTENED, _LINE_PX = 36.0, 0.45, 2  # the camera looks at the floor from the side
_FAR_PX = 2000.0  # hips can be far outside
_EDGE_COLOUR = (16, 20, 26)


def write_boundary_stills(path: Path, boundaries: Sequence[tuple[float, Boundary]], folder: Path) -> list[Path]:
    """Write a JPEG into `folder` for each boundary, given with its increasing time in seconds, and return the files.

    Raises: as `pictures_at`.
    """
    files = [folder / f"{n}.jpg" for n in range(len(boundaries))]
    pictures = each_picture_at(path, [time_s for time_s, _ in boundaries])
    for file, picture, (_, boundary) in zip(files, pictures, boundaries, strict=True):
        file.write_bytes(encode_jpeg(boundary_still(picture, boundary)))
    return files


def boundary_still(picture: Picture, boundary: Boundary) -> Image:
    """Return the picture's part with the couple, or the whole picture where its place is not known."""
    width, height = picture.size
    x, y = boundary.centre or (0.5, 0.5)
    scale = SIZE[1] / _part_height(picture, boundary)
    still, corner = part_around(picture, (x * width, y * height), scale, SIZE)
    for dancer, colour in ((boundary.lead, LEAD), (boundary.follow, FOLLOW)):
        if dancer and dancer.place:
            hips = (np.array(dancer.place) * picture.size - corner) * scale
            _arrow(still, hips, dancer.heading_deg, rgb_of(colour))
    return still


def _part_height(picture: Picture, boundary: Boundary) -> float:
    """Return the height of the part with the couple, pixels of the picture; at most what contains the whole picture."""
    width, height = picture.size
    whole = max(height, width * SIZE[1] / SIZE[0])
    if not boundary.height:
        return whole
    return min(max(_HEIGHT_OF_PART * boundary.height, _MIN_HEIGHT) * height, whole)


def _arrow(rgb: Image, start: Floats, heading_deg: float, colour: tuple[int, int, int]) -> None:
    """Draw an arrow that lies on the floor: 0 degrees to the camera, 90 to the right."""
    heading = np.radians(heading_deg)
    end = start + _ARROW_PX * np.array([np.sin(heading), _FLATTENED * np.cos(heading)])
    one, other = (tuple(np.clip(point, -_FAR_PX, _FAR_PX).round().astype(int).tolist()) for point in (start, end))
    for shade, thickness in ((_EDGE_COLOUR, _LINE_PX + 3), (colour, _LINE_PX)):
        cv2.arrowedLine(rgb, one, other, shade, thickness, cv2.LINE_AA, tipLength=0.4)
        cv2.circle(rgb, one, thickness + 1, shade, -1, cv2.LINE_AA)
