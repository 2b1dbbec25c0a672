"""Distinguish the two dancers of a clip by what changes little: colours of clothes and hair, and who is taller."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import NOSE, FrameDetections, extent

_WEIGHT = 0.2  # consecutive frames look nearly the same, so each frame is not new evidence
_MAX_COST = 4.0  # light and shadow in one frame must not outweigh all other frames
_MAX_DEVIATIONS = 3.0  # beyond, a trait belongs to neither dancer
_MIN_DEVIATION_LAB = 8.0  # smaller colour differences do not count
_LAB_PER_HEIGHT = 300.0  # so 3 % of a dancer's height count as much as the smallest colour difference
_HEIGHT = -1  # the last trait


@dataclass(frozen=True)
class Appearance:
    """The two dancers' median traits (2, k), and the deviation of one dancer's traits from them, (k,)."""

    traits: Floats
    deviation: Floats

    def costs(self, traits: Floats) -> Floats:
        """Return the cost of each frame's two orders, as they are and swapped, by its traits (n, 2, k): (n, 2).

        For each detection it is the difference of half the squared deviations, which is the log-likelihood ratio of the
        two dancers, times the weight.
        """
        relative = np.nan_to_num((traits[:, :, None] - self.traits) / self.deviation)
        squares = (np.clip(relative, -_MAX_DEVIATIONS, _MAX_DEVIATIONS) ** 2).sum(axis=-1) / 2
        costs = np.minimum(_MAX_COST, _WEIGHT * (squares - squares.min(axis=2, keepdims=True)))
        return np.column_stack([costs[:, 0, 0] + costs[:, 1, 1], costs[:, 0, 1] + costs[:, 1, 0]])

    def misfit(self, traits: Floats, swapped: Bools) -> float:
        """Return the negative log-likelihood of the traits (n, 2, k) in the given orders, times the weight."""
        ordered = np.where(swapped[:, None, None], traits[:, ::-1], traits)
        relative = np.clip((ordered - self.traits) / self.deviation, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        return float(_WEIGHT * np.nansum(relative**2 / 2 + np.log(self.deviation)))


def traits_of(frames: Sequence[FrameDetections]) -> Floats:
    """Return the colours and the relative height of each frame's first and second detection: (n, 2, k).

    The height is that of the nose above the other one's, which a camera that moves or comes nearer changes little. What
    is unknown is NaN.
    """
    dancers = [dancer for frame in frames for dancer in frame.dancers]
    unit = float(np.median([extent(dancer.xy) for dancer in dancers])) + 1e-6
    traits = np.full((len(frames), 2, len(dancers[0].colour) + 1), np.nan)
    for row, frame in zip(traits, frames, strict=True):
        for values, dancer in zip(row, frame.dancers, strict=False):
            values[:_HEIGHT] = dancer.colour
        if len(frame.dancers) == len(row):
            lower = (frame.dancers[0].xy - frame.dancers[1].xy)[NOSE, 1] / unit * _LAB_PER_HEIGHT
            row[:, _HEIGHT] = -lower, lower
    return traits


def first_guesses(traits: Floats) -> list[Floats]:
    """Return evidence that frames are swapped, below 0 against it, by each of three ways: (n,) each, 0 where unknown.

    By the direction in which the traits of a frame's two dancers differ most (the first right singular vector of the
    differences), by height alone, and without any evidence.
    """
    differences = np.nan_to_num(traits[:, 1] - traits[:, 0])
    direction = np.linalg.svd(differences, full_matrices=False)[2][0]
    return [np.sign(differences @ direction), np.sign(differences[:, _HEIGHT]), np.zeros(len(traits))]


def fit_appearance(traits: Floats, swapped: Bools) -> Appearance:
    """Return the appearance of the two dancers, from the traits of all frames in the given orders."""
    ordered = np.where(swapped[:, None, None], traits[:, ::-1], traits)
    median = _nan_median(ordered)
    # Not a median deviation: a part that shows the face in some frames and hair in others must have little weight.
    deviation = np.sqrt(_nan_mean((ordered - median) ** 2)).mean(axis=0)
    return Appearance(median, deviation + _MIN_DEVIATION_LAB)


def _nan_median(values: Floats) -> Floats:
    """Return the median along the first axis, 0 where all values are NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanmedian(values, axis=0))


def _nan_mean(values: Floats) -> Floats:
    """Return the mean along the first axis, 0 where all values are NaN."""
    known = ~np.isnan(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean
