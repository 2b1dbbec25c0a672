"""What tells which couple a clip shows: its look, the settings of its camera, and what a person says."""

from __future__ import annotations

import math
from typing import NamedTuple

from agents.couples.look_distance import LookArrays
from schemas.look import Look
from schemas.move_indexed import MoveSummary


class Appearance(NamedTuple):
    """The appearance of a clip; it takes little memory.

    `look`: None where none is known. `rate`, `shape`: frames per second, and width over height, NaN where not known.
    `couple`: the annotated name, empty without one.
    """

    sha256: str
    look: LookArrays | None
    rate: float
    shape: float
    couple: str

    @classmethod
    def of(cls, move: MoveSummary) -> Appearance:
        """Return the appearance of a move's clip."""
        clip = move.clip
        return cls(
            sha256=clip.sha256,
            look=LookArrays.of(move.look) if move.look and _is_known(move.look) else None,
            rate=clip.fps or math.nan,
            shape=clip.width / clip.height if clip.width and clip.height else math.nan,
            couple=((move.annotation and move.annotation.couple) or "").strip(),
        )

    def is_same(self, other: Appearance) -> bool:
        """Return whether two clips cannot be told apart."""
        return _key(self) == _key(other)


def _is_known(look: Look) -> bool:
    return bool(look.lead or look.follow or look.room)


def _key(clip: Appearance) -> tuple[object, ...]:
    look = clip.look and (clip.look.version, clip.look.dancers.tobytes(), clip.look.room.tobytes())
    return look, str(clip.rate), str(clip.shape), clip.couple
