"""Synthesize bachata whose beats are known to the sample, as ground truth for analyses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

RATE = 44100
Samples = npt.NDArray[np.float32]
GUIRA = {"derecho": (0, 0.5), "majao": (0,), "mambo": (0, 0.5, 0.75), "none": (), "stop": ()}
CHORDS = ((0, 3, 7), (8, 12, 15), (3, 7, 10), (10, 14, 17))


@dataclass(frozen=True)
class Song:
    """Mono samples and their ground truth: beats in seconds, counts 1-8, and (rhythm, first beat) of each part."""

    samples: Samples
    beats: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    parts: tuple[tuple[str, int], ...]

    def excerpt(self, start_s: float, seconds: float) -> Samples:
        return self.samples[round(start_s * RATE) : round((start_s + seconds) * RATE)]


def play(
    form: Sequence[tuple[str, int]], bpm: float = 128.0, *, lead_s: float = 0.4, drift: float = 0.0, seed: int = 0
) -> Song:
    """Return a song with the parts of `form`: (rhythm, bars).

    Rhythms are those of the güira; `none` is without percussion, `stop` one hit and silence. The tempo varies by
    `drift` (relative), the single strokes by 4 ms (standard deviation); a final hit on the 1 decays at the end.
    """
    rng = np.random.default_rng(seed)
    beats = _beats(4 * sum(bars for _, bars in form), bpm, lead_s, drift)
    out = np.zeros(round((beats[-1] + 2.0) * RATE), np.float32)
    counts, parts, first_beat = [], [], 0
    for rhythm, bars in form:
        parts.append((rhythm, first_beat))
        counts += [n % 8 + 1 for n in range(4 * bars)]
        for bar in range(bars):
            _bar(out, beats, first_beat + 4 * bar, rhythm, CHORDS[bar // 2 % 4], rng, first=bar == 0)
        first_beat += 4 * bars
    _strike(out, beats[-1], _tone(1.5, *(220 * 2 ** (np.array(CHORDS[0]) / 12)), decay_s=0.15), 0.3)
    peak = float(np.abs(out).max())
    return Song(out * np.float32(0.8 / peak), beats[:-1], np.array(counts), tuple(parts))


def write(path: Path, samples: npt.NDArray[Any], codec: str, rate: int = RATE) -> Path:
    """Write a file of one channel with FFmpeg's encoder, and return its path."""
    with av.open(str(path), "w") as container:
        _encode(container, _audio(container, codec, rate), samples, rate)
    return path


def write_clip(path: Path, samples: npt.NDArray[Any], *, sound_late_s: float = 0.0) -> Path:
    """Write an mp4 of grey frames at 10 fps whose audio begins `sound_late_s` after them, and return its path."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = _audio(container, "aac", RATE)
        for n in range(round(len(samples) / RATE * 10)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _encode(container, audio, samples, RATE, late_s=sound_late_s)
    return path


def _beats(count: int, bpm: float, lead_s: float, drift: float) -> npt.NDArray[np.float64]:
    variation = drift * np.sin(np.arange(count) * 2 * np.pi / 61)
    return lead_s + np.concatenate([[0.0], np.cumsum(60 / (bpm * (1 + variation)))])


def _bar(
    out: Samples,
    beats: npt.NDArray[np.float64],
    start: int,
    rhythm: str,
    chord: tuple[int, ...],
    rng: np.random.Generator,
    *,
    first: bool,
) -> None:
    for beat_of_bar, sound, gain in _strokes(rhythm, chord, rng, first=first):
        beat, part = start + int(beat_of_bar), beat_of_bar % 1
        _strike(out, beats[beat] + part * (beats[beat + 1] - beats[beat]) + rng.normal(0, 0.004), sound, gain)


def _strokes(
    rhythm: str, chord: tuple[int, ...], rng: np.random.Generator, *, first: bool
) -> Iterator[tuple[float, Samples, float]]:
    """Yield (beat of the bar from 0, sound, gain) of guitar, bass, bongó and güira."""
    pitches = 220 * 2 ** (np.array(chord) / 12)
    if rhythm == "stop":
        if first:
            yield 0, _tone(0.3, *pitches, decay_s=0.1), 0.4
            yield 0, _tone(0.3, 70.0, decay_s=0.1), 0.8
        return
    for eighth in range(8):
        yield eighth / 2, _tone(0.25, pitches[(0, 1, 2, 1, 0, 2, 1, 2)[eighth]], decay_s=0.12), 0.25
    if rhythm == "none":
        return
    for beat, ratio in ((0, 1.0), (2, 1.5), (3, 1.5)):
        yield beat, _tone(0.4, pitches[0] / 4 * ratio, decay_s=0.2), 0.6
    for beat in range(4):
        yield beat, _tone(0.12, 320.0 if beat == 3 else 700.0, decay_s=0.03), 0.5
        for part in GUIRA[rhythm]:
            yield beat + part, _scrape(rng), 0.35 if part == 0 else 0.25


def _tone(seconds: float, *hz: float, decay_s: float) -> Samples:
    t = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * f * k * t) / k for f in hz for k in (1, 2, 3))
    return np.asarray(wave * np.exp(-t / decay_s) * np.minimum(t / 0.003, 1) / len(hz), np.float32)


def _scrape(rng: np.random.Generator) -> Samples:
    t = np.arange(round(0.08 * RATE)) / RATE
    bright = np.diff(rng.standard_normal(len(t) + 2), 2)
    return np.asarray(bright * np.exp(-t / 0.03) * np.minimum(t / 0.004, 1) * 0.4, np.float32)


def _strike(out: Samples, at_s: float, sound: Samples, gain: float) -> None:
    start = max(0, round(at_s * RATE))
    stop = min(start + len(sound), len(out))
    out[start:stop] += np.float32(gain) * sound[: stop - start]


def _audio(container: Any, codec: str, rate: int) -> Any:
    stream = container.add_stream(codec, rate=48000 if codec == "libopus" else rate, layout="mono")
    if codec in {"libmp3lame", "aac", "libopus"}:
        stream.bit_rate = 128_000
    return stream


def _encode(container: Any, stream: Any, samples: npt.NDArray[Any], rate: int, late_s: float = 0.0) -> None:
    formats = {np.dtype(np.int16): "s16", np.dtype(np.uint8): "u8", np.dtype(np.float32): "flt"}
    resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=stream.rate)
    for first in range(0, len(samples), 1024):
        part = np.ascontiguousarray(samples[first : first + 1024][None])
        frame = av.AudioFrame.from_ndarray(part, format=formats[part.dtype], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, round(late_s * rate) + first, Fraction(1, rate)
        for ready in resampler.resample(frame):
            container.mux(stream.encode(ready))
    for ready in resampler.resample(None):
        container.mux(stream.encode(ready))
    container.mux(stream.encode(None))


def beat_f(truth: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """Return the F-measure of detected beats."""
    import mir_eval  # not at import: each process of `pytest -n` imports this file, and that takes a second

    return float(mir_eval.beat.f_measure(truth, found))
