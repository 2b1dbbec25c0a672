"""`moves-scored`: for each phrase of the song the best moves, each with the terms of its score."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from schemas import limits
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import (
    UNKNOWN_GROUP,
    Code,
    Model,
    Name,
    Sha256,
    SongEvent,
    Terms,
    UnitInterval,
    Warnings,
    at_most,
    check_inside,
)
from schemas.move_indexed import MoveSummary


class Candidate(Model):
    """A move for a phrase. `score`: the sum of `terms`, higher is better."""

    clip_sha256: Sha256
    score: float = Field(ge=-limits.MAX_TERM, le=limits.MAX_TERM)
    terms: Terms


class MoveFit(Model):
    """What a song makes of a move, and with which others it belongs together.

    `fit`: of its sound to the song's, 0-1: the cosine of their embeddings. `couple`, `room`: names of the couple that
    dances it and of its room, as in `bachata moves couples`.
    """

    fit: UnitInterval = 0.5
    couple: Name = UNKNOWN_GROUP
    room: Name = UNKNOWN_GROUP


def _are_named_by_clip(moves: dict[str, MoveSummary]) -> dict[str, MoveSummary]:
    for sha256, move in moves.items():
        if sha256 != move.clip.sha256:
            raise ValueError(f"{move.name} must be named by the sha256 of its clip, not by {sha256[:12]}…")
    return moves


MovesByClip = Annotated[
    dict[Sha256, MoveSummary],
    Field(max_length=limits.MAX_MOVES),
    at_most(limits.MAX_MOVES),
    AfterValidator(_are_named_by_clip),
]
FitsByClip = Annotated[dict[Sha256, MoveFit], Field(max_length=limits.MAX_MOVES), at_most(limits.MAX_MOVES)]


class Phrase(Model):
    """The beats from one count 1 to the next: `analysis.beats[start_beat:end_beat]`, usually eight."""

    start_beat: int = Field(ge=0, lt=limits.MAX_BEATS)
    end_beat: int = Field(gt=0, le=limits.MAX_BEATS)
    energy: UnitInterval
    section: int = Field(ge=0, le=limits.MAX_SECTIONS)
    candidates: tuple[Candidate, ...] = Field(min_length=1, max_length=limits.MAX_CANDIDATES, fail_fast=True)


class Scores(Model):
    """The scored phrases, a summary of every move they name, by clip, and warnings of moves that were left out.

    `moves`: without looks, which no plan uses. `fits`: of each move; none in events of earlier versions.
    `without_clip`: clips that the media store lacks, whose moves were left out; the first hundred.
    """

    library_version: Code
    phrases: tuple[Phrase, ...] = Field(min_length=1, max_length=limits.MAX_PHRASES, fail_fast=True)
    moves: MovesByClip
    fits: FitsByClip = Field(default_factory=dict)
    warnings: Warnings = ()
    without_clip: tuple[Sha256, ...] = Field(default=(), max_length=limits.MAX_MISSING_CLIPS, fail_fast=True)

    @model_validator(mode="after")
    def _names_its_moves(self) -> Scores:
        named = {candidate.clip_sha256 for phrase in self.phrases for candidate in phrase.candidates}
        if not named <= self.moves.keys():
            raise ValueError("a phrase has a candidate that is not among the moves")
        if any(after.start_beat < before.end_beat for before, after in pairwise(self.phrases)):
            raise ValueError("phrases must follow each other")
        return self


class MovesScored(SongEvent):
    """The song, its analysis, and the scored moves."""

    analysis: AudioAnalysis
    scores: Scores

    @model_validator(mode="after")
    def _is_of_the_song(self) -> MovesScored:
        check_inside(self.analysis.duration_s, self.song.duration_s, "the analysed sound")
        if self.scores.phrases[-1].end_beat > len(self.analysis.beats):
            raise ValueError("a phrase has beats that the song does not have")
        return self
