"""Decode a media file to blocks of mono samples on the container's own time axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Floats
from agents.media.decode import open_audio
from schemas.faults import Poison
from schemas.limits import MAX_SOUND_S

if TYPE_CHECKING:
    from av import AudioFrame

    from agents.media.channels import Block

SAMPLE_RATE_HZ = 22050
_ROUNDING_S = 1e-3  # of the sum over all frames


def decode_mono(path: Path, track: int = 0) -> Iterator[Floats]:
    """Yield an audio stream of a file as float32 mono blocks at 22050 Hz.

    Time 0 is the container's start, so that beats have the same time axis as the frames of a video: before a stream
    that starts late there is silence, and what cannot be decoded becomes silence of the same length.
    Raises: `Poison` (`not_found`, `not_media`, `no_audio`, `too_long`).
    """
    from agents.media.resample import without_gaps

    with open_audio(path, track) as audio:
        yield from _mono_blocks(within_length(without_gaps(audio.frames)))


def decode_excerpt(path: Path, track: int, from_s: float, seconds: float) -> Iterator[Floats]:
    """Yield a part of an audio stream like `decode_mono`, from about `from_s` on, without its times.

    Raises: as `decode_mono`.
    """
    with open_audio(path, track, from_s) as audio:
        yield from _mono_blocks(_up_to(seconds, (frame for _, frame in audio.frames)))


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
        if duration_s > MAX_SOUND_S + _ROUNDING_S:
            raise Poison(f"the audio is longer than {MAX_SOUND_S / 60:.0f} minutes; use a single song", "too_long")
        yield frame


def _mono_blocks(frames: Iterable[AudioFrame]) -> Iterator[Floats]:
    from agents.media.channels import in_phase

    for rate, blocks in groupby(in_phase(frames), key=attrgetter("rate")):
        yield from _resampled(rate, map(_mono, blocks))


def _resampled(rate: int, chunks: Iterable[Floats]) -> Iterator[Floats]:
    import soxr

    stream = soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="MQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(block: Block) -> Floats:
    samples = block.mono()
    if not np.isfinite(samples.sum(dtype=float)):
        raise Poison("it contains samples that are not finite numbers; export the file again", "not_media")
    return samples
