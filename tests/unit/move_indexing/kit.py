"""Bodies and clips that tests of move indexing are made of."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from agents.arrays import Floats
from agents.move_indexing.dancers.sightings import Sighting

MakeBody = Callable[..., Sighting]
MakeClip = Callable[..., Path]

# BlazePose's 33 landmarks of somebody who stands: x to the left hand, y down, in torso lengths from the hips.
_POINTS = {
    0: (0.0, -1.45), 11: (0.35, -1.0), 12: (-0.35, -1.0), 13: (0.45, -0.5), 14: (-0.45, -0.5), 15: (0.5, 0.0),
    16: (-0.5, 0.0), 23: (0.2, 0.0), 24: (-0.2, 0.0), 25: (0.2, 0.8), 26: (-0.2, 0.8), 27: (0.2, 1.6), 28: (-0.2, 1.6),
}  # fmt: skip
RED, BLUE = np.array([136.0, 208, 195] * 2), np.array([82.0, 207, 20] * 2)


def standing() -> Floats:
    """(33, 2): points not named above lie at the nose."""
    return np.array([_POINTS.get(i, _POINTS[0]) for i in range(33)])


def write_clip(
    path: Path,
    seconds: float = 3.0,
    fps: int = 30,
    size: tuple[int, int] = (320, 240),
    click_bpm: float | None = None,
    picture: Callable[[float], Floats] | None = None,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    """A real mp4: `picture(t)` gives (height, width, 3); clicks at `click_bpm` as its sound, or none."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if pixel_aspect != 1:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream("aac", rate=22050) if click_bpm else None
        for number in range(round(seconds * fps)):
            rgb = picture(number / fps) if picture else np.full((size[1], size[0], 3), 90 + number % 100)
            frame = av.VideoFrame.from_ndarray(rgb.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and click_bpm:
            _write_clicks(container, audio, seconds, click_bpm)
    return path


def _write_clicks(container: OutputContainer, audio: AudioStream, seconds: float, bpm: float) -> None:
    rate = 22050
    time = np.arange(round(seconds * rate)) / rate
    since = time % (60 / bpm)
    sound = 0.5 * np.exp(-60 * since) * np.sin(2 * np.pi * 1000 * time)
    for start in range(0, len(sound), 1024):
        block = sound[start : start + 1024].astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
