"""Measure an audio stream of an open file: its duration, and whether it is audible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.media.codecs import refused_sound, sound_is_taken
from agents.media.decode import sound_frames
from agents.media.sniff import not_media
from schemas.faults import Poison

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_MIN_AUDIBLE_PEAK = 10 ** (-60 / 20)
_ROUNDING_S = 0.001  # error of the sum of many short frames


@dataclass(frozen=True)
class ProbedSound:
    """Facts of an audio stream, measured by decoding it. `audible`: a sample reaches -60 dB of full scale.

    `duration_s`: of what decodes. `elapsed_s`: from its first to its last sample, with what does not decode between.
    """

    codec: str
    sample_rate: int
    channels: int
    duration_s: float
    elapsed_s: float
    audible: bool


def taken_tracks(container: InputContainer) -> list[int]:
    """Return the audio streams whose codec is taken, from 0: first those that the file marks as the default.

    Raises: `Poison`: `no_audio`; `unsupported_codec` where there are others only.
    """
    from av.stream import Disposition

    streams = container.streams.audio
    if not streams:
        raise Poison("it has no audio; give a song, or a video with sound", reason="no_audio")
    taken = [track for track, stream in enumerate(streams) if sound_is_taken(stream.codec_context)]
    if not taken:
        raise refused_sound(streams[0].codec_context)
    return sorted(taken, key=lambda track: not streams[track].disposition & Disposition.default)


def probe_sound(container: InputContainer, track: int, max_s: float) -> ProbedSound:
    """Return the facts of a whole audio stream, which is decoded once.

    Raises: `Poison`: `not_media` (no frame decodes), `too_long` (without decoding the rest).
    """
    stream = _stream(container, track)
    first, seconds, elapsed_s, audible = None, 0.0, 0.0, False
    for frame in sound_frames(container, stream):
        first = first or frame
        seconds += frame.samples / frame.sample_rate
        elapsed_s = max(seconds, _elapsed_s(first, frame))
        audible = audible or _peak(frame) >= _MIN_AUDIBLE_PEAK
        if elapsed_s > max_s + _ROUNDING_S:
            raise Poison(f"longer than {max_s / 60:.0f} minutes; give a single song", reason="too_long")
    if first is None:
        raise not_media()
    return _sound(stream, first, seconds, elapsed_s, audible)


def first_sound(container: InputContainer, track: int) -> ProbedSound | None:
    """Return the facts of a stream's first frame that decodes, for a clip; `None` where there is none."""
    stream = _stream(container, track)
    frame = next(sound_frames(container, stream), None)
    if frame is None:
        return None
    seconds = frame.samples / frame.sample_rate
    return _sound(stream, frame, seconds, seconds, audible=True)


def _stream(container: InputContainer, track: int) -> AudioStream:
    stream = container.streams.audio[track]
    stream.codec_context.thread_count = 1
    return stream


def _elapsed_s(first: AudioFrame, last: AudioFrame) -> float:
    """Return the time until a frame ends by the file's timestamps, which may have gaps; 0 where it has none."""
    if first.time is None or last.time is None:
        return 0.0
    return last.time - first.time + last.samples / last.sample_rate


def _peak(frame: AudioFrame) -> float:
    """Return the peak amplitude, 1 at full scale; unsigned 8 bit is centred on 128."""
    samples = frame.to_ndarray()
    if samples.dtype.kind == "f":
        return float(np.max(np.abs(np.nan_to_num(samples))))
    middle, scale = (128.0, 128.0) if samples.dtype.kind == "u" else (0.0, 2.0 ** (8 * samples.itemsize - 1))
    return float(np.max(np.abs(samples.astype(np.float64) - middle)) / scale)


def _sound(stream: AudioStream, frame: AudioFrame, seconds: float, elapsed_s: float, audible: bool) -> ProbedSound:
    return ProbedSound(
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=frame.sample_rate,
        channels=frame.layout.nb_channels,
        duration_s=round(seconds, 6),
        elapsed_s=elapsed_s,
        audible=audible,
    )
