"""Build small media files of any duration, codec and size."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from numpy.typing import NDArray

MakeClip = Callable[..., Path]
MadeOnce = Callable[[str], Path]  # from a name to the file that was written for it

FORMAT_CLIP_S = 4.0  # of the clips in every container and codec

RATE = 44_100


def tone(seconds: float, rate: int = RATE, gain: float = 0.3) -> NDArray[np.int16]:
    """Return a mono sine of 440 Hz; `gain` 0-1."""
    t = np.arange(round(seconds * rate)) / rate
    return np.asarray(gain * 32767 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


def write_sound(path: Path, samples: NDArray[np.int16], codec: str, rate: int = RATE) -> Path:
    """Write mono samples, in the container of the file name's extension."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        _encode_sound(container, stream, samples, rate)
    return path


def write_clip(
    path: Path,
    seconds: float,
    fps: int = 24,
    size: tuple[int, int] = (96, 64),
    sound: bool = True,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a moving gradient, with a 440 Hz tone if `sound`."""
    with av.open(str(path), "w", options=options or {}) as container:
        video: Any = container.add_stream(codec, rate=fps, options={"g": str(fps)})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio: Any = (
            container.add_stream("aac" if path.suffix == ".mp4" else "libopus", rate=48_000, layout="mono")
            if sound
            else None
        )
        for index in range(round(seconds * fps)):
            container.mux(video.encode(_picture(index, size)))
        container.mux(video.encode(None))
        if audio is not None:
            _encode_sound(container, audio, tone(seconds, 48_000), 48_000)
    return path


def write_drawn_clip(
    path: Path,
    seconds: float = 3.0,
    fps: int = 30,
    size: tuple[int, int] = (320, 240),
    click_bpm: float | None = None,
    picture: Callable[[float], NDArray[Any]] | None = None,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    """Write an mp4: `picture(t)` returns (height, width, 3); the sound is clicks at `click_bpm`, or there is none."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if pixel_aspect != 1:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream("aac", rate=22050) if click_bpm else None
        for number in range(round(seconds * fps)):
            rgb = picture(number / fps) if picture else np.full((size[1], size[0], 3), 90 + number % 100)
            frame = av.VideoFrame.from_ndarray(rgb.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and click_bpm:
            _write_clicks(container, audio, seconds, click_bpm)
    return path


def png(width: int, height: int) -> bytes:
    """Return a PNG of one colour: small when compressed, width x height bytes when decoded."""
    compressor = zlib.compressobj(1)
    row = bytes(width + 1)
    compressed = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", compressed) + _chunk(b"IEND", b"")


def with_cover(song: bytes, picture: bytes) -> bytes:
    """Return an MP3 with a cover picture: one ID3v2.3 tag with one APIC frame before the song."""
    body = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + song


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _picture(index: int, size: tuple[int, int]) -> av.VideoFrame:
    x = np.arange(size[0], dtype=np.uint16)[None, :, None]
    y = np.arange(size[1], dtype=np.uint16)[:, None, None]
    image = np.broadcast_to(2 * x + 3 * y + 5 * index, (size[1], size[0], 3))
    frame = av.VideoFrame.from_ndarray((image % 256).astype(np.uint8), format="rgb24")
    frame.pts = index
    return frame


def _encode_sound(container: Any, stream: Any, samples: NDArray[np.int16], rate: int) -> None:
    block = rate
    for start in range(0, len(samples), block):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + block], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_clicks(container: OutputContainer, audio: AudioStream, seconds: float, bpm: float) -> None:
    rate = 22050
    time = np.arange(round(seconds * rate)) / rate
    since_click = time % (60 / bpm)
    sound = 0.5 * np.exp(-60 * since_click) * np.sin(2 * np.pi * 1000 * time)
    for start in range(0, len(sound), 1024):
        block = sound[start : start + 1024].astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
