"""Find the beat grid of a piece: its tempo, its beats, and each beat's position in the bar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.bar_pointer import BeatTrack, track_bars
from agents.audio_analysis.beats import centred, track_beats
from agents.audio_analysis.meter import Meter, accents_of, meter_of
from agents.audio_analysis.onsets import Onsets
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum
from agents.audio_analysis.tempo import TYPICAL_BPM, tempo_candidates

ONSET_LATENCY_S = 0.008  # from a note's onset to its steepest rise: 5 ms for single strokes, 10 ms in a full mix
_MIN_GRID_BEATS = 4
_MIN_BAR_TRACKING_BEATS = 16  # fewer show too little of how the tempo varies
_MAX_BEAT_LIKELIHOOD_GAP = 0.3  # to the best candidate: more than a pattern that fits better can compensate
_MAX_LIKELIHOOD_GAP = 0.2  # to the best candidate: the bars of a less likely tempo are not tracked
_METER_FIT_WEIGHT = 0.02
_HALF_FRAME_RATE_FROM_S = 20.0


@dataclass(frozen=True)
class BeatGrid:
    """The beats of a piece.

    `frames` (beats,): fractional frames, increasing; `meter`: their positions in the bar; `bpm`: the tempo tracked.
    """

    frames: Floats
    meter: Meter
    bpm: float

    def seconds(self) -> Floats:
        """Return the beats on the file's time axis, (beats,), none below 0."""
        return np.asarray(np.maximum(self.frames / FRAME_RATE - ONSET_LATENCY_S, 0.0))

    def tempo_bpm(self) -> float:
        """Return the median tempo, as `tempo_bpm_of` computes it."""
        return tempo_bpm_of(self.frames / FRAME_RATE)


def tempo_bpm_of(beats_s: Floats) -> float:
    """Return the median tempo of at least two beats, in BPM.

    It is measured over four beats, since the length of a single beat is only exact to one frame.
    """
    span = min(4, len(beats_s) - 1)
    return float(60 * span / np.median(beats_s[span:] - beats_s[:-span]))


def beat_grid_of(onsets: Onsets, spectrum: Spectrum) -> BeatGrid | None:
    """Return the most likely grid over the extent of the music, or None where fewer than four beats fit."""
    extent = music_extent(onsets, spectrum)
    coarse = _coarse_grids(onsets, spectrum, extent)
    if not coarse:
        return None
    best_likelihood, best = max(coarse, key=itemgetter(0))
    if len(best.frames) >= _MIN_BAR_TRACKING_BEATS:
        tempi = {grid.bpm for likelihood, grid in coarse if likelihood > best_likelihood - _MAX_LIKELIHOOD_GAP}
        tracks = {bpm: track_bars(onsets, spectrum, bpm) for bpm in sorted(tempi)}
        bpm = max(tracks, key=lambda bpm: tracks[bpm].gain)
        best = _grid_of_track(tracks[bpm], bpm, extent, onsets, spectrum) or best
    return replace(best, frames=centred(np.round(best.frames).astype(int), onsets.attack))


def _coarse_grids(onsets: Onsets, spectrum: Spectrum, extent: tuple[float, float]) -> list[tuple[float, BeatGrid]]:
    """Return a grid for each possible tempo and phase (on the tracked beats or between them), with its likelihood.

    The likelihood rates the onsets on the beats, how usual the tempo is, and the fit to bachata's accent pattern.
    Candidates whose beats are clearly worse than the best are left out.
    """
    last_frame = len(onsets.activation) - 1
    candidates = [
        (bpm, covering)
        for bpm in tempo_candidates(onsets.strength)
        for beats in _on_and_off_beats(_track_coarsely(onsets.activation, bpm))
        if len(covering := _cover(beats, extent, last_frame)[0]) >= _MIN_GRID_BEATS
    ]
    likelihoods = [_beat_likelihood(beats, bpm, onsets) for bpm, beats in candidates]
    grids = [
        (likelihood, BeatGrid(beats, meter_of(beats, onsets.flux, spectrum.chroma), bpm))
        for (bpm, beats), likelihood in zip(candidates, likelihoods, strict=True)
        if likelihood > max(likelihoods) - _MAX_BEAT_LIKELIHOOD_GAP
    ]
    return [(likelihood + _METER_FIT_WEIGHT * grid.meter.fit, grid) for likelihood, grid in grids]


def _track_coarsely(activation: Floats, bpm: float) -> Floats:
    """Return beats, tracked at half the frame rate in a piece of 20 s or more: its bars are tracked later anyway."""
    if len(activation) < _HALF_FRAME_RATE_FROM_S * FRAME_RATE:
        return track_beats(activation, bpm)
    pairs = activation[: len(activation) // 2 * 2].reshape(-1, 2).max(1)
    return 2 * track_beats(pairs, 2 * bpm) + 0.5


def _grid_of_track(
    track: BeatTrack, bpm: float, extent: tuple[float, float], onsets: Onsets, spectrum: Spectrum
) -> BeatGrid | None:
    beats, first = _cover(centred(track.frames, onsets.activation), extent, len(onsets.activation) - 1)
    if len(beats) < _MIN_GRID_BEATS:
        return None
    positions = _extrapolated_positions(track.bar_positions, first, len(beats))
    return BeatGrid(beats, meter_of(beats, onsets.flux, spectrum.chroma, positions), bpm)


def _extrapolated_positions(bar_positions: Ints, first: int, count: int) -> Ints:
    """Return the bar positions of `count` beats from tracked beat number `first` on, which may be below 0."""
    number = first + np.arange(count)
    nearest = np.clip(number, 0, len(bar_positions) - 1)
    return np.asarray((bar_positions[nearest] + number - nearest) % 4)


def music_extent(onsets: Onsets, spectrum: Spectrum) -> tuple[float, float]:
    """Return the first and last frame of music: the first and last clear onset, or an end of the file that is loud."""
    clear = np.flatnonzero(onsets.activation > 0.2)
    last_frame = len(onsets.activation) - 1
    if not len(clear):
        return 0.0, float(last_frame)
    loud = spectrum.loudness() > 0.1 * np.percentile(spectrum.loudness(), 90)
    edge = int(0.25 * FRAME_RATE)
    first = 0.0 if loud[:edge].mean() > 0.5 else float(clear[0])
    return first, float(last_frame if loud[-edge:].mean() > 0.5 else clear[-1])


def _on_and_off_beats(beats: Floats) -> tuple[Floats, ...]:
    return (beats, (beats[:-1] + beats[1:]) / 2) if len(beats) > 1 else ()


def _cover(beats: Floats, extent: tuple[float, float], last_frame: int) -> tuple[Floats, int]:
    """Return beats from the start to the end of the music: beats outside are removed, missing ones added evenly.

    Also the index in `beats` of the first of them, below 0 where it was added.
    """
    first, last = extent
    if len(beats) < 2:
        return beats[:0], 0
    tolerance = 0.25 * float(np.median(np.diff(beats)))
    first, last = max(first - tolerance, 0.0), min(last + tolerance, last_frame)
    before = np.arange(beats[0], first, -(beats[1] - beats[0]))[:0:-1]
    after = np.arange(beats[-1], last, beats[-1] - beats[-2])[1:]
    covering = np.concatenate([before, beats, after])
    inside = np.flatnonzero((covering >= first) & (covering <= last))
    return covering[inside], int(inside[0]) - len(before) if len(inside) else 0


def _beat_likelihood(beats: Floats, bpm: float, onsets: Onsets) -> float:
    """Return a log likelihood: onset strength on the beats, minus the octaves between the tempo and the typical one."""
    on = accents_of(beats, onsets.strength[:, None])[:, 0, 0].mean()
    return float(np.log(on + 1e-9) - 0.35 * abs(np.log2(bpm / TYPICAL_BPM)))
