"""Save one frame of a video as a JPEG, for README.md.

python -m data.generators.frame VIDEO SECONDS FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2

_WIDTH, _HEIGHT = 640, 360
_JPEG_QUALITY = 88


def save_frame(video: Path, seconds: float, target: Path) -> None:
    """Save the first frame from `seconds` on, at 640 x 360 pixels. Raises: `StopIteration` after the video's end."""
    with av.open(str(video)) as container:
        frame = next(frame for frame in container.decode(video=0) if frame.time >= seconds)
        picture = cv2.resize(frame.to_ndarray(format="bgr24"), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    target.write_bytes(jpeg.tobytes())


if __name__ == "__main__":
    save_frame(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
