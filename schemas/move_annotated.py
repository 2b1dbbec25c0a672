"""`move-annotated`: what a person says about a clip; the last event of a clip holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas import limits
from schemas.base import Code, Difficulty, Hold, Level, Model, Name, Role, Seconds, Sha256

Tags = Annotated[tuple[Code, ...], Field(max_length=limits.MAX_TAGS, fail_fast=True)]


class MoveAnnotation(Model):
    """A person's annotation of a clip; no part of it enters the embedding. A field without a value says nothing.

    `role`: the dancer whom the move is about. `entry_hold`, `exit_hold`: how the couple holds each other when the move
    begins and when it ends. `couple`: a name for the two dancers. `tempo_bpm` decides where the beats are only where
    the sound does not. `first_one_s`: when a count 1 is, seconds from the container's start; it decides all counts.
    """

    move: Name | None = None
    category: Name | None = None
    difficulty: Difficulty | None = None
    energy: Level | None = None
    tempo_bpm: Annotated[float, Field(ge=limits.ANNOTATED_TEMPO_BPM[0], le=limits.ANNOTATED_TEMPO_BPM[1])] | None = None
    first_one_s: Seconds | None = None
    role: Role | None = None
    style: Name | None = None
    entry_hold: Hold | None = None
    exit_hold: Hold | None = None
    couple: Name | None = None
    tags: Tags = ()
    notes: str = Field(default="", max_length=limits.MAX_NOTES_CHARACTERS)


class MoveAnnotated(Model):
    """The whole annotation of a clip, in place of its earlier one; an empty one brings all judgements back."""

    clip_sha256: Sha256
    annotation: MoveAnnotation
