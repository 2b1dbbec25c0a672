"""Define what a move depends on."""

from __future__ import annotations

from agents.media.submitted import SubmittedFile, locate
from agents.step import Tools
from schemas.base import Model, Name, Quality
from schemas.move_submitted import MoveAnnotation, MoveSubmitted


class IndexingInput(Model):
    """A clip's file, its name, its annotation, and the quality, which decides how many frames are sampled."""

    file: SubmittedFile
    clip: Name
    annotation: MoveAnnotation | None
    quality: Quality


def indexing_input(event: MoveSubmitted, tools: Tools) -> IndexingInput:
    """Return what the move of an event depends on. Raises as `locate` does."""
    file = locate(event.source, tools)
    return IndexingInput(file=file, clip=event.clip, annotation=event.annotation, quality=event.quality)
