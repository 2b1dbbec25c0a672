"""`move-submitted`: take this clip into the library."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Difficulty, Level, Model, Name, Quality, RequestId, Source


class MoveAnnotation(Model):
    """What a person says of a clip; nothing of it enters the embedding."""

    move: Name
    category: Name | None = None
    difficulty: Difficulty | None = None
    energy: Level | None = None
    tempo_bpm: Annotated[float, Field(gt=0, le=400)] | None = None
    notes: Annotated[str, Field(max_length=2000)] = ""


class MoveSubmitted(Model):
    """A clip, by the name its users know it by. `quality`: 10, 20 or 30 of its frames a second are looked at."""

    source: Source
    clip: Name
    request_id: RequestId | None = None
    annotation: MoveAnnotation | None = None
    quality: Quality = "fast"
