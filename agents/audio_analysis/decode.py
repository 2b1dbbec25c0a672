"""A media file goes in; its sound comes out as blocks of mono samples on the container's own time axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.intake.container import decoded, open_container, packets, start_s
from schemas.faults import Poison

if TYPE_CHECKING:
    from av import AudioFrame

Floats = npt.NDArray[np.floating[Any]]
Planes = npt.NDArray[Any]
Frame = tuple[int, Planes]
"""A sample rate, and channels x samples as they were stored."""

RATE = 22050
MAX_SECONDS = 1800.0
_CHUNK = 262144
_GAP_S = 0.05


def sound(path: Path) -> Iterator[Floats]:
    """The file's first audio stream as float32 mono blocks at 22050 Hz.

    Time 0 is the container's start, so that beats fall on the same axis as the frames of a video: a stream that
    starts late is led in by silence, and what could not be decoded leaves silence of its length.
    Raises `Poison`: `not_found`, `not_media`, `no_audio`, `too_long`.
    """
    for rate, chunks in groupby(_chunks(_placed(path)), key=itemgetter(0)):
        yield from _resampled(rate, (_mono(planes) for _, planes in chunks))


def _resampled(rate: int, chunks: Iterable[Floats]) -> Iterator[Floats]:
    import soxr

    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="MQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _chunks(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames of one kind joined into chunks worth resampling."""
    for (rate, *_), alike in groupby(frames, key=lambda frame: (frame[0], len(frame[1]), frame[1].dtype)):
        held: list[Planes] = []
        samples = 0
        for _, planes in alike:
            held.append(planes)
            samples += planes.shape[1]
            if samples >= _CHUNK:
                yield rate, np.concatenate(held, axis=1)
                held, samples = [], 0
        if held:
            yield rate, np.concatenate(held, axis=1)


def _placed(path: Path) -> Iterator[Frame]:
    """Frames at their time: silence where a frame comes late, cut where it comes before the container's start."""
    at = 0.0
    for time_s, rate, planes in _frames(path):
        due = at if time_s is None else time_s
        if due > at + (_GAP_S if at else 0.0):
            _check_length(due)
            yield from ((rate, silence) for silence in _silence(planes, round((due - at) * rate)))
            at = due
        kept = planes[:, max(0, round(-due * rate)) :]
        at += kept.shape[1] / rate
        _check_length(at)
        yield rate, kept


def _silence(like: Planes, samples: int) -> Iterator[Planes]:
    """Silence of any length, a little at a time, so that a false timestamp cannot fill the memory."""
    for first in range(0, samples, _CHUNK):
        width = min(_CHUNK, samples - first)
        yield np.full((len(like), width), 128 if like.dtype.kind == "u" else 0, like.dtype)


def _check_length(seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise Poison(f"the audio is longer than {MAX_SECONDS / 60:.0f} minutes; give a single song", "too_long")


def _frames(path: Path) -> Iterator[tuple[float | None, int, Planes]]:
    """(time since the container's start in seconds, sample rate, channels x samples) of each frame that decodes."""
    with open_container(path) as container:
        if not any(stream.codec_context for stream in container.streams.audio[:1]):
            raise Poison("no audio in it can be decoded; give a file with music", "no_audio")
        for packet in packets(container, container.streams.audio[0]):
            for frame in decoded(packet):
                yield None if frame.time is None else frame.time - start_s(container), frame.sample_rate, _planes(frame)


def _planes(frame: AudioFrame) -> Planes:
    samples: Planes = frame.to_ndarray()
    return samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T


def _mono(planes: Planes) -> Floats:
    samples = _as_float(planes[0] if len(planes) == 1 else planes.sum(0, dtype=np.float32) / len(planes), planes.dtype)
    if not np.isfinite(samples).all():
        raise Poison("it holds samples that are not numbers; export it again", "not_media")
    return samples


def _as_float(samples: Planes, kind: np.dtype[Any]) -> Floats:
    """Integers to -1..1; unsigned 8 bit is centred on 128 first."""
    if kind.kind == "f":
        return samples.astype(np.float32, copy=False)
    middle, scale = (128.0, 128.0) if kind.kind == "u" else (0.0, float(np.iinfo(kind).max) + 1.0)
    return np.asarray((samples.astype(np.float32) - middle) / scale, dtype=np.float32)
