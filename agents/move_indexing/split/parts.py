"""Divide a recording into parts that may each be a move: where the dancing pauses, and between eights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agents.arrays import Floats, Ints
from agents.move_indexing.split.cuts import SHORTEST_COUNTS, TOLERANCE_COUNTS, Beats, best_cuts, cut_costs
from agents.move_indexing.split.dancing import dancing_spans
from agents.move_indexing.split.movement import Movement

_NEAR_ONE_COUNTS = 0.6  # a dance that begins or ends so near a count 1 begins or ends there
_CONTEXT_COUNTS = 8.0  # before and after a beat, over which postures are compared
_REST_COUNTS = 0.5  # on each side of a beat


@dataclass(frozen=True)
class MusicPiece:
    """A piece of music: its ends and beats, seconds, its counts 1-8, its tempo, and how sure its bars are, 0-1."""

    start_s: float
    end_s: float
    beats: Floats
    counts: Ints
    tempo_bpm: float
    downbeat_confidence: float = 0.0

    def position(self, times: Floats) -> Floats:
        """Return where times are in the music, in counts from its first beat; also before and after its beats."""
        after = np.maximum(times - self.beats[-1], 0.0) + np.minimum(times - self.beats[0], 0.0)
        inside = np.interp(times, self.beats, np.arange(len(self.beats)))
        return np.asarray(inside + after * self.tempo_bpm / 60)


@dataclass(frozen=True)
class Part:
    """A part of a recording, seconds, of `counts` counts, danced to the piece of music number `piece`."""

    start_s: float
    end_s: float
    counts: float
    piece: int


def parts_of(movement: Movement, pieces: Sequence[MusicPiece]) -> list[Part]:
    """Return the parts of a recording, in order; a dance of less than eight counts is none."""
    spans = dancing_spans(movement, [(piece.start_s, piece.end_s) for piece in pieces])
    return [
        part
        for number, piece in enumerate(pieces)
        for start, end in spans
        for part in _parts(max(start, piece.start_s), min(end, piece.end_s), movement, piece, number)
    ]


def _parts(start_s: float, end_s: float, movement: Movement, piece: MusicPiece, number: int) -> Iterator[Part]:
    start_s, end_s = (_at_one(edge_s, piece) for edge_s in (start_s, end_s))
    if counts_between(start_s, end_s, piece) < SHORTEST_COUNTS - TOLERANCE_COUNTS:
        return
    for start, end in pairwise(_edges(start_s, end_s, movement, piece)):
        yield Part(round(start, 4), round(end, 4), counts_between(start, end, piece), number)


def counts_between(start_s: float, end_s: float, piece: MusicPiece) -> float:
    """Return the number of counts between two times."""
    start, end = piece.position(np.array([start_s, end_s])).tolist()
    return round(float(end - start), 2)


def _at_one(edge_s: float, piece: MusicPiece) -> float:
    """Return the time of a count 1 that is near, or else the time itself."""
    ones = piece.beats[piece.counts == 1]
    near = np.abs(piece.position(ones) - piece.position(np.array([edge_s])))
    return float(ones[near.argmin()]) if len(ones) and near.min() <= _NEAR_ONE_COUNTS else edge_s


def _edges(start_s: float, end_s: float, movement: Movement, piece: MusicPiece) -> list[float]:
    """Return the ends of a dance and the best cuts between them, seconds."""
    inside = (piece.beats > start_s) & (piece.beats < end_s)
    times = np.array([start_s, *piece.beats[inside], end_s])
    costs = np.concatenate([[0.0], cut_costs(_beats(times, piece.counts[inside], movement, piece)), [0.0]])
    cuts = best_cuts(piece.position(times), costs)
    return [float(times[n]) for n in (0, *cuts, len(times) - 1)]


def _beats(times: Floats, counts: Ints, movement: Movement, piece: MusicPiece) -> Beats:
    """Return the beats of a dance; `times`: with both of its ends."""
    of_dance = (movement.times >= times[0]) & (movement.times <= times[-1])
    at, speed, postures = piece.position(movement.times[of_dance]), movement.speed[of_dance], movement.postures
    scale = np.maximum(postures.std(axis=0), 1e-6)
    beats = piece.position(times[1:-1])
    return Beats(
        counts=counts,
        rest=np.array([_rest(at - beat, speed) for beat in beats]),
        change=np.array([_change(at - beat, postures[of_dance] / scale) for beat in beats]),
    )


def _rest(distance: Floats, speed: Floats) -> float:
    """Return how much slower than usual the dancers are around a beat, 0-1. `distance` (n,): of the samples, counts."""
    around = speed[np.abs(distance) <= _REST_COUNTS]
    usual = max(float(np.median(speed)), 1e-6) if len(speed) else 1.0
    return float(np.clip(1 - around.mean() / usual, 0.0, 1.0)) if len(around) else 0.0


def _change(distance: Floats, postures: Floats) -> float:
    """Return how different the mean postures of the eight counts before and after a beat are, in deviations.

    The novelty of Foote (IEEE ICME 2000), of means instead of single samples: a step returns to the same postures.
    """
    before = postures[(distance < 0) & (distance >= -_CONTEXT_COUNTS)]
    after = postures[(distance >= 0) & (distance < _CONTEXT_COUNTS)]
    if not len(before) or not len(after):
        return 0.0
    return float(np.sqrt(np.mean((after.mean(axis=0) - before.mean(axis=0)) ** 2)))
