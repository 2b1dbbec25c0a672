"""Write samples as WAV or MP3 files that are byte-identical for the same samples."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from data.generators.music.instruments import SAMPLE_RATE
from data.generators.music.score import Samples

_BLOCK_SAMPLES = 1152 * 64


def _to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2"))


def write_wav(path: Path, samples: Samples) -> None:
    """Write a 16-bit stereo WAV from samples of shape (frames, 2)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(_to_int16(samples).tobytes())


def write_mp3(path: Path, samples: Samples, kbps: int, *, quick: bool = False) -> None:
    """Write an MP3 from samples of shape (frames, channels).

    The header contains the encoder delay, so decoders keep the timing. `quick` takes half the CPU time and sounds a
    little worse.
    """
    pcm = _to_int16(samples)
    layout = ("mono", "stereo")[pcm.shape[1] - 1]
    options = {"flags": "+bitexact"} | ({"compression_level": "7"} if quick else {})
    with av.open(str(path), "w", format="mp3", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout=layout, options=options)
        stream.bit_rate = 1000 * kbps
        stream.codec_context.format = "s16p"
        for start in range(0, len(pcm), _BLOCK_SAMPLES):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(pcm[start : start + _BLOCK_SAMPLES].T), format="s16p", layout=layout
            )
            frame.sample_rate, frame.pts = SAMPLE_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_json(path: Path, truth: dict[str, object]) -> None:
    """Write the ground truth that belongs to a file."""
    path.write_text(json.dumps(truth) + "\n", encoding="utf-8")
