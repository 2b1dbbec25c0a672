"""What a case of `quality_media` is: a clip or a song, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.move_submitted import MoveAnnotation
from tests.odd_media.marked import SHORT_S, Original, original

Make = Callable[[Path], object]  # writes the file
_EDGE_S = 0.05


@dataclass(frozen=True)
class Refusal:
    """The reason code of a refusal, and words of its sentence."""

    reason: str
    words: str = ""


@dataclass(frozen=True)
class ClipCase:
    """A clip and what is right for it; times in seconds.

    `shows`: the pictures that a player shows, at their times in the original. `window`: the part of the original that
    can be used; `hole`: one that cannot. `eights`: how many are found. `first_s`: the original's time of the file's
    first picture. `pause`: where the file's clock jumps, and by how much. `flip`: how the file shows the original,
    OpenCV's code.
    """

    name: str
    make: Make
    shows: Callable[[], Original] = original
    annotation: MoveAnnotation | None = None
    refused: Refusal | None = None
    warns: str = ""
    window: tuple[float, float] = (0.0, SHORT_S)
    hole: tuple[float, float] = (1e9, 1e9)
    eights: int = 1
    first_s: float = 0.0
    duration_s: float | None = None
    pause: tuple[float, float] = (1e9, 0.0)
    flip: int | None = None
    is_marked: bool = True
    has_beats: bool = True

    def later_s(self, time_s: float) -> float:
        """Return by how much the file's clock has jumped at a time of the original."""
        return self.pause[1] if time_s >= self.pause[0] else 0.0

    def is_in_hole(self, time_s: float) -> bool:
        """Return whether a time of the original has no picture."""
        return self.hole[0] <= time_s <= self.hole[1]

    def is_usable(self, start_s: float, end_s: float) -> bool:
        """Return whether a part of the original is inside the window, and has no part of the hole."""
        inside = self.window[0] - _EDGE_S <= start_s and end_s <= self.window[1] + _EDGE_S
        return inside and (end_s <= self.hole[0] + _EDGE_S or start_s >= self.hole[1] - _EDGE_S)


@dataclass(frozen=True)
class SongCase:
    """A song and what is right for it.

    `seconds`: how much of the original it has; `late_s`: how late its container lets it start.
    """

    name: str
    make: Make
    refused: Refusal | None = None
    warns: str = ""
    seconds: float = 12.5
    late_s: float | None = None
