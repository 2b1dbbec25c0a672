"""Fade the end of a copied AAC stream out: only its last packets are encoded again.

A packet of AAC overlaps with the one before. So the new packets take over before the fade begins, at the place where
the two encodings, decoded across the join, differ least from what was there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from agents.arrays import Floats
from agents.media.mp4 import AAC_FRAME

# Before the fade: the encoder needs a dozen packets until its choices resemble those of the packets before.
_PACKETS_TO_JOIN = 16
# More bits than for a song, and no noise in place of sound: a second encoding shall add little to the first's error.
_BITRATE, _OPTIONS = 320_000, {"aac_pns": "0"}
_OVERLAP = 2  # packets that are decoded before what is measured


class Fade(NamedTuple):
    """From where to where a sound fades out, in samples of a stream's time."""

    start: int
    end: int

    def gain(self, first: int, samples: int) -> Floats:
        """Return the factors of samples from `first` on: half a cosine from 1 to 0."""
        share = (np.arange(first, first + samples) - self.start) / (self.end - self.start)
        gain: Floats = 0.5 + 0.5 * np.cos(np.pi * np.clip(share, 0.0, 1.0))
        return gain


def fade_out(packets: Iterable[Packet[AudioStream]], stream: AudioStream, fade: Fade) -> Iterator[Packet[AudioStream]]:
    """Yield the packets of a stream, those of its end encoded anew so that the sound fades out.

    The times of `packets`, 1024 samples each but for the last one, are in samples; they end where the fade does.
    """
    last: list[Packet[AudioStream]] = []
    for packet in packets:
        if _time(packet) < fade.start - _PACKETS_TO_JOIN * AAC_FRAME:
            yield packet
        else:
            last.append(packet)
    if len(last) <= _OVERLAP:
        yield from last
    else:
        yield from _with_new_end(last, stream, fade)


def decode_aac(packets: Iterable[Packet[AudioStream]], stream: AudioStream) -> dict[int, Floats]:
    """Return the samples of packets of a stream, (channels, 1024) by their time; the first ones lack what overlaps."""
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = stream.codec_context.extradata
    return {
        int(frame.pts): frame.to_ndarray().astype(np.float64)
        for packet in packets
        for frame in decoder.decode(packet)
        if isinstance(frame, AudioFrame) and frame.pts is not None
    }


def _with_new_end(
    last: Sequence[Packet[AudioStream]], stream: AudioStream, fade: Fade
) -> Iterator[Packet[AudioStream]]:
    sound = decode_aac(last, stream)
    new = {_time(packet): packet for packet in _encoded(_faded(sound, fade), stream)}
    join = _best_join(last, new, sound, stream, fade)
    for number, packet in enumerate(last):
        if number < join:
            yield packet
        elif (replaced := new.get(_time(packet))) is not None:
            replaced.duration = packet.duration
            yield replaced


def _faded(sound: dict[int, Floats], fade: Fade) -> Iterator[AudioFrame]:
    """Yield the samples as frames with the fade; the first packet, which lacks what overlaps, is left out."""
    for first in sorted(sound)[1:]:
        samples = sound[first] * fade.gain(first, sound[first].shape[1])
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout="stereo")
        frame.pts = first
        yield frame


def _encoded(frames: Iterable[AudioFrame], stream: AudioStream) -> Iterator[Packet[AudioStream]]:
    encoder: AudioCodecContext = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = stream.rate, "stereo", "fltp"
    encoder.bit_rate, encoder.time_base, encoder.options = _BITRATE, Fraction(1, stream.rate), _OPTIONS
    for frame in (*frames, None):
        if frame is not None:
            frame.sample_rate, frame.time_base = stream.rate, Fraction(1, stream.rate)
        yield from encoder.encode(frame)


def _best_join(
    last: Sequence[Packet[AudioStream]],
    new: dict[int, Packet[AudioStream]],
    sound: dict[int, Floats],
    stream: AudioStream,
    fade: Fade,
) -> int:
    """Return the index of the packet before the fade from which on the new ones differ least from what was there."""
    found = range(_OVERLAP, len(last) - 1)
    before = [join for join in found if _time(last[join + 1]) + AAC_FRAME <= fade.start]
    return min(before or [_OVERLAP], key=lambda join: _difference(join, last, new, sound, stream))


def _difference(
    join: int,
    last: Sequence[Packet[AudioStream]],
    new: dict[int, Packet[AudioStream]],
    sound: dict[int, Floats],
    stream: AudioStream,
) -> float:
    """Return the power of the error in the two packets from a join on, as a share of the sound's."""
    times = [_time(packet) for packet in last[join : join + 2]]
    across = [*last[join - _OVERLAP : join], *(new[time] for time in times)]
    joined = decode_aac(across, stream)
    error = sum(float(((joined[time] - sound[time]) ** 2).sum()) for time in times)
    return error / (sum(float((sound[time] ** 2).sum()) for time in times) + 1e-9)


def _time(packet: Packet[AudioStream]) -> int:
    return packet.pts or 0
