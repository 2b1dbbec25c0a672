"""Encode a file's sound as AAC-LC, stereo, from its start to its end; the container's start is time 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from agents.media.decode import OpenAudio, open_audio
from agents.media.mp4 import create_audio_file
from agents.media.resample import stereo
from schemas.faults import Poison
from schemas.limits import MAX_SOUND_S


class EncodedSound(NamedTuple):
    """A part of the sound, in seconds, and the packets that the encoder returned for it."""

    start_s: float
    end_s: float
    packets: Sequence[Packet[AudioStream]]


def encode_aac(song: Path, bitrate: int, target: Path, report: Callable[[float], None], track: int = 0) -> None:
    """Write an audio stream of `song` to the mp4 `target`. `bitrate` in bit/s; `report` takes the finished fraction.

    Raises: `Poison` where no part of its sound decodes (`no_audio`) or it is longer than 30 minutes (`too_long`).
    """
    with open_audio(song, track) as audio:
        if not write_aac(audio, bitrate, target, report):
            raise Poison(f"{song.name}: nothing of its audio decodes", reason="no_audio")


def write_aac(audio: OpenAudio, bitrate: int, target: Path, report: Callable[[float], None]) -> float:
    """Write sound to the mp4 `target` and return its length in seconds. Raises: `Poison` (`too_long`)."""
    end_s = 0.0
    with create_audio_file(target) as writer:
        for start_s, end_s, packets in add_aac(writer, audio, bitrate):
            writer.mux(list(packets))
            if end_s > start_s:
                _report_second(report, end_s, audio.duration_us)
    return end_s


def add_aac(writer: OutputContainer, audio: OpenAudio, bitrate: int) -> Iterator[EncodedSound]:
    """Add a stream to `writer` immediately, and encode `audio` while the result is iterated. `bitrate` in bit/s."""
    encoder = writer.add_stream("aac", rate=audio.output_rate_hz, layout="stereo")
    encoder.bit_rate = bitrate
    return _encoded(encoder, audio)


def _encoded(encoder: AudioStream, audio: OpenAudio) -> Iterator[EncodedSound]:
    samples, rate = 0, audio.output_rate_hz
    for frame in stereo(audio.frames, rate):
        frame.pts, frame.time_base = samples, Fraction(1, rate)
        start, samples = samples, samples + frame.samples
        if samples > MAX_SOUND_S * rate:
            raise Poison(f"the audio is longer than {MAX_SOUND_S / 60:.0f} minutes; use a single song", "too_long")
        yield EncodedSound(start / rate, samples / rate, encoder.encode(frame))
    yield EncodedSound(samples / rate, samples / rate, encoder.encode(None))


def _report_second(report: Callable[[float], None], done_s: float, duration_us: int) -> None:
    if duration_us and round(done_s * 50) % 50 == 0:
        report(min(1.0, done_s * av.time_base / duration_us))
