"""Find each beat's position in its bar of four from the accents and chord changes on and between the beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.onsets import moving_max
from agents.viterbi import best_path

# What bachata's instruments play on 1 & 2 & 3 & 4 &, by band: the bass on 1, 3 and 4; the bongó's hembra on 4;
# its macho on 1 to 3; guitars; the güira.
_PATTERN = np.array(
    [
        [1.0, 0.0, -0.4, 0.5, 0.7, -0.2, 0.7, 0.0],
        [0.1, 0.0, -0.1, 0.0, 0.1, -0.1, 1.2, 0.3],
        [0.6, 0.0, 0.3, 0.0, 0.6, 0.0, 0.3, 0.1],
        [0.5, 0.1, 0.3, 0.1, 0.5, 0.1, 0.5, 0.1],
        [0.4, -0.2, 0.4, -0.2, 0.4, -0.2, 0.4, -0.2],
    ]
)
_BAND_WEIGHTS = np.array([1.0, 1.4, 0.6, 0.3, 0.6])
# A chord change is evidence for bar position 0 and, a third as strong, against each other position.
CHORD_EVIDENCE = np.array([1, -1 / 3, -1 / 3, -1 / 3])
_CHORD_WEIGHT = 1.5
_JUMP_COST = 14.0  # of a bar that has fewer or more than four beats
_MIN_NOVELTY_SPREAD = 0.03


@dataclass(frozen=True)
class Meter:
    """The position of each beat in its bar.

    `bar_positions` (beats,): 0-3; `support` (beats, 4): evidence for each position; `fit`: how well the accents match
    the pattern at the chosen positions, in standard deviations.
    """

    bar_positions: Ints
    support: Floats
    fit: float


def meter_of(beats: Floats, flux: Floats, chroma: Floats, bar_positions: Ints | None = None) -> Meter:
    """Return the meter at `bar_positions`, or else at the best fit to accents and chord changes.

    `beats` (beats,): frames, at least two; `flux` (frames, bands); `chroma` (frames, 12).
    """
    accents = accents_of(beats, flux)
    support = accent_support(accents).sum(1) + _chord_support(beats, chroma)
    bar_positions = best_path(support, _bar_jumps()) if bar_positions is None else bar_positions
    return Meter(bar_positions, support, _fit(accents, bar_positions, flux))


def accents_of(beats: Floats, flux: Floats, parts: int = 2, radius: int = 3) -> Floats:
    """Return the maximum flux within `radius` frames of each beat and of its equal parts, (beats, parts, bands)."""
    length = np.diff(beats, append=2 * beats[-1] - beats[-2])
    frames = beats[:, None] + length[:, None] * np.arange(parts) / parts
    return np.asarray(moving_max(flux, radius)[np.clip(np.round(frames).astype(int), 0, len(flux) - 1)])


def beat_means(beats: Floats, values: Floats) -> Floats:
    """Return the mean of the frames from each beat to the next, (beats, ...)."""
    first = np.clip(np.round(beats).astype(int), 0, len(values) - 1)
    last = np.append(first[1:], min(2 * first[-1] - first[-2], len(values)))
    total = np.concatenate([np.zeros_like(values[:1], float), np.cumsum(values, axis=0, dtype=float)])
    count = np.maximum(last - first, 1).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((total[np.maximum(last, first + 1)] - total[first]) / count)


def chord_changes(chroma: Floats, width: int) -> Floats:
    """Return the harmonic distance of the `width` rows (beats, bars or frames) before each row from those from it on.

    (rows,), 0-1; 1 minus the cosine similarity, 0 for the first row.
    """
    total = np.concatenate([np.zeros_like(chroma[:1]), np.cumsum(chroma, axis=0)])
    row = np.arange(len(chroma))
    before = total[row] - total[np.maximum(row - width, 0)]
    after = total[np.minimum(row + width, len(chroma))] - total[row]
    return np.asarray(np.where(row > 0, 1 - (unit(before) * unit(after)).sum(1), 0.0))


def novelty(chroma: Floats, width: int) -> Floats:
    """Return the chord changes minus their mean over the piece, in units of their standard deviation, (rows,).

    0 within `width` of the ends, where one side is too short to compare.
    """
    change = np.zeros(len(chroma))
    inside = slice(width, max(len(chroma) - width, width))
    inner = chord_changes(chroma, width)[inside]
    if len(inner):
        change[inside] = (inner - inner.mean()) / (inner.std() + _MIN_NOVELTY_SPREAD)
    return change


def unit(rows: Floats) -> Floats:
    """Return each row scaled to length 1; zeros stay zeros."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-9))


def _bar_jumps() -> Floats:
    next_position = np.roll(np.eye(4), 1, axis=1)
    return np.asarray(-_JUMP_COST * (1 - next_position))


def accent_support(accents: Floats) -> Floats:
    """Return how well accents fit bachata's pattern at each bar position.

    (beats, parts, bands), the parts being a beat and its half, gives (beats, parts, 4); (frames, bands) gives both
    parts for each frame, (frames, 2, 4).
    """
    over = tuple(range(accents.ndim - 1))
    weighted = (accents - accents.mean(over)) / (accents.std(over) + 1e-9) * _BAND_WEIGHTS
    pattern = (_PATTERN - _PATTERN.mean(1, keepdims=True)).reshape(5, 4, 2)
    return np.asarray(np.einsum("npb,bcp->npc" if accents.ndim == 3 else "nb,bcp->npc", weighted, pattern))


def _chord_support(beats: Floats, chroma: Floats) -> Floats:
    change = novelty(unit(beat_means(beats, chroma)), 2)
    return np.asarray(_CHORD_WEIGHT * change[:, None] * CHORD_EVIDENCE)


def _fit(accents: Floats, bar_positions: Ints, flux: Floats) -> float:
    pattern = (_PATTERN - _PATTERN.mean(1, keepdims=True)).reshape(5, 4, 2)[:, bar_positions]
    normal = (accents - flux.mean(0)) / (flux.std(0) + 1e-9)
    return float(np.einsum("npb,bnp,b->", normal, pattern, _BAND_WEIGHTS) / len(bar_positions))
