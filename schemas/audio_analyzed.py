"""`audio-analyzed`: what the music does."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Count, Level, Model, Seconds, SongEvent, UnitInterval


class Section(Model):
    """A stretch of the song in which one thing happens.

    Sections of one `repeat_group` have the same music; groups are numbered from 0 in order of appearance. `energy` is
    the mean of its beats'; `confidence` that its beats are where a dancer would step and its 1 where one would count
    it.
    """

    start_s: Seconds
    end_s: Seconds
    label: Literal["intro", "verse", "chorus", "mambo", "break", "outro"]
    rhythm: Literal["derecho", "majao", "mambo", "none"]
    repeat_group: int = Field(default=0, ge=0)
    energy: UnitInterval = 0.5
    confidence: UnitInterval = 1.0

    @property
    def letter(self) -> str:
        """The repeat group as a letter: A, B, … Z, AA, AB, …"""
        return _letter(self.repeat_group)


DoubtSubject = Literal["beats", "downbeats", "counts"]


class Doubt(Model):
    """A stretch in which it is unsure where the beats fall, on which of them the bar begins, or which bar has the 1."""

    start_s: Seconds
    end_s: Seconds
    about: DoubtSubject

    def __str__(self) -> str:
        """In a dancer's words."""
        said = {
            "beats": "the beats are unsure",
            "downbeats": "the 1 may be another beat",
            "counts": "the 1 may be the 5",
        }
        return f"{clock(self.start_s)}-{clock(self.end_s)}: {said[self.about]}"


def _letter(number: int) -> str:
    rest, last = divmod(number, 26)
    return (_letter(rest - 1) if rest else "") + chr(ord("A") + last)


def clock(seconds: float) -> str:
    """Minutes and seconds: 1:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class AudioAnalysis(Model):
    """The beat grid, structure and energy of a piece of audio.

    `beats` in seconds from the container's start, increasing; `counts` and `energy` (0-1) have one value a beat;
    `downbeats` are the beats whose count is 1 or 5; `embedding` has 128 values and length 1.
    `confidence` is the whole: that the beats fall where a dancer would step (`beat_confidence`), that the bars begin
    where they are said to (`downbeat_confidence`), and that the 1 is no 5 (`count_confidence`). `doubts` say
    what is unsure, and where.
    """

    duration_s: Seconds
    tempo_bpm: float = Field(gt=0)
    beats: tuple[Seconds, ...]
    counts: tuple[Count, ...]
    downbeats: tuple[Seconds, ...]
    sections: tuple[Section, ...]
    energy: tuple[UnitInterval, ...]
    energy_level: Level
    confidence: UnitInterval
    beat_confidence: UnitInterval = 1.0
    downbeat_confidence: UnitInterval = 1.0
    count_confidence: UnitInterval = 1.0
    doubts: tuple[Doubt, ...] = ()
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
