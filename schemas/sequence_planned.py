"""`sequence-planned`: which beats of which clips are shown on which beats of the song."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas import limits
from schemas.base import (
    Code,
    Model,
    Name,
    Seconds,
    Sha256,
    SongEvent,
    TempoBpm,
    Terms,
    at_most,
    check_beats,
    check_inside,
)

_MAX_GAP_S = 1e-4
_MIN_INTERVAL_S = 1e-6  # the difference of two beats is a divisor
ClipBeats = Annotated[tuple[Seconds, ...], Field(max_length=limits.MAX_CLIP_BEATS, fail_fast=True)]


class Segment(Model):
    """A part of one clip, shown on a part of the song.

    `song_beats` and `clip_beats`: seconds, equally many, two or more, increasing; each clip beat is shown on the song
    beat of the same index, and time is linear between them. `stretch`: song time over clip time (> 1 plays slower).
    `terms`: the terms of the score by which it was chosen.
    """

    move: Name
    clip: Name
    clip_sha256: Sha256
    song_beats: ClipBeats = Field(min_length=2)
    clip_beats: ClipBeats = Field(min_length=2)
    stretch: float = Field(ge=limits.STRETCH[0], le=limits.STRETCH[1])
    terms: Terms = Field(default_factory=dict)

    @model_validator(mode="after")
    def _beats_pair_up(self) -> Segment:
        if len(self.song_beats) != len(self.clip_beats):
            raise ValueError("song_beats and clip_beats must have the same length")
        for beats in (self.song_beats, self.clip_beats):
            if any(after - before < _MIN_INTERVAL_S for before, after in pairwise(beats)):
                raise PydanticCustomError("bad_beats", "the beats of a segment must increase")
        return self

    @property
    def song_start_s(self) -> float:
        """Return the start in the song, seconds."""
        return self.song_beats[0]

    @property
    def song_end_s(self) -> float:
        """Return the end in the song, seconds."""
        return self.song_beats[-1]

    @property
    def clip_start_s(self) -> float:
        """Return the start in the clip, seconds."""
        return self.clip_beats[0]

    @property
    def clip_end_s(self) -> float:
        """Return the end in the clip, seconds."""
        return self.clip_beats[-1]


Segments = Annotated[tuple[Segment, ...], Field(max_length=limits.MAX_SEGMENTS, fail_fast=True)]


class Plan(Model):
    """Segments without gaps: each begins on the song beat on which the one before ends.

    `clips`: all beats of each clip used, seconds; its mezzanine has a keyframe on each.
    """

    tempo_bpm: TempoBpm
    library_version: Code
    segments: Segments = Field(min_length=1)
    clips: Annotated[dict[Sha256, ClipBeats], Field(max_length=limits.MAX_MOVES), at_most(limits.MAX_MOVES)]

    @model_validator(mode="after")
    def _is_complete(self) -> Plan:
        for before, after in pairwise(self.segments):
            if abs(after.song_start_s - before.song_end_s) > _MAX_GAP_S:
                message = "the plan leaves a gap or overlap at {time_s} s"
                raise PydanticCustomError("plan_gap", message, {"time_s": round(after.song_start_s, 3)})
        if not {segment.clip_sha256 for segment in self.segments} <= self.clips.keys():
            raise PydanticCustomError("plan_incomplete", "the plan does not name the beats of a clip that it uses")
        for beats in self.clips.values():
            check_beats(beats)
        return self

    @property
    def start_s(self) -> float:
        """Return the time in the song at which the video begins, seconds."""
        return self.segments[0].song_start_s

    @property
    def end_s(self) -> float:
        """Return the time in the song at which the video ends, seconds."""
        return self.segments[-1].song_end_s


class SequencePlanned(SongEvent):
    """The song and the plan of its choreography."""

    plan: Plan

    @model_validator(mode="after")
    def _is_inside_the_song(self) -> SequencePlanned:
        check_inside(self.plan.end_s, self.song.duration_s, "the segments")
        return self
