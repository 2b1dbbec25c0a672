"""Encode parts of a song, joined, as AAC-LC in mp4; the start of the first part is time 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame

from agents.arrays import Floats
from agents.media.aac import write_aac
from agents.media.decode import OpenAudio, open_audio
from agents.media.mp4 import AAC_FRAME
from agents.media.music_joins import MARGIN_S, Join, join
from agents.media.resample import stereo
from schemas.faults import Poison

Span = tuple[float, float]  # start and end in the song, seconds


def encode_cut_song(  # noqa: PLR0913
    song: Path, spans: Sequence[Span], bitrate: int, target: Path, report: Callable[[float], None], *, track: int = 0
) -> list[Join]:
    """Write parts of a song, and half a second after the last of them, to the mp4 `target`; return their joins.

    `bitrate` in bit/s; `report` takes the finished fraction. Raises: as `encode_aac`.
    """
    with open_audio(song, track) as audio:
        rate = audio.output_rate_hz
        joined, joins = join(_parts(stereo(audio.frames, rate), spans, rate), rate)
    write_aac(OpenAudio(_frames(joined, rate), rate, joined.shape[1] * 1_000_000 // rate), bitrate, target, report)
    return joins


def _parts(frames: Iterable[AudioFrame], spans: Sequence[Span], rate: int) -> list[Floats]:
    """Return the samples of each span with a margin, (2, samples); silence before the song and after its end."""
    margin = round(MARGIN_S * rate)
    edges = [(round(start * rate) - margin, round(end * rate) + margin) for start, end in spans]
    parts = [np.zeros((2, end - start), np.float32) for start, end in edges]
    at, last = 0, max(end for _, end in edges)
    for frame in frames:
        samples = frame.to_ndarray()
        for (start, end), part in zip(edges, parts, strict=True):
            low, high = max(start, at), min(end, at + frame.samples)
            if low < high:
                part[:, low - start : high - start] = samples[:, low - at : high - at]
        at += frame.samples
        if at >= last:
            break
    if not at:
        raise Poison("nothing of its audio decodes", reason="no_audio")
    return parts


def _frames(samples: Floats, rate: int) -> Iterator[tuple[float | None, AudioFrame]]:
    for at in range(0, samples.shape[1], AAC_FRAME):
        block = np.ascontiguousarray(samples[:, at : at + AAC_FRAME], np.float32)
        frame = AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = rate
        yield at / rate, frame
