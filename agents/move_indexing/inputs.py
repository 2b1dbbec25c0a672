"""Define what a move depends on."""

from __future__ import annotations

from pydantic import Field

from agents.media.submitted import SubmittedFile, locate
from agents.move_indexing.dancers.pose_quality import PoseQuality, pose_quality
from agents.move_indexing.indexed_move import IndexedMove
from agents.step import Tools
from schemas.base import Model, Name, PoseConfidence, PoseRateHz, Quality, Seconds
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted


def _is_none(value: object) -> bool:
    return value is None


class IndexingInput(Model):
    """A clip's file, its name, its annotated tempo, and the quality, which decides how many frames are sampled.

    `pose_rate_hz` and `pose_confidence` are None where they are those of the quality. `first_one_s`: when a count 1 is,
    seconds from the container's start, as a person annotated it. What is None of these is not in the JSON, so that
    results from before these fields stay valid.
    Nothing else of an annotation is needed to index a clip, so that another annotation needs no other analysis.
    """

    file: SubmittedFile
    clip: Name
    tempo_bpm: float | None
    quality: Quality
    pose_rate_hz: PoseRateHz | None = Field(default=None, exclude_if=_is_none)
    pose_confidence: PoseConfidence | None = Field(default=None, exclude_if=_is_none)
    first_one_s: Seconds | None = Field(default=None, exclude_if=_is_none)

    @property
    def pose(self) -> PoseQuality:
        """Return the values for pose detection."""
        return pose_quality(self.quality, self.pose_rate_hz, self.pose_confidence)


def with_annotation(clip: IndexingInput, indexed: IndexedMove, tools: Tools) -> IndexingInput:
    """Return the input with the count 1 of the clip's `move-annotated`, or without one, and with its tempo if any.

    Only the result tells which clip a path or a URL is.
    """
    annotation = tools.annotation_of(indexed.clip.sha256)
    if annotation is None:
        return clip
    tempo_bpm = annotation.tempo_bpm or clip.tempo_bpm
    return clip.model_copy(update={"tempo_bpm": tempo_bpm, "first_one_s": annotation.first_one_s})


def indexing_input(event: MoveSubmitted, tools: Tools) -> IndexingInput:
    """Return what the move of an event depends on. Raises: as `locate`."""
    file = locate(event.source, tools, event.request_id)
    given = event.annotation or MoveAnnotation()
    clip = IndexingInput(
        file=file, clip=event.clip, tempo_bpm=given.tempo_bpm, quality=event.quality, first_one_s=given.first_one_s
    )
    pose = pose_quality(event.quality, event.pose_rate_hz, event.pose_confidence)
    if pose.quality is not None:  # values of a mode, under its name: they are the same work
        return clip.model_copy(update={"quality": pose.quality})
    return clip.model_copy(update={"pose_rate_hz": pose.rate_hz, "pose_confidence": pose.confidence})
