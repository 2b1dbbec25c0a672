"""`audio-analyzed`: what the music does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Level, Payload, Seconds, Share, SongEvent

Count = Annotated[int, Field(ge=1, le=8)]


class Section(Payload):
    """A stretch of the song in which one thing happens."""

    start_s: Seconds
    end_s: Seconds
    label: Literal["intro", "verse", "chorus", "mambo", "break", "outro"]
    rhythm: Literal["derecho", "majao", "mambo", "none"]


class AudioAnalysis(Payload):
    """The beat grid, structure and energy of a piece of audio.

    `beats` in seconds from the container's start, increasing; `counts` and `energy` (0-1) have one value a beat;
    `downbeats` are the beats whose count is 1 or 5; `embedding` has 128 values and length 1.
    """

    duration_s: Seconds
    tempo_bpm: float = Field(gt=0)
    beats: tuple[Seconds, ...]
    counts: tuple[Count, ...]
    downbeats: tuple[Seconds, ...]
    sections: tuple[Section, ...]
    energy: tuple[Share, ...]
    energy_level: Level
    confidence: Share
    embedding: tuple[float, ...] = Field(min_length=128, max_length=128)

    @model_validator(mode="after")
    def _one_value_a_beat(self) -> AudioAnalysis:
        if not len(self.beats) == len(self.counts) == len(self.energy):
            raise ValueError("beats, counts and energy must have the same length")
        if any(b <= a for a, b in zip(self.beats, self.beats[1:], strict=False)):
            raise ValueError("beats must increase")
        return self


class AudioAnalyzed(SongEvent):
    """The song with its analysis."""

    analysis: AudioAnalysis
