"""Define what a move depends on."""

from __future__ import annotations

from agents.media.submitted import SubmittedFile, locate
from agents.step import Tools
from schemas.base import Model, Name, Quality
from schemas.move_submitted import MoveSubmitted


class IndexingInput(Model):
    """A clip's file, its name, its annotated tempo, and the quality, which decides how many frames are sampled.

    Nothing else of an annotation is needed to index a clip, so that another annotation needs no other analysis.
    """

    file: SubmittedFile
    clip: Name
    tempo_bpm: float | None
    quality: Quality


def indexing_input(event: MoveSubmitted, tools: Tools) -> IndexingInput:
    """Return what the move of an event depends on. Raises: as `locate`."""
    file = locate(event.source, tools)
    tempo_bpm = event.annotation.tempo_bpm if event.annotation else None
    return IndexingInput(file=file, clip=event.clip, tempo_bpm=tempo_bpm, quality=event.quality)
