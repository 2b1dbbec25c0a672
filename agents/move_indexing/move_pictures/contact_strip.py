"""Draw some pictures of a part of a recording side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from agents.arrays import Image
from agents.media.sampled_frames import sample_frames
from infra.base.atomic_file import replacing
from schemas.faults import Poison

_PICTURES = 6
_HEIGHT_PX, _GAP_PX = 144, 4
_EDGE_S = 0.1  # the pictures right at a cut may be of the part beside it
_RATE_HZ = 10.0
_JPEG_QUALITY = 80


def draw_contact_strip(path: Path, start_s: float, end_s: float, target: Path) -> None:
    """Write a JPEG of six pictures, 144 px high, the first and the last from the ends of the part.

    Raises: `Poison`, as `sample_frames` does; `no_video` where no picture decodes from the start of the part on.
    """
    edge_s = min(_EDGE_S, (end_s - start_s) / 4)
    tiles = [_tile(rgb) for rgb in _pictures(path, np.linspace(start_s + edge_s, end_s - edge_s, _PICTURES).tolist())]
    if not tiles:
        raise Poison("no picture of this part decodes", "no_video")
    gap = np.full((_HEIGHT_PX, _GAP_PX, 3), 255, np.uint8)
    strip = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    encoded = cv2.imencode(".jpg", strip[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    with replacing(target, durable=False) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _pictures(path: Path, times_s: list[float]) -> Iterator[Image]:
    """Yield a picture for each of the increasing times, the first one that is shown then or later."""
    waiting = times_s[::-1]
    for frame in sample_frames(path, _RATE_HZ, from_s=times_s[0]):
        while waiting and frame.time_s >= waiting[-1]:
            waiting.pop()
            yield frame.rgb
        if not waiting:
            return


def _tile(rgb: Image) -> Image:
    width = max(1, round(rgb.shape[1] * _HEIGHT_PX / rgb.shape[0]))
    return np.asarray(cv2.resize(rgb, (width, _HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)
