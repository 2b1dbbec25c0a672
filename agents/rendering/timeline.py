"""A plan in, the video's clock out: when a moment of a clip is shown, beat on beat, and where the cuts are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.media.mp4 import TICKS
from schemas.faults import Poison
from schemas.sequence_planned import Plan, Segment

# What is shown for less than a frame of a 120 Hz screen only makes a cut flicker.
MIN_SHOWN_TICKS = TICKS // 120
_SAME_MOMENT_S = 1e-4


@dataclass(frozen=True)
class PlacedSegment:
    """One segment on the video's clock, which begins at 0 with the plan. All times in ticks of 1/90000 s."""

    segment: Segment
    start: int
    end: int
    shown: tuple[float, ...]  # the song's beats
    danced: tuple[float, ...]  # the clip's beats

    def shown_at(self, clip_ticks: int) -> int:
        """When a moment of the clip is shown: linear between its beats, and beyond them as in the nearest interval."""
        i = min(max(bisect_right(self.danced, clip_ticks) - 1, 0), len(self.danced) - 2)
        share = (clip_ticks - self.danced[i]) / (self.danced[i + 1] - self.danced[i])
        return round(self.shown[i] + share * (self.shown[i + 1] - self.shown[i]))

    def cut_error(self, clip_ticks: int) -> int:
        """How far in the song's time a moment of the clip is from the beat that the segment begins on."""
        return abs(self.shown_at(clip_ticks) - self.start)

    def slowest(self) -> float:
        """The largest ratio of the song's time to the clip's between two beats."""
        pairs = zip(pairwise(self.shown), pairwise(self.danced), strict=True)
        return max((b - a) / (d - c) for (a, b), (c, d) in pairs)


def place_segments(plan: Plan) -> list[PlacedSegment]:
    """The plan's segments on the video's clock. Raises `Poison` for gaps, overlaps and beats that do not increase."""
    for before, after in pairwise(plan.segments):
        if abs(after.song_start_s - before.song_end_s) > _SAME_MOMENT_S:
            raise Poison(f"the plan leaves a gap or overlap at {after.song_start_s:.3f} s", reason="plan_gap")
    return [_stretch(segment, plan.start_s) for segment in plan.segments]


def _stretch(segment: Segment, origin_s: float) -> PlacedSegment:
    shown = tuple((beat - origin_s) * TICKS for beat in segment.song_beats)
    danced = tuple(beat * TICKS for beat in segment.clip_beats)
    if not (_increasing(shown) and _increasing(danced)):
        raise Poison(f"the beats of {segment.clip} at {segment.song_start_s:.3f} s do not increase", reason="bad_beats")
    return PlacedSegment(segment, round(shown[0]), round(shown[-1]), shown, danced)


def _increasing(values: Sequence[float]) -> bool:
    return all(a < b for a, b in pairwise(values))
