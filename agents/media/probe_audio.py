"""An opened file comes in; what its first audio stream sounds like comes out: how long, how loud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.media.container import decoded, packets
from agents.media.sniff import not_media
from schemas.faults import Poison
from schemas.limits import MAX_CHANNELS, SOUND_RATES_HZ

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_CODECS = frozenset({"aac", "mp3", "flac", "alac", "vorbis", "opus", "pcm_u8", "pcm_s16le", "pcm_s16be"}) | frozenset(
    {"pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f64le"}
)
_AUDIBLE = 10 ** (-60 / 20)
_SUMMED_S = 0.001  # what is lost in a sum of many short frames


@dataclass(frozen=True)
class ProbedSound:
    """What decodes of an audio stream. `audible`: a sample reaches -60 dB of full scale."""

    codec: str
    sample_rate: int
    channels: int
    duration_s: float
    audible: bool


def probe_sound(container: InputContainer, max_s: float) -> ProbedSound:
    """The whole first audio stream, decoded once.

    Raises `Poison`: `no_audio`, `unsupported_codec`, `not_media` (nothing decodes), `too_long` (as soon as it is).
    """
    stream = _first_stream(container)
    frame_of, seconds, audible = None, 0.0, False
    for frame in _frames(container, stream):
        frame_of = frame_of or frame
        seconds += frame.samples / frame.sample_rate
        audible = audible or _peak(frame) >= _AUDIBLE
        if max(seconds, _lasts(frame_of, frame)) > max_s + _SUMMED_S:
            raise Poison(f"longer than {max_s / 60:.0f} minutes; give a single song", reason="too_long")
    if frame_of is None:
        raise not_media()
    return _sound(stream, frame_of, seconds, audible)


def first_sound(container: InputContainer) -> ProbedSound | None:
    """The first audio that decodes, for a clip that need not have any; `None` where there is none to use."""
    try:
        stream = _first_stream(container)
    except Poison:
        return None
    frame = next(_frames(container, stream), None)
    return None if frame is None else _sound(stream, frame, frame.samples / frame.sample_rate, audible=True)


def _first_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise Poison("it has no audio; give a song, or a video with sound", reason="no_audio")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.codec.canonical_name not in _CODECS:
        raise Poison("its audio codec is not one that is accepted; give mp3, aac or flac", reason="unsupported_codec")
    context.thread_count = 1
    return stream


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in packets(container, stream):
        for frame in decoded(packet):
            if _is_usable(frame):
                yield frame


def _is_usable(frame: AudioFrame) -> bool:
    return frame.samples > 0 and frame.sample_rate in SOUND_RATES_HZ and frame.layout.nb_channels <= MAX_CHANNELS


def _lasts(first: AudioFrame, last: AudioFrame) -> float:
    """From one frame to another on the file's clock, which may have holes."""
    return 0.0 if first.time is None or last.time is None else last.time - first.time


def _peak(frame: AudioFrame) -> float:
    """The loudest sample, 1 at full scale; unsigned 8 bit is centred on 128."""
    samples = frame.to_ndarray()
    if samples.dtype.kind == "f":
        return float(np.max(np.abs(np.nan_to_num(samples))))
    middle, scale = (128.0, 128.0) if samples.dtype.kind == "u" else (0.0, 2.0 ** (8 * samples.itemsize - 1))
    return float(np.max(np.abs(samples.astype(np.float64) - middle)) / scale)


def _sound(stream: AudioStream, frame: AudioFrame, seconds: float, audible: bool) -> ProbedSound:
    return ProbedSound(
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=frame.sample_rate,
        channels=frame.layout.nb_channels,
        duration_s=round(seconds, 6),
        audible=audible,
    )
