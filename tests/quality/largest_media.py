"""Write the largest songs and clips that are accepted, small in bytes: the packets of a short piece are repeated."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from schemas.limits import MAX_CHANNELS, SONG_S, SOUND_RATES_HZ
from tests.unit.move_indexing import odd_clips

_FLAC_BLOCK = 4608
_FPS = 10
_X264 = {"preset": "ultrafast", "x264-params": "ref=16:keyint=1000:bframes=0:scenecut=0:dpb-size=16"}


def write_song(path: Path, seconds: float = SONG_S[1] - 1) -> Path:
    """Write a song of clicks in FLAC (mka), with the highest sample rate and the most channels that are accepted."""
    rate = SOUND_RATES_HZ[-1]
    blocks = 4 * rate // _FLAC_BLOCK
    with av.open(str(path), "w", format="matroska") as writer:
        stream = writer.add_stream("flac", rate=rate, layout="7.1")
        packets = list(_flac_packets(stream, blocks, rate))
        for number in range(round(seconds * rate / _FLAC_BLOCK)):
            _mux(writer, stream, packets[number % blocks], number * _FLAC_BLOCK, Fraction(1, rate))
    return path


def _flac_packets(stream: Any, blocks: int, rate: int) -> Iterator[bytes]:
    stream.codec_context.options = {"compression_level": "0"}
    time = np.arange(blocks * _FLAC_BLOCK) / rate
    clicks = 0.5 * np.exp(-30 * (time % 0.5)) * np.sin(2 * np.pi * 440 * time) * (time % 0.5 < 0.1)
    samples = np.repeat((clicks * 32767).astype(np.int16)[:, None], MAX_CHANNELS, axis=1)
    context = stream.codec_context
    context.format = "s16"
    for number in range(blocks):
        block = np.ascontiguousarray(samples[number * _FLAC_BLOCK : (number + 1) * _FLAC_BLOCK]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="7.1")
        frame.sample_rate, frame.pts = rate, number * _FLAC_BLOCK
        yield from map(bytes, stream.encode(frame))
    yield from map(bytes, stream.encode(None))


def write_clip(
    path: Path, seconds: float, pixel_format: str = "yuv420p", size: tuple[int, int] = (4096, 2304), fps: int = _FPS
) -> Path:
    """Write a couple that moves for two seconds, again and again, in H.264 (mp4) with 16 reference pictures."""
    step = Fraction(1, fps)
    with av.open(str(path), "w", format="mp4") as writer:
        stream: Any = writer.add_stream("libx264", rate=fps, options=_X264)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        packets = _h264_packets(stream, size)
        for number in range(round(seconds * fps)):
            _mux(writer, stream, packets[number % len(packets)], number, step, keyframe=number % len(packets) == 0)
    return path


def _h264_packets(stream: Any, size: tuple[int, int]) -> list[bytes]:
    draw = odd_clips.larger(odd_clips.couple(), size)
    packets: list[bytes] = []
    for number in range(2 * _FPS):
        frame = av.VideoFrame.from_ndarray(draw(number / _FPS).astype(np.uint8), format="rgb24")
        frame.pts = number
        packets += map(bytes, stream.encode(frame))
    return packets + [bytes(packet) for packet in stream.encode(None)]


def _mux(writer: Any, stream: Any, content: bytes, pts: int, step: Fraction, keyframe: bool = True) -> None:
    packet: Any = av.Packet(content)
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, step, pts, pts
    packet.is_keyframe = keyframe
    writer.mux(packet)
