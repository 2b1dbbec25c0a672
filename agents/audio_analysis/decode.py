"""Decode a media file to blocks of mono samples on the container's own time axis."""

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

SAMPLE_RATE_HZ = 22050
_CHUNK_SAMPLES = 1 << 20  # large, since each chunk costs new memory pages


def decode_mono(path: Path, track: int = 0) -> Iterator[Floats]:
    """Yield an audio stream of a file as float32 mono blocks at 22050 Hz.

    Time 0 is the container's start, so that beats have the same time axis as the frames of a video: before a stream
    that starts late there is silence, and what cannot be decoded becomes silence of the same length.
    Raises: `Poison` (`not_found`, `not_media`, `no_audio`, `too_long`).
    """
    from agents.media.resample import without_gaps

    with open_audio(path, track) as audio:
        frames = within_length(without_gaps(audio.frames))
        for rate, chunks in groupby(_chunks(frames), key=itemgetter(0)):
            yield from _resampled(rate, map(itemgetter(1), chunks))


def decode_excerpt(path: Path, track: int, from_s: float, seconds: float) -> Iterator[Floats]:
    """Yield a part of an audio stream like `decode_mono`, from about `from_s` on, without its times.

    Raises: as `decode_mono`.
    """
    with open_audio(path, track, from_s) as audio:
        frames = _up_to(seconds, (frame for _, frame in audio.frames))
        for rate, chunks in groupby(_chunks(frames), key=itemgetter(0)):
            yield from _resampled(rate, map(itemgetter(1), chunks))


def _up_to(seconds: float, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    left_s = seconds
    for frame in frames:
        yield frame
        left_s -= frame.samples / frame.sample_rate
        if left_s <= 0:
            return


def within_length(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """Yield the frames unchanged. Raises: `Poison` (`too_long`) where they last more than `MAX_SOUND_S`."""
    duration_s = 0.0
    for frame in frames:
        duration_s += frame.samples / frame.sample_rate
        if duration_s > MAX_SOUND_S:
            raise Poison(f"the audio is longer than {MAX_SOUND_S / 60:.0f} minutes; use a single song", "too_long")
        yield frame


def _chunks(frames: Iterable[AudioFrame]) -> Iterator[tuple[int, Floats]]:
    """Yield sample rates and mono samples, the frames of one format joined."""
    from av.audio.fifo import AudioFifo

    from agents.media.resample import audio_format

    for (_, _, rate), same_kind in groupby(frames, key=audio_format):
        fifo = AudioFifo()
        for frame in same_kind:
            frame.pts = None
            fifo.write(frame)
            if fifo.samples >= _CHUNK_SAMPLES:
                yield rate, _mono(fifo)
        if fifo.samples:
            yield rate, _mono(fifo)


def _resampled(rate: int, chunks: Iterable[Floats]) -> Iterator[Floats]:
    import soxr

    stream = soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="MQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(fifo: AudioFifo) -> Floats:
    """Return all samples in `fifo`: the mean of the channels, integers scaled to -1..1 (unsigned 8 bit minus 128)."""
    frame = cast("AudioFrame", fifo.read())
    stored = frame.to_ndarray()
    channels = stored if frame.format.is_planar else stored.reshape(-1, frame.layout.nb_channels).T
    samples = channels.sum(0, dtype=np.float32)
    dtype: np.dtype[Any] = channels.dtype
    if dtype.kind != "f":
        samples -= 128.0 * len(channels) if dtype.kind == "u" else 0.0
        samples /= 128.0 if dtype.kind == "u" else float(np.iinfo(dtype).max) + 1.0
    samples /= len(channels)
    if not np.isfinite(samples.sum(dtype=float)):
        raise Poison("it contains samples that are not finite numbers; export the file again", "not_media")
    return np.asarray(samples)
