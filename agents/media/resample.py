"""Resample a song to float stereo in frames of AAC's size, without gaps from time 0.

The audio analysis uses the same rules, so that a beat has the same time in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, groupby
from operator import attrgetter

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from agents.media.channels import Block, in_phase
from agents.media.mp4 import AAC_FRAME
from schemas.faults import Poison
from schemas.limits import MAX_SOUND_S

_GAP_S = 0.05
_LOUDEST = 8.0  # 18 dB above full scale
_SILENT_FRAME = 16_384


def stereo(timed: Iterable[tuple[float | None, AudioFrame]], rate: int) -> Iterator[AudioFrame]:
    """Yield frames of 1024 samples (the last may be shorter), `rate` Hz, float planar stereo, from time 0."""
    fifo = AudioFifo()
    groups = groupby(in_phase(without_gaps(timed)), key=attrgetter("rate"))
    for frame in chain.from_iterable(_resampled(blocks, rate) for _, blocks in groups):
        frame.pts = None
        fifo.write(frame)
        yield from fifo.read_many(AAC_FRAME)
    yield from fifo.read_many(AAC_FRAME, partial=True)


def without_gaps(timed: Iterable[tuple[float | None, AudioFrame]]) -> Iterator[AudioFrame]:
    """Yield the frames with silence in gaps, and without what is before time 0.

    Raises: `Poison` (`too_long`) where one begins after more than `MAX_SOUND_S`.
    """
    end_s = 0.0
    for time_s, frame in timed:
        start_s = end_s if time_s is None else time_s
        if start_s > MAX_SOUND_S:  # a file can claim any time: what is before it would be silence
            raise Poison(f"the audio is longer than {MAX_SOUND_S / 60:.0f} minutes; use a single song", "too_long")
        if start_s > end_s + (_GAP_S if end_s else 0.0):
            yield from _silence(frame, round((start_s - end_s) * frame.sample_rate))
            end_s = start_s
        early = max(0, round(-start_s * frame.sample_rate))
        if early < frame.samples:
            end_s += (frame.samples - early) / frame.sample_rate
            yield _cut(frame, early) if early else frame


def _resampled(blocks: Iterable[Block], rate: int) -> Iterator[AudioFrame]:
    resampler = AudioResampler(format="fltp", layout="stereo", rate=rate)
    for frame in chain(_counted(map(_stereo_frame, blocks)), (None,)):
        yield from resampler.resample(frame)


def _stereo_frame(block: Block) -> AudioFrame:
    # The encoder takes very long for samples far above full scale, as damaged files of floats have.
    samples = np.clip(np.nan_to_num(block.stereo()), -_LOUDEST, _LOUDEST)
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate = block.rate
    return frame


def _counted(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    samples = 0
    for frame in frames:
        frame.pts, frame.time_base = samples, Fraction(1, frame.sample_rate)
        samples += frame.samples
        yield frame


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    for first in range(0, samples, _SILENT_FRAME):
        frame = AudioFrame(like.format.name, like.layout.name, min(_SILENT_FRAME, samples - first))
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            plane.update((b"\x80" if like.format.name.startswith("u8") else b"\0") * plane.buffer_size)
        yield frame


def _cut(frame: AudioFrame, samples: int) -> AudioFrame:
    channels = 1 if frame.format.is_planar else frame.layout.nb_channels
    rest = frame.to_ndarray()[:, samples * channels :].copy()
    cut = AudioFrame.from_ndarray(rest, format=frame.format.name, layout=frame.layout.name)
    cut.sample_rate = frame.sample_rate
    return cut
