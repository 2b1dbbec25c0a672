"""A song's frames in, the same sound out without gaps from time 0 on: float stereo in AAC's frames.

The rules are those by which the song was analysed, so that a beat found there is heard at its time here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, groupby

from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

AAC_FRAME = 1024
_GAP_S = 0.05
_SILENT_FRAME = 16_384


def stereo(timed: Iterable[tuple[float | None, AudioFrame]], rate: int) -> Iterator[AudioFrame]:
    """Frames of 1024 samples (the last may be shorter), `rate` Hz, float planar stereo, counted from 0."""
    fifo = AudioFifo()
    for frame in chain.from_iterable(_resampled(group, rate) for _, group in groupby(placed(timed), key=kind)):
        frame.pts = None
        fifo.write(frame)
        yield from fifo.read_many(AAC_FRAME)
    yield from fifo.read_many(AAC_FRAME, partial=True)


def placed(timed: Iterable[tuple[float | None, AudioFrame]]) -> Iterator[AudioFrame]:
    """Frames at their time: silence where one comes late, cut where one comes before 0."""
    at = 0.0
    for time_s, frame in timed:
        due = at if time_s is None else time_s
        if due > at + (_GAP_S if at else 0.0):
            yield from _silence(frame, round((due - at) * frame.sample_rate))
            at = due
        early = max(0, round(-due * frame.sample_rate))
        if early < frame.samples:
            at += (frame.samples - early) / frame.sample_rate
            yield _cut(frame, early) if early else frame


def kind(frame: AudioFrame) -> tuple[str, str, int]:
    """What must be alike for frames to be joined; the last is the sample rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resampled(frames: Iterable[AudioFrame], rate: int) -> Iterator[AudioFrame]:
    resampler = AudioResampler(format="fltp", layout="stereo", rate=rate)
    for frame in chain(_counted(frames), (None,)):
        yield from resampler.resample(frame)


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
    kept = frame.to_ndarray()[:, samples * channels :].copy()
    cut = AudioFrame.from_ndarray(kept, format=frame.format.name, layout=frame.layout.name)
    cut.sample_rate = frame.sample_rate
    return cut
