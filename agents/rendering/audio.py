"""A song and a bit rate in, its AAC out: encoded once, whole, with the song's time 0 at time 0."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from agents.media.container import open_container
from agents.media.decode import audio_stream, kept_rate, timed_sounds
from agents.media.resample import stereo
from infra.base.atomic_file import replacing
from schemas.faults import Poison

ENCODER = f"aac-1/av-{av.__version__}"
_OPTIONS = {"fflags": "+bitexact"}


def ensure(
    song: Path, sha256: str, bitrate: int, cache_dir: Path, report: Callable[[float], None] = lambda _: None
) -> Path:
    """The song as AAC-LC in mp4, stereo, from the cache where it is there. `bitrate` in bit/s.

    The container's start is at time 0. Raises `Poison` where the song has no sound that decodes.
    """
    path = _place(cache_dir, sha256, bitrate)
    if not path.is_file():
        with replacing(path) as temporary:
            _encode(song, bitrate, temporary, report)
    return path


def _place(cache_dir: Path, sha256: str, bitrate: int) -> Path:
    digest = hashlib.sha256(f"{ENCODER}|{bitrate}".encode()).hexdigest()[:16]
    return cache_dir / "audio" / f"{sha256}-{digest}.m4a"


def _encode(song: Path, bitrate: int, target: Path, report: Callable[[float], None]) -> None:
    with open_container(song) as reader, av.open(str(target), "w", "mp4", options=_OPTIONS) as writer:
        stream = audio_stream(reader)
        rate = kept_rate(stream)
        encoder = writer.add_stream("aac", rate=rate, layout="stereo")
        encoder.bit_rate = bitrate
        samples = 0
        for frame in stereo(timed_sounds(reader, stream), rate):
            frame.pts, frame.time_base = samples, Fraction(1, rate)
            samples += frame.samples
            writer.mux(encoder.encode(frame))
            _tell(report, samples / rate, reader)
        writer.mux(encoder.encode(None))
    if not samples:
        raise Poison(f"{song.name}: nothing of its audio decodes", reason="no_audio")


def _tell(report: Callable[[float], None], done_s: float, reader: InputContainer) -> None:
    if reader.duration and round(done_s * 50) % 50 == 0:
        report(min(1.0, done_s * av.time_base / reader.duration))
