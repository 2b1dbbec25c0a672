"""Build paths of the dancers: where they stand at each count; moves.py is built on it.

A path is a list of positions (a, b, yaw), one per count from 0 (the start) to COUNTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.generators.couple.geometry import Vector, eased
from data.generators.couple.holds import CONTACTS, Keys
from data.generators.couple.stance import PLAIN, Accent

AXIS_TURN_RAD = 0.17  # of the couple's axis towards the camera
COUNTS = 18  # two eights, the closing 1, and one more count for the step after it
Path = list[Vector]
Offset = tuple[float, float, float]


def plain(_: float) -> Accent:
    """Return no accent."""
    return PLAIN


@dataclass(frozen=True)
class Move:
    """Two eights of a couple: paths, holds, accents by count, and the counts (`still`) without a step."""

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
    axis_turn: float = AXIS_TURN_RAD


def floor_position(a: float, b: float, yaw: float) -> Vector:
    """Return a position in the couple's frame."""
    return np.array([a, b, yaw])


def stepping(start: Vector, eight: Sequence[Offset]) -> Path:
    """Return the path from `start` by the offsets of an eight, repeated."""
    return [start.copy(), *(start + np.array(eight[(count - 1) % 8]) for count in range(1, COUNTS + 1))]


def side_basic(start: Vector, step: float) -> Path:
    """Return three steps to the lead's left and a tap, three back and a tap."""
    return stepping(start, [(0, step * k, 0) for k in (1, 1, 2, 2, 1, 1, 0, 0)])


def forward_basic(start: Vector, step: float) -> Path:
    """Return three steps along +a and a tap, three back and a tap."""
    return stepping(start, [(step * k, 0, 0) for k in (0.8, 1.6, 2.2, 2.2, 1.4, 0.6, 0, 0)])


def turned(path: Path, first: int, angle: float, counts: int = 3) -> Path:
    """Return the path with a turn of `angle` that is danced on `counts` counts from `first` on."""
    return [
        position + np.array([0, 0, angle * min(max((count - first + 1) / counts, 0.0), 1.0)])
        for count, position in enumerate(path)
    ]


def moved(path: Path, counts: Sequence[int], a: float, b: float = 0.0) -> Path:
    """Return the path with some counts moved by (a, b)."""
    return [position + np.array([a, b, 0]) if count in counts else position for count, position in enumerate(path)]


def shifted(path: Path, offset: Offset, shares: Mapping[int, float]) -> Path:
    """Return the path with `offset` added, weighted by the share of each count (default 0)."""
    return [position + np.array(offset) * shares.get(count, 0.0) for count, position in enumerate(path)]


def through(positions: Mapping[int, Offset]) -> Path:
    """Return a path through the given counts; a dancer stands still between them."""
    path: Path = []
    for count in range(COUNTS + 1):
        path.append(np.array(positions[count]) if count in positions else path[-1])
    return path


def there_and_back(positions: Mapping[int, Offset], yaw: float) -> Path:
    """Return eight counts of a path to the partner's side, and its mirror image back.

    A yaw and its image sum to `yaw`.
    """
    back = {count + 8: (-a, b, yaw - turn) for count, (a, b, turn) in positions.items() if count > 0}
    start = {17: positions[0], 18: positions[0]}
    return through({**positions, **back, **start})


def bump(x: float, width: float = 0.42) -> float:
    """Return a Gaussian of height 1 around 0; `width` is its standard deviation in counts."""
    return float(np.exp(-0.5 * (x / width) ** 2))


def plateau(count: float, rise: tuple[float, float], fall: tuple[float, float]) -> float:
    """Return 0, then 1 between `rise` and `fall` (each from count to count), then 0; eased."""
    up = eased((count - rise[0]) / (rise[1] - rise[0]))
    return up - eased((count - fall[0]) / (fall[1] - fall[0]))
