"""`rendered`: the finished video, its segments, and measurements of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas import limits
from schemas.base import Code, MediaRef, Model, Seconds, SongEvent, TempoBpm
from schemas.sequence_planned import ShownPart

PlainFileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$")]


class Video(Model):
    """A finished video. `file`: its name in the output folder. `media`: its content.

    `max_cut_error_ms`: largest time between a cut's beat and the frame displayed on it; half a source frame at most
    when the cuts are right.
    """

    file: PlainFileName
    media: MediaRef
    duration_s: Seconds
    width: int = Field(gt=0, le=limits.MAX_SIDE_PX)
    height: int = Field(gt=0, le=limits.MAX_SIDE_PX)
    frames: int = Field(gt=0, le=limits.MAX_VIDEO_PICTURES)
    max_cut_error_ms: float = Field(ge=0, le=limits.MAX_CUT_ERROR_MS)


class Join(Model):
    """A place where two parts of the song were joined.

    `time_s`: of the video. `shift_ms`: how much later than its beat the second part was taken from the song, so that
    its waves continue those of the first. `likeness`: of the half second that follows to the one that would have
    followed, 1 where it is the same music, about 0 where both have nothing in common. `change`: how much the sound
    changes at the join, as a share of how much it changes at the strong strokes of the music around; it is about 0.2
    where nothing is joined, and above 1 where a join is more sudden than these strokes.
    """

    time_s: Seconds
    shift_ms: float = Field(ge=-limits.MAX_JOIN_SHIFT_MS, le=limits.MAX_JOIN_SHIFT_MS)
    likeness: float = Field(ge=-1, le=1)
    change: float = Field(ge=0, le=limits.MAX_JOIN_CHANGE)


Joins = Annotated[tuple[Join, ...], Field(max_length=limits.MAX_MUSIC_PARTS, fail_fast=True)]
RenderedParts = Annotated[tuple[ShownPart, ...], Field(max_length=limits.MAX_RENDERED_PARTS, fail_fast=True)]


class Rendered(SongEvent):
    """The finished choreography.

    `segments`: what the video shows, where a runner-up took a clip's place, too. They are the chapters of its file.
    `joins`: of the parts of the song, where it is cut.
    """

    tempo_bpm: TempoBpm
    library_version: Code
    segments: RenderedParts
    video: Video
    joins: Joins = ()
