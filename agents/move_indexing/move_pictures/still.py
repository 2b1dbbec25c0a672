"""A small still picture of a move, for lists."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from agents.arrays import Image
from agents.media.pictures import pictures_at
from infra.base.atomic_file import replacing

_HEIGHT_PX = 120
_JPEG_QUALITY = 70


def write_still(path: Path, time_s: float, target: Path) -> None:
    """Write the picture of a clip that is nearest to a time, 120 pixels high, as JPEG. Raises: as `pictures_at`."""
    [picture] = pictures_at(path, [time_s])
    with replacing(target) as temporary:
        temporary.write_bytes(encode_jpeg(_small(picture.rgb)))


def encode_jpeg(rgb: Image) -> bytes:
    """Return the JPEG of a small picture."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    encoded, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert encoded  # noqa: S101 - an image of this type always is
    return content.tobytes()


def _small(rgb: Image) -> Image:
    height, width = rgb.shape[:2]
    size = max(1, round(width * _HEIGHT_PX / height)), _HEIGHT_PX
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
