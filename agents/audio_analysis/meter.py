"""Beats and what begins on and between them go in; each beat's place in the bar of four comes out."""

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
CHORD_SPEAKS_FOR = np.array([1, -1 / 3, -1 / 3, -1 / 3])  # for place 0 and, a third as much, against the rest
_CHORD_WEIGHT = 1.5
_JUMP_COST = 14.0
_LEAST_SPREAD = 0.03


@dataclass(frozen=True)
class Meter:
    """`place` (beats,): 0-3 in the bar; `support` (beats, 4): evidence for each place; `fit`: how well the accents
    match the pattern at the places chosen, in standard deviations."""

    place: Ints
    support: Floats
    fit: float


def meter_of(beats: Floats, flux: Floats, chroma: Floats, place: Ints | None = None) -> Meter:
    """The bars of four that fit accents and chord changes best, or those of `place`. `beats` in frames, two or more."""
    accents = accents_of(beats, flux)
    support = accent_support(accents).sum(1) + _chord_support(beats, chroma)
    place = best_path(support, _bar_jumps()) if place is None else place
    return Meter(place, support, _fit(accents, place, flux))


def accents_of(beats: Floats, flux: Floats, parts: int = 2, radius: int = 3) -> Floats:
    """The strongest flux within `radius` frames of each beat and of the even parts after it, (beats, parts, bands)."""
    length = np.diff(beats, append=2 * beats[-1] - beats[-2])
    at = beats[:, None] + length[:, None] * np.arange(parts) / parts
    return np.asarray(moving_max(flux, radius)[np.clip(np.round(at).astype(int), 0, len(flux) - 1)])


def beat_means(beats: Floats, values: Floats) -> Floats:
    """The mean of the frames from each beat to the next, (beats, ...)."""
    first = np.clip(np.round(beats).astype(int), 0, len(values) - 1)
    last = np.append(first[1:], min(2 * first[-1] - first[-2], len(values)))
    total = np.concatenate([np.zeros_like(values[:1], float), np.cumsum(values, axis=0, dtype=float)])
    count = np.maximum(last - first, 1).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((total[np.maximum(last, first + 1)] - total[first]) / count)


def chord_changes(chroma: Floats, width: int) -> Floats:
    """How much the harmony of `width` rows (beats or bars) before differs from that from here on: 0-1, (rows,)."""
    total = np.concatenate([np.zeros_like(chroma[:1]), np.cumsum(chroma, axis=0)])
    here = np.arange(len(chroma))
    before = total[here] - total[np.maximum(here - width, 0)]
    after = total[np.minimum(here + width, len(chroma))] - total[here]
    return np.asarray(np.where(here > 0, 1 - (unit(before) * unit(after)).sum(1), 0.0))


def novelty(chroma: Floats, width: int) -> Floats:
    """The changes of harmony, from their mean over the piece and in units of their standard deviation, (rows,).

    0 within `width` of the ends, where too little is heard on one side to compare.
    """
    change = np.zeros(len(chroma))
    inside = slice(width, max(len(chroma) - width, width))
    heard = chord_changes(chroma, width)[inside]
    if len(heard):
        change[inside] = (heard - heard.mean()) / (heard.std() + _LEAST_SPREAD)
    return change


def unit(rows: Floats) -> Floats:
    """Each row at length 1, zeros staying zeros."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-9))


def _bar_jumps() -> Floats:
    onward = np.roll(np.eye(4), 1, axis=1)
    return np.asarray(-_JUMP_COST * (1 - onward))


def accent_support(accents: Floats) -> Floats:
    """How well what sounds fits bachata's pattern at each place.

    (beats, parts, bands), a beat and its half, gives (beats, parts, 4); (frames, bands) gives both parts for each
    frame, (frames, 2, 4).
    """
    over = tuple(range(accents.ndim - 1))
    weighed = (accents - accents.mean(over)) / (accents.std(over) + 1e-9) * _BAND_WEIGHTS
    pattern = (_PATTERN - _PATTERN.mean(1, keepdims=True)).reshape(5, 4, 2)
    return np.asarray(np.einsum("npb,bcp->npc" if accents.ndim == 3 else "nb,bcp->npc", weighed, pattern))


def _chord_support(beats: Floats, chroma: Floats) -> Floats:
    change = novelty(unit(beat_means(beats, chroma)), 2)
    return np.asarray(_CHORD_WEIGHT * change[:, None] * CHORD_SPEAKS_FOR)


def _fit(accents: Floats, place: Ints, flux: Floats) -> float:
    pattern = (_PATTERN - _PATTERN.mean(1, keepdims=True)).reshape(5, 4, 2)[:, place]
    normal = (accents - flux.mean(0)) / (flux.std(0) + 1e-9)
    return float(np.einsum("npb,bnp,b->", normal, pattern, _BAND_WEIGHTS) / len(place))
