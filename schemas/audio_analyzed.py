"""`audio-analyzed`: the song with its beat grid, sections and energy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Count, Level, Model, Seconds, SongEvent, UnitInterval


class Section(Model):
    """A part of the song with one function and one rhythm.

    Sections of one `repeat_group` have the same music; groups are numbered from 0 in order of appearance. `energy` is
    the mean over its beats. `confidence`: that its beats are where a dancer steps, and its 1 where a dancer counts it.
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
        """Return the repeat group as a letter: A, B, … Z, AA, AB, …"""
        return _letter(self.repeat_group)


DoubtSubject = Literal["beats", "downbeats", "counts"]


class Doubt(Model):
    """A part of the song in which the beats, the beat on which the bar begins, or the bar with the 1 is uncertain."""

    start_s: Seconds
    end_s: Seconds
    about: DoubtSubject

    def __str__(self) -> str:
        """Return the doubt as a line for a dancer."""
        text = {
            "beats": "the beats are unsure",
            "downbeats": "the 1 may be another beat",
            "counts": "the 1 may be the 5",
        }
        return f"{clock(self.start_s)}-{clock(self.end_s)}: {text[self.about]}"


def _letter(number: int) -> str:
    rest, last = divmod(number, 26)
    return (_letter(rest - 1) if rest else "") + chr(ord("A") + last)


def clock(seconds: float) -> str:
    """Return minutes and seconds: 1:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class AudioAnalysis(Model):
    """The beat grid, structure and energy of a piece of audio.

    `beats`: seconds from the container's start, increasing. `counts` (1-8) and `energy` (0-1) have one value per beat.
    `downbeats`: the beats whose count is 1 or 5. `embedding`: 128 values of norm 1. `confidence` combines that the
    beats are where a dancer steps (`beat_confidence`), that the bars begin on the downbeats (`downbeat_confidence`),
    and that a 1 is not a 5 (`count_confidence`). `doubts`: what is uncertain, and where.
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
