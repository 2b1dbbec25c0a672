"""Small verbs of choreography: where the dancers stand at each count, by which moves.py is written.

A path is a list of places (a, b, yaw), one per count from 0 (the start) to COUNTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.generators.couple.geometry import Vector, eased
from data.generators.couple.holds import CONTACTS, Keys
from data.generators.couple.stance import PLAIN, Accent

ASLANT = 0.17  # radians by which the couple's axis is turned to the camera
COUNTS = 18  # two eights, the closing 1, and a count to step on into
Path = list[Vector]
Offset = tuple[float, float, float]


def plain(_: float) -> Accent:
    """No accent."""
    return PLAIN


@dataclass(frozen=True)
class Move:
    """Two eights of a couple: paths, holds, accents by count, counts that are stood."""

    lead: Path
    follow: Path
    holds: Mapping[str, Keys]
    lead_accent: Callable[[float], Accent] = plain
    follow_accent: Callable[[float], Accent] = plain
    still: Sequence[int] = ()
    lead_first: str = "l"
    follow_first: str = "r"
    sides: Mapping[str, tuple[str, str]] = field(default_factory=lambda: dict(CONTACTS))
    origin: tuple[float, float] = (0.0, 0.0)
    aslant: float = ASLANT


def place(a: float, b: float, yaw: float) -> Vector:
    """A place of the couple's frame."""
    return np.array([a, b, yaw])


def stepping(start: Vector, eight: Sequence[Offset]) -> Path:
    """From `start` by the offsets of an eight, again and again."""
    return [start.copy(), *(start + np.array(eight[(count - 1) % 8]) for count in range(1, COUNTS + 1))]


def side_basic(start: Vector, step: float) -> Path:
    """Three steps to the lead's left and a tap, three back and a tap."""
    return stepping(start, [(0, step * k, 0) for k in (1, 1, 2, 2, 1, 1, 0, 0)])


def forward_basic(start: Vector, step: float) -> Path:
    """Three steps along +a and a tap, three back and a tap."""
    return stepping(start, [(step * k, 0, 0) for k in (0.8, 1.6, 2.2, 2.2, 1.4, 0.6, 0, 0)])


def turned(path: Path, first: int, angle: float, counts: int = 3) -> Path:
    """The path with a turn of `angle` that is danced on `counts` counts from `first` on."""
    return [
        spot + np.array([0, 0, angle * min(max((count - first + 1) / counts, 0.0), 1.0)])
        for count, spot in enumerate(path)
    ]


def moved(path: Path, counts: Sequence[int], a: float, b: float = 0.0) -> Path:
    """The path with some counts moved."""
    return [spot + np.array([a, b, 0]) if count in counts else spot for count, spot in enumerate(path)]


def shifted(path: Path, offset: Offset, shares: Mapping[int, float]) -> Path:
    """The path with `offset` added, by the share of each count (0 where none is given)."""
    return [spot + np.array(offset) * shares.get(count, 0.0) for count, spot in enumerate(path)]


def through(places: Mapping[int, Offset]) -> Path:
    """A path through the given counts; between them one stands."""
    path: Path = []
    for count in range(COUNTS + 1):
        path.append(np.array(places[count]) if count in places else path[-1])
    return path


def there_and_back(places: Mapping[int, Offset], yaw: float) -> Path:
    """Eight counts of a path to the partner's side, and its mirror image back: a yaw and its image sum to `yaw`."""
    back = {count + 8: (-a, b, yaw - turn) for count, (a, b, turn) in places.items() if count > 0}
    start = {17: places[0], 18: places[0]}
    return through({**places, **back, **start})


def bump(x: float, width: float = 0.42) -> float:
    """A bell of height 1 around 0, `width` counts wide."""
    return float(np.exp(-0.5 * (x / width) ** 2))


def plateau(count: float, rise: tuple[float, float], fall: tuple[float, float]) -> float:
    """0, then 1 between `rise` and `fall` (each from count to count), then 0; eased."""
    up = eased((count - rise[0]) / (rise[1] - rise[0]))
    return up - eased((count - fall[0]) / (fall[1] - fall[0]))
