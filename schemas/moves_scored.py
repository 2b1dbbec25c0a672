"""`moves-scored`: for each phrase of the song the best moves, each with the terms of its score."""

from __future__ import annotations

from pydantic import Field

from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Model, Sha256, SongEvent, UnitInterval
from schemas.move_indexed import MoveSummary


class Candidate(Model):
    """A move for a phrase. `score`: the sum of `terms`, higher is better."""

    clip_sha256: Sha256
    score: float
    terms: dict[str, float]


class Phrase(Model):
    """The beats from one count 1 to the next: `analysis.beats[start_beat:end_beat]`, usually eight."""

    start_beat: int = Field(ge=0)
    end_beat: int = Field(gt=0)
    energy: UnitInterval
    section: int = Field(ge=0)
    candidates: tuple[Candidate, ...] = Field(min_length=1)


class Scores(Model):
    """The scored phrases, and a summary of every move they name, by clip."""

    library_version: str
    phrases: tuple[Phrase, ...] = Field(min_length=1)
    moves: dict[Sha256, MoveSummary]


class MovesScored(SongEvent):
    """The song, its analysis, and the scored moves."""

    analysis: AudioAnalysis
    scores: Scores
