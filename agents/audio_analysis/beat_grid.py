"""Onsets and harmony go in; the beat grid of the piece comes out: tempo, beats, places in the bar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.bar_pointer import BeatTrack, track_bars
from agents.audio_analysis.beats import centred, track
from agents.audio_analysis.meter import Meter, accents_of, meter_of
from agents.audio_analysis.onsets import Onsets
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum
from agents.audio_analysis.tempo import TYPICAL_BPM, tempo_candidates

LATE_S = 0.008  # from a note's onset to its steepest rise: 5 ms for single strokes, 10 ms in a full mix
_ENOUGH_TO_FOLLOW = 16  # beats: fewer say too little about how a tempo varies
_CLEARLY_OFF = 0.3  # more than a pattern that fits better makes up for
_LONG_S = 20.0
_WORTH_FOLLOWING = 0.2  # a tempo that is less likely than the best by more is not examined again


@dataclass(frozen=True)
class BeatGrid:
    """`frames` (beats,): fractional frames, increasing; `meter`: their places in the bar; `bpm`: the tempo tracked."""

    frames: Floats
    meter: Meter
    bpm: float

    def seconds(self) -> Floats:
        """The beats on the file's time axis, none before 0."""
        return np.asarray(np.maximum(self.frames / FRAME_RATE - LATE_S, 0.0))

    def tempo_bpm(self) -> float:
        """As `tempo_bpm_of` has it."""
        return tempo_bpm_of(self.frames / FRAME_RATE)


def tempo_bpm_of(beats_s: Floats) -> float:
    """The median tempo; over four beats, since a single one is only as exact as a frame. Of two beats or more."""
    span = min(4, len(beats_s) - 1)
    return float(60 * span / np.median(beats_s[span:] - beats_s[:-span]))


def beat_grid_of(onsets: Onsets, spectrum: Spectrum) -> BeatGrid | None:
    """The likeliest grid over where the music runs; None where fewer than four beats fit."""
    running = music_runs(onsets, spectrum)
    coarse = _coarse(onsets, spectrum, running)
    if not coarse:
        return None
    likely, best = max(coarse, key=itemgetter(0))
    if len(best.frames) >= _ENOUGH_TO_FOLLOW:
        near = {grid.bpm for likelihood, grid in coarse if likelihood > likely - _WORTH_FOLLOWING}
        courses = {bpm: track_bars(onsets, spectrum, bpm) for bpm in sorted(near)}
        bpm = max(courses, key=lambda bpm: courses[bpm].gain)
        best = _followed(courses[bpm], bpm, running, onsets, spectrum) or best
    return replace(best, frames=centred(np.round(best.frames).astype(int), onsets.attack))


def _coarse(onsets: Onsets, spectrum: Spectrum, running: tuple[float, float]) -> list[tuple[float, BeatGrid]]:
    """Grids at each tempo there may be, on the beats heard and between them; none that is clearly off the beat.

    Each with its likelihood: how much happens on its beats, how usual its tempo is, how well bachata's pattern fits.
    """
    end = len(onsets.activation) - 1
    ways = [
        (bpm, covering)
        for bpm in tempo_candidates(onsets.strength)
        for beats in _on_and_off(_tracked(onsets.activation, bpm))
        if len(covering := _covering(beats, running, end)[0]) >= 4
    ]
    heard = [_heard(beats, bpm, onsets) for bpm, beats in ways]
    grids = [
        (likely, BeatGrid(beats, meter_of(beats, onsets.flux, spectrum.chroma), bpm))
        for (bpm, beats), likely in zip(ways, heard, strict=True)
        if likely > max(heard) - _CLEARLY_OFF
    ]
    return [(likely + 0.02 * grid.meter.fit, grid) for likely, grid in grids]


def _tracked(activation: Floats, bpm: float) -> Floats:
    """Beats as `track` has them. A long piece is heard at half the frame rate: its beats are followed again anyway."""
    if len(activation) < _LONG_S * FRAME_RATE:
        return track(activation, bpm)
    pairs = activation[: len(activation) // 2 * 2].reshape(-1, 2).max(1)
    return 2 * track(pairs, 2 * bpm) + 0.5


def _followed(
    course: BeatTrack, bpm: float, running: tuple[float, float], onsets: Onsets, spectrum: Spectrum
) -> BeatGrid | None:
    """The course as a grid over where the music runs."""
    beats, first = _covering(centred(course.frames, onsets.activation), running, len(onsets.activation) - 1)
    if len(beats) < 4:
        return None
    meter = meter_of(beats, onsets.flux, spectrum.chroma, _carried_on(course.places, first, len(beats)))
    return BeatGrid(beats, meter, bpm)


def _carried_on(places: Ints, first: int, count: int) -> Ints:
    """The places of `count` beats, the first of them being tracked beat number `first`, which may be below 0."""
    number = first + np.arange(count)
    nearest = np.clip(number, 0, len(places) - 1)
    return np.asarray((places[nearest] + number - nearest) % 4)


def music_runs(onsets: Onsets, spectrum: Spectrum) -> tuple[float, float]:
    """First and last frame of music: from the first clear onset to the last, or to an end that is cut while loud."""
    clear = np.flatnonzero(onsets.activation > 0.2)
    last_frame = len(onsets.activation) - 1
    if not len(clear):
        return 0.0, float(last_frame)
    loud = spectrum.loudness() > 0.1 * np.percentile(spectrum.loudness(), 90)
    edge = int(0.25 * FRAME_RATE)
    first = 0.0 if loud[:edge].mean() > 0.5 else float(clear[0])
    return first, float(last_frame if loud[-edge:].mean() > 0.5 else clear[-1])


def _on_and_off(beats: Floats) -> tuple[Floats, ...]:
    return (beats, (beats[:-1] + beats[1:]) / 2) if len(beats) > 1 else ()


def _covering(beats: Floats, running: tuple[float, float], end: int) -> tuple[Floats, int]:
    """Beats from the start to the end of the music: what lies outside is dropped, what lacks is laid on evenly.

    Also which of `beats` the first is, counted on below 0 for those laid on.
    """
    first, last = running
    if len(beats) < 2:
        return beats[:0], 0
    slack = 0.25 * float(np.median(np.diff(beats)))
    first, last = max(first - slack, 0.0), min(last + slack, end)
    ahead = np.arange(beats[0], first, -(beats[1] - beats[0]))[:0:-1]
    after = np.arange(beats[-1], last, beats[-1] - beats[-2])[1:]
    covering = np.concatenate([ahead, beats, after])
    inside = np.flatnonzero((covering >= first) & (covering <= last))
    return covering[inside], int(inside[0]) - len(ahead) if len(inside) else 0


def _heard(beats: Floats, bpm: float, onsets: Onsets) -> float:
    """How much happens on the beats, and how usual the tempo is."""
    on = accents_of(beats, onsets.strength[:, None])[:, 0, 0].mean()
    return float(np.log(on + 1e-9) - 0.35 * abs(np.log2(bpm / TYPICAL_BPM)))
