"""Build media with known content: clips with a barcode in each frame, and songs with a click on each beat."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BITS = 16
NUMBER_BITS = 10
RATE = 48_000
CLIP_SECONDS = 2.6


@dataclass(frozen=True)
class Clip:
    """A built clip: `beats` in seconds, `times` of its frames in seconds."""

    path: Path
    number: int
    beats: tuple[float, ...]
    times: tuple[float, ...]

    @property
    def sha(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class DisplayedFrame:
    """A frame of a video: its time in seconds, and the clip number and frame number of its barcode."""

    time: float
    clip: int
    frame: int


def barcode(value: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return luma with `value` as a row of light and dark cells over the whole width, and a moving square above it."""
    luma = np.full((height, width), 70, np.uint8)
    for bit in range(BITS):
        on = value >> (BITS - 1 - bit) & 1
        luma[height // 2 :, width * bit // BITS : width * (bit + 1) // BITS] = 220 if on else 25
    left = value * 7 % (width - 20)
    luma[10:40, left : left + 20] = 200
    return luma


def read_barcode(luma: NDArray[np.uint8]) -> int:
    """Return the value of a barcode that spans the whole width except black borders."""
    row = luma[luma.shape[0] * 3 // 8]
    inside = np.flatnonzero(row > 40)
    left, width = int(inside[0]), int(inside[-1] - inside[0] + 1)
    cells = luma[luma.shape[0] * 3 // 4 - 8 : luma.shape[0] * 3 // 4 + 8]
    middles = [left + width * (2 * bit + 1) // (2 * BITS) for bit in range(BITS)]
    return sum(1 << (BITS - 1 - bit) for bit, x in enumerate(middles) if cells[:, x - 4 : x + 4].mean() > 120)


def make_clip(
    path: Path,
    number: int,
    times: Sequence[float],
    beats: Sequence[float],
    *,
    size: tuple[int, int] = (320, 180),
    rotation: int = 0,
    rate: Fraction = Fraction(30),
) -> Clip:
    """Write a silent H.264 clip with frames at `times`; `rotation` in degrees is stored as a display matrix."""
    with av.open(str(path), "w", options={"video_track_timescale": "90000"}) as writer:
        stream = writer.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "18"})
        stored = size[::-1] if rotation % 180 else size
        stream.width, stream.height, stream.pix_fmt = *stored, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, time in enumerate(times):
            luma = np.rot90(barcode(number << NUMBER_BITS | index, *size), -rotation // 90)
            writer.mux(stream.encode(_frame(luma, round(time * 90_000))))
        writer.mux(stream.encode(None))
    return Clip(path, number, tuple(beats), tuple(times))


def _frame(luma: NDArray[np.uint8], ticks: int) -> av.VideoFrame:
    grey = np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, grey]), format="yuv420p")
    frame.pts, frame.time_base = ticks, Fraction(1, 90_000)
    return frame


def click_samples(beats: Sequence[float], seconds: float, rate: int = RATE) -> NDArray[np.float64]:
    """Return silence with a short 3 kHz click that begins on each beat."""
    samples = np.zeros(round(seconds * rate))
    t = np.arange(round(0.025 * rate)) / rate
    click = 0.8 * np.exp(-t * 400) * np.cos(2 * np.pi * 3000 * t)
    for beat in beats:
        start = round(beat * rate)
        samples[start : start + len(click)] += click[: len(samples) - start]
    return samples


def write_wav(path: Path, samples: NDArray[np.float64], rate: int = RATE, channels: int = 2) -> Path:
    """Write samples, -1 to 1, as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.repeat(samples[:, None], channels, 1) * 32_000).astype("<i2").tobytes())
    return path


def transcode(wav: Path, target: Path, codec: str, **options: str) -> Path:
    """Write the same sound in another format, with one of FFmpeg's encoders."""
    with av.open(str(wav)) as reader, av.open(str(target), "w") as writer:
        stream = writer.add_stream(codec, rate=RATE, layout="stereo", options=options)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(
            format=stream.format, layout="stereo", rate=RATE, frame_size=stream.frame_size or 4096
        )
        for frame in [*reader.decode(audio=0), None]:
            for resampled in resampler.resample(frame):
                writer.mux(stream.encode(resampled))
        writer.mux(stream.encode(None))
    return target


def joined(picture: Path, sound: Path, target: Path, *, picture_s: float = 0.0, sound_s: float = 0.0) -> Path:
    """Write a file with the picture of one and the sound (as FLAC) of the other, each shifted by seconds."""
    with av.open(str(picture)) as video, av.open(str(sound)) as audio, av.open(str(target), "w") as writer:
        video_stream = writer.add_stream_from_template(video.streams.video[0])
        audio_stream = writer.add_stream("flac", rate=RATE)
        for packet in video.demux(video=0):
            if packet.pts is not None and packet.dts is not None:
                shift = round(picture_s / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, video_stream
                writer.mux(packet)
        for frame in audio.decode(audio=0):
            frame.pts = (frame.pts or 0) + round(sound_s * RATE)
            writer.mux(audio_stream.encode(frame))
        writer.mux(audio_stream.encode(None))
    return target


def decoded_clicks(path: Path) -> list[float]:
    """Return when clicks begin in a file's audio, seconds on the file's clock."""
    return clicks_in(*decoded_sound(path))


def clicks_in(samples: NDArray[np.floating[Any]], start: float, rate: int) -> list[float]:
    """Return when clicks begin in samples whose first one is at `start` seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.3)
    onsets = loud[np.r_[True, np.diff(loud) > 0.1 * rate]] if len(loud) else loud
    return [start + int(onset) / rate for onset in onsets]


def decoded_sound(path: Path) -> tuple[NDArray[np.float32], float, int]:
    """Return the left channel, the time of its first sample in seconds, and the sample rate in Hz."""
    with av.open(str(path)) as reader:
        frames = list(reader.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().astype(np.float32).reshape(-1, frame.samples)[0] for frame in frames])
    return samples, float(frames[0].time or 0), frames[0].sample_rate


def displayed_frames(path: Path) -> Iterator[DisplayedFrame]:
    """Yield every frame of a video, with its decoded barcode."""
    with av.open(str(path)) as reader:
        for frame in reader.decode(video=0):
            value = read_barcode(np.asarray(frame.to_ndarray(), np.uint8)[: frame.height])
            yield DisplayedFrame(float(frame.time), value >> NUMBER_BITS, value & (1 << NUMBER_BITS) - 1)


def steady(fps: float) -> list[float]:
    return [n / fps for n in range(int(CLIP_SECONDS * fps))]


def jittered(fps: float) -> list[float]:
    """Return times with gaps of 0.5 to 1.5 frame durations, as of a phone in low light."""
    gaps = np.random.default_rng(5).uniform(0.5, 1.5, int(CLIP_SECONDS * fps)) / fps
    return [0.0, *np.cumsum(gaps)[:-1].tolist()]


def grid(tempo_bpm: float, first: float) -> tuple[float, ...]:
    return tuple(
        round(first + n * 60 / tempo_bpm, 4) for n in range(int((CLIP_SECONDS - first - 0.1) * tempo_bpm / 60) + 1)
    )


def make_clips(root: Path) -> dict[str, Clip]:
    """Write clips of all frame rates (fixed and variable) and shapes."""
    ntsc = 30_000 / 1001
    return {
        "24": make_clip(root / "24.mp4", 1, steady(24), grid(118.7, 0.137), rate=Fraction(24)),
        "29.97": make_clip(root / "29.mp4", 2, steady(ntsc), grid(140.1, 0.333), rate=Fraction(30_000, 1001)),
        "30": make_clip(root / "30.mp4", 3, steady(30), grid(125.3, 0.21)),
        "50": make_clip(root / "50.mp4", 4, steady(50), grid(128.0, 0.11), rate=Fraction(50)),
        "60": make_clip(root / "60.mp4", 5, steady(60), grid(133.0, 0.08), rate=Fraction(60)),
        "turned": make_clip(root / "turned.mp4", 6, steady(30), grid(121.0, 0.05), rotation=90),
        "portrait": make_clip(
            root / "portrait.mp4", 7, steady(25), grid(130.0, 0.3), size=(192, 320), rate=Fraction(25)
        ),
        "vfr": make_clip(root / "vfr.mp4", 8, jittered(28), grid(127.0, 0.19), rate=Fraction(28)),
    }
