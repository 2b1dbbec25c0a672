"""`rendered`: the finished video, its segments, and measurements of it."""

from __future__ import annotations

from pydantic import Field

from schemas.base import MediaRef, Model, Name, Seconds, SongEvent
from schemas.sequence_planned import Segment


class Video(Model):
    """A finished video. `file`: its name in the output folder. `media`: its content.

    `max_cut_error_ms`: largest time between a cut's beat and the frame displayed on it; half a source frame at most
    when the cuts are right.
    """

    file: Name
    media: MediaRef
    duration_s: Seconds
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(gt=0)
    max_cut_error_ms: float = Field(ge=0)


class Rendered(SongEvent):
    """The finished choreography."""

    tempo_bpm: float = Field(gt=0)
    library_version: str
    segments: tuple[Segment, ...]
    video: Video
