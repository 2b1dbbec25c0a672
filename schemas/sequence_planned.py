"""`sequence-planned`: which beats of which clips are shown on which beats of the song."""

from __future__ import annotations

from pydantic import Field, model_validator

from schemas.base import Model, Name, Seconds, Sha256, SongEvent


class Segment(Model):
    """A part of one clip, shown on a part of the song.

    `song_beats` and `clip_beats`: seconds, equally many, two or more, increasing; each clip beat is shown on the song
    beat of the same index, and time is linear between them. `stretch`: song time over clip time (> 1 plays slower).
    `terms`: the terms of the score by which it was chosen.
    """

    move: Name
    clip: Name
    clip_sha256: Sha256
    song_beats: tuple[Seconds, ...] = Field(min_length=2)
    clip_beats: tuple[Seconds, ...] = Field(min_length=2)
    stretch: float = Field(gt=0)
    terms: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _beats_pair_up(self) -> Segment:
        if len(self.song_beats) != len(self.clip_beats):
            raise ValueError("song_beats and clip_beats must have the same length")
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


class Plan(Model):
    """Segments without gaps: each begins on the song beat on which the one before ends.

    `clips`: all beats of each clip used, seconds; its mezzanine has a keyframe on each.
    """

    tempo_bpm: float = Field(gt=0)
    library_version: str
    segments: tuple[Segment, ...] = Field(min_length=1)
    clips: dict[Sha256, tuple[Seconds, ...]]

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
