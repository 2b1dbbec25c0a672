"""A media file goes in; its sound comes out as blocks of mono samples on the container's own time axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from agents.arrays import Floats
from agents.media.decode import open_audio
from schemas.faults import Poison
from schemas.limits import MAX_SOUND_S

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.fifo import AudioFifo

RATE = 22050
_CHUNK = 1 << 20  # samples: the fewer the pieces, the fewer new pages of memory


def sound(path: Path) -> Iterator[Floats]:
    """The file's first audio stream as float32 mono blocks at 22050 Hz.

    Time 0 is the container's start, so that beats fall on the same axis as the frames of a video: a stream that
    starts late is led in by silence, and what could not be decoded leaves silence of its length.
    Raises `Poison`: `not_found`, `not_media`, `no_audio`, `too_long`.
    """
    from agents.media.resample import placed

    with open_audio(path) as audio:
        frames = within_length(placed(audio.frames))
        for rate, chunks in groupby(_chunks(frames), key=itemgetter(0)):
            yield from _resampled(rate, map(itemgetter(1), chunks))


def within_length(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """The frames of at most `MAX_SOUND_S`. Raises `Poison` (`too_long`) where more come."""
    at = 0.0
    for frame in frames:
        at += frame.samples / frame.sample_rate
        if at > MAX_SOUND_S:
            raise Poison(f"the audio is longer than {MAX_SOUND_S / 60:.0f} minutes; give a single song", "too_long")
        yield frame


def _chunks(frames: Iterable[AudioFrame]) -> Iterator[tuple[int, Floats]]:
    """A rate, and mono samples at it; frames of one kind are joined."""
    from av.audio.fifo import AudioFifo

    from agents.media.resample import kind

    for (_, _, rate), alike in groupby(frames, key=kind):
        fifo = AudioFifo()
        for frame in alike:
            frame.pts = None
            fifo.write(frame)
            if fifo.samples >= _CHUNK:
                yield rate, _mono(fifo)
        if fifo.samples:
            yield rate, _mono(fifo)


def _resampled(rate: int, chunks: Iterable[Floats]) -> Iterator[Floats]:
    import soxr

    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="MQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(fifo: AudioFifo) -> Floats:
    """All it holds: the channels' mean, integers scaled to -1..1; unsigned 8 bit is centred on 128 first."""
    frame = cast("AudioFrame", fifo.read())
    stored = frame.to_ndarray()
    channels = stored if frame.format.is_planar else stored.reshape(-1, frame.layout.nb_channels).T
    samples = channels.sum(0, dtype=np.float32)
    kind: np.dtype[Any] = channels.dtype
    if kind.kind != "f":
        samples -= 128.0 * len(channels) if kind.kind == "u" else 0.0
        samples /= 128.0 if kind.kind == "u" else float(np.iinfo(kind).max) + 1.0
    samples /= len(channels)
    if not np.isfinite(samples.sum(dtype=float)):
        raise Poison("it holds samples that are not numbers; export it again", "not_media")
    return np.asarray(samples)
