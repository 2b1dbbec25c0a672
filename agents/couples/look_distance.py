"""Compare the looks of clips: how much the dancers' clothes and the backgrounds differ, as mean colour differences.

Differences are those of CIE Lab (Delta E), where 2 is just visible and 30 is another colour. Two clips with the same
background are compared at the same exposure and white balance, which the background gives: these multiply the cube
roots of CIE XYZ, on which Lab depends linearly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.arrays import Bools, Floats, Ints
from schemas.look import ROOM_SHAPE, UNKNOWN, Look

_PARTS = 4  # torso, thighs, shins and hair
_MAX_CLOTHES, _MAX_ROOM = 30.0, 40.0  # of one colour: it differs, by however much
_EXPOSURES, _BALANCES = (0.8, 1.25), (0.9, 1.1)  # as cube roots: from half to twice the light; of X and Z beside Y
_MIN_CELLS = 8  # with a colour in both clips
_L_SCALE = 100 / 255  # from OpenCV's 8-bit scale
_ROOTS_TO_LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)
_ROWS, _COLUMNS, _CELL_VALUES = ROOM_SHAPE


class Differences(NamedTuple):
    """Differences between a clip and each of n others, (n,), NaN where they are not known."""

    clothes: Floats
    room: Floats


class LookArrays(NamedTuple):
    """A look as arrays: the colours of lead and follow, (3, 2, parts), and the background, (4, rows, columns)."""

    version: int
    dancers: Floats
    room: Floats

    @classmethod
    def of(cls, look: Look) -> LookArrays:
        """Return a look as arrays."""
        return cls(look.version, _dancers(look).astype(np.float32), _room(look).astype(np.float32))


class Looks:
    """The looks of clips, in arrays to compare them with."""

    def __init__(self, looks: Sequence[LookArrays]) -> None:
        self._versions = np.array([look.version for look in looks])
        self._dancers = _by_channel([look.dancers for look in looks], (3, 2, _PARTS))
        self._rooms = _by_channel([look.room for look in looks], (_CELL_VALUES, _ROWS, _COLUMNS))

    def differences(self, one: int, others: Ints) -> Differences:
        """Return how much a look differs from others. Lead and follow may be exchanged, and a clip mirrored."""
        room, gains = _room_differences(self._rooms[:, one], self._rooms[:, others])
        clothes = _clothes_differences(self._dancers[:, one], self._dancers[:, others], gains)
        other_version = self._versions[others] != self._versions[one]
        return Differences(*(np.where(other_version, np.nan, values) for values in (clothes, room)))


def _by_channel(values: Sequence[Floats], shape: tuple[int, ...]) -> Floats:
    """Return n arrays as one, (channels, n, ...), which is fast to compute with."""
    return np.array(values, np.float32).reshape(-1, *shape).swapaxes(0, 1).copy()


def _dancers(look: Look) -> Floats:
    """Return the colours of lead and follow, (3, 2, parts)."""
    return np.stack([_colours(values, (3, _PARTS)) for values in (look.lead, look.follow)], axis=1)


def _room(look: Look) -> Floats:
    """Return the cells of the background, (4, rows, columns)."""
    return _colours(look.room, (_CELL_VALUES, _ROWS, _COLUMNS))


def _colours(values: Sequence[float], shape: tuple[int, ...]) -> Floats:
    """Return colours as cube roots of XYZ, along the first axis, and then further values; NaN where unknown."""
    if len(values) != math.prod(shape):
        return np.full(shape, np.nan)
    found = np.array(values, float).reshape(-1, shape[0]).T.reshape(shape)
    found[:, found[0] == UNKNOWN] = np.nan
    y = (found[0] * _L_SCALE + 16) / 116
    found[:3] = y + (found[1] - 128) / 500, y, y - (found[2] - 128) / 200
    found[3:] *= _L_SCALE
    return found


def _room_differences(room: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return the differences from one background to others, and the light of the others relative to its own, (3, n)."""
    plain, mirrored = (_room_difference(each, others) for each in (room, room[..., ::-1]))
    better = np.nan_to_num(mirrored[0], nan=np.inf) < np.nan_to_num(plain[0], nan=np.inf)
    return np.where(better, mirrored[0], plain[0]), np.where(better, mirrored[1], plain[1])


def _room_difference(room: Floats, others: Floats) -> tuple[Floats, Floats]:
    one, others = room.reshape(_CELL_VALUES, 1, -1), others.reshape(*others.shape[:2], -1)
    known = np.isfinite(one[0]) & np.isfinite(others[0])
    light, other_light = (np.where(known, values[:3], 0).sum(axis=2) for values in (one, others))
    gains = np.where(known.sum(axis=1) >= _MIN_CELLS, _gains(light, other_light), np.float32(1))
    apart = np.minimum(_delta(one[:3], others[:3], gains[..., None]), _MAX_ROOM) + np.abs(one[3] - others[3])
    return _mean(apart, known, _MIN_CELLS), gains


def _gains(light: Floats, other: Floats) -> Floats:
    """Return how much more light another clip has in each channel, (3, n), within what exposure and balance can do."""
    gains = other / np.maximum(light, 1e-3)
    exposure = np.clip(gains[1], *_EXPOSURES)
    within: Floats = np.clip(gains / np.maximum(gains[1], 1e-3), *_BALANCES) * exposure
    return within.astype(np.float32)


def _mean(values: Floats, known: Bools, least: int) -> Floats:
    """Return the means of known values along the last axis, NaN where fewer than `least` are known."""
    count = known.sum(axis=-1)
    mean: Floats = np.where(known, values, 0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count >= least, mean, np.nan)


def _delta(one: Floats, others: Floats, gains: Floats) -> Floats:
    """Return the differences of colours (3, ...) in a light between those of the two."""
    half = np.sqrt(gains)
    apart = np.einsum("ij,j...->i...", _ROOTS_TO_LAB, one * half - others / half)
    delta: Floats = np.sqrt(np.einsum("i...,i...->...", apart, apart))  # half the time of `np.linalg.norm`
    return delta


def _clothes_differences(dancers: Floats, others: Floats, gains: Floats) -> Floats:
    """Return the mean differences of the parts that are known, lead to lead or lead to follow, whichever is less."""
    less: Floats = np.fmin(*(_clothes_difference(each, others, gains) for each in (dancers, dancers[:, ::-1])))
    return less


def _clothes_difference(dancers: Floats, others: Floats, gains: Floats) -> Floats:
    delta = _delta(dancers[:, None], others, gains[..., None, None]).reshape(gains.shape[1], -1)
    return _mean(np.minimum(delta, _MAX_CLOTHES), np.isfinite(delta), 1)
