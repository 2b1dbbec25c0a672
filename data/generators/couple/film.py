"""Encode pictures and samples as an mp4 (H.264, AAC) that is byte-identical for the same input."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from data.generators.couple.render import Picture

FPS = 30
AUDIO_RATE, AUDIO_KBPS, AUDIO_BLOCK = 44100, 96, 1024
X264 = {"preset": "slow", "crf": "25", "threads": "1"}
MP4 = {"movflags": "+faststart", "fflags": "+bitexact"}


def write_film(path: Path, pictures: Iterable[Picture], samples: NDArray[np.float64]) -> None:
    """Write `pictures` at FPS with `samples` (frames, 2) at AUDIO_RATE; both begin at 0."""
    pictures = iter(pictures)
    first = next(pictures)
    with av.open(str(path), "w", format="mp4", container_options=MP4) as film:
        video = film.add_stream("libx264", rate=FPS, options={**X264, "flags": "+bitexact"})
        video.height, video.width = first.shape[:2]
        video.pix_fmt, video.time_base = "yuv420p", Fraction(1, FPS)
        audio = film.add_stream("aac", rate=AUDIO_RATE, layout="stereo", options={"flags": "+bitexact"})
        audio.bit_rate = AUDIO_KBPS * 1000
        for sound in sound_frames(samples):
            film.mux(audio.encode(sound))
        film.mux(audio.encode(None))
        for index, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            film.mux(video.encode(frame))
        film.mux(video.encode(None))


def sound_frames(samples: NDArray[np.float64]) -> Iterable[av.AudioFrame]:
    """Yield the samples in blocks of the encoder's frame size."""
    planar = np.ascontiguousarray(samples.T, dtype=np.float32)
    for start in range(0, planar.shape[1], AUDIO_BLOCK):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(planar[:, start : start + AUDIO_BLOCK]), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        yield frame
