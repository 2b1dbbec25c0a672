"""`move-submitted`: the request to index a clip as a move of the library."""

from __future__ import annotations

from schemas.base import Model, Name, PoseConfidence, PoseRateHz, Priority, Quality, RequestId, Source
from schemas.move_annotated import MoveAnnotation


class MoveSubmitted(Model):
    """A clip to index. `clip`: its name for users. `quality`: pose tracking on 10, 20 or 30 frames per second.

    `pose_rate_hz` and `pose_confidence`: other frames per second, and another lowest score of a detected dancer, than
    those of `quality`.

    Clips with the priority `interactive` are worked on before those of `bulk`.
    `annotation` is used for a clip of which `move-annotated` has none. `fresh`: the move is computed again, where it is
    otherwise that of an earlier request.
    """

    source: Source
    clip: Name
    request_id: RequestId | None = None
    priority: Priority = "interactive"
    annotation: MoveAnnotation | None = None
    quality: Quality = "fast"
    pose_rate_hz: PoseRateHz | None = None
    pose_confidence: PoseConfidence | None = None
    fresh: bool = False
