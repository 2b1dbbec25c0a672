"""Decode pictures of a clip's beats from its mezzanine, which has a keyframe on each: no other frame is decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from agents.media.cached import CachedMp4, cache_damaged, open_cached
from agents.media.container import decoded
from agents.media.decode import decode_to_measure
from agents.media.display import fit_size
from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import TICKS
from agents.media.pictures import Picture
from infra.base.atomic_file import remove_files

_BOX = (320, 180)  # pixels, with the bars; in the aspect ratio of all mezzanines


def beat_pictures(mezzanine: Mezzanine, beats: Sequence[int], size: tuple[float, float]) -> list[Picture]:
    """Return the pictures on some of a clip's beats, given by index, at most 320x180, without bars.

    `size`: width and height of the clip, in any unit. Raises: `Retryable` (`cache_damaged`).
    """
    with open_cached(mezzanine.path) as reader:
        decode_to_measure(reader.video)
        return [_picture(_keyframe(reader, mezzanine.keyframe_pts[beat]), size) for beat in beats]


def _keyframe(reader: CachedMp4, pts: int) -> VideoFrame:
    for packet in reader.packets(reader.video, pts):
        for frame in decoded(packet):
            return frame  # type: ignore[no-any-return]
    remove_files(reader.path)
    raise cache_damaged()


def _picture(frame: VideoFrame, size: tuple[float, float]) -> Picture:
    small = frame.reformat(*_BOX, "rgb24", src_colorspace=Colorspace.ITU709, interpolation="AREA")
    width, height = fit_size(*size, _BOX)
    left, top = (_BOX[0] - width) // 2, (_BOX[1] - height) // 2
    rgb = small.to_ndarray()[top : top + height, left : left + width]
    return Picture((frame.pts or 0) / TICKS, np.ascontiguousarray(rgb, np.uint8))
