"""`audio-analyzed`: the song with its beat grid, sections and energy."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas import limits
from schemas.base import (
    Count,
    EmbeddingValue,
    Level,
    Model,
    Seconds,
    SongEvent,
    TempoBpm,
    UnitInterval,
    UnitLength,
    check_beats,
    check_inside,
)
from schemas.dance_names import SectionLabel, SectionRhythm


class Section(Model):
    """A part of the song with one function and one rhythm.

    Sections of one `repeat_group` have the same music; groups are numbered from 0 in order of appearance. `energy` is
    the mean over its beats. `confidence`: that its beats are where a dancer steps, and its bars begin on the downbeats.
    """

    start_s: Seconds
    end_s: Seconds
    label: SectionLabel
    rhythm: SectionRhythm
    repeat_group: int = Field(default=0, ge=0, le=limits.MAX_SECTIONS)
    energy: UnitInterval = 0.5
    confidence: UnitInterval = 1.0

    @property
    def letter(self) -> str:
        """Return the repeat group as a letter: A, B, … Z, AA, AB, …"""
        return _letter(self.repeat_group)


class Accent(Model):
    """A hit after which the music stops, nearly stops, or breaks: a moment for a dip, a pose, or the end of a turn.

    `time_s`: seconds from the container's start. `strength`: 0-1, by how far the loudness falls after it.
    """

    time_s: Seconds
    strength: UnitInterval


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

    `music_start_s` to `music_end_s`: the part with music, without silence, applause and talk before and after it; the
    end is None where the music lasts to the end of the piece. `beats`: seconds from the container's start, increasing.
    `counts` (1-8) and `energy` (0-1) have one value per beat. `downbeats`: the beats whose count is 1 or 5.
    `embedding`: 128 values of norm 1. `beat_confidence`: that the beats are where a dancer steps;
    `downbeat_confidence`: that the bars begin on the downbeats; `count_confidence`: that a 1 is not a 5; `confidence`:
    in beats and bars together, the mean of the sections' over all beats. `doubts`: what is uncertain, and where.
    `accents`: hits, in order; few in a song, none in events of earlier versions.
    """

    duration_s: Seconds
    music_start_s: Seconds = 0.0
    music_end_s: Seconds | None = None
    tempo_bpm: TempoBpm
    beats: tuple[Seconds, ...] = Field(max_length=limits.MAX_BEATS, fail_fast=True)
    counts: tuple[Count, ...] = Field(max_length=limits.MAX_BEATS, fail_fast=True)
    downbeats: tuple[Seconds, ...] = Field(max_length=limits.MAX_BEATS, fail_fast=True)
    sections: tuple[Section, ...] = Field(max_length=limits.MAX_SECTIONS, fail_fast=True)
    energy: tuple[UnitInterval, ...] = Field(max_length=limits.MAX_BEATS, fail_fast=True)
    energy_level: Level
    confidence: UnitInterval
    beat_confidence: UnitInterval = 1.0
    downbeat_confidence: UnitInterval = 1.0
    count_confidence: UnitInterval = 1.0
    doubts: tuple[Doubt, ...] = Field(default=(), max_length=limits.MAX_DOUBTS, fail_fast=True)
    accents: tuple[Accent, ...] = Field(default=(), max_length=limits.MAX_ACCENTS, fail_fast=True)
    embedding: Annotated[tuple[EmbeddingValue, ...], Field(min_length=128, max_length=128, fail_fast=True), UnitLength]

    @model_validator(mode="after")
    def _one_value_a_beat(self) -> AudioAnalysis:
        if not len(self.beats) == len(self.counts) == len(self.energy):
            raise ValueError("beats, counts and energy must have the same length")
        check_beats(self.beats, self.tempo_bpm)
        if self.counts.count(1) > len(self.counts) / limits.MIN_BEATS_PER_ONE + limits.MAX_SECTIONS:
            raise ValueError("too many beats have count 1")
        return self

    @model_validator(mode="after")
    def _is_inside_the_song(self) -> AudioAnalysis:
        check_inside(max((*self.beats[-1:], *self.downbeats), default=0.0), self.duration_s, "the beats")
        check_inside(max(self.music_start_s, self.music_end_s or 0.0), self.duration_s, "the music")
        if self.music_end_s is not None and self.music_end_s <= self.music_start_s:
            raise ValueError("the music must end after it begins")
        check_inside(max((section.end_s for section in self.sections), default=0.0), self.duration_s, "the sections")
        if any(after.start_s < before.start_s for before, after in pairwise(self.sections)):
            raise ValueError("sections must be in the order of their starts")
        return self


class AudioAnalyzed(SongEvent):
    """The song with its analysis."""

    analysis: AudioAnalysis

    @model_validator(mode="after")
    def _is_of_the_song(self) -> AudioAnalyzed:
        check_inside(self.analysis.duration_s, self.song.duration_s, "the analysed sound")
        return self
