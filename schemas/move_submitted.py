"""`move-submitted`: the request to index a clip as a move of the library."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas import limits
from schemas.base import Difficulty, Level, Model, Name, Quality, RequestId, Source


class MoveAnnotation(Model):
    """A person's annotation of a clip; no part of it enters the embedding."""

    move: Name
    category: Name | None = None
    difficulty: Difficulty | None = None
    energy: Level | None = None
    tempo_bpm: Annotated[float, Field(ge=limits.ANNOTATED_TEMPO_BPM[0], le=limits.ANNOTATED_TEMPO_BPM[1])] | None = None
    notes: str = Field(default="", max_length=limits.MAX_NOTES_CHARACTERS)


class MoveSubmitted(Model):
    """A clip to index. `clip`: its name for users. `quality`: pose tracking on 10, 20 or 30 frames per second."""

    source: Source
    clip: Name
    request_id: RequestId | None = None
    annotation: MoveAnnotation | None = None
    quality: Quality = "fast"
