"""The video's timeline: at which time each frame of a clip is displayed, and where the cuts are."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from agents.media.mp4 import TICKS
from schemas.sequence_planned import ClipPart

# A frame displayed for less than a frame of a 120 Hz screen only makes a cut flicker.
MIN_SHOWN_TICKS = TICKS // 120


@dataclass(frozen=True)
class PlacedSegment:
    """A part of a clip on the video's timeline, which starts at 0. All times in ticks of 1/90000 s."""

    segment: ClipPart
    start: int
    end: int
    song_ticks: tuple[float, ...]  # of the song's beats, on the timeline
    clip_ticks: tuple[float, ...]  # of the clip's beats, in the clip

    def song_time(self, ticks: int) -> int:
        """Return when `ticks` of the clip is displayed: linear between beats, outside as in the nearest interval."""
        i = min(max(bisect_right(self.clip_ticks, ticks) - 1, 0), len(self.clip_ticks) - 2)
        share = (ticks - self.clip_ticks[i]) / (self.clip_ticks[i + 1] - self.clip_ticks[i])
        return round(self.song_ticks[i] + share * (self.song_ticks[i + 1] - self.song_ticks[i]))

    def cut_error(self, ticks: int) -> int:
        """Return the distance, in song time, of `ticks` of the clip from the beat on which the segment starts."""
        return abs(self.song_time(ticks) - self.start)

    def max_stretch(self) -> float:
        """Return the largest ratio of song time to clip time between two beats."""
        pairs = zip(pairwise(self.song_ticks), pairwise(self.clip_ticks), strict=True)
        return max((b - a) / (d - c) for (a, b), (c, d) in pairs)


def place(segment: ClipPart, origin_s: float) -> PlacedSegment:
    """Return a part on the timeline of a video that starts at `origin_s` of the song, seconds."""
    song_ticks = tuple((beat - origin_s) * TICKS for beat in segment.song_beats)
    clip_ticks = tuple(beat * TICKS for beat in segment.clip_beats)
    return PlacedSegment(segment, round(song_ticks[0]), round(song_ticks[-1]), song_ticks, clip_ticks)
